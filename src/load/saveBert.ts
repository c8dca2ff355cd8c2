import { BertError, shown } from "../errors.ts";
import { loaded } from "../loaded.ts";
import { expectPath } from "../options.ts";
import { has } from "../realm.ts";
import { configToSave, tokenizerToSave } from "./configToSave.ts";
import type { Bert } from "./loadBert.ts";
import { sentenceFilesToSave } from "./sentenceToSave.ts";

/**
 * Saves a model as a new folder that `loadBert` reads: model.safetensors, config.json and the tokenizer's files.
 * Matrices are written in the type that they are held in; load the folder with the same `dtype` for the same bits.
 * float32, float16 and bfloat16 are what Python's transformers read too; int8 has a layout of its own
 * (`BertModel.tensorsToWrite`).
 *
 * A folder of sentence-transformers stays one: modules.json, the folders of the modules, their weights as float32,
 * prompts and length are written as they were read.
 *
 * @param folder must be empty or not there; it appears when everything is on the disk
 * @throws BertError ERR_INPUT no model or no path; ERR_FILE there is something in it, it cannot be written, or another
 *   process writes it; ERR_CHECKPOINT modules.json
 *   lists what could not be read
 * @example
 * const bert = await loadBert("models/bert-base-cased", { dtype: "int8" });
 * await saveBert(bert, "models/bert-base-cased-int8"); // 110 MB instead of 433
 */
export function saveBert(bert: Bert, folder: string): Promise<void> {
  if (!has(bert, "tensorsToWrite")) {
    const got = shown(bert);
    return Promise.reject(new BertError("ERR_INPUT", `saveBert: bert must be a model from loadBert, got ${got}`));
  }
  return bert.answer(async () => {
    expectPath("saveBert", "folder", folder);
    // Only here: a browser, which has no node: modules, can import the rest.
    const { saveModel } = await loaded(() => import("./saveModel.ts"));
    await saveModel(folder, {
      tensors: bert.tensorsToWrite(),
      configText: configToSave(bert.configText, { architectures: [bert.config.architecture], dtype: bert.dtype }),
      tokenizerFiles: bert.hasTokenizer ? tokenizerToSave(bert.tokenizer, bert.config) : {},
      sentence: sentenceFilesToSave(bert.sentence, "saveBert"),
    });
  });
}
