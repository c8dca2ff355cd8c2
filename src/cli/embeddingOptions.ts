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

/** Texts that have been answered, and how many of them were cut. */
interface Cuts {
  readonly count: number;
  readonly truncated: number;
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

/** Says on standard error how many of how many texts were cut, if any were. */
export function tellTruncated(
  { count, truncated }: Cuts,
  what: readonly [one: string, many: string],
  { limit, limitIs = "what the model takes" }: Limits,
): void {
  if (truncated === 0) return;
  const were = truncated === 1 ? "was" : "were";
  streams.stderr.write(
    `${grouped(truncated)} of ${grouped(count)} ${what[count === 1 ? 0 : 1]} ${were} longer than ${limit} tokens, ${limitIs}, and ${were} cut\n`,
  );
}
