/** The twin, in browsers, of modules that write files or read files beside a program. */
import { noFiles } from "./fetchedFiles.ts";

/** @throws BertError ERR_FILE always */
export async function saveModel(folder: string): Promise<never> {
  throw noFiles("saveBert", folder);
}

/** @throws BertError ERR_FILE always */
export async function saveSafetensors(path: string): Promise<never> {
  throw noFiles("saveSafetensors", path);
}

/** @throws BertError ERR_FILE always */
export async function finetune({ output }: { readonly output: string }): Promise<never> {
  throw noFiles("finetune", output);
}

/** @throws BertError ERR_FILE always */
export async function pretrain({ output }: { readonly output: string }): Promise<never> {
  throw noFiles("pretrain", output);
}

/** @throws BertError ERR_FILE always */
export async function readExamples(_task: string, file: string): Promise<never> {
  throw noFiles("readExamples", file);
}

/** @throws BertError ERR_FILE always */
export async function readFileExamples(where: string, _task: string, file: string): Promise<never> {
  throw noFiles(where, file);
}
