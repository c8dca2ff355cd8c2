import { createHash } from "node:crypto";
import { BertError } from "../errors.ts";
import type { Bert } from "../pipelines/index.ts";
import { isA, messageOf } from "../realm.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";

/**
 * What tells a model from others, whatever its folder is called: the SHA-256 of its fingerprint, of config.json, of its
 * tokenizer's mark, and of a few numbers of each of its tensors, heads' too. Types of matrices, backends, and whether
 * they add products with one rounding are told apart too, as the last bits differ. They do not differ with the width of
 * vectors, which is chosen by its speed, or the number of threads: so a process that goes on may have others.
 */
export function modelMark(bert: Bert): string {
  const { config, configText, dtype, fingerprint, backend } = bert;
  const tokenizer = bert.hasTokenizer ? tokenizerMark(bert.tokenizer) : null;
  const said = [fingerprint, config, configText, tokenizer, dtype, backend.name, backend.fused];
  const hash = createHash("sha256").update(JSON.stringify(said));
  for (const [parameter, values] of bert.samples) hash.update(parameter).update(values);
  return hash.digest("hex");
}

/** What tells a tokenizer from others: the files that it would be saved as, with its length and where it cuts. */
export function tokenizerMark(tokenizer: BertTokenizer): string {
  return sha256(JSON.stringify(tokenizer.toFiles()));
}

/**
 * What tells vectors and scores of a folder of sentence-transformers apart, beside its model: its modules with their
 * weights, its prompts, length, and functions. Where that cannot be read, the reason stands for it: what is computed
 * then does not need it.
 */
export function sentenceMark(bert: Bert): string {
  const weights = (_: string, value: unknown) => (isA(value, "Float32Array") ? sha256(value) : value);
  return sha256(JSON.stringify(saidOfSentences(bert), weights));
}

function saidOfSentences(bert: Bert): unknown {
  try {
    const { modules, prompts, ...settings } = bert.sentence;
    return [settings, [...prompts], modules instanceof BertError ? modules.message : modules];
  } catch (error) {
    return messageOf(error);
  }
}

function sha256(data: string | Float32Array): string {
  return createHash("sha256").update(data).digest("hex");
}
