import { listed, quote } from "../errors.ts";
import { SETTINGS_FILE } from "../hub/sentenceFiles.ts";
import { parseJson } from "../json.ts";
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
