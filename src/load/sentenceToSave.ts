import { BertError } from "../errors.ts";
import { fileIn, MODULES_FILE, readModules, SETTINGS_FILE, TRANSFORMER_FILES } from "../hub/sentenceFiles.ts";
import { parseJson } from "../json.ts";
import type { SentenceFolder, SentenceModule } from "./sentenceModules.ts";

/** The tensors of a module's file, float32, by the names of its class in PyTorch. */
export type ModuleTensors = readonly (readonly [
  name: string,
  tensor: { readonly dtype: "F32"; readonly shape: readonly number[]; readonly data: Float32Array },
])[];

/** The files of sentence-transformers beside a model's own. */
export interface SentenceFilesToSave {
  /** Texts by their names in the folder, `1_Pooling/config.json`; none where the model has no modules.json. */
  readonly texts: Readonly<Record<string, string>>;
  /** What model.safetensors holds in a module's folder. */
  readonly weights: Readonly<Record<string, ModuleTensors>>;
}

/**
 * The files that a folder of sentence-transformers is saved with. The texts are those that were read, so that each
 * version of the library that read the old folder reads the new one: versions before 5.4 know Pooling's flags and
 * `sentence_transformers.models.…` alone, and fields that are not known here stay. Two things change. Folders have the
 * names that the library's own `save` gives them, the transformer's is the model's own and the others are
 * `1_Pooling`, `2_Dense`, …; and weights are in model.safetensors, which the library reads since 3.1.
 *
 * @param where the function that errors name
 * @throws BertError ERR_CHECKPOINT a module cannot be read: without it the new folder would be another model
 */
export function sentenceFilesToSave({ texts, modules }: SentenceFolder, where: string): SentenceFilesToSave {
  const listing = texts.get(MODULES_FILE);
  const listed = listing === undefined ? [] : readModules(listing);
  if (modules instanceof BertError && listed.length !== 1) throw notSaved(where, modules);
  const [transformer, ...others] = listed;
  if (listing === undefined || transformer === undefined) return { texts: {}, weights: {} };
  const read = modules instanceof BertError ? [] : [...modules];
  const saved: Record<string, string> = {};
  const keep = (name: string, as: string) => {
    const text = texts.get(name);
    if (text !== undefined) saved[as] = text;
  };
  for (const file of TRANSFORMER_FILES) keep(fileIn(transformer.path, file), file);
  keep(SETTINGS_FILE, SETTINGS_FILE);
  const folders = others.map(({ type }, i) => `${i + 1}_${type}`);
  const weights: Record<string, ModuleTensors> = {};
  for (const [i, { type, path }] of others.entries()) {
    keep(fileIn(path, "config.json"), `${folders[i]}/config.json`);
    const tensors = type === "Dropout" ? [] : moduleTensors(read.shift() as SentenceModule);
    if (tensors.length > 0) weights[folders[i]] = tensors;
  }
  const entries = parseJson(listing, MODULES_FILE, "ERR_CHECKPOINT").items();
  const moved = entries.map((entry, i) => ({ ...entry.asObject(), path: i === 0 ? "" : folders[i - 1] }));
  saved[MODULES_FILE] = `${JSON.stringify(moved, null, 2)}\n`;
  return { texts: saved, weights };
}

function notSaved(where: string, reason: BertError): BertError {
  return new BertError(
    reason.code,
    `${where}: what modules.json lists must be readable, to be saved: ${reason.message}; without modules.json the folder is the encoder alone`,
    { cause: reason },
  );
}

/** What is saved of a module beside its config.json; none of one without weights. */
export function moduleTensors(module: SentenceModule): ModuleTensors {
  const tensors: [string, Float32Array | null, number[]][] = [];
  if (module.type === "Dense") {
    const { inFeatures: I, outFeatures: O, weight, bias, residual, activationWeight } = module;
    tensors.push(["linear.weight", weight, [O, I]], ["linear.bias", bias, [O]]);
    if (activationWeight) tensors.push(["activation_function.weight", activationWeight, [activationWeight.length]]);
    if (residual !== "input") tensors.push(["residual.weight", residual, [O, I]]);
  } else if (module.type === "LayerNorm") {
    const { weight, bias } = module;
    tensors.push(["norm.weight", weight, [weight.length]], ["norm.bias", bias, [bias.length]]);
  }
  return tensors.flatMap(([name, data, shape]) => (data ? [[name, { dtype: "F32", shape, data }] as const] : []));
}

/** What Pooling's config.json of every version of the library has; all but one of them off. */
const POOLING_FLAGS = ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens"].map(
  (mode) => `pooling_mode_${mode}`,
);

/**
 * The texts of a folder of sentence-transformers that begins: the mean of the tokens' vectors, and cosine similarity,
 * as the library makes it of a model without modules.json. Types and flags are those that each of its versions knows.
 *
 * @param H         the model's hidden size
 * @param maxLength most tokens of a text
 */
export function meanPoolingTexts(H: number, maxLength: number): ReadonlyMap<string, string> {
  const modules = ["Transformer", "Pooling"].map((type, idx) => ({
    ...{ idx, name: String(idx), path: idx === 0 ? "" : `${idx}_${type}` },
    type: `sentence_transformers.models.${type}`,
  }));
  const flags = POOLING_FLAGS.map((flag) => [flag, flag === "pooling_mode_mean_tokens"]);
  const settings = { prompts: { query: "", document: "" }, default_prompt_name: null, similarity_fn_name: "cosine" };
  const text = (json: unknown) => `${JSON.stringify(json, null, 2)}\n`;
  return new Map([
    [MODULES_FILE, text(modules)],
    ["1_Pooling/config.json", text({ word_embedding_dimension: H, ...Object.fromEntries(flags) })],
    [TRANSFORMER_FILES[0], text({ max_seq_length: maxLength, do_lower_case: false })],
    [SETTINGS_FILE, text(settings)],
  ]);
}

/**
 * The texts of a folder that gets a Dense without an activation function as its last module.
 *
 * @param texts the folder's, with modules.json
 */
export function denseTexts(
  texts: ReadonlyMap<string, string>,
  { inFeatures, outFeatures }: Extract<SentenceModule, { readonly type: "Dense" }>,
): ReadonlyMap<string, string> {
  const listing = parseJson(texts.get(MODULES_FILE) ?? "", MODULES_FILE, "ERR_CHECKPOINT");
  const entries = listing.items().map((entry) => entry.asObject());
  const [idx, path] = [entries.length, `${entries.length}_Dense`];
  const last = { idx, name: String(idx), path, type: "sentence_transformers.models.Dense" };
  const config = {
    ...{ in_features: inFeatures, out_features: outFeatures, bias: true },
    activation_function: "torch.nn.modules.linear.Identity",
  };
  return new Map([
    ...texts,
    [MODULES_FILE, `${JSON.stringify([...entries, last], null, 2)}\n`],
    [`${path}/config.json`, `${JSON.stringify(config, null, 2)}\n`],
  ]);
}
