import { BertError, shown } from "../../errors.ts";
import { type ReadExamplesOptions, readFileExamples } from "./readExamples.ts";
import type { FinetuneTask } from "./taskModels.ts";

/** Examples, and whether the file that has them writes their labels as floats. */
export interface Dataset {
  /** What errors call them together: the option that gave them. */
  readonly name: string;
  readonly examples: readonly unknown[];
  readonly areFloats: boolean;
}

/**
 * The examples that an option gives: themselves, or the name of their file.
 *
 * @param where the function that errors name
 * @param name  the option
 * @throws BertError ERR_INPUT it is neither, or there is no example; as `readExamples`
 */
export async function datasetOf(
  where: string,
  name: string,
  dataset: unknown,
  options: ReadExamplesOptions & { readonly task: FinetuneTask },
): Promise<Dataset> {
  if (typeof dataset === "string") {
    const { glueTask, columns } = options;
    return { name, ...(await readFileExamples(where, options.task, dataset, { glueTask, columns })) };
  }
  if (Array.isArray(dataset) && dataset.length > 0) return { name, examples: dataset, areFloats: false };
  const got = Array.isArray(dataset) ? "none" : shown(dataset);
  throw new BertError("ERR_INPUT", `${where}: ${name} must be a file or at least one example, got ${got}`);
}
