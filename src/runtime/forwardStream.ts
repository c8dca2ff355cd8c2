import { BertError } from "../errors.ts";
import { HEADS, type Head } from "../model/architectures.ts";
import { packBatch, type SequenceInput } from "../model/batch.ts";
import type { BertConfig } from "../model/config.ts";
import type { BertOutput, ForwardOptions } from "../model/forward.ts";
import { expectKnownOptions, type OptionNames } from "../options.ts";
import type { Tensor } from "../tensor/tensor.ts";
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
    async compute(batch, signal) {
      return outputsOf(await bert.forward(batch, { ...options, signal }), batch, HEADS[architecture]);
    },
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

/** A batch's output, sequence by sequence, as `forward` of each alone returns it; copied when its turn comes. */
function* outputsOf(
  output: BertOutput,
  batch: readonly SequenceInput[],
  heads: readonly Head[],
): Generator<BertOutput> {
  if (batch.length === 1) {
    yield output;
    return;
  }
  for (const [b, sequence] of batch.entries()) yield outputOf(output, b, sequence, heads);
}

/** What sequence b has of a batch's output. */
function outputOf(
  output: BertOutput,
  b: number,
  { inputIds: { length: T }, attentionMask }: SequenceInput,
  heads: readonly Head[],
): BertOutput {
  // Attentions have these alone
  const real = attentionMask ? Array.from(attentionMask).filter((keep) => keep).length : T;
  const { lastHiddenState, poolerOutput, hiddenStates, attentions } = output;
  const logits = heads.flatMap(({ reads, outputs }) => {
    const part = reads === "pooled" ? rowOf : tokensOf;
    return outputs.map((name) => [name, part(output[name] as Tensor, b, T)] as const);
  });
  return {
    lastHiddenState: tokensOf(lastHiddenState, b, T),
    ...(poolerOutput && { poolerOutput: rowOf(poolerOutput, b) }),
    ...Object.fromEntries(logits),
    ...(hiddenStates && { hiddenStates: hiddenStates.map((states) => tokensOf(states, b, T)) }),
    ...(attentions && { attentions: attentions.map((probs) => attentionOf(probs, b, real)) }),
  };
}

/** [B, N] → [1, N] */
function rowOf({ data, shape: [, N] }: Tensor, b: number): Tensor {
  return { data: data.slice(b * N, (b + 1) * N), shape: [1, N] };
}

/** [B, longest, N] → [1, T, N], or [B, longest] → [1, T] */
function tokensOf({ data, shape: [, longest, ...rest] }: Tensor, b: number, T: number): Tensor {
  const [N = 1] = rest;
  const start = b * longest * N;
  return { data: data.slice(start, start + T * N), shape: [1, T, ...rest] };
}

/** [B, A, longest, longest] → [1, A, T, T] */
function attentionOf({ data, shape: [, A, longest] }: Tensor, b: number, T: number): Tensor {
  const probs = new Float32Array(A * T * T);
  for (let row = 0; row < A * T; row++) {
    const head = b * A + Math.floor(row / T);
    const start = (head * longest + (row % T)) * longest;
    probs.set(data.subarray(start, start + T), row * T);
  }
  return { data: probs, shape: [1, A, T, T] };
}

function inputError(what: string): BertError {
  return new BertError("ERR_INPUT", `forwardStream: ${what}`);
}
