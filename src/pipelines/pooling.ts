/**
 * How the vectors of a text's tokens become one: "mean"; "cls" or "first_token", that of the first, [CLS]; "eos" or
 * "last_token", that of the last, [SEP]; "max", the largest number in each place; "mean_sqrt_len", their sum divided by
 * √T, as sentence-transformers has it. "none" keeps them all.
 */
export const POOLINGS = ["none", "mean", "cls", "first_token", "max", "eos", "last_token", "mean_sqrt_len"] as const;
/** One of the ways to pool. */
export type Pooling = (typeof POOLINGS)[number];

/** Poolings that give one vector for a text. */
export const TEXT_POOLINGS: readonly Exclude<Pooling, "none">[] = POOLINGS.filter((name) => name !== "none");

/** One vector of a text's tokens, [CLS] and [SEP] counted: [T, H] → [H], in float64. */
export function pooled(tokens: Float32Array, H: number, pooling: Exclude<Pooling, "none">): Float64Array {
  const T = tokens.length / H;
  if (pooling === "eos" || pooling === "last_token") return Float64Array.from(tokens.subarray((T - 1) * H));
  const vector = Float64Array.from(tokens.subarray(0, H));
  if (pooling === "cls" || pooling === "first_token") return vector;
  for (let i = H; i < tokens.length; i++) {
    const h = i % H;
    if (pooling !== "max") vector[h] += tokens[i];
    else if (tokens[i] > vector[h]) vector[h] = tokens[i];
  }
  if (pooling === "max") return vector;
  const divisor = pooling === "mean" ? T : Math.sqrt(T);
  return vector.map((sum) => sum / divisor);
}
