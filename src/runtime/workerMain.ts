/**
 * The module of the forward worker: it holds the model over the shared memory, and computes one call after the other.
 */

import { paramsTree } from "../checkpoint/loadParams.ts";
import { BertError } from "../errors.ts";
import type { HeadOutput } from "../model/forward.ts";
import { type ForwardModel, forwardPass } from "../model/forwardPass.ts";
import { listTaps } from "../model/taps.ts";
import { messageOf, stackOf } from "../realm.ts";
import { openShared } from "../tensor/simd/simdBackend.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";
import { parent } from "../tensor/threads/platform.ts";
import type { CallMessage, ModelMessage, ParameterPlace, PostedError, WorkerAnswer } from "./workerMessages.ts";

const { listen, post } = parent();
let model: ForwardModel;

listen((message) => {
  const received = message as ModelMessage | CallMessage;
  if (received.type === "start") model = open(received);
  else run(received);
});
post({ type: "ready" } satisfies WorkerAnswer);

function open({ config, backend, parameters }: ModelMessage): ForwardModel {
  const kernels = openShared(backend);
  const { buffer } = kernels.core.memory.memory;
  const byName = new Map(parameters.map((place) => [place.name, weightAt(buffer, place)]));
  const tree = paramsTree(config, byName);
  const taps = new Map(listTaps(config, tree).map((info) => [info.name, info]));
  return { config, tree, taps, kernels };
}

function weightAt(buffer: ArrayBufferLike, { dtype, byteOffset, length, scaleOffset, shape }: ParameterPlace): Weight {
  if (dtype === null) return { data: new Float32Array(buffer, byteOffset, length), shape };
  if (dtype === "float32") return { dtype, data: new Float32Array(buffer, byteOffset, length), shape };
  if (dtype !== "int8") return { dtype, data: new Uint16Array(buffer, byteOffset, length), shape };
  const scale = new Float32Array(buffer, scaleOffset, shape[0]);
  return { dtype, data: new Int8Array(buffer, byteOffset, length), scale, shape };
}

function run({ id, requests, tap, stop }: CallMessage): void {
  const answer = (message: WorkerAnswer, transfer?: readonly ArrayBuffer[]) => post(message, transfer);
  const steps = forwardPass(
    model,
    requests,
    tap ? (name, tensor) => answer({ type: "tap", id, name, tensor }) : undefined,
  );
  try {
    while (Atomics.load(stop, 0) === 0) {
      const step = steps.next();
      if (!step.done) continue;
      answer({ type: "output", id, outputs: step.value }, step.value.flatMap(buffersOf));
      return;
    }
    answer({ type: "stopped", id });
  } catch (error) {
    answer({ type: "failed", id, error: posted(error) });
  } finally {
    steps.return(undefined as never); // frees what a stopped pass has allocated
  }
}

/** Every array of an output once: the same tensor may be a hidden state and a tap. */
function buffersOf(output: HeadOutput): ArrayBuffer[] {
  const tensors = Object.values(output).flatMap((value: Tensor | readonly Tensor[] | ReadonlyMap<string, Tensor>) =>
    "data" in value ? [value] : [...value.values()],
  );
  return [...new Set(tensors.map(({ data }) => data.buffer as ArrayBuffer))];
}

function posted(error: unknown): PostedError {
  return { code: error instanceof BertError ? error.code : null, message: messageOf(error), stack: stackOf(error) };
}
