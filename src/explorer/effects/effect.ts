/** What a model answers when something is taken from it: attention heads, or words of the text. */
import type { BertModel, BertTokenizer, HeadOutput, Tensor } from "../../index.ts";
import { type ExplorerRequest, inputOf, outputsOf } from "../explorerResult.ts";
import { type Change, changedInput } from "./changedInput.ts";
import type { HeadAt } from "./choices.ts";
import { answersOf, type Effect } from "./outputAnswers.ts";
import type { Subject } from "./subjects.ts";

/** What is asked of a text. */
export interface EffectRequest {
  readonly request: ExplorerRequest;
  /** null: nothing is taken away. It must not remove the token that the subject is about. */
  readonly change: Change | null;
  /** Which answer is looked at. */
  readonly subject: Subject;
  /** The ids of answers that are told whatever their place. */
  readonly ids: readonly number[];
  /** The vector that the cosine is taken to; null: the text's own. */
  readonly vector: Float64Array | null;
}

/**
 * Computes an answer with something taken away.
 *
 * @throws BertError as `encode` and `forward`
 */
export function effectOf(model: BertModel, tokenizer: BertTokenizer, asked: EffectRequest): Effect {
  const { request, change, subject, ids, vector } = asked;
  const input = changedInput(inputOf(model, tokenizer, request), change, tokenizer);
  const { architecture } = model.config;
  const gap = subject.position === null ? -1 : input.placeOf(subject.position);
  const readsGaps = outputsOf(architecture).gaps !== undefined;
  const output: HeadOutput & { readonly lastHiddenState?: Tensor } = model.forwardSync([input.sequence], {
    lastHiddenState: subject.kind === "vector",
    ...(change?.how === "heads" && { headMask: headMaskOf(model, change.heads) }),
    ...(readsGaps && { maskedLmPositions: [subject.kind === "gap" ? [gap] : []] }),
  });
  return answersOf({ model, tokenizer, input, subject, ids, output, vector, targets: request.targets ?? [] });
}

/** [L, A]: 0 for heads that are off, 1 for the others. */
export function headMaskOf({ config }: Pick<BertModel, "config">, off: readonly HeadAt[]): number[][] {
  const mask = Array.from({ length: config.numHiddenLayers }, () => Array<number>(config.numAttentionHeads).fill(1));
  for (const [layer, head] of off) mask[layer][head] = 0;
  return mask;
}
