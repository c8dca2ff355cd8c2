import { BertError } from "../errors.ts";
import { gather } from "../layers/gather.ts";
import { see } from "../layers/pass.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AnyHeadParams, HEADS, type HeadParams } from "./architectures.ts";
import { type Batch, owned, rowsAt, unpack } from "./batch.ts";
import type { BertPass, Encoded } from "./bert.ts";
import type { BertConfig } from "./config.ts";
import type { ForwardOptions, HeadOutputName } from "./forward.ts";
import { indicesIn } from "./readRows.ts";

/**
 * The logits that the architecture has, under the names of Hugging Face.
 *
 * @throws BertError ERR_INPUT maskedLmPositions or numChoices that do not fit
 */
export function headOutputs(
  pass: BertPass & { readonly config: BertConfig },
  params: Partial<HeadParams>,
  { sequence, pooled }: Encoded,
  batch: Batch,
  options: ForwardOptions,
): { readonly [name in HeadOutputName]?: Tensor } {
  const { architecture } = pass.config;
  const heads = HEADS[architecture];
  const positions = options.maskedLmPositions;
  if (positions && !heads.some(({ reads }) => reads === "listed tokens")) {
    throw new BertError(
      "ERR_INPUT",
      `forward: maskedLmPositions must be left out for ${architecture}, which has no masked-language-model head`,
    );
  }
  const output: { [name in HeadOutputName]?: Tensor } = {};
  const headPass = { ...pass, training: null };
  for (const head of heads) {
    const listed = head.reads === "listed tokens" && positions ? rowsAt(positions, batch) : null;
    const all = head.reads === "pooled" ? pooled : sequence;
    const x = listed ? gather(pass.k, sequence, indicesIn(pass.read, listed)) : all;
    const logits = see(pass, head.name, head.logits(headPass, params[head.name] as AnyHeadParams, x as Tensor));
    const laidOut = listed || head.reads === "pooled" ? owned(logits) : unpack(logits, batch);
    const parts = head.split?.(laidOut, options) ?? [laidOut];
    for (const [n, name] of head.outputs.entries()) output[name] = parts[n];
  }
  return output;
}
