import type { HeadOutput, TapListener } from "../model/forward.ts";
import { type ForwardModel, forwardPass } from "../model/forwardPass.ts";
import type { ForwardRequest } from "../model/forwardRequest.ts";
import type { ComputePass } from "./forwardQueue.ts";
import type { ForwardWorker } from "./forwardWorker.ts";

/** How long a pass computes before it gives the event loop a turn, in milliseconds. */
const TURN_MS = 5;

/** Passes of a model: in its worker, or, where there is none and where none can start, on this thread. */
export function passesOf(model: ForwardModel, worker: ForwardWorker | null): ComputePass {
  return async (requests, tap, signal) => {
    if (worker && !worker.runs) {
      await worker.start();
      signal.throwIfAborted();
    }
    return worker?.runs ? worker.forward(requests, tap, signal) : onThisThread(model, requests, tap, signal);
  };
}

/** The event loop gets a turn between layers. */
async function onThisThread(
  model: ForwardModel,
  requests: readonly ForwardRequest[],
  tap: TapListener | undefined,
  signal: AbortSignal,
): Promise<HeadOutput[]> {
  const steps = forwardPass(model, requests, tap);
  let turn = performance.now();
  try {
    for (;;) {
      signal.throwIfAborted();
      const step = steps.next();
      if (step.done) return step.value;
      if (performance.now() - turn > TURN_MS) {
        await new Promise((resume) => setTimeout(resume));
        turn = performance.now();
      }
    }
  } finally {
    steps.return(undefined as never); // frees what an aborted pass has allocated
  }
}
