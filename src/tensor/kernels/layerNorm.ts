import { add } from "./rows.ts";

/**
 * Layer normalisation of each row (Ba, Kiros & Hinton 2016, eq. 3–4); BERT uses eps = 1e-12.
 *
 *     μ = mean(x)     σ² = mean((x − μ)²)     y = (x − μ) / √(σ² + eps) ⊙ γ + β
 *
 * On one page: `layerNorm` in docs/reading/onePage.ts.
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

/**
 * The gradients of `layerNorm`. With x̂ = (x − μ) / √(σ² + eps), so y = γ ⊙ x̂ + β, and g = dy ⊙ γ = ∂L/∂x̂: x enters
 * x̂ directly, through μ and through σ, and the terms through μ and σ subtract the projections of g on 1 and on x̂:
 *
 *     dx = (g − mean(g) − x̂ ⊙ mean(g ⊙ x̂)) / √(σ² + eps)        dγ += Σ_r dy ⊙ x̂        dβ += Σ_r dy
 *
 * μ and σ are computed again: two passes over a row that is in the cache, against 8 bytes kept for each row.
 *
 * On one page: `normalize` in docs/reading/onePageTraining.ts.
 *
 * @param dx     out [R, H]; may be dy itself
 * @param dgamma [H], added to; null if it is not wanted
 * @param dbeta  [H], added to; null if it is not wanted
 * @param dy     [R, H]
 * @param x      [R, H], what was normalised: with the residual in it
 * @param gamma  [H]
 */
export function layerNormBackward(
  dx: Float32Array,
  dgamma: Float32Array | null,
  dbeta: Float32Array | null,
  dy: Float32Array,
  x: Float32Array,
  gamma: Float32Array,
  R: number,
  H: number,
  eps: number,
): void {
  const sums = { gamma: new Float64Array(H), beta: new Float64Array(H) };
  for (let r = 0; r < R; r++) {
    const row = r * H;
    let mean = 0;
    for (let h = 0; h < H; h++) mean += x[row + h];
    mean /= H;
    let variance = 0;
    for (let h = 0; h < H; h++) variance += (x[row + h] - mean) * (x[row + h] - mean);
    const rstd = 1 / Math.sqrt(variance / H + eps);
    let meanG = 0;
    let meanGX = 0;
    for (let h = 0; h < H; h++) {
      const normalized = (x[row + h] - mean) * rstd; // x̂
      const g = dy[row + h] * gamma[h];
      meanG += g;
      meanGX += g * normalized;
      sums.gamma[h] += dy[row + h] * normalized;
      sums.beta[h] += dy[row + h];
    }
    meanG /= H;
    meanGX /= H;
    for (let h = 0; h < H; h++) {
      const normalized = (x[row + h] - mean) * rstd;
      dx[row + h] = (dy[row + h] * gamma[h] - meanG - normalized * meanGX) * rstd;
    }
  }
  if (dgamma) for (let h = 0; h < H; h++) dgamma[h] += sums.gamma[h];
  if (dbeta) for (let h = 0; h < H; h++) dbeta[h] += sums.beta[h];
}
