import type { HeadOutput, TapListener } from "../model/forward.ts";
import { canShareAPass, type ForwardRequest, partOfRequest } from "../model/forwardRequest.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CallClock, PassListener } from "./callTimes.ts";

/** What a call of `forward` asks for. */
export interface CallSettings {
  readonly request: ForwardRequest;
  /** Whether its sequences may be computed in several passes. */
  readonly splits: boolean;
  readonly tap: TapListener | undefined;
  /** null: nobody asks what the call takes. */
  readonly clock: CallClock | null;
  readonly resolve: (output: HeadOutput) => void;
  readonly reject: (reason: unknown) => void;
}

/** A call of `forward` that has not been answered yet. */
export class QueuedCall {
  readonly tap: TapListener | undefined;
  readonly reject: (reason: unknown) => void;
  /** A pass that it shared has failed: it has the next for itself, and an error there is its own. */
  alone = false;
  private readonly request: ForwardRequest;
  private readonly splits: boolean;
  private readonly clock: CallClock | null;
  private readonly resolve: (output: HeadOutput) => void;
  /** How many of its sequences passes have taken. */
  private taken = 0;
  /** How many of them have been computed. */
  private computed = 0;
  private readonly outputs: HeadOutput[] = [];

  constructor({ request, splits, tap, clock, resolve, reject }: CallSettings) {
    this.request = request;
    this.splits = splits && tap === undefined;
    this.tap = tap;
    this.clock = clock;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Whether sequences of it wait for a pass. */
  get waits(): boolean {
    return this.taken < this.request.batch.B;
  }

  /** Who is told of the passes that take some of it. */
  get onPass(): PassListener | undefined {
    return this.clock?.onPass;
  }

  canShareAPassWith(other: QueuedCall): boolean {
    if (this.alone || other.alone || this.tap || other.tap) return false;
    return canShareAPass(this.request, other.request);
  }

  /**
   * What the next pass computes of this call: all that waits, or, where that is more than a whole pass, as many
   * sequences as there is room for.
   *
   * @param room in tokens; null for a pass that has nothing else yet, and takes a sequence of any length
   * @param most how many tokens a whole pass has
   * @returns null if there is no room
   */
  take(room: number | null, most: number): ForwardRequest | null {
    const { offsets, B } = this.request.batch;
    const from = this.taken;
    const tokensTo = (to: number) => offsets[to] - offsets[from];
    let to = B;
    if (this.splits && tokensTo(B) > most) {
      to = room === null ? from + 1 : from;
      while (to < B && tokensTo(to + 1) <= (room ?? most)) to++;
    } else if (room !== null && tokensTo(B) > room) {
      return null;
    }
    if (to === from) return null;
    this.taken = to;
    this.clock?.start();
    return to - from === B ? this.request : partOfRequest(this.request, from, to);
  }

  /** A pass has failed that had taken this. */
  takeBack({ batch }: ForwardRequest): void {
    this.taken -= batch.B;
  }

  /** What a pass gives for what it has taken, in order; the last answers the call. */
  answer({ batch }: ForwardRequest, output: HeadOutput): void {
    this.outputs.push(output);
    this.computed += batch.B;
    if (this.computed === this.request.batch.B) this.resolve(endToEnd(this.outputs));
  }
}

/** The outputs of a call's parts as one. */
function endToEnd(outputs: readonly HeadOutput[]): HeadOutput {
  if (outputs.length === 1) return outputs[0];
  const names = Object.keys(outputs[0]) as Exclude<keyof HeadOutput, "taps">[];
  return Object.fromEntries(
    names.map((name) => {
      const parts = outputs.map((output) => output[name] as Tensor | readonly Tensor[]);
      const [first] = parts;
      if ("data" in first) return [name, joined(parts as readonly Tensor[])];
      return [name, first.map((_, n) => joined((parts as readonly (readonly Tensor[])[]).map((list) => list[n])))];
    }),
  );
}

/** Tensors that differ in their first size, end to end. */
function joined(tensors: readonly Tensor[]): Tensor {
  const data = new Float32Array(tensors.reduce((sum, tensor) => sum + tensor.data.length, 0));
  let rows = 0;
  let at = 0;
  for (const tensor of tensors) {
    data.set(tensor.data, at);
    at += tensor.data.length;
    rows += tensor.shape[0];
  }
  return { data, shape: [rows, ...tensors[0].shape.slice(1)] };
}
