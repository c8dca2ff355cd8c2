import type { SequenceInput } from "../../src/model/batch.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import type { BertOutput, ForwardOptions } from "../../src/model/forward.ts";
import type { BertModel } from "../../src/runtime/bertModel.ts";

/** A forward pass that was asked for. */
interface HandPass {
  readonly batch: readonly SequenceInput[];
  readonly signal: AbortSignal;
  answer(): void;
  fail(error: Error): void;
}

/** One call of `forward`, a part of a pass. */
interface HandCall {
  readonly batch: readonly SequenceInput[];
  answer(): void;
  fail(error: Error): void;
}

interface HandModel {
  readonly model: Pick<BertModel, "config" | "forward">;
  readonly passes: HandPass[];
}

/**
 * A model whose passes are answered by hand, with the first id of each sequence in place of its hidden states. Calls of
 * one turn are one pass, as in `ForwardQueue`.
 */
export function handModel(changes: Partial<BertConfig> = {}): HandModel {
  const passes: HandPass[] = [];
  const config = { ...parseConfig(JSON.stringify({ vocab_size: 100_000, max_position_embeddings: 4000 })), ...changes };
  let calls = null as HandCall[] | null;
  const forward = (input: unknown, { signal }: ForwardOptions = {}) => {
    const batch = input as SequenceInput[];
    if (calls === null) {
      const together: HandCall[] = [];
      calls = together;
      queueMicrotask(() => {
        calls = null;
      });
      passes.push({
        get batch() {
          return together.flatMap((call) => call.batch);
        },
        signal: signal as AbortSignal,
        answer: () => together.forEach((call) => void call.answer()),
        fail: (error) => together.forEach((call) => void call.fail(error)),
      });
    }
    const own = calls;
    return new Promise<BertOutput>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      const T = Math.max(...batch.map(({ inputIds }) => inputIds.length));
      const data = new Float32Array(batch.length * T);
      for (const [b, { inputIds }] of batch.entries()) data[b * T] = inputIds[0];
      const answer = () => resolve({ lastHiddenState: { data, shape: [batch.length, T, 1] } });
      own.push({ batch, answer, fail: reject });
    });
  };
  const model = { config, forward } as Pick<BertModel, "config" | "forward">;
  return { model, passes };
}

/** The same, answering at once. */
export function quickModel(): HandModel {
  const { model, passes } = handModel();
  const forward: BertModel["forward"] = (input, options = {}) => {
    const output = model.forward(input, options) as Promise<BertOutput>;
    passes.at(-1)?.answer();
    return output;
  };
  return { model: { ...model, forward }, passes };
}

export const ofLength = (T: number, id = 1): SequenceInput => ({ inputIds: Array(T).fill(id) });
export const idOf = ({ lastHiddenState }: BertOutput): number => lastHiddenState.data[0];

/** Sequences of T tokens without end, numbered from 0; counts how many were taken, and says whether it was closed. */
export function numbered(T: number): {
  readonly state: { readonly taken: number; readonly closed: boolean };
  readonly source: AsyncGenerator<SequenceInput>;
} {
  const state = { taken: 0, closed: false };
  async function* source(): AsyncGenerator<SequenceInput> {
    try {
      for (;;) yield ofLength(T, state.taken++);
    } finally {
      state.closed = true;
    }
  }
  return { state, source: source() };
}
