/** Which files a model has, in Node and in a browser. */

/** Which of a model's files are wanted. */
export interface WantedFiles {
  /** One of these must be there; the first that is, is taken. */
  readonly config: readonly string[];
  /** Those of them that are there. */
  readonly optional: readonly string[];
  /** Whether the weights are wanted too. */
  readonly weights: boolean;
}

/** What holds a folder's weights, the first that is there. */
export const WEIGHTS: readonly string[] = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

/** Whether a file lists the files that a model's weights are in, as they are several. */
export function isIndex(file: string): boolean {
  return file.endsWith(".index.json");
}
