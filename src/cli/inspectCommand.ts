import { expectedTensors, ignoredTensors } from "../checkpoint/loadParams.ts";
import { withOurNames } from "../checkpoint/names.ts";
import type { ModelFolder } from "../load/modelFolder.ts";
import { openModelFiles, readModelTexts } from "../load/readModel.ts";
import { orLater, readSentenceFolder } from "../load/sentenceModules.ts";
import { openWeights } from "../load/weightFiles.ts";
import type { Weights } from "../safetensors/safetensorsReader.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { type Inspected, inspectJson, inspectTable } from "./inspect.ts";
import { downloading, HUB_OPTIONS, MODEL_NAME } from "./modelOptions.ts";
import { flag, type ValuesOf } from "./option.ts";
import { print } from "./output.ts";
import { isWeightsFile } from "./weightsFile.ts";

const TABLE = { json: flag("Print the same as one line of JSON."), ...HUB_OPTIONS };

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… [FILE|MODEL]"],
  description: `Lists the tensors of a checkpoint: name, type, shape, size. Reads the file's header alone. Of a folder of sentence-transformers also the modules, prompts, length and similarity.

FILE is a .safetensors file, one of PyTorch's (.bin, .pt, .pth), or the .index.json of several; MODEL is ${MODEL_NAME}. Default: the small model that comes with plainbert.`,
  options: TABLE,
  positional: "file",
  examples: ["plainbert inspect", "plainbert inspect --json"],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 1, "one file or model");
    const { shown, close } = await open(positionals[0], values);
    try {
      await print(values.json ? `${inspectJson(shown)}\n` : inspectTable(shown));
    } finally {
      await close();
    }
  },
});

async function open(
  name: string | undefined,
  values: ValuesOf<typeof TABLE>,
): Promise<{ readonly shown: Inspected; close(): Promise<void> }> {
  if (name !== undefined && (await isWeightsFile(name))) {
    const weights = await openWeights(name);
    return { shown: weights, close: () => weights.close() };
  }
  const { folder, root, release } = await downloading(values, (hub) => openModelFiles(name, hub, true));
  try {
    const sentence = await readSentenceFolder(root).catch(orLater);
    const weights = await folder.openWeights();
    const ignored = await ignoredOf(folder, weights);
    const said = "texts" in sentence && sentence.texts.size === 0 ? {} : { sentence };
    const shown: Inspected = { ...weights, ...(ignored && { ignored }), ...said };
    return { shown, close: () => weights.close().finally(release) };
  } catch (error) {
    await release();
    throw error;
  }
}

/** The tensors that the model of config.json does not need; null if it is not clear which they are. */
async function ignoredOf(folder: ModelFolder, weights: Weights): Promise<string[] | null> {
  try {
    const { config } = await readModelTexts(folder, "inspect");
    const named = withOurNames(weights, config);
    return ignoredTensors(weights, named, expectedTensors(named, config));
  } catch {
    return null; // the list of tensors is what is asked for; loading the model says what is wrong with it
  }
}
