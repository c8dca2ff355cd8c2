import { BertError, quote } from "../errors.ts";
import { fileIn, type ListedModule, TRANSFORMER_FILES } from "../hub/sentenceFiles.ts";
import { type Json, parseJson } from "../json.ts";
import type { ModelFolder } from "./modelFolder.ts";
import { callLength, madeWithLength } from "./transformerArguments.ts";

/** What sentence_bert_config.json says. */
export interface TransformerSettings {
  /** The most tokens of a text, if the folder says so; null: the tokenizer and the model say it. */
  readonly maxSeqLength: number | null;
  /** The same of what is encoded as a query; null: as any text. */
  readonly queryLength: number | null;
  /** The same of what is encoded as a document; null: as any text. */
  readonly documentLength: number | null;
  /** Whether letters are made small, whatever the tokenizer's own files say. */
  readonly doLowerCase: boolean;
  /** The modules are given `hidden_states[n]`: 0 is the embeddings' output, −1 the last layer's; null: the last. */
  readonly hiddenState: number | null;
  /** What the transformer gives: "feature-extraction", or "sequence-classification" where it is a reranker. */
  readonly task: string;
}

/** Where nothing is said. */
export const AS_THE_MODEL: TransformerSettings = {
  maxSeqLength: null,
  queryLength: null,
  documentLength: null,
  doLowerCase: false,
  hiddenState: null,
  task: "feature-extraction",
};

/**
 * Reads sentence_bert_config.json, or the file of another name that earlier versions wrote in its place. One without
 * fields counts as none, as in sentence-transformers.
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
    if (json.entries().length > 0) return settingsOf(json);
  }
  return AS_THE_MODEL;
}

/** The fields that are followed, or refused where they say what is not. */
const READ = [
  ...["transformer_task", "modality_config", "module_output_name", "processing_kwargs", "max_seq_length"],
  ...["query_length", "document_length", "query_expansion", "do_lower_case", "tokenizer_name_or_path"],
  ...["model_kwargs", "model_args", "processor_kwargs", "tokenizer_args", "config_kwargs", "config_args"],
];
/** Those that change no number: how batches are laid out, what the caller overrides, where downloads are kept. */
const WITHOUT_EFFECT = ["unpad_inputs", "backend", "cache_dir"];

/** All fields that `Transformer.__init__` of sentence-transformers 6.2 takes; it fails on any other. */
function settingsOf(json: Json): TransformerSettings {
  for (const [name, value] of json.entries()) {
    if (!READ.includes(name) && !WITHOUT_EFFECT.includes(name)) {
      throw value.fault("is not known, and sentence-transformers 6.2 fails on it: take it out if it is a mistake");
    }
  }
  refuse(json.get("tokenizer_name_or_path"), "put that tokenizer's files into the folder and take the field out");
  refuse(json.get("query_expansion"), "it is for models that compare token by token, of which there are none here");
  const task = json.get("transformer_task").or("feature-extraction", (value) => value.asString());
  const hiddenState = hiddenStateOf(json, task);
  const [madeWith, called] = [madeWithLength(json), callLength(json.get("processing_kwargs"))];
  const lengthOf = (value: Json) => value.or(null, (given) => given.asInteger({ min: 2 }));
  const maxSeqLength = lengthOf(json.get("max_seq_length"));
  const [queryLength, documentLength] = ["query_length", "document_length"].map((name) => lengthOf(json.get(name)));
  return {
    maxSeqLength: called ?? madeWith ?? maxSeqLength,
    // A length that the tokenizer is called with wins over those, "max_length": null included.
    queryLength: called === undefined ? queryLength : null,
    documentLength: called === undefined ? documentLength : null,
    doLowerCase: json.get("do_lower_case").or(false, (value) => value.asBoolean()),
    hiddenState,
    task,
  };
}

function refuse(value: Json, remedy: string): void {
  if (!value.isMissing) throw value.fault(`is not followed here: ${remedy}`);
}

/** For each task that is followed, what the model gives and what it is called for the modules after it. */
const OUTPUTS: Readonly<Record<string, readonly [output: string, name: string]>> = {
  "feature-extraction": ["last_hidden_state", "token_embeddings"],
  "sequence-classification": ["logits", "scores"],
};

/**
 * Which of the model's outputs counts, by `modality_config`. Without it `module_output_name` does not count, and other
 * modalities never do.
 *
 * @throws BertError ERR_CHECKPOINT none that is followed here
 */
function hiddenStateOf(json: Json, task: string): number | null {
  const modalities = json.get("modality_config");
  if (modalities.isMissing || !Object.hasOwn(OUTPUTS, task)) return null;
  const [output, name] = OUTPUTS[task];
  json.get("module_output_name").asChoice([name]);
  refuse(modalities.get("message"), "a BERT has no template for chats, so texts can only be texts");
  const text = modalities.get("text");
  text.get("method").asChoice(["forward"]);
  const given = text.get("method_output_name");
  const [first, second, ...others] = given.isArray ? given.items() : [given];
  if (first?.value === output && second === undefined) return null;
  const isHidden = task === "feature-extraction" && first?.value === "hidden_states" && others.length === 0;
  if (isHidden && Number.isSafeInteger(second?.value)) return second?.value as number;
  const hidden = task === "feature-extraction" ? ' or ["hidden_states", n]' : "";
  throw given.error(`${quote(output)}${hidden}, as no other output is followed here`);
}

/**
 * Checks that a model is one for vectors of texts.
 *
 * @throws BertError ERR_CHECKPOINT it is for another task; the pipeline of that is named
 */
export function expectVectorTask(task: string, path: string): void {
  if (task === AS_THE_MODEL.task) return;
  const file = fileIn(path, TRANSFORMER_FILES[0]);
  const other = PIPELINES.get(task);
  const instead = other ? `; pipeline(${quote(other)}) is for such a model` : "";
  const expected = `transformer_task must be "feature-extraction" for vectors of texts, got ${quote(task)}${instead}`;
  throw new BertError("ERR_CHECKPOINT", `${file}: ${expected}`);
}

const PIPELINES: ReadonlyMap<string, string> = new Map([
  ["sequence-classification", "text-ranking"],
  ["fill-mask", "fill-mask"],
]);
