import { BertError } from "../../errors.ts";
import type { ProblemType } from "../../model/config.ts";
import type { BertTokenizer, EncodeOptions, Encoding } from "../../tokenizer/index.ts";
import type { TaggedSentence } from "./conll.ts";
import { decimalOf, labelId, labelIds, labelOf } from "./labels.ts";
import type { Located } from "./located.ts";
import { recordError, shown } from "./numberedLines.ts";
import type { ChoiceExample } from "./readMultipleChoice.ts";
import type { Label, TextExample } from "./textExamples.ts";

/** The label of a token that no loss counts, as in PyTorch's cross-entropy (`ignore_index`). */
const IGNORED_LABEL = -100;

/** One sequence of T tokens as `bert.forward` takes it, in 5 bytes for each token. */
export interface Sequence {
  /** [T] */
  readonly inputIds: Int32Array;
  /** [T] */
  readonly tokenTypeIds: Uint8Array;
}

/** A text or pair for a sequence classifier. */
export interface SequenceFeature extends Sequence {
  /**
   * The label's index, or the number to regress to; for several labels at once [number of labels], 1 for each that
   * holds, else 0.
   */
  readonly labels: number | Float32Array;
}

/** A sentence for a token classifier. */
export interface TokenFeature extends Sequence {
  /** [T]: the tag's index at the first token of each word, −100 at every other token. */
  readonly labels: Int32Array;
  /** [T]: the index of the word that a token is of; −1 where it is of none. */
  readonly wordIds: Int32Array;
}

/** A text with its choices for a multiple-choice model. */
export interface ChoiceFeature {
  /** One sequence for each choice: [CLS] text [SEP] choice [SEP]. */
  readonly choices: readonly Sequence[];
  /** The index of the right one. */
  readonly labels: number;
}

export interface FeatureOptions {
  /**
   * The most tokens of a sequence; what is longer is cut as `truncation: true` does. Default: what the tokenizer says.
   */
  readonly maxLength?: number;
}

export interface SequenceFeatureOptions extends FeatureOptions {
  /** The labels in the order of their indices, as `labelNames` gives them. Not for a regression. */
  readonly labels?: readonly string[];
  /** What the labels mean, named as in config.json. Default "single_label_classification". */
  readonly problemType?: ProblemType;
}

/**
 * Texts or pairs with labels as sequences with numbers, as Hugging Face's run_glue.py makes them.
 *
 * @returns one for each example, in the same order
 * @throws BertError ERR_INPUT, naming file and line: no label, one that is none of the known, or for a regression no
 *   number
 */
export function sequenceFeatures(
  tokenizer: BertTokenizer,
  examples: Iterable<Located<TextExample>>,
  options: SequenceFeatureOptions,
): SequenceFeature[] {
  const toNumber = labelReader(options);
  return Array.from(examples, (example) => {
    const { text, text_pair: textPair, where } = example;
    const labels = toNumber(labelOf(example), where);
    const encoding = encodeAt(tokenizer, where, text, { ...cut(options), ...(textPair !== undefined && { textPair }) });
    return { ...sequenceOf(encoding), labels };
  });
}

function labelReader({
  labels = [],
  problemType,
}: SequenceFeatureOptions): (l: Label, where: string) => number | Float32Array {
  if (problemType === "regression") return numberOf;
  const ids = labelIds(labels);
  if (problemType === "multi_label_classification") {
    return (label, where) => {
      if (typeof label !== "object") throw recordError(where, "label", "an array of labels", shown(label));
      const row = new Float32Array(ids.ids.size);
      for (const name of label) {
        const id = labelId(ids, name, where);
        // A row of zeros and ones would mean other classes than it seems to.
        if (row[id] === 1 && typeof name === "number") {
          throw recordError(where, "label", "an array of the labels that hold, each once", `${name} twice`);
        }
        row[id] = 1;
      }
      return row;
    };
  }
  return (label, where) => {
    if (typeof label === "object") throw recordError(where, "label", "one label", shown(label));
    return labelId(ids, label, where);
  };
}

function numberOf(label: Label, where: string): number {
  const value = typeof label === "string" ? decimalOf(label) : label;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw recordError(where, "label", "a number", shown(label));
}

/**
 * Tagged sentences as sequences with a label for each token, as Hugging Face's run_ner.py makes them: a word's tag
 * stands at its first token, and its other tokens have −100, as have [CLS] and [SEP]. A word without tokens, such as a
 * lone control character, has no label; nor have words that are cut off because the sentence is longer than
 * `maxLength`.
 *
 * @param labels the tags in the order of their indices, as `labelNames` gives them
 * @returns      one for each sentence, in the same order
 * @throws BertError ERR_INPUT, naming file and line: a tag that is none of the known
 */
export function tokenFeatures(
  tokenizer: BertTokenizer,
  sentences: Iterable<Located<TaggedSentence>>,
  labels: readonly string[],
  options: FeatureOptions = {},
): TokenFeature[] {
  const ids = labelIds(labels);
  return Array.from(sentences, ({ words, tags, where }) => {
    const tagIds = tags.map((tag) => labelId(ids, tag, where));
    const encoding = encodeAt(tokenizer, where, words, { ...cut(options), isSplitIntoWords: true });
    const { wordIds } = encoding;
    const isFirst = (t: number) => wordIds[t] !== null && wordIds[t] !== wordIds[t - 1];
    const labelAt = (_: number | null, t: number) => (isFirst(t) ? tagIds[wordIds[t]!] : IGNORED_LABEL);
    return {
      ...sequenceOf(encoding),
      labels: Int32Array.from(wordIds, labelAt),
      wordIds: Int32Array.from(wordIds, (word) => word ?? -1),
    };
  });
}

/**
 * A text and its choices as one pair for each, as Hugging Face's run_swag.py makes them.
 *
 * @returns one for each example, in the same order
 * @throws BertError ERR_INPUT, naming file and line: no label, or one that is no index of a choice
 */
export function choiceFeatures(
  tokenizer: BertTokenizer,
  examples: Iterable<Located<ChoiceExample>>,
  options: FeatureOptions = {},
): ChoiceFeature[] {
  return Array.from(examples, ({ text, choices, label, where }) => {
    if (label === undefined) throw recordError(where, "label", "there", "none");
    if (label >= choices.length) {
      throw recordError(where, "label", `a whole number from 0 to ${choices.length - 1}`, shown(label));
    }
    const sequences = choices.map((textPair) =>
      sequenceOf(encodeAt(tokenizer, where, text, { ...cut(options), textPair })),
    );
    return { choices: sequences, labels: label };
  });
}

/** What of an encoding the model needs, in typed arrays. */
export function sequenceOf({ inputIds, tokenTypeIds }: Encoding): Sequence {
  return { inputIds: Int32Array.from(inputIds), tokenTypeIds: Uint8Array.from(tokenTypeIds) };
}

/** `tokenizer.encode`, whose errors then say which example they are about. */
export function encodeAt(
  tokenizer: BertTokenizer,
  where: string,
  text: string | readonly string[],
  options: EncodeOptions & { readonly textPair?: string },
): Encoding {
  try {
    return tokenizer.encode(text, options);
  } catch (cause) {
    if (!(cause instanceof BertError)) throw cause;
    throw new BertError(cause.code, `${where}: ${cause.message}`, { cause });
  }
}

function cut({ maxLength }: FeatureOptions): EncodeOptions {
  return { truncation: true, ...(maxLength !== undefined && { maxLength }) };
}
