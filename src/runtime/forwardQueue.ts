import { BATCH_TOKENS } from "../model/batch.ts";
import type { BertConfig } from "../model/config.ts";
import type { HeadOutput, TapListener } from "../model/forward.ts";
import { canBeSplit, type ForwardRequest } from "../model/forwardRequest.ts";
import { onAbort } from "../onAbort.ts";
import { withResolvers } from "../withResolvers.ts";
import { clockOf } from "./callTimes.ts";
import { QueuedCall } from "./queuedCall.ts";

/**
 * Computes one pass.
 *
 * @param signal stops it between layers
 * @returns an output for each request
 */
export type ComputePass = (
  requests: readonly ForwardRequest[],
  tap: TapListener | undefined,
  signal: AbortSignal,
) => Promise<HeadOutput[]>;

/** A pass that is being computed. */
interface RunningPass {
  /** What it computes of each call. */
  readonly taken: ReadonlyMap<QueuedCall, ForwardRequest>;
  /** The calls that still want it. */
  readonly wanted: Set<QueuedCall>;
  readonly stop: AbortController;
}

/**
 * Puts the calls of many callers together. While a pass is computed, calls that arrive wait; all that wait are then
 * computed in one pass, in the order in which they came, up to `batchTokens` tokens. Nothing is padded, and no sequence
 * sees its neighbours, so that every answer is the same, to the bit, as that of the call alone.
 *
 * - A call that finds nothing to wait for starts at once: at the end of the microtasks of the turn that it was made in,
 *   so that calls of one turn are one pass. There is no timer.
 * - A call of more than `batchTokens` tokens is computed in parts. After each part what is left of it goes behind the
 *   calls that wait, so that a short call waits for one part of each long one at most; and as every pass begins with
 *   the call that has waited longest, short calls without end do not keep a long one waiting.
 * - A call that is aborted leaves the queue at once. A pass that nobody wants any more is stopped.
 * - What cannot be computed together is computed alone when its turn comes (`canShareAPass`).
 * - No call gets the error of another: if a pass of several calls fails, each of them is computed alone.
 */
export class ForwardQueue {
  /** The most tokens of one pass. */
  batchTokens: number = BATCH_TOKENS;
  private readonly compute: ComputePass;
  private readonly config: BertConfig;
  /** In the order in which they are served. */
  private waiting = new Set<QueuedCall>();
  private pass: RunningPass | null = null;
  private scheduled = false;

  constructor(config: BertConfig, compute: ComputePass) {
    this.config = config;
    this.compute = compute;
  }

  /** @returns the output; rejects with the signal's reason, and with what `compute` rejects with */
  add(request: ForwardRequest, tap: TapListener | undefined, signal: AbortSignal | undefined): Promise<HeadOutput> {
    const { promise, resolve, reject } = withResolvers<HeadOutput>();
    const settled =
      <Value>(settle: (value: Value) => void) =>
      (value: Value) => {
        end();
        clock?.end();
        settle(value);
      };
    const clock = clockOf(signal, request.batch.inputIds.length);
    const call = new QueuedCall({
      request,
      splits: canBeSplit(request, this.config),
      tap,
      clock,
      resolve: settled(resolve),
      reject: settled(reject),
    });
    const end = onAbort(signal, () => {
      this.leave(call);
      clock?.end();
      reject(signal?.reason);
    });
    this.waiting.add(call);
    this.schedule();
    return promise;
  }

  private schedule(): void {
    if (this.scheduled || this.pass) return;
    this.scheduled = true;
    Promise.resolve().then(() => {
      this.scheduled = false;
      this.start();
    });
  }

  /** Starts the next pass, unless one is being computed. */
  private start(): void {
    if (this.pass || this.waiting.size === 0) return;
    const taken = this.takeFromWaiting();
    const pass = { taken, wanted: new Set(taken.keys()), stop: new AbortController() };
    this.pass = pass;
    tellOf(taken);
    const [first] = taken.keys();
    this.compute([...taken.values()], first.tap, pass.stop.signal).then(
      (outputs) => {
        this.next(); // is computed while the callers handle these
        let n = 0;
        for (const [call, request] of taken) {
          const output = outputs[n++];
          if (pass.wanted.has(call)) call.answer(request, output);
        }
      },
      (error) => {
        this.fail(pass, error);
        this.next();
      },
    );
  }

  private next(): void {
    this.pass = null;
    this.start();
  }

  /** What the next pass computes; what is left of a call goes behind the others. */
  private takeFromWaiting(): Map<QueuedCall, ForwardRequest> {
    const taken = new Map<QueuedCall, ForwardRequest>();
    const [first] = this.waiting;
    let room = this.batchTokens;
    for (const call of this.waiting) {
      if (call !== first && !first.canShareAPassWith(call)) continue;
      const request = call.take(call === first ? null : room, this.batchTokens);
      if (!request) break;
      taken.set(call, request);
      room -= request.batch.inputIds.length;
      if (room <= 0) break;
    }
    for (const call of taken.keys()) {
      this.waiting.delete(call);
      if (call.waits) this.waiting.add(call);
    }
    return taken;
  }

  private fail({ taken, wanted }: RunningPass, error: unknown): void {
    if (taken.size === 1) {
      for (const call of wanted) {
        this.waiting.delete(call);
        call.reject(error);
      }
      return;
    }
    for (const call of wanted) {
      call.alone = true;
      call.takeBack(taken.get(call) as ForwardRequest);
    }
    this.waiting = new Set([...wanted, ...this.waiting]);
  }

  private leave(call: QueuedCall): void {
    this.waiting.delete(call);
    if (this.pass?.wanted.delete(call) && this.pass.wanted.size === 0) this.pass.stop.abort();
  }
}

/** Tells each listener of its calls what a pass has taken. */
function tellOf(taken: ReadonlyMap<QueuedCall, ForwardRequest>): void {
  const batches = Array.from(taken.values(), ({ batch }) => batch);
  const sequences = batches.reduce((sum, { B }) => sum + B, 0);
  const tokens = batches.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  for (const onPass of new Set(Array.from(taken.keys(), (call) => call.onPass))) onPass?.(sequences, tokens);
}
