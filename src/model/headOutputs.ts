import { gather } from "../layers/gather.ts";
import { see } from "../layers/pass.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AnyHeadParams, HEADS, type Head, type HeadParams } from "./architectures.ts";
import { owned, unpack } from "./batch.ts";
import type { BertPass, Encoded } from "./bert.ts";
import type { BertConfig } from "./config.ts";
import type { HeadOutputName } from "./forward.ts";
import type { ForwardRequest } from "./forwardRequest.ts";
import { type JoinedBatch, joined, rowsOf, startsOf } from "./joinedBatch.ts";
import { indicesIn } from "./readRows.ts";

type HeadOutputs = { [name in HeadOutputName]?: Tensor };

/** For each request the logits that the architecture has, under the names of Hugging Face. */
export function headOutputs(
  pass: BertPass & { readonly config: BertConfig },
  params: Partial<HeadParams>,
  encoded: Encoded,
  batch: JoinedBatch,
  requests: readonly ForwardRequest[],
): HeadOutputs[] {
  const outputs = requests.map((): HeadOutputs => ({}));
  const headPass = { ...pass, training: null };
  for (const head of HEADS[pass.config.architecture]) {
    const { x, starts } = inputOf(head, pass, encoded, batch, requests);
    const logits = see(pass, head.name, head.logits(headPass, params[head.name] as AnyHeadParams, x));
    for (const [i, request] of requests.entries()) {
      const rows = rowsOf(logits, starts[i], starts[i + 1]);
      const isList = head.reads === "pooled" || (head.reads === "listed tokens" && request.listed !== null);
      const laidOut = isList ? owned(rows) : unpack(rows, request.batch);
      const parts = head.split?.(laidOut, request.options) ?? [laidOut];
      for (const [n, name] of head.outputs.entries()) outputs[i][name] = parts[n];
    }
  }
  return outputs;
}

/** What a head reads, and in `starts` [requests + 1] which rows of it are for which request. */
function inputOf(
  head: Head,
  pass: BertPass,
  { sequence, pooled }: Encoded,
  batch: JoinedBatch,
  requests: readonly ForwardRequest[],
): { readonly x: Tensor; readonly starts: readonly number[] } {
  if (head.reads === "pooled") return { x: pooled as Tensor, starts: batch.sequences };
  if (head.reads === "tokens" || requests.every(({ listed }) => listed === null)) {
    return { x: sequence, starts: batch.rows };
  }
  const lists = requests.map(({ listed }, i) => rowsInPass(listed, batch, i));
  const rows = indicesIn(pass.read, joined(lists));
  return { x: gather(pass.k, sequence, rows), starts: startsOf(lists.map(({ length }) => length)) };
}

/** Rows of request i as rows of the pass: those that are listed, or all. */
export function rowsInPass(listed: Int32Array | null, { rows }: JoinedBatch, i: number): Int32Array {
  if (listed) return rows[i] === 0 ? listed : listed.map((row) => rows[i] + row);
  return Int32Array.from({ length: rows[i + 1] - rows[i] }, (_, row) => rows[i] + row);
}
