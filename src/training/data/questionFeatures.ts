import { BertError } from "../../errors.ts";
import type { BertTokenizer, Encoding } from "../../tokenizer/index.ts";
import { encodeAt, type Sequence, sequenceOf } from "./features.ts";
import type { Located } from "./located.ts";
import type { SquadExample } from "./squad.ts";
import type { SquadAnswer } from "./squadAnswer.ts";

export interface QuestionFeatureOptions {
  /** The most tokens of question and context together. Default 384. */
  readonly maxLength?: number;
  /**
   * Tokens of the context that neighbouring windows share, as in Hugging Face's run_qa.py. (In Google's run_squad.py
   * the same name is the distance between the beginnings of windows.) Default 128.
   */
  readonly docStride?: number;
}

/** A question with a part of its context: [CLS] question [SEP] part [SEP]. */
export interface QuestionWindow {
  /** The index of the example that it is of. */
  readonly example: number;
  /** `offsets` and `sequenceIds` lead from tokens back to the context. */
  readonly encoding: Encoding;
}

/** A window for training, with the tokens between which the answer stands. */
export interface QuestionFeature extends Sequence {
  /** The index of the example that it is of. */
  readonly example: number;
  /** The answer's first token, or 0, which is [CLS], if this window does not hold the whole answer or there is none. */
  readonly startPositions: number;
  /** The answer's last token, or 0. */
  readonly endPositions: number;
}

/**
 * Questions with their contexts, in overlapping windows where a context is longer than `maxLength` leaves room for; as
 * run_qa.py makes them, with the whitespace at the question's beginning taken off.
 *
 * @yields the windows of each example, in order
 * @throws BertError ERR_INPUT, naming the place in the file: a question that leaves the context no room, or no more
 *   than `docStride`
 */
export function* questionWindows(
  tokenizer: BertTokenizer,
  examples: Iterable<Located<SquadExample>>,
  { maxLength = 384, docStride = 128 }: QuestionFeatureOptions = {},
): Generator<QuestionWindow, void, undefined> {
  let example = 0;
  for (const { question, context, where } of examples) {
    const encoding = withDocStride(() =>
      encodeAt(tokenizer, where, question.trimStart(), {
        textPair: context,
        truncation: "only_second",
        maxLength,
        stride: docStride,
        returnOverflowingTokens: true,
      }),
    );
    for (const window of [encoding, ...encoding.overflowing]) yield { example, encoding: window };
    example++;
  }
}

/** An error about the tokenizer's option names ours, which the caller knows. */
function withDocStride(encode: () => Encoding): Encoding {
  try {
    return encode();
  } catch (cause) {
    if (!(cause instanceof BertError)) throw cause;
    throw new BertError(cause.code, cause.message.replace(": stride must", ": docStride must"), { cause });
  }
}

/**
 * Windows for training. The positions are those of the first answer: its first token is the last that begins at or
 * before it, its last token the first that ends at or after it. A window that lacks a part of the answer gets 0 and 0,
 * [CLS], as in run_squad.py and run_qa.py. One answer is placed otherwise than in run_qa.py, which takes [SEP] or
 * padding for the start when the answer's first token is the last of the window; here it is that token.
 *
 * @returns the windows of all examples, in order
 * @throws BertError ERR_INPUT as `questionWindows`
 */
export function questionFeatures(
  tokenizer: BertTokenizer,
  examples: readonly Located<SquadExample>[],
  options: QuestionFeatureOptions = {},
): QuestionFeature[] {
  return Array.from(questionWindows(tokenizer, examples, options), ({ example, encoding }) => {
    const [startPositions, endPositions] = answerTokens(encoding, examples[example].answers[0]);
    return { ...sequenceOf(encoding), example, startPositions, endPositions };
  });
}

/** The tokens from and to which the answer stands, or [0, 0]. */
function answerTokens({ sequenceIds, offsets }: Encoding, answer: SquadAnswer | undefined): [number, number] {
  const first = sequenceIds.indexOf(1);
  const last = sequenceIds.lastIndexOf(1);
  if (answer === undefined || answer.start === null || first < 0) return [0, 0];
  const { start } = answer;
  const end = start + answer.text.length;
  if (offsets[first][0] > start || offsets[last][1] < end) return [0, 0];
  let from = last;
  while (offsets[from][0] > start) from--;
  let to = first;
  while (offsets[to][1] < end) to++;
  return [from, to];
}
