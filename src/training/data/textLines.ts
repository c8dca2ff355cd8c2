import { at } from "./numberedLines.ts";
import type { SentenceText } from "./sentenceExamples.ts";
import type { FinetuneTask } from "./taskModels.ts";

/** Whether a file of a task has a text in each line, and no columns. */
export function isOfLines(task: FinetuneTask, file: string): boolean {
  if (task === "sentence-embedding") return file.endsWith(".txt");
  return task === "fill-mask" && !/\.(?:jsonl?|csv|tsv)$/.test(file);
}

/** The lines of a text that are not blank, each with its place. */
export function textLines(text: string, file: string): SentenceText[] {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  return lines.flatMap((line, i) => (line.trim() === "" ? [] : [{ where: at(file, i + 1), text: line }]));
}
