import { BertError } from "../errors.ts";
import { HEADS } from "../model/architectures.ts";
import { packBatch, type SequenceInput } from "../model/batch.ts";
import type { BertConfig } from "../model/config.ts";
import type { BertOutput, ForwardOptions } from "../model/forward.ts";
import { expectKnownOptions, type OptionNames } from "../options.ts";
import { type Sized, type StreamSteps, streamed } from "./streamed.ts";

/** What `forwardStream` computes and returns beside the last hidden state and the architecture's logits. */
export type ForwardStreamOptions = Pick<ForwardOptions, "hiddenStates" | "attentions" | "headMask" | "signal">;

const STREAM_OPTIONS: OptionNames<ForwardStreamOptions> = {
  hiddenStates: true,
  attentions: true,
  headMask: true,
  signal: true,
};

/** Options of `forward` that apply to a whole batch, which callers of a stream do not see. */
const OF_A_BATCH = ["tap", "taps", "maskedLmPositions", "numChoices"] as const satisfies (keyof ForwardOptions)[];

/** What a stream needs of a model: `BertModel` has it. */
interface StreamableModel {
  readonly config: BertConfig;
  forward(batch: readonly SequenceInput[], options: ForwardOptions<true>): Promise<BertOutput>;
}

/**
 * As `bert.forwardStream`, whose comment says what it promises.
 *
 * @throws BertError ERR_INPUT a model, source, option or sequence that does not fit, when the first result is asked for
 */
export async function* forwardStream(
  bert: StreamableModel,
  sequences: Iterable<SequenceInput> | AsyncIterable<SequenceInput>,
  options: ForwardStreamOptions = {},
): AsyncGenerator<BertOutput, void, undefined> {
  const source: unknown = sequences;
  if (typeof source !== "object" || !source || !(Symbol.asyncIterator in source || Symbol.iterator in source)) {
    throw inputError("sequences must be an iterable or async iterable of sequences");
  }
  yield* streamed(sequences, () => stepsFor(bert, options));
}

function stepsFor(
  bert: StreamableModel,
  options: ForwardStreamOptions,
): StreamSteps<SequenceInput, SequenceInput, BertOutput> {
  const { config } = bert;
  const { architecture } = config;
  if (HEADS[architecture].some(({ joins }) => joins)) {
    throw inputError(`the model must answer sequence by sequence, is a ${architecture}; use forward`);
  }
  for (const name of OF_A_BATCH) {
    if ((options as ForwardOptions)[name] !== undefined) throw inputError(`${name} must be left out; use forward`);
  }
  expectKnownOptions("forwardStream", options, STREAM_OPTIONS);
  return {
    signal: options.signal,
    encode(sequence, i): Sized<SequenceInput> {
      const { T, inputIds } = packBatch([sequence], config, i);
      return { encoded: copyOf(sequence), tokens: inputIds.length, length: T };
    },
    // The model's queue computes them together
    compute: (batch, signal) => Promise.all(batch.map((sequence) => bert.forward([sequence], { ...options, signal }))),
  };
}

/** A copy: the source may use its arrays again before the pass that they are part of begins. */
function copyOf({ inputIds, tokenTypeIds, attentionMask, positionIds }: SequenceInput): SequenceInput {
  return {
    inputIds: Array.from(inputIds),
    ...(tokenTypeIds && { tokenTypeIds: Array.from(tokenTypeIds) }),
    ...(attentionMask && { attentionMask: Array.from(attentionMask) }),
    ...(positionIds && { positionIds: Array.from(positionIds) }),
  };
}

function inputError(what: string): BertError {
  return new BertError("ERR_INPUT", `forwardStream: ${what}`);
}
