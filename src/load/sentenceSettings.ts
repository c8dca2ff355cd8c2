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
    throw name.error(`a name of prompts, ${[...prompts.keys()].join(", ")}`);
  }
  const similarity = json.get("similarity_fn_name").or("cosine", (value) => value.asString());
  return {
    prompts,
    defaultPromptName,
    similarity: SIMILARITY_FUNCTIONS.find((known) => known === similarity) ?? "cosine",
    truncateDim: json.get("truncate_dim").or(null, (value) => value.asInteger({ min: 1 })),
  };
}

/** What sentence_bert_config.json says. */
export interface TransformerSettings {
  /** The most tokens of a text, if the folder says so; null: the tokenizer and the model say it. */
  readonly maxSeqLength: number | null;
  /** Whether letters are made small, whatever the tokenizer's own files say. */
  readonly doLowerCase: boolean;
}

/** Where nothing is said. */
export const AS_THE_MODEL: TransformerSettings = { maxSeqLength: null, doLowerCase: false };

/**
 * Reads sentence_bert_config.json, or the file of another name that earlier versions wrote in its place.
 *
 * @throws BertError ERR_CHECKPOINT it is damaged, or the transformer is to give something else than the vectors of
 *   tokens
 */
export async function readTransformerSettings(
  folder: ModelFolder,
  { path }: ListedModule,
): Promise<TransformerSettings> {
  for (const file of TRANSFORMER_FILES) {
    const text = await folder.inside(path).readText(file);
    if (text === null) continue;
    const json = parseJson(text, fileIn(path, file), "ERR_CHECKPOINT");
    json.get("transformer_task").or("feature-extraction", (value) => value.asChoice(["feature-extraction"]));
    json.get("module_output_name").or("token_embeddings", (value) => value.asChoice(["token_embeddings"]));
    const length = ofTokenizer(json) ?? json.get("max_seq_length");
    return {
      maxSeqLength: length.or(null, (value) => value.asInteger({ min: 1 })),
      doLowerCase: json.get("do_lower_case").or(false, (value) => value.asBoolean()),
    };
  }
  return AS_THE_MODEL;
}

/** What a tokenizer may be made with that changes no token of a text that stands alone. */
const WITHOUT_EFFECT = ["use_fast", "trust_remote_code", "padding_side", "add_prefix_space", "local_files_only"];

/**
 * `model_max_length` among the arguments that the tokenizer is made with, which wins over `max_seq_length`; null: there
 * is none.
 */
function ofTokenizer(json: Json): Json | null {
  let length: Json | null = null;
  for (const name of ["processor_kwargs", "tokenizer_args"]) {
    for (const [key, value] of json.get(name).or([], (args) => args.entries())) {
      if (key === "model_max_length") length ??= value;
      else if (!WITHOUT_EFFECT.includes(key)) {
        throw value.fault("cannot be followed here: write it into tokenizer_config.json");
      }
    }
  }
  return length;
}
