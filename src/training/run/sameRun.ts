import { BertError, quote } from "../../errors.ts";
import type { Identity } from "./resolvedOptions.ts";

type Value = Identity[string];
/** What must be as it was. @param run the run that is gone on with: `the run in "folder"` */
type Sentence = (was: Value, is: Value, run: string) => string;

/** What says how examples are read: it counts where these have become others, and a message names it before them. */
const OF_READING: ReadonlySet<string> = new Set(["maxLength", "docStride"]);

/** How many examples an option has. */
const examplesOf =
  (name: string): Sentence =>
  (was, is, run) =>
    `${name} must ${was === null ? "be left out" : `have ${was} ${was === 1 ? "example" : "examples"}`} as in ${run}, ${is === null ? "is left out" : `has ${is}`}`;

const others =
  (what: string): Sentence =>
  (_, __, run) =>
    `${what} must be those with which ${run} began, they are others`;

/** What is no option under its own name. */
const SENTENCES: Readonly<Record<string, Sentence>> = {
  trainDataset: examplesOf("trainDataset"),
  evalDataset: examplesOf("evalDataset"),
  evalExamples: examplesOf("evalExamples"),
  teacher: (was, is, run) =>
    was !== null && is !== null
      ? `teacher must be the model of which ${run} learns, is another`
      : `teacher must be ${was === null ? "left out" : "given"} as in ${run}, is ${is === null ? "left out" : "given"}`,
  "model's config": others("the model's sizes and its labels"),
  modules: (was, is, run) => `the model's modules must be ${show(was)} as in ${run}, they are ${show(is)}`,
  examples: others("the examples"),
  totalSteps: (was, is, run) => `maxSteps or numTrainEpochs must make ${was} updates as in ${run}, got ${is}`,
  warmupSteps: (was, is, run) =>
    `warmupSteps or warmupRatio must make ${was} updates of warm-up as in ${run}, got ${is}`,
  fused: (was, _, run) =>
    `backend must compute ${was ? "with" : "without"} fused multiply-adds as in ${run}, on this machine it does not`,
};

/**
 * Checks that a run that goes on is the one that began: with other data or options it would become another.
 *
 * @param where  the function that errors name
 * @param output the folder of the run
 * @throws BertError ERR_INPUT naming the first difference
 */
export function expectSameRun(where: string, output: string, saved: Identity, now: Identity): void {
  const names = [...new Set([...Object.keys(now), ...Object.keys(saved)])];
  const other = names.filter((name) => (saved[name] ?? null) !== (now[name] ?? null));
  const name = other.find((one) => !OF_READING.has(one) || other.includes("examples"));
  if (name === undefined) return;
  const [was, is] = [saved[name] ?? null, now[name] ?? null];
  const sentence = (SENTENCES[name] ?? asOption(name))(was, is, `the run in ${quote(output)}`);
  throw new BertError("ERR_INPUT", `${where}: resume: ${sentence}`);
}

const asOption =
  (name: string): Sentence =>
  (was, is, run) =>
    `${name} must be ${was === null ? "left out" : show(was)} as in ${run}, ${is === null ? "is left out" : `got ${show(is)}`}`;

function show(value: Value): string {
  return typeof value === "string" ? quote(value) : String(value);
}
