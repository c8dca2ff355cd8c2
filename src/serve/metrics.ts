/** The upper bounds of durations' buckets, in seconds: 0.00001 × 1.5ⁿ, n = 1 … 35, as text-embeddings-inference. */
const DURATIONS: readonly number[] = geometric(0.00001 * 1.5, 1.5, 35);
/** What is counted: tokens of an input, inputs of a pass, tokens of a pass. */
type Counted = "te_request_input_length" | "te_batch_next_size" | "te_batch_next_tokens";
/** Its bounds: 1, 2, 4, … */
const BOUNDS: Readonly<Record<Counted, readonly number[]>> = {
  te_request_input_length: geometric(1, 2, 20),
  te_batch_next_size: geometric(1, 2, 13),
  te_batch_next_tokens: geometric(1, 2, 21),
};

function geometric(first: number, factor: number, count: number): number[] {
  const bounds = [first];
  while (bounds.length < count) bounds.push(bounds[bounds.length - 1] * factor);
  return bounds;
}

/** How often each value came, in buckets. */
interface Histogram {
  readonly bounds: readonly number[];
  /** Of the values up to each bound and above the one before; the last has those above all. */
  readonly counts: number[];
  sum: number;
}

type Counter =
  | `te_request_${"count" | "success" | "failure"}`
  /** Of inputs, of which a request may have several. */
  | `te_${"embed" | "predict"}_${"count" | "success"}`;

/** In seconds but for what is counted. */
type HistogramName =
  | Counted
  | "te_request_duration"
  | "te_request_tokenization_duration"
  | "te_request_queue_duration"
  | "te_request_inference_duration";

/** What the service counts, under text-embeddings-inference's names. */
export class Metrics {
  private readonly counters = new Map<string, Map<string, number>>();
  private readonly histograms = new Map<string, Histogram>();

  /** @param label such as `method="single"`; "" is none */
  count(name: Counter, label: string, times = 1): void {
    const series = this.counters.get(name) ?? new Map<string, number>();
    this.counters.set(name, series.set(label, (series.get(label) ?? 0) + times));
  }

  observe(name: HistogramName, value: number): void {
    const bounds = name in BOUNDS ? BOUNDS[name as Counted] : DURATIONS;
    const histogram = this.histograms.get(name) ?? { bounds, counts: Array(bounds.length + 1).fill(0), sum: 0 };
    this.histograms.set(name, histogram);
    const n = bounds.findIndex((bound) => value <= bound);
    histogram.counts[n < 0 ? bounds.length : n]++;
    histogram.sum += value;
  }

  /**
   * The text format of Prometheus, version 0.0.4.
   *
   * @param gauges what can be counted now
   */
  render(gauges: Readonly<Record<string, number>>): string {
    const blocks: string[] = [];
    for (const [name, series] of this.counters) {
      const lines = Array.from(series, ([label, value]) => `${name}${label && `{${label}}`} ${value}`);
      blocks.push([`# TYPE ${name} counter`, ...lines].join("\n"));
    }
    for (const [name, value] of Object.entries(gauges)) blocks.push(`# TYPE ${name} gauge\n${name} ${value}`);
    for (const [name, histogram] of this.histograms) blocks.push(linesOf(name, histogram));
    return blocks.map((block) => `${block}\n`).join("\n");
  }
}

/** A histogram's buckets count what is at most the bound, those below included. */
function linesOf(name: string, { bounds, counts, sum }: Histogram): string {
  let total = 0;
  const buckets = counts.map((count, n) => {
    total += count;
    return `${name}_bucket{le="${n < bounds.length ? bounds[n] : "+Inf"}"} ${total}`;
  });
  return [`# TYPE ${name} histogram`, ...buckets, `${name}_sum ${sum}`, `${name}_count ${total}`].join("\n");
}
