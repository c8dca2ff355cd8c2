import { listed, quote } from "../errors.ts";
import { fileIn, type ListedModule, SETTINGS_FILE, TRANSFORMER_FILES } from "../hub/sentenceFiles.ts";
import { type Json, parseJson } from "../json.ts";
import type { ModelFolder } from "./modelFolder.ts";

/** The function that says how alike two vectors are. */
export const SIMILARITY_FUNCTIONS = ["cosine", "dot", "euclidean", "manhattan"] as const;
/** One of these functions. */
export type SimilarityFunction = (typeof SIMILARITY_FUNCTIONS)[number];

/** What config_sentence_transformers.json says. */
export interface SentenceSettings {
  /** What may stand before a text, by name; "query" and "document" are always there. */
  readonly prompts: ReadonlyMap<string, string>;
  /** Which of them stands there unless a call says otherwise. */
  readonly defaultPromptName: string | null;
  readonly similarity: SimilarityFunction;
  /** Only the first so many numbers of a vector count; null: all. */
  readonly truncateDim: number | null;
  /** The class of PyTorch that makes a score of a reranker's logit; null: config.json says it. */
  readonly activationFunction: string | null;
}

/** Where nothing is said. */
export const NO_SETTINGS: SentenceSettings = {
  prompts: new Map([
    ["query", ""],
    ["document", ""],
  ]),
  defaultPromptName: null,
  similarity: "cosine",
  truncateDim: null,
  activationFunction: null,
};

/**
 * Reads config_sentence_transformers.json. A similarity function of another library's models counts as "cosine", as
 * sentence-transformers takes it.
 *
 * @throws BertError ERR_CHECKPOINT it is damaged, or its default prompt is none of its prompts
 */
export async function readSentenceSettings(folder: ModelFolder): Promise<SentenceSettings> {
  const text = await folder.readText(SETTINGS_FILE);
  if (text === null) return NO_SETTINGS;
  const json = parseJson(text, SETTINGS_FILE, "ERR_CHECKPOINT");
  const prompts = new Map(NO_SETTINGS.prompts);
  for (const [name, prompt] of json.get("prompts").or([], (value) => value.entries())) {
    prompts.set(
      name,
      prompt.or("", (value) => value.asString()),
    );
  }
  const name = json.get("default_prompt_name");
  const defaultPromptName = name.or(null, (value) => value.asString());
  if (defaultPromptName !== null && !prompts.has(defaultPromptName)) {
    throw name.error(`a name of prompts, ${listed(Array.from(prompts.keys(), quote))}`);
  }
  const similarity = json.get("similarity_fn_name").or("cosine", (value) => value.asString());
  return {
    prompts,
    defaultPromptName,
    similarity: SIMILARITY_FUNCTIONS.find((known) => known === similarity) ?? "cosine",
    truncateDim: json.get("truncate_dim").or(null, (value) => value.asInteger({ min: 1 })),
    activationFunction: json.get("activation_fn").or(null, (value) => value.asString()),
  };
}

/** What sentence_bert_config.json says. */
export interface TransformerSettings {
  /** The most tokens of a text, if the folder says so; null: the tokenizer and the model say it. */
  readonly maxSeqLength: number | null;
  /** Whether letters are made small, whatever the tokenizer's own files say. */
  readonly doLowerCase: boolean;
  /** What the transformer gives: "feature-extraction", or "sequence-classification" where it is a reranker. */
  readonly task: string;
}

/** Where nothing is said. */
export const AS_THE_MODEL: TransformerSettings = {
  maxSeqLength: null,
  doLowerCase: false,
  task: "feature-extraction",
};

/**
 * Reads sentence_bert_config.json, or the file of another name that earlier versions wrote in its place.
 *
 * @throws BertError ERR_CHECKPOINT it is damaged, or says what is not followed here
 */
export async function readTransformerSettings(
  folder: ModelFolder,
  { path }: ListedModule,
): Promise<TransformerSettings> {
  for (const file of TRANSFORMER_FILES) {
    const text = await folder.inside(path).readText(file);
    if (text === null) continue;
    const json = parseJson(text, fileIn(path, file), "ERR_CHECKPOINT");
    const task = json.get("transformer_task").or("feature-extraction", (value) => value.asString());
    if (task === "feature-extraction")
      json.get("module_output_name").or("token_embeddings", (value) => value.asChoice(["token_embeddings"]));
    const length = ofTokenizer(json) ?? json.get("max_seq_length");
    return {
      maxSeqLength: length.or(null, (value) => value.asInteger({ min: 2 })),
      doLowerCase: json.get("do_lower_case").or(false, (value) => value.asBoolean()),
      task,
    };
  }
  return AS_THE_MODEL;
}

/** What tokenizer and model may be made with in Python that changes no number. */
const WITHOUT_EFFECT = [
  ...["trust_remote_code", "local_files_only", "token", "revision", "cache_dir", "use_fast", "padding_side"],
  ...["attn_implementation", "torch_dtype", "dtype", "use_safetensors", "low_cpu_mem_usage", "device_map"],
  ...["add_pooling_layer", "unpad_inputs", "use_memory_efficient_attention"],
];

/**
 * `model_max_length` among the arguments that the tokenizer is made with, which wins over `max_seq_length`; null: there
 * is none.
 *
 * @throws BertError ERR_CHECKPOINT an argument that changes tokens or numbers in a way that is not followed here
 */
function ofTokenizer(json: Json): Json | null {
  const names = ["processor_kwargs", "tokenizer_args", "model_kwargs", "model_args", "config_kwargs", "config_args"];
  let length: Json | null = null;
  for (const [i, name] of names.entries()) {
    for (const [key, value] of json.get(name).or([], (args) => args.entries())) {
      if (i < 2 && key === "model_max_length") length ??= value;
      else if (!WITHOUT_EFFECT.includes(key)) {
        throw value.fault(`is not followed here: write it into ${i < 2 ? "tokenizer_config.json" : "config.json"}`);
      }
    }
  }
  return length;
}
