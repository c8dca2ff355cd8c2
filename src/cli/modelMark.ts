import { createHash } from "node:crypto";
import type { Bert } from "../pipelines/index.ts";

/**
 * What tells a model from others, whatever its folder is called: the SHA-256 of its fingerprint, which has the
 * tokenizer's part, of its configuration, and of a few numbers of each of its tensors, heads' too. Types of matrices,
 * backends, and whether they add products with one rounding are told apart too, as the last bits differ. They do not
 * differ with the width of vectors, which is chosen by its speed, or the number of threads: so a process that goes on
 * may have others.
 */
export function modelMark({ config, dtype, fingerprint, samples, backend: { name, fused } }: Bert): string {
  const hash = createHash("sha256").update(JSON.stringify([fingerprint, config, dtype, name, fused]));
  for (const [parameter, values] of samples) hash.update(parameter).update(values);
  return hash.digest("hex");
}
