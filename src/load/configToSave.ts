import { parseJson } from "../json.ts";
import { type BertConfig, type ProblemType, parseConfig } from "../model/config.ts";
import type { StorageType } from "../tensor/tensor.ts";
import type { BertTokenizer, TokenizerFiles } from "../tokenizer/index.ts";

/** What config.json says of weights that are saved. */
export interface SavedConfig {
  readonly architectures: readonly string[];
  /** The type that matrices are held in. Left out: as the text has it. */
  readonly dtype?: StorageType | undefined;
  /** What the model was trained for. Left out: as the text has it. */
  readonly task?: {
    /** The label with index 0 first; null: the task has none of its own. */
    readonly labels: readonly string[] | null;
    readonly problemType: ProblemType | null;
    /** The class of PyTorch that makes a score of a reranker's logit. Left out: the text's, if it has one. */
    readonly activation?: string | undefined;
  };
}

/**
 * The config.json of weights that are saved: the text as it was read, with what Hugging Face's `save_pretrained` writes
 * of the architecture, the type of the numbers and the task. The libraries have no name for "int8" as it is here, so it
 * names none.
 */
export function configToSave(text: string, { architectures, dtype, task }: SavedConfig): string {
  const { torch_dtype, dtype: old, ...json } = JSON.parse(text) as Record<string, unknown>;
  if (task) for (const field of ["id2label", "label2id", "num_labels"]) delete json[field];
  if (task?.activation !== undefined) delete json.sbert_ce_default_activation_function; // of other scores
  // "dtype" is the name since transformers 5. A run goes on only with the text that it began with, which has had that
  // name always.
  const field = torch_dtype === undefined || task ? "dtype" : "torch_dtype";
  const type = dtype === "int8" ? {} : { [field]: dtype ?? torch_dtype ?? old };
  const { modelType: model_type } = parseConfig(text);
  const saved = { ...json, model_type, architectures, ...type, ...(task && taskFields(task)) };
  return `${JSON.stringify(saved, null, 2)}\n`;
}

/** The files of a tokenizer for a model's folder, see `withModelInputs`. */
export function tokenizerToSave(tokenizer: BertTokenizer, config: BertConfig): TokenizerFiles {
  return withModelInputs(tokenizer.toFiles(), config);
}

const TOKENIZER_CONFIG = "tokenizer_config.json";

/**
 * A tokenizer's files, of which tokenizer_config.json tells Python's tokenizer where a model takes no token types.
 *
 * @throws BertError ERR_VOCABULARY tokenizer_config.json is no JSON object
 */
export function withModelInputs(files: TokenizerFiles, { typeVocabSize }: BertConfig): TokenizerFiles {
  if (typeVocabSize > 0 || (files["vocab.txt"] ?? files["tokenizer.json"]) === undefined) return files;
  const text = files[TOKENIZER_CONFIG];
  const config = text === undefined ? {} : parseJson(text, TOKENIZER_CONFIG, "ERR_VOCABULARY").asObject();
  const saved = { ...config, model_input_names: ["input_ids", "attention_mask"] };
  return { ...files, [TOKENIZER_CONFIG]: `${JSON.stringify(saved, null, 2)}\n` };
}

/** The fields of a task; JSON leaves out those that are undefined. */
function taskFields({ labels, problemType, activation }: NonNullable<SavedConfig["task"]>): Record<string, unknown> {
  return {
    ...(activation !== undefined && { sentence_transformers: { activation_fn: activation } }),
    id2label: labels ? Object.fromEntries(labels.entries()) : undefined,
    label2id: labels ? Object.fromEntries(Array.from(labels, (label, id) => [label, id])) : undefined,
    problem_type: problemType ?? undefined,
  };
}
