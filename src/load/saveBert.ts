import type { StorageType } from "../tensor/tensor.ts";
import type { Bert } from "./loadBert.ts";

/**
 * Saves a model as a new folder that `loadBert` reads: model.safetensors, config.json and the tokenizer's files. Matrices are
 * written in the type that they are held in; load the folder with the same `dtype` for the same bits. float32, float16 and
 * bfloat16 are what Python's transformers read too; int8 has a layout of its own (`BertModel.tensorsToWrite`).
 *
 * @param folder must be empty or not there; it appears when everything is on the disk
 * @throws BertError ERR_FILE there is something in it, or it cannot be written; ERR_VOCABULARY ids with gaps, which vocab.txt cannot say
 * @example
 * const bert = await loadBert("models/bert-base-cased", { dtype: "int8" });
 * await saveBert(bert, "models/bert-base-cased-int8"); // 110 MB instead of 433
 */
export async function saveBert(bert: Bert, folder: string): Promise<void> {
  // Only here: a browser, which has no node: modules, can import the rest.
  const { saveModel } = await import("./saveModel.ts");
  const config = configToSave(bert.configText, [bert.config.architecture], bert.dtype);
  await saveModel(folder, bert.tensorsToWrite(), {
    "config.json": config,
    ...(bert.hasTokenizer && bert.tokenizer.toFiles()),
  });
}

/**
 * config.json of weights that are saved: as it was read, with what Hugging Face's libraries need to know of them.
 *
 * @param dtype of the matrices, if it is to change; the libraries have no name for "int8" as it is here
 */
export function configToSave(text: string, architectures: readonly string[], dtype?: StorageType): string {
  const { torch_dtype, dtype: old, ...json } = JSON.parse(text) as Record<string, unknown>;
  const field = torch_dtype === undefined ? "dtype" : "torch_dtype"; // its name since transformers 5, and before
  const type = dtype === "int8" ? {} : { [field]: dtype ?? torch_dtype ?? old };
  return `${JSON.stringify({ ...json, model_type: "bert", architectures, ...type }, null, 2)}\n`;
}
