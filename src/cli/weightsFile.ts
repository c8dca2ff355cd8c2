import { stat } from "node:fs/promises";
import { isModelId } from "../hub/modelName.ts";

/** What is called like a file of weights is one, also where it is not there. */
const FILE = /\.(safetensors|bin|pt|pth|json)$/;

/**
 * Whether an argument that may be a file with tensors or a model is the file.
 *
 * @throws BertError ERR_INPUT it can be neither
 */
export async function isWeightsFile(name: string): Promise<boolean> {
  if (FILE.test(name)) return true;
  const stats = await stat(name).catch(() => null);
  return !(stats?.isDirectory() || (await isModelId(name)));
}
