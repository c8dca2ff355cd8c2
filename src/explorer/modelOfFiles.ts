/** A model whose files are in memory: that of the page that is one file. */
import { BertModel, BertTokenizer, chooseBackend, parseConfig, readSafetensors, type WeightSource } from "../index.ts";

/** A model's files, each in base64, and what tells the model from others. */
interface FilesOfModel {
  readonly files: {
    readonly "config.json": string;
    readonly "model.safetensors": string;
    readonly "tokenizer_config.json": string;
    readonly "vocab.txt": string;
  };
  /** `bert.fingerprint`. */
  readonly fingerprint: string;
}

/**
 * Opens a model of its files.
 *
 * @param json `FilesOfModel`, as the build writes it into the page
 * @throws BertError as `parseConfig`, `readSafetensors`, `BertTokenizer.fromFiles` and `BertModel.load`
 */
export async function modelOfFiles(
  json: string,
  backend?: "plain",
): Promise<{ readonly model: BertModel; readonly tokenizer: BertTokenizer; readonly fingerprint: string }> {
  const { files, fingerprint } = JSON.parse(json) as FilesOfModel;
  const textOf = (name: keyof typeof files) => new TextDecoder().decode(bytesOf(files[name]));
  const configText = textOf("config.json");
  const model = await BertModel.load(
    weightsOf(bytesOf(files["model.safetensors"])),
    parseConfig(configText),
    chooseBackend(backend, { threads: 1 }), // the worker is the thread
  );
  const tokenizer = BertTokenizer.fromFiles({
    "vocab.txt": textOf("vocab.txt"),
    "tokenizer_config.json": textOf("tokenizer_config.json"),
    "config.json": configText,
  });
  return { model, tokenizer, fingerprint };
}

function weightsOf(bytes: Uint8Array): WeightSource {
  const { tensors, toFloat32 } = readSafetensors(bytes);
  return { tensors, readInto: async (name, target) => target.set(toFloat32(name)) };
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
}
