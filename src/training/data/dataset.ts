import { BertError } from "../../errors.ts";
import { type FinetuneTask, type ReadExamplesOptions, readExamples, type TaskExamples } from "./readExamples.ts";

/**
 * The examples that an option gives: themselves, or the name of their file.
 *
 * @param name of the function and the option, as errors say it: `finetune: trainDataset`
 * @throws BertError ERR_INPUT it is neither, or there is no example; as `readExamples`
 */
export async function datasetOf<T extends FinetuneTask>(
  name: string,
  task: T,
  dataset: string | readonly TaskExamples[T][],
  options: ReadExamplesOptions,
): Promise<readonly TaskExamples[T][]> {
  if (typeof dataset === "string") return readExamples(task, dataset, options);
  if (Array.isArray(dataset) && dataset.length > 0) return dataset;
  const got = Array.isArray(dataset) ? "none" : String(dataset);
  throw new BertError("ERR_INPUT", `${name} must be a file or at least one example, got ${got}`);
}
