import { type LoadedParams, loadParams } from "../checkpoint/loadParams.ts";
import type { WeightSource } from "../checkpoint/weightSource.ts";
import { paramsToWrite } from "../checkpoint/writeParams.ts";
import { BertError } from "../errors.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { writeTexts } from "../hub/runFolder.ts";
import { bundledFile, CONFIG_FILES } from "../load/bundledFiles.ts";
import type { ModelFolder } from "../load/modelFolder.ts";
import { openModel } from "../load/openModel.ts";
import { saveSafetensors } from "../load/weightFiles.ts";
import type { Architecture } from "../model/architectures.ts";
import { type BertConfig, type ProblemType, parseConfig } from "../model/config.ts";
import type { Backend } from "../tensor/backend.ts";
import { BertTokenizer, type TokenizerFiles } from "../tokenizer/index.ts";
import { TOKENIZER_FILES } from "../tokenizer/tokenizerFiles.ts";
import type { TrainedModel } from "./gradients.ts";
import { withInitialHead } from "./initialWeights.ts";

/** A model that a run begins with, before its weights are read. */
export interface StartModel {
  /** config.json as it was read. */
  readonly configText: string;
  readonly config: BertConfig;
  readonly tokenizer: BertTokenizer;
  /**
   * Reads the weights for a config that may have another head: what the checkpoint lacks of it gets initial weights.
   *
   * @param seed of these
   */
  load(config: BertConfig, kernels: Backend, seed: number): Promise<LoadedParams>;
}

/**
 * Opens a model to train it: a folder or a model's id on the hub, as `loadBert` takes it.
 *
 * @param path the small model that comes with the package if left out
 * @param use  the model is open as long as this runs
 * @throws BertError as `loadBert`; ERR_VOCABULARY a model without a tokenizer
 */
export async function withStartModel<T>(
  path: string | undefined,
  options: HubOptions,
  use: (model: StartModel) => Promise<T>,
): Promise<T> {
  const wanted = { config: CONFIG_FILES, optional: TOKENIZER_FILES, weights: true };
  const { folder, release } = await openModel(path ?? ((file) => bundledFile(file, options.assets)), wanted, options);
  try {
    const [hugging, google] = CONFIG_FILES;
    const configText = (await folder.readText(hugging)) ?? (await folder.readText(google));
    if (configText === null)
      throw new BertError("ERR_FILE", `training: ${folder.path} must have a config.json, has none`);
    const config = parseConfig(configText);
    const tokenizer = await tokenizerIn(folder);
    if (tokenizer.size !== config.vocabSize) {
      throw new BertError(
        "ERR_VOCABULARY",
        `training: the vocabulary must have as many tokens as config.json's vocab_size, ${config.vocabSize}, has ${tokenizer.size}`,
      );
    }
    return await use({
      configText,
      config,
      tokenizer,
      load: (wantedConfig, kernels, seed) =>
        readingWeights(folder, (source) =>
          loadParams(
            withInitialHead(withoutOtherHead(source, wantedConfig), wantedConfig, seed),
            wantedConfig,
            kernels,
          ),
        ),
    });
  } finally {
    await release();
  }
}

/** Opens a folder's weights while something reads them. */
async function readingWeights<T>(folder: ModelFolder, read: (source: WeightSource) => Promise<T>): Promise<T> {
  const weights = await folder.openWeights();
  try {
    return await read(weights);
  } finally {
    await weights.close();
  }
}

/** The tokenizer in a folder. @throws BertError ERR_VOCABULARY there is none, or its files are invalid */
export async function tokenizerIn(folder: ModelFolder): Promise<BertTokenizer> {
  const files: TokenizerFiles = {};
  for (const name of TOKENIZER_FILES) {
    const text = await folder.readText(name);
    if (text !== null) files[name] = text;
  }
  if (files["vocab.txt"] !== undefined || files["tokenizer.json"] !== undefined) return BertTokenizer.fromFiles(files);
  throw new BertError("ERR_VOCABULARY", `training: ${folder.path} must have vocab.txt or tokenizer.json`);
}

/** A classifier for another number of labels is none for ours: it is left out, and a new one begins (`ignore_mismatched_sizes`). */
function withoutOtherHead(source: WeightSource, { architecture, labels }: BertConfig): WeightSource {
  const classes = architecture === "BertForMultipleChoice" ? 1 : labels.length;
  const shape = source.tensors.get("classifier.weight")?.shape;
  if (shape === undefined || shape[0] === classes) return source;
  const tensors = [...source.tensors].filter(([name]) => !name.startsWith("classifier."));
  return { tensors: new Map(tensors), readInto: (name, target) => source.readInto(name, target) };
}

/** What a task says of a model's config. */
export interface TaskConfig {
  readonly architecture: Architecture;
  /** The label with index 0 first; null: the task has none of its own. */
  readonly labels: readonly string[] | null;
  readonly problemType: ProblemType | null;
}

/**
 * config.json of the trained model: the one it began with, with `architectures`, `id2label`, `label2id` and `problem_type` of the
 * task, as Hugging Face's `save_pretrained` writes them.
 */
export function trainedConfigText(start: string, { architecture, labels, problemType }: TaskConfig): string {
  const { torch_dtype: _, dtype: __, id2label: ___, label2id: ____, num_labels: _____, ...rest } = JSON.parse(start);
  const json = {
    ...rest,
    model_type: "bert",
    architectures: [architecture],
    dtype: "float32",
    ...(labels && { id2label: Object.fromEntries(labels.entries()) }),
    ...(labels && { label2id: Object.fromEntries(Array.from(labels, (label, id) => [label, id])) }),
    problem_type: problemType,
  };
  if (problemType === null) delete json.problem_type;
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * Writes a model that Hugging Face's libraries and `loadBert` read: model.safetensors, the tokenizer's files, and config.json at
 * last, without which nobody takes the folder for a model. Each file is written atomically.
 *
 * @throws BertError ERR_FILE
 */
export async function writeModel(
  folder: string,
  { params, kernels }: TrainedModel,
  configText: string,
  tokenizer: BertTokenizer,
): Promise<void> {
  await saveSafetensors(`${folder}/model.safetensors`, paramsToWrite(params, kernels), [["format", "pt"]]);
  await writeTexts(folder, { ...tokenizer.toFiles(), "config.json": configText });
}
