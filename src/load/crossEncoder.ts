import { BertError } from "../errors.ts";
import { MODULES_FILE, SETTINGS_FILE } from "../hub/sentenceFiles.ts";
import { type Json, parseJson } from "../json.ts";
import { torchActivation } from "../tensor/kernels/torchActivations.ts";
import { sigmoid } from "../tensor/kernels/transcendental.ts";
import type { ModelFolder } from "./modelFolder.ts";
import { readSentenceSettings, type SentenceSettings } from "./sentenceSettings.ts";

/** Turns a reranker's number into its score. */
export type ScoreActivation = (logit: number) => number;

/** The class that a reranker's config.json names whose scores are sigmoids. */
export const SIGMOID = "torch.nn.modules.activation.Sigmoid";

/** What config.json says of the activation function: since version 4 of sentence-transformers, or before. */
function namedIn(config: Json): Json {
  const current = config.get("sentence_transformers").or(null, (value) => value.get("activation_fn"));
  return current && !current.isMissing ? current : config.get("sbert_ce_default_activation_function");
}

/**
 * Whether a model's files say that it is a reranker of sentence-transformers. One whose files say nothing is told from
 * a regression by nothing.
 *
 * @param root the folder with modules.json, if it has one
 * @throws BertError ERR_CHECKPOINT, ERR_FILE a file is damaged or cannot be read
 */
export async function isCrossEncoder(configText: string, root: ModelFolder): Promise<boolean> {
  if (!namedIn(parseJson(configText, "config.json", "ERR_CHECKPOINT")).isMissing) return true;
  if ((await root.readText(MODULES_FILE)) === null) return false;
  return (await readSentenceSettings(root)).activationFunction !== null;
}

/**
 * The activation function that a model's files name, as CrossEncoder takes it: the sigmoid where they name none, or a
 * class that is not PyTorch's.
 *
 * @throws BertError ERR_CHECKPOINT it is a class of PyTorch that is no function of a number
 */
export function scoreActivation(configText: string, { activationFunction }: SentenceSettings): ScoreActivation {
  const named = namedIn(parseJson(configText, "config.json", "ERR_CHECKPOINT"));
  const path = activationFunction ?? named.or("", (value) => value.asString());
  if (!path.startsWith("torch.")) return sigmoid;
  const activation = torchActivation(path);
  if (activation) return (logit) => activation(Float64Array.of(logit), null)[0];
  const where = activationFunction === null ? `config.json: ${named.place}` : `${SETTINGS_FILE}: activation_fn`;
  throw new BertError(
    "ERR_CHECKPOINT",
    `${where} must be a class of torch.nn that can be made without arguments, got ${path}`,
  );
}
