import { add } from "./rows.ts";

/**
 * Layer normalisation of each row (Ba, Kiros & Hinton 2016, eq. 3–4); BERT uses eps = 1e-12.
 *
 *     μ = mean(x)     σ² = mean((x − μ)²)     y = (x − μ) / √(σ² + eps) ⊙ γ + β
 *
 * @param y        out [R, H]; may be x or the residual itself
 * @param x        [R, H]
 * @param gamma    [H], `LayerNorm.weight` in the checkpoint
 * @param beta     [H], `LayerNorm.bias` in the checkpoint
 * @param residual [R, H], added to x first; nothing if null
 */
export function layerNorm(
  y: Float32Array,
  x: Float32Array,
  gamma: Float32Array,
  beta: Float32Array,
  R: number,
  H: number,
  eps: number,
  residual: Float32Array | null = null,
): void {
  if (residual) {
    add(y, x, residual);
    x = y;
  }
  for (let r = 0; r < R; r++) {
    const row = r * H;
    let mean = 0; // JavaScript numbers are float64: both sums carry more precision than a float32 reference
    for (let h = 0; h < H; h++) mean += x[row + h];
    mean /= H;
    let variance = 0; // two passes: E[x²] − μ² cancels badly when |μ| ≫ σ
    for (let h = 0; h < H; h++) {
      const d = x[row + h] - mean;
      variance += d * d; // not d ** 2: exponentiation may differ between engines in its last bit (ECMA-262 §6.1.6.1.3)
    }
    variance /= H;
    const rstd = 1 / Math.sqrt(variance + eps);
    for (let h = 0; h < H; h++) y[row + h] = (x[row + h] - mean) * rstd * gamma[h] + beta[h];
  }
}
