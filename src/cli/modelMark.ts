import { createHash } from "node:crypto";
import type { Bert } from "../pipelines/index.ts";

/**
 * What tells a model from others, whatever its folder is called: the SHA-256 of its fingerprint, which has the
 * tokenizer's part, of its configuration, and of a few numbers of each of its tensors, heads' too. Backends and types of
 * matrices are told apart too, as their last bits differ.
 */
export function modelMark({ config, dtype, fingerprint, samples, backend: { name, width, fused } }: Bert): string {
  const hash = createHash("sha256").update(JSON.stringify([fingerprint, config, dtype, name, width, fused]));
  for (const [parameter, values] of samples) hash.update(parameter).update(values);
  return hash.digest("hex");
}
