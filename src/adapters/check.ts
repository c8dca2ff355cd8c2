import { shown } from "../errors.ts";
import { expectText, type NamedText, wrongArgument } from "../pipelines/arguments.ts";
import { expectEach, faultOf } from "../pipelines/faults.ts";
import type { Pipeline, PipelineTask } from "../pipelines/index.ts";

/**
 * Checks what an adapter is made of, so that a wrong pipeline is an error there and not at the first search.
 *
 * @throws BertError ERR_INPUT it is none of this task's, such as one that is not awaited
 */
export function expectPipeline<Task extends PipelineTask>(
  where: string,
  name: string,
  value: Pipeline<Task>,
  task: Task,
): void {
  const given: unknown = (value as Partial<typeof value> | null | undefined)?.task;
  if (given === task) return;
  const expected = `what await pipeline("${task}") gives`;
  if (typeof given === "string") throw faultOf(where, name, expected, `got that of ${shown(given)}`);
  throw wrongArgument(where, name, expected, value);
}

/** Checks a list of texts, which may be empty. @throws BertError ERR_INPUT it is no array, or has what is no text */
export function expectTextList(where: string, name: string, texts: unknown): NamedText[] {
  if (!Array.isArray(texts)) throw wrongArgument(where, name, "an array of texts", texts);
  return expectEach(texts, (text, i) => expectText(where, `${name}[${i}]`, text));
}
