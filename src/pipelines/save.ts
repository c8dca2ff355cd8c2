import type { Bert } from "./load.ts";

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
  const [{ saveSafetensors, writeFileAtomically }, { writeFolder }] = await Promise.all([
    import("../hub/files.ts"),
    import("../hub/folders.ts"),
  ]);
  const tensors = [...bert.tensorsToWrite()];
  const texts = { "config.json": configText(bert), ...(bert.hasTokenizer && bert.tokenizer.toFiles()) };
  const encoder = new TextEncoder();
  await writeFolder(folder, async (path) => {
    for (const [name, text] of Object.entries<string>(texts))
      await writeFileAtomically(`${path}/${name}`, [encoder.encode(text)]);
    await saveSafetensors(`${path}/model.safetensors`, tensors, [["format", "pt"]]);
  });
}

/** config.json as it was read, for what has been loaded of it. */
function configText({ configText, config, dtype }: Bert): string {
  const { torch_dtype: _, dtype: __, ...json } = JSON.parse(configText) as Record<string, unknown>;
  const type = dtype === "int8" ? {} : { dtype };
  return `${JSON.stringify({ ...json, architectures: [config.architecture], ...type }, null, 2)}\n`;
}
