import type { Bert } from "../load/loadBert.ts";
import { MODELS_LIMIT } from "../pipelines/arguments.ts";
import { embeddingLimit, type TextRole, whoseLimit } from "../pipelines/textEmbeddings.ts";
import { flag, type Option, text } from "./option.ts";
import { grouped } from "./progressBar.ts";
import { streams } from "./streams.ts";

/** The options of `pipeline("embeddings")` that commands have which make vectors as the model's folder says. */
export const EMBEDDING_OPTIONS: {
  readonly prompt: Option<string>;
  readonly "prompt-name": Option<string>;
  readonly "no-truncation": Option<boolean>;
} = {
  prompt: text("TEXT", "What stands before each text. Default: the prompt that --prompt-name names."),
  "prompt-name": text("NAME", "The name of one of the model's prompts. Default: that which its folder names, if any."),
  "no-truncation": flag("Stop at a text that is too long for the model instead of cutting it."),
};

/** Texts that have been answered, and what is told of them. */
export interface Counts {
  count: number;
  /** How many were cut. */
  truncated: number;
  /** How many are mostly unknown to the model. */
  unknown: number;
}

/** The most tokens of a text, by which it was cut. */
interface Limits {
  readonly limit: number;
  /** Whose number that is. Default: the model's. */
  readonly limitIs?: string;
}

/** The same for `pipeline("embeddings")`. */
export function embeddingLimits(model: Bert, role: TextRole = null): Limits {
  const limitIs = whoseLimit(model, role);
  return { limit: embeddingLimit(model, role), ...(limitIs !== MODELS_LIMIT && { limitIs }) };
}

/** What counts are of: lines, or, where the work is cut short, those that were computed, which are not all kept. */
export function linesCounted(isCutShort: boolean): readonly [one: string, many: string] {
  return isCutShort ? ["computed line", "computed lines"] : ["line", "lines"];
}

/** Says on standard error how many of how many texts were cut, and how many the model hardly knows, if any. */
export function tellCounts(
  { count, truncated, unknown }: Counts,
  what: readonly [one: string, many: string],
  { limit, limitIs = "what the model takes" }: Limits,
): void {
  if (truncated > 0) {
    const were = truncated === 1 ? "was" : "were";
    tell(truncated, count, what, `${were} longer than ${limit} tokens, ${limitIs}, and ${were} cut`);
  }
  tellUnknown({ count, unknown }, what);
}

/** Says on standard error how many of how many texts are mostly unknown to the model, if any are. */
export function tellUnknown(
  { count, unknown }: Pick<Counts, "count" | "unknown">,
  what: readonly [one: string, many: string],
): void {
  if (unknown === 0) return;
  const are = unknown === 1 ? "is mostly unknown to the model: more than half of its" : "are mostly unknown to the model: more than half of their"; // biome-ignore format: one line
  tell(unknown, count, what, `${are} pieces are [UNK]`);
}

/** `2 of 3 lines …` */
function tell(some: number, count: number, [one, many]: readonly [one: string, many: string], said: string): void {
  streams.stderr.write(`${grouped(some)} of ${grouped(count)} ${count === 1 ? one : many} ${said}\n`);
}
