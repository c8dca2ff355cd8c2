import { type Case, simpleCase } from "../harness/case.ts";
import { type Side, timed } from "../harness/interleave.ts";
import type { BenchModel } from "../onnx/modelFolder.ts";
import type { PlainbertText, TextEngine } from "../sides/text.ts";
import { usualSentences, withMask } from "./inputs.ts";

const TASKS = ["fill-mask", "vectors"] as const;
const CALLERS = [1, 8, 64];
const TEXTS = 64;

type Task = (typeof TASKS)[number];

/** @param size of the model, in a word */
export function concurrentIds(size: string): string[] {
  return TASKS.flatMap((task) => CALLERS.map((callers) => idOf(task, size, callers)));
}

function idOf(task: Task, size: string, callers: number): string {
  return `concurrent-${task}-${size}-${callers}`;
}

/**
 * Callers that each await the answer to one text before they send the next, as the requests of a server do; and one call with an array
 * of all the texts, which shows what the callers' texts would take if they were computed together.
 */
export function concurrentCases(
  size: string,
  model: BenchModel,
  ours: PlainbertText,
  others: readonly TextEngine[],
): Case[] {
  return TASKS.flatMap((task) =>
    CALLERS.map((callers) => concurrentCase(idOf(task, size, callers), task, callers, model, ours, others)),
  );
}

function concurrentCase(
  id: string,
  task: Task,
  callers: number,
  model: BenchModel,
  ours: PlainbertText,
  others: readonly TextEngine[],
): Case {
  const sentences = usualSentences(TEXTS);
  const texts = task === "fill-mask" ? sentences.map(withMask) : sentences;
  const ask = (engine: TextEngine) => (task === "fill-mask" ? engine.fillMask : (text: string) => engine.embed([text]));
  const oneArray = () => (task === "fill-mask" ? ours.fillMasks(texts) : ours.embed(texts));
  const part = texts.slice(0, TEXTS / 4);
  const sides: Side[] = [ours, ...others].map((engine) =>
    timed(engine.name, engine.library, () => askAll(texts, callers, ask(engine)), {
      run: () => askAll(part, callers, ask(engine)),
      share: part.length / TEXTS,
    }),
  );
  const whole = "plainbert, one array"; // not a way that a caller has, so a library of its own
  const title = `${task} of ${TEXTS} texts, ${callers} ${callers === 1 ? "caller" : "callers"}, ${model.title}`;
  return simpleCase({ id, title, unit: "ms" }, [...sides, timed(whole, whole, oneArray)]);
}

/** So many callers take the next text as soon as they have their answer. */
export async function askAll(
  texts: readonly string[],
  callers: number,
  ask: (text: string) => Promise<unknown>,
): Promise<void> {
  const waiting = texts.values();
  const caller = async () => {
    for (const text of waiting) await ask(text);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}
