/**
 * How the vectors of a text's tokens become one: "mean"; "cls" or "first_token", that of the first, [CLS]; "eos" or
 * "last_token", that of the last, [SEP]; "max", the largest number in each place; "mean_sqrt_len", their sum divided by
 * √T, as sentence-transformers has it. "none" keeps them all.
 */
export const POOLINGS = ["none", "mean", "cls", "first_token", "max", "eos", "last_token", "mean_sqrt_len"] as const;
/** One of the ways to pool. */
export type Pooling = (typeof POOLINGS)[number];

/** One of the ways to make one vector for a text. */
export type TextPooling = Exclude<Pooling, "none">;

/** Poolings that give one vector for a text. */
export const TEXT_POOLINGS: readonly TextPooling[] = POOLINGS.filter((name) => name !== "none");

/** One vector of a text's tokens, [CLS] and [SEP] counted: [T, H] → [H], in float64. */
export function pooled(tokens: Float32Array, H: number, pooling: TextPooling): Float64Array {
  const T = tokens.length / H;
  if (pooling === "eos" || pooling === "last_token") return Float64Array.from(tokens.subarray((T - 1) * H));
  const vector = Float64Array.from(tokens.subarray(0, H));
  if (pooling === "cls" || pooling === "first_token") return vector;
  if (pooling === "max") {
    for (let row = H; row < tokens.length; row += H) {
      for (let h = 0; h < H; h++) if (tokens[row + h] > vector[h]) vector[h] = tokens[row + h];
    }
    return vector;
  }
  for (let row = H; row < tokens.length; row += H) for (let h = 0; h < H; h++) vector[h] += tokens[row + h];
  const divisor = pooling === "mean" ? T : Math.sqrt(T);
  for (let h = 0; h < H; h++) vector[h] /= divisor;
  return vector;
}
