import { BertError } from "../errors.ts";
import type { Line, Source } from "./input.ts";

/**
 * Answers inputs in order; a blank line has no answer, null, and keeps its place. No more lines are held than are being
 * computed, and the blank ones between them.
 *
 * @param answer gives a result for each input, in order, as a pipeline does for a stream
 * @param emit   takes the result of a line before the next line is read
 * @throws BertError ERR_INPUT an input that the model cannot take, after the results before it; its line is named
 */
export async function answerLines<Input, Result>(
  { lines, place }: Pick<Source<Input>, "lines" | "place">,
  answer: (inputs: AsyncGenerator<Input>) => AsyncIterable<Result>,
  emit: (line: Line<Input>, result: Result | null) => Promise<void>,
): Promise<void> {
  /** What was read and has not been emitted yet. */
  const open: Line<Input>[] = [];
  async function* inputs() {
    for await (const line of lines) {
      if (line.input !== null || open.length > 0) open.push(line);
      else await emit(line, null); // nothing is before it: a flood of blank lines fills no memory
      if (line.input !== null) yield line.input;
    }
  }
  async function emitBlanks() {
    for (; open.length > 0 && open[0].input === null; open.shift()) await emit(open[0], null);
  }
  try {
    for await (const result of answer(inputs())) {
      await emit(open[0], result);
      open.shift();
      await emitBlanks();
    }
  } catch (error) {
    throw open.length > 0 ? inputError(error, place(open[0].number)) : error;
  }
}

/** A pipeline's error about an input, with the place of that. */
export function inputError(error: unknown, place: string): unknown {
  if (!(error instanceof BertError) || error.code !== "ERR_INPUT") return error;
  return new BertError(error.code, place + forOne(error.message), { cause: error });
}

/** The bytes of a line in its file, without the \r that some lines end with. */
export function bytesOf(line: string): number {
  return Buffer.byteLength(line) + 1;
}

/** A pipeline's message about `texts[3]`, the stream's, said of the one line: `text`. */
function forOne(message: string): string {
  return message
    .replace(/\b(texts|pairs|questions)\[\d+\]\./, "")
    .replace(/\btexts\[\d+\]/, "text")
    .replace(/\b(pairs|questions)\[\d+\]/, "the line");
}

/** Answers one input after the other, for a pipeline that takes no stream. */
export async function* oneByOne<Input, Result>(
  inputs: AsyncIterable<Input>,
  answer: (input: Input) => Promise<Result> | Result,
): AsyncGenerator<Result> {
  for await (const input of inputs) yield await answer(input);
}

/** How many inputs are answered together. */
const GROUP = 128;

/**
 * Answers inputs that have arrived together by one call, for what answers many in less time than one by one. A group
 * waits for no input that is still to come. Where an input of a group is wrong, those before it are answered.
 */
export async function* inGroups<Input, Result>(
  inputs: AsyncGenerator<Input>,
  answer: (group: readonly Input[]) => Promise<readonly Result[]>,
): AsyncGenerator<Result> {
  const read = () => {
    const next = inputs.next();
    next.catch(() => {}); // its error comes after the results of the group before
    return next;
  };
  let next = read();
  for (let first = await next; !first.done; first = await next) {
    const group = [first.value];
    next = read();
    while (group.length < GROUP) {
      const turn = new Promise<null>((resolve) => setImmediate(() => resolve(null)));
      const arrived = await Promise.race([next.catch(() => null), turn]);
      if (arrived === null || arrived.done) break;
      group.push(arrived.value);
      next = read();
    }
    const results = await answer(group).catch((error) => (group.length === 1 ? Promise.reject(error) : null));
    if (results) yield* results;
    else for (const input of group) yield* await answer([input]);
  }
}
