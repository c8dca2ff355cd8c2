import { BATCH_TOKENS } from "../model/batch.ts";
import { onAbort } from "../onAbort.ts";

/** An encoded input of a stream, and what it counts when inputs are put together. */
export interface Sized<Encoded> {
  readonly encoded: Encoded;
  /** What it costs to compute, in tokens. */
  readonly tokens: number;
  /** How long its rows in the output are, in tokens; padding counts here. */
  readonly length: number;
}

/** How the inputs of a stream are answered. */
export interface StreamSteps<Input, Encoded, Result> {
  /** Stops reading and computing; the consumer then gets its reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Checks and encodes an input when it has been read. What it throws reaches the consumer after the results before it.
   *
   * @param i      its index in the stream
   * @param signal stops what takes long
   */
  encode(input: Input, i: number, signal: AbortSignal): Sized<Encoded> | Promise<Sized<Encoded>>;
  /** One forward pass: a result for each, in order. The signal stops it. */
  compute(batch: readonly Encoded[], signal: AbortSignal): Promise<Iterable<Result>>;
}

/**
 * The most tokens of a pass with every sequence padded to its longest: outputs are laid out that way, though nothing is
 * computed for padding, so that one long text among a thousand words must not make an output a hundred times their
 * size.
 */
const PADDED_TOKENS = 2 * BATCH_TOKENS;

/**
 * Answers an input after the other, in order, computing many in one pass of at most BATCH_TOKENS tokens.
 *
 * While the consumer handles the results of one pass, the next is computed, and no more is read than these two need;
 * and one input, which did not fit or is pending. What has been read is computed at the latest when nothing
 * else is being computed and the source has not answered for a turn of the event loop, so that no answer waits for a
 * text that may never come.
 *
 * When the consumer stops, or gets an error, the pass ahead is stopped and the source is closed: its `return()` is
 * called, and waited for; a turn of the event loop at most if the source has not answered yet.
 *
 * @param prepare is called, once, before anything is read; what it throws closes the source too
 */
export async function* streamed<Input, Encoded, Result>(
  source: Iterable<Input> | AsyncIterable<Input>,
  prepare: () => StreamSteps<Input, Encoded, Result>,
): AsyncGenerator<Result, void, undefined> {
  const stop = new AbortController();
  const batches = new Batches<Input, Encoded>(source, stop.signal);
  let release = () => {};
  try {
    const steps = prepare();
    release = follow(steps.signal, stop);
    const compute = async (batch: readonly Encoded[]) => (batch.length > 0 ? steps.compute(batch, stop.signal) : []);
    const encode = (input: Input, i: number) => steps.encode(input, i, stop.signal);

    let batch = quiet(batches.next(encode));
    let pass = quiet(batch.then(compute));
    while ((await batch).length > 0) {
      const nextBatch = quiet(batches.next(encode, pass)); // is read while this pass is computed
      // It does not wait for this pass: the model's queue computes it as soon as that is done, before the results of
      // that are turned into answers here. Sentence embeddings on one thread: 179 texts/s for 172.
      const nextPass = quiet(nextBatch.then(compute));
      for (const result of await pass) {
        yield result;
        stop.signal.throwIfAborted();
      }
      [batch, pass] = [nextBatch, nextPass];
    }
  } catch (error) {
    await batches.close().catch(() => {}); // the first error is the one to report, as in `for await`
    throw error;
  } finally {
    release();
    stop.abort();
    await batches.close();
  }
}

/** The inputs of a stream in batches, read one by one. */
class Batches<Input, Encoded> {
  private readonly iterator: AsyncIterator<Input>;
  private readonly signal: AbortSignal;
  private count = 0;
  /** The source has said that it is at its end, by a result or an error, or has been closed. */
  private ended = false;
  /** Its `next()` has not been answered yet. */
  private reading = false;
  /** The answer, to be taken; throws what the source threw. */
  private arrived: (() => IteratorResult<Input>) | null = null;
  /** What was read last and did not fit. */
  private held: Sized<Encoded> | null = null;
  /** What was thrown while a batch was being filled: for the next one, after the results of that. */
  private failure: { readonly error: unknown } | null = null;
  /** Lets a waiting `read` look again at what it waits for. */
  private wake: () => void = () => {};

  constructor(source: Iterable<Input> | AsyncIterable<Input>, signal: AbortSignal) {
    this.iterator = iteratorOf(source);
    this.signal = signal;
    signal.addEventListener("abort", () => this.wake());
  }

  /**
   * The next batch; empty at the source's end.
   *
   * @param busy while it is pending a batch that is not full waits for more, as it could not be computed anyway
   */
  async next(
    encode: (input: Input, i: number) => Sized<Encoded> | Promise<Sized<Encoded>>,
    busy: Promise<unknown> | null = null,
  ): Promise<Encoded[]> {
    if (this.failure) throw this.failure.error;
    let idle = busy === null;
    const settled = () => {
      idle = true;
      this.wake();
    };
    busy?.then(settled, settled);

    const batch: Encoded[] = [];
    let tokens = 0;
    let longest = 0;
    try {
      for (;;) {
        const next = this.held ?? (await this.read(encode, () => idle && batch.length > 0));
        this.held = next;
        if (next === null) return batch;
        tokens += next.tokens;
        longest = Math.max(longest, next.length);
        const fits = tokens <= BATCH_TOKENS && longest * (batch.length + 1) <= PADDED_TOKENS;
        if (batch.length > 0 && !fits) return batch;
        batch.push(next.encoded);
        this.held = null;
      }
    } catch (error) {
      if (batch.length === 0) throw error;
      this.failure = { error };
      return batch;
    }
  }

  /** Closes the source, unless it has ended by itself. */
  async close(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    const closed = quiet((async () => this.iterator.return?.())());
    if (!this.reading) await closed;
    // A generator ends when it has answered what it was asked before, which a slow one may never do.
    else await Promise.race([closed, new Promise((turn) => setTimeout(turn))]);
  }

  /**
   * The next input; null at the source's end, or if it keeps us waiting for a turn of the event loop and we may go on.
   */
  private async read(
    encode: (input: Input, i: number) => Sized<Encoded> | Promise<Sized<Encoded>>,
    mayGoOn: () => boolean,
  ): Promise<Sized<Encoded> | null> {
    if (this.ended) return null;
    this.signal.throwIfAborted();
    this.request();
    let late = false;
    const turn = setTimeout(() => {
      late = true;
      this.wake();
    });
    try {
      // Not a race of promises: each would stay with the signal's, for as long as the stream lasts.
      while (!this.arrived) {
        if (late && mayGoOn()) return null;
        await new Promise<void>((wake) => {
          this.wake = wake;
        });
        this.signal.throwIfAborted();
      }
    } finally {
      clearTimeout(turn);
    }
    const take = this.arrived;
    this.arrived = null;
    const { done, value } = take();
    if (!done) return encode(value, this.count++);
    this.ended = true;
    return null;
  }

  private request(): void {
    if (this.reading || this.arrived) return;
    this.reading = true;
    const arrive = (take: () => IteratorResult<Input>) => {
      this.reading = false;
      this.arrived = take;
      this.wake();
    };
    (async () => this.iterator.next())().then(
      (result) => arrive(() => result),
      (error) =>
        arrive(() => {
          this.ended = true;
          throw error;
        }),
    );
  }
}

function iteratorOf<Input>(source: Iterable<Input> | AsyncIterable<Input>): AsyncIterator<Input> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  return (async function* () {
    yield* source;
  })();
}

/** Aborts one when the other is aborted; returns what ends that. */
function follow(signal: AbortSignal | undefined, stop: AbortController): () => void {
  const abort = () => stop.abort(signal?.reason);
  if (signal?.aborted) abort();
  return onAbort(signal, abort);
}

/** For a promise that is awaited later, or never: its rejection is no unhandled one. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
