import { unwrapped, wrapperOf } from "../checkpoint/families.ts";
import { type LoadedParams, loadParams } from "../checkpoint/loadParams.ts";
import type { WeightSource } from "../checkpoint/weightSource.ts";
import { paramsToWrite } from "../checkpoint/writeParams.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { configToSave, tokenizerToSave } from "../load/configToSave.ts";
import type { ModelFolder } from "../load/modelFolder.ts";
import {
  modelTokenizer,
  noTokenizer,
  readModelTexts,
  readTokenizer,
  withModelFiles,
  withWeights,
} from "../load/readModel.ts";
import { writeModelFiles } from "../load/saveModel.ts";
import { readSentenceFolder, type SentenceFolder } from "../load/sentenceModules.ts";
import { sentenceFilesToSave } from "../load/sentenceToSave.ts";
import { type Architecture, bertClassOf, inFamily } from "../model/architectures.ts";
import { type BertConfig, type ProblemType, parseConfig } from "../model/config.ts";
import type { Backend } from "../tensor/backend.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import type { TrainedModel } from "./gradients.ts";
import { withInitialHead } from "./initialWeights.ts";
import { currentModules, encoderParams } from "./sentence/trainedModules.ts";

/** A model that a run begins with, before its weights are read. */
export interface StartModel {
  /** config.json as it was read. */
  readonly configText: string;
  readonly config: BertConfig;
  readonly tokenizer: BertTokenizer;
  /** What the folder says of sentences. */
  readSentence(): Promise<SentenceFolder>;
  /**
   * Reads the weights for a config that may have another head: what the checkpoint lacks of it gets initial weights. An
   * encoder without a head gets no pooler, as nothing would train it.
   *
   * @param seed of these
   */
  load(config: BertConfig, kernels: Backend, seed: number): Promise<LoadedParams>;
}

/** What messages about a model that is trained begin with. */
const WHERE = "training";

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
  return withModelFiles(path, options, true, async (folder, root) => {
    const texts = await readModelTexts(folder, WHERE);
    const tokenizer = modelTokenizer(texts, WHERE);
    if (!tokenizer) throw noTokenizer(folder, WHERE);
    return use({
      configText: texts.configText,
      config: texts.config,
      tokenizer,
      readSentence: () => readSentenceFolder(root),
      load: (config, kernels, seed) =>
        withWeights(folder, (weights) => {
          if (bertClassOf(config.architecture) === "BertModel") return loadParams(weights, config, kernels);
          return loadParams(withInitialHead(withoutOtherHead(weights, config), config, seed), config, kernels);
        }),
    });
  });
}

/** The tokenizer in a folder. @throws BertError ERR_VOCABULARY there is none, or its files are invalid */
export function tokenizerIn(folder: ModelFolder): Promise<BertTokenizer> {
  return readTokenizer(folder, WHERE);
}

/**
 * A classifier for another number of labels is none for ours: it is left out, and a new one begins
 * (`ignore_mismatched_sizes`).
 */
function withoutOtherHead(source: WeightSource, { architecture, labels }: BertConfig): WeightSource {
  const classes = bertClassOf(architecture) === "BertForMultipleChoice" ? 1 : labels.length;
  const wrapper = wrapperOf([...source.tensors.keys()], source);
  const isOf = (name: string, head: string) => unwrapped(name, wrapper).startsWith(head);
  const found = [...source.tensors].find(([name]) => isOf(name, "classifier.weight"));
  if (found === undefined || found[1].shape[0] === classes) return source;
  const tensors = [...source.tensors].filter(([name]) => !isOf(name, "classifier."));
  const { files = [] } = source;
  return { tensors: new Map(tensors), files, readInto: (...args) => source.readInto(...args) };
}

/** What a task says of a model's config. */
export interface TaskConfig {
  readonly architecture: Architecture;
  /** The label with index 0 first; left out: the task has none of its own. */
  readonly labels?: readonly string[] | null;
  readonly problemType?: ProblemType | null;
  /** The class of PyTorch that makes a score of a reranker's logit. Left out: the task has none. */
  readonly activation?: string;
}

/**
 * config.json of the trained model: the one it began with, with `architectures`, `id2label`, `label2id` and
 * `problem_type` of the task, as Hugging Face's `save_pretrained` writes them.
 *
 * @throws BertError ERR_INPUT the model's family has no class for the task
 */
export function trainedConfigText(
  start: string,
  { architecture, labels = null, problemType = null, activation }: TaskConfig,
): string {
  const own = inFamily(WHERE, architecture, parseConfig(start).modelType);
  return configToSave(start, { architectures: [own], dtype: "float32", task: { labels, problemType, activation } });
}

/**
 * Writes a model that Hugging Face's libraries and `loadBert` read (`writeModelFiles`); with modules that make vectors
 * it is a folder of sentence-transformers.
 *
 * @throws BertError ERR_FILE
 */
export async function writeModel(
  folder: string,
  { params, config, kernels, sentence }: TrainedModel,
  configText: string,
  tokenizer: BertTokenizer,
): Promise<void> {
  const tokenizerFiles = tokenizerToSave(tokenizer, config);
  const modules = sentence && { ...sentence, modules: currentModules(sentence.modules, params.byName) };
  await writeModelFiles(folder, {
    ...{ tensors: paramsToWrite(encoderParams(params), kernels), configText, tokenizerFiles },
    ...(modules && { sentence: sentenceFilesToSave(modules, WHERE) }),
  });
}
