/** What the calls of `forward` that were given one signal have taken. */
export interface CallTimes {
  /** How many of them wait for a pass now. */
  waiting: number;
  /** How long they waited until a pass took some of them, in milliseconds. */
  queued: number;
  /** How long they were computed: from then to the answer, in milliseconds. */
  computed: number;
  /** How many tokens were handed in. */
  tokens: number;
}

/** Is told of each pass that takes calls which are observed: all its sequences and tokens, other callers' too. */
export type PassListener = (sequences: number, tokens: number) => void;

interface Observed {
  readonly times: CallTimes;
  readonly onPass: PassListener;
}

const OBSERVED = new WeakMap<AbortSignal, Observed>();

/**
 * Has the calls of `forward` timed that are given this signal. A pipeline hands its caller's signal, and nothing else
 * of the caller's, on to `forward`; so a service tells by it what each of its requests has taken.
 *
 * @param onPass where several signals have the same function, it is called once for a pass that takes calls of them
 */
export function observeCalls(signal: AbortSignal, onPass: PassListener): CallTimes {
  const times = { waiting: 0, queued: 0, computed: 0, tokens: 0 };
  OBSERVED.set(signal, { times, onPass });
  return times;
}

/** The clock of one call. */
export interface CallClock {
  readonly onPass: PassListener;
  /** A pass has taken some of the call. */
  start(): void;
  /** The call has been answered, or has failed. */
  end(): void;
}

/** Starts the clock of a call of so many tokens; null: nobody observes it. */
export function clockOf(signal: AbortSignal | undefined, tokens: number): CallClock | null {
  const observed = signal && OBSERVED.get(signal);
  if (!observed) return null;
  const { times, onPass } = observed;
  const queuedAt = performance.now();
  let startedAt: number | null = null;
  times.waiting++;
  times.tokens += tokens;
  const start = (): number => {
    if (startedAt !== null) return startedAt;
    startedAt = performance.now();
    times.waiting--;
    times.queued += startedAt - queuedAt;
    return startedAt;
  };
  return {
    onPass,
    start,
    end() {
      const from = start(); // a call may be aborted before any pass
      times.computed += performance.now() - from;
    },
  };
}
