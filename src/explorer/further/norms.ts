/** Weight times norm: what a head takes from a token is a vector, and the vector has a length. */

/**
 * The norm of what a head makes of each token before it is weighted (Kobayashi et al. 2020, eq. 4), without the bias
 * that all heads share:
 *
 *     ‖f_a(x_j)‖,  f_a(x) = W_O[:, a] (W_V x + b_V)[a]
 *
 * @param value  [T, H], the layer's values, W_V x + b_V
 * @param weight [H, H], of attention's output projection, W_O
 * @returns      [A, T], rounded to float32
 */
export function transformedNorms(
  value: Float32Array,
  weight: Float32Array,
  A: number,
  T: number,
  H: number,
): Float32Array {
  const D = H / A;
  return Float32Array.from({ length: A * T }, (_, i) => {
    const [a, j] = [Math.floor(i / T), i % T];
    let squares = 0;
    for (let o = 0; o < H; o++) {
      let sum = 0;
      for (let d = a * D; d < (a + 1) * D; d++) sum += weight[o * H + d] * value[j * H + d];
      squares += sum * sum;
    }
    return Math.sqrt(squares);
  });
}
