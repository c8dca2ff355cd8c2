/**
 * What differs between the families of checkpoints that hold a BERT: names, the orientation of matrices, and what may
 * be missing.
 */
import { listed, quote } from "../errors.ts";
import { type Architecture, architecturesOf, HEADS } from "../model/architectures.ts";
import type { BertConfig } from "../model/config.ts";
import { FAMILIES, type ModelType, ownName } from "../model/family.ts";
import type { ParamsVariant } from "../model/params.ts";
import { type WeightSource, wrongWeights } from "./weightSource.ts";

/** The masked-language-model head's matrix, where it is one of its own, and that which it is tied to otherwise. */
export function tiedPair(family: ModelType): { readonly decoder: string; readonly words: string } {
  return {
    decoder: ownName(family, "cls.predictions.decoder.weight"),
    words: ownName(family, "bert.embeddings.word_embeddings.weight"),
  };
}

/** One vector under two names, of which files may have both. */
export const DECODER_BIAS = "cls.predictions.bias";

const POOLER = "bert.pooler.dense.weight";

/** What a checkpoint may have beside the model's weights: the pooler and any head. Nothing else may be left over. */
const OPTIONAL =
  /^(bert\.pooler|cls\.(predictions|seq_relationship)|vocab_(transform|layer_norm|projector)|(pre_)?classifier|qa_outputs)\./;

/** Whether a tensor may be in the file though the model does not need it. @param name as in params.ts */
export function isOptional(name: string): boolean {
  return OPTIONAL.test(name);
}

/**
 * The architecture that has the most of the heads that are in a checkpoint, and no other: for Google's
 * bert_config.json, which names none.
 *
 * @param names as in params.ts
 */
export function architectureWithHeads(names: Iterable<string>, family: ModelType): Architecture {
  const all = new Set(names);
  const isThere = (head: string) => all.has(ownName(family, `${head}.bias`));
  const fitting = architecturesOf(family).filter((known) => HEADS[known].every(({ name }) => isThere(name)));
  return fitting.reduce((best, next) => (HEADS[next].length > HEADS[best].length ? next : best));
}

/** A weight that each family has, and calls otherwise. */
const QUERY = "bert.encoder.layer.0.attention.self.query.weight";

/**
 * A weight by whose name a checkpoint is another family's than its config.json says; null: there is none.
 *
 * @param names as in params.ts
 */
export function ofOtherFamily(
  names: readonly string[],
  family: ModelType,
): { readonly family: ModelType; readonly name: string } | null {
  const found = (Object.keys(FAMILIES) as ModelType[]).flatMap((other) => {
    const end = ownName(other, QUERY).replace(/^\w+\./, "");
    const name = names.find((one) => one.endsWith(end));
    return name === undefined ? [] : [{ family: other, name }];
  });
  return found.some((one) => one.family === family) ? null : (found[0] ?? null);
}

/** Which of the optional tensors a model has. @param has whether there is a tensor of that name, as in params.ts */
export function variantOf(has: (name: string) => boolean, family: ModelType): ParamsVariant {
  return { hasPooler: has(POOLER), ownDecoder: has(tiedPair(family).decoder) };
}

/** The same of a checkpoint, where config.json says too whether the decoder is tied. */
export function variantInFile(has: (name: string) => boolean, c: BertConfig): ParamsVariant {
  const { hasPooler, ownDecoder } = variantOf(has, c.modelType);
  return { hasPooler, ownDecoder: !c.tieWordEmbeddings || (hasDecoder(c) && ownDecoder) };
}

/** Whether a model has the masked-language-model head, and so its decoder. */
export function hasDecoder({ architecture }: BertConfig): boolean {
  return HEADS[architecture].some(({ name }) => name === "cls.predictions");
}

/**
 * Names in the TensorFlow checkpoints that Google published (google-research/bert: modeling.py, run_pretraining.py,
 * run_classifier.py, run_squad.py), and what they are here; applied one after the other, then `/` becomes `.`.
 */
const GOOGLE: readonly (readonly [RegExp, string])[] = [
  [/^cls\/squad\//, "qa_outputs/"],
  [/^output_(weights|bias)$/, "classifier/$1"],
  [/\/output_(weights|bias)$/, "/$1"],
  [/\/weights$/, "/weight"],
  [/\/layer_(\d+)\//, "/layer/$1/"],
  [/_embeddings$/, "_embeddings/weight"],
  [/\/LayerNorm\/gamma$/, "/LayerNorm/weight"],
  [/\/LayerNorm\/beta$/, "/LayerNorm/bias"],
  [/\/kernel$/, "/weight"],
];

/** A dense layer's matrix in TensorFlow: [in, out], where PyTorch and we have [out, in]. */
const TRANSPOSED = /\/kernel$/;

/** Other spellings of the same tensor, each tried at the end of a name. */
const LEGACY_SUFFIXES: readonly (readonly [string, string])[] = [
  ["LayerNorm.gamma", "LayerNorm.weight"], // as TensorFlow named them; in PyTorch files of 2018 and 2019
  ["LayerNorm.beta", "LayerNorm.bias"],
  ["cls.predictions.decoder.bias", DECODER_BIAS], // one vector under two names; files may have both
];

/** What a bare BertModel, or DistilBertModel, has. */
const ENCODER_PREFIXES = ["embeddings.", "encoder.", "transformer.", "pooler."];

/**
 * Not weights: the numbers 0 … 511, saved by older versions of transformers; what Google's optimiser keeps for each
 * tensor, and its count of steps.
 */
const IGNORED = /(^|\.)embeddings\.position_ids$|(^|\/)(adam_m|adam_v|global_step)$/;

/** The name of the word embeddings in any family, after the modules that a program has put before all its names. */
const WORDS_IN_FILE = /^(|.*?[./])((?:distil)?bert[./])?embeddings[./]word_embeddings(\.weight)?$/;

/**
 * What stands before the names of a model that was saved within another module, such as `module.` of PyTorch's
 * DataParallel, `_orig_mod.` of its compiler or `0.auto_model.` of sentence-transformers; "" if nothing does.
 *
 * @param names as in the file
 * @throws BertError ERR_CHECKPOINT there are several models
 */
export function wrapperOf(names: readonly string[], source: Pick<WeightSource, "files"> = {}): string {
  const wrappers = new Set(names.flatMap((name) => WORDS_IN_FILE.exec(name)?.[1] ?? []));
  if (wrappers.has("") || wrappers.size === 0) return "";
  if (wrappers.size === 1) return [...wrappers][0];
  const found = listed(Array.from(wrappers, (wrapper) => `${quote(wrapper)}…`));
  throw wrongWeights(source, `the file must hold one model, holds ${found}: save that which is meant by itself`);
}

/**
 * A name without its wrapper, or without those parts of it that it has: with `module.bert_model.` the head's
 * `module.classifier.weight` is `classifier.weight`.
 */
export function unwrapped(name: string, wrapper: string): string {
  for (let prefix = wrapper; prefix !== ""; prefix = prefix.replace(/[^./]*[./]$/, "")) {
    if (name.startsWith(prefix)) return name.slice(prefix.length);
  }
  return name;
}

/** Whether the names are those of a bare BertModel, which is saved without "bert.". @param names as in the file */
export function isBare(names: Iterable<string>): boolean {
  return ![...names].some((name) => /^(distil)?bert[./]/.test(name));
}

/** Whether a tensor is none of the model's weights. @param name as in the file */
export function isIgnored(name: string): boolean {
  return IGNORED.test(name);
}

/** Whether a matrix is kept as [in, out]. @param name as in the file */
export function isTransposed(name: string): boolean {
  return TRANSPOSED.test(name);
}

/** Our name of a tensor. @param name as in the file @param bare whether its names lack "bert." */
export function ourName(name: string, bare: boolean, family: ModelType): string {
  let ours = name;
  if (name.includes("/") || /^output_(weights|bias)$/.test(name)) {
    for (const [google, here] of GOOGLE) ours = ours.replace(google, here);
    ours = ours.replaceAll("/", ".");
  }
  if (bare && ENCODER_PREFIXES.some((prefix) => ours.startsWith(prefix))) ours = `${family}.${ours}`;
  for (const [legacy, suffix] of LEGACY_SUFFIXES) {
    if (ours.endsWith(legacy)) ours = ours.slice(0, -legacy.length) + suffix;
  }
  return ours;
}

/** The way back: our names as Google's, applied one after the other, then `.` becomes `/`. */
const TO_GOOGLE: readonly (readonly [RegExp, string])[] = [
  [/^(cls\.seq_relationship|classifier|qa_outputs)\.weight$/, "$1.output_weights"],
  [/^(cls\.predictions|cls\.seq_relationship|classifier|qa_outputs)\.bias$/, "$1.output_bias"],
  [/^classifier\./, ""],
  [/^qa_outputs\./, "cls.squad."],
  [/\.layer\.(\d+)\./, ".layer_$1."],
  [/_embeddings\.weight$/, "_embeddings"],
  [/\.LayerNorm\.weight$/, ".LayerNorm.gamma"],
  [/\.LayerNorm\.bias$/, ".LayerNorm.beta"],
  [/\.weight$/, ".kernel"],
];

/** Google's name of a tensor, and whether it is kept as [in, out] there. */
export function googleName(name: string): { readonly name: string; readonly transposed: boolean } {
  let google = name;
  for (const [ours, theirs] of TO_GOOGLE) google = google.replace(ours, theirs);
  google = google.replaceAll(".", "/");
  return { name: google, transposed: TRANSPOSED.test(google) };
}
