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

/** Bounds, with that of all values at the end. */
function geometric(first: number, factor: number, count: number): number[] {
  const bounds = [first];
  while (bounds.length < count) bounds.push(bounds[bounds.length - 1] * factor);
  return [...bounds, Number.POSITIVE_INFINITY];
}

/** How often each value came, in buckets. */
interface Histogram {
  readonly bounds: readonly number[];
  /** Of the values up to each bound and above the one before. */
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

/** The label of one of several models: `model="NAME"`. */
export function modelLabel(name: string): string {
  const escaped = name.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
  return `model="${escaped}"`;
}

/** What a service counts, under text-embeddings-inference's names. */
export class Metrics {
  /** What each series of it has; "": nothing. */
  readonly label: string;
  private readonly counters = new Map<string, Map<string, number>>();
  private readonly histograms = new Map<string, Histogram>();

  constructor(label = "") {
    this.label = label;
  }

  /** @param label such as `method="single"`; "" is none */
  count(name: Counter, label: string, times = 1): void {
    const series = this.counters.get(name) ?? new Map<string, number>();
    this.counters.set(name, series.set(label, (series.get(label) ?? 0) + times));
  }

  observe(name: HistogramName, value: number): void {
    const bounds = name in BOUNDS ? BOUNDS[name as Counted] : DURATIONS;
    const histogram = this.histograms.get(name) ?? { bounds, counts: Array(bounds.length).fill(0), sum: 0 };
    this.histograms.set(name, histogram);
    histogram.counts[bounds.findIndex((bound) => value <= bound)]++;
    histogram.sum += value;
  }

  /**
   * Writes each metric in the text format of Prometheus, version 0.0.4, in which all lines of a metric stand together.
   *
   * @param blocks the lines of each metric so far, of other models
   * @param waiting how many of its calls wait now; null: it has no such number
   */
  write(blocks: Map<string, string>, waiting: number | null): void {
    const add = (name: string, type: string, value: number, suffix = "", label = "") => {
      const labels = [this.label, label].filter((one) => one !== "").join(",");
      const block = blocks.get(name) ?? `# TYPE ${name} ${type}\n`;
      blocks.set(name, `${block}${name}${suffix}${labels && `{${labels}}`} ${value}\n`);
    };
    for (const [name, series] of this.counters) {
      for (const [label, value] of series) add(name, "counter", value, "", label);
    }
    if (waiting !== null) add("te_queue_size", "gauge", waiting);
    for (const [name, { bounds, counts, sum }] of this.histograms) {
      let total = 0; // of what is at most the bound
      for (const [n, count] of counts.entries()) {
        total += count;
        add(name, "histogram", total, "_bucket", `le="${bounds[n]}"`.replace("Infinity", "+Inf"));
      }
      add(name, "histogram", sum, "_sum");
      add(name, "histogram", total, "_count");
    }
  }
}
