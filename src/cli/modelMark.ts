import { createHash } from "node:crypto";
import { BertError } from "../errors.ts";
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

/**
 * What tells the vectors of a folder of sentence-transformers apart: its modules with their weights, and its prompts.
 */
export function sentenceMark({ sentence }: Bert): string {
  const { modules, prompts, ...settings } = sentence;
  const said = [settings, [...prompts], modules instanceof BertError ? modules.message : modules];
  const text = JSON.stringify(said, (_, value) =>
    ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value,
  );
  return createHash("sha256").update(text).digest("hex");
}
