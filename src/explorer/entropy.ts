/** How evenly probabilities are spread. */

/** The entropy of a row of probabilities, −Σ p ln p, in nats. */
export function entropyOf(row: Float32Array): number {
  let sum = 0;
  for (let j = 0; j < row.length; j++) if (row[j] > 0) sum -= row[j] * Math.log(row[j]);
  return sum;
}

/** The mean entropy of a row of each head. @param attentions [A, T, T] of a layer */
export function meanEntropies(attentions: Float32Array, heads: number, T: number): number[] {
  return Array.from({ length: heads }, (_, head) => {
    let sum = 0;
    for (let i = head * T; i < (head + 1) * T; i++) sum += entropyOf(attentions.subarray(i * T, (i + 1) * T));
    return sum / T;
  });
}
