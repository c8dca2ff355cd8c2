import type { TensorToWrite } from "../../safetensors/index.ts";
import { type IdArray, idArray } from "./documents.ts";

/** One example for masked language modelling and next sentence prediction; the model takes it as it is. */
export interface PretrainingExample {
  /** [T], [CLS] A [SEP] B [SEP] with masked tokens. */
  readonly inputIds: Int32Array;
  /** [T], 0 for [CLS] A [SEP], 1 for B [SEP]. */
  readonly tokenTypeIds: Int32Array;
  /** [M], where tokens were chosen, ascending. */
  readonly maskedLmPositions: Int32Array;
  /** [M], what they were. */
  readonly maskedLmIds: Int32Array;
  /** 0 if B follows A in the text, 1 if it comes from elsewhere. */
  readonly nextSentenceLabel: 0 | 1;
}

/**
 * N examples end to end, without padding, as they are stored. V is the size of the vocabulary; ids are U16, or I32 if V
 * > 65,536.
 *
 * | tensor                | shape   | holds                                                        |
 * |-----------------------|---------|--------------------------------------------------------------|
 * | `input_ids`           | [ΣT]    | the tokens of all examples                                   |
 * | `segment_lengths`     | [N, 2]  | how many of them have token type 0, and how many type 1; U16 |
 * | `masked_lm_counts`    | [N]     | M, how many were chosen; U16                                 |
 * | `masked_lm_positions` | [ΣM]    | where, in the example; U16                                   |
 * | `masked_lm_ids`       | [ΣM]    | what they were                                               |
 * | `next_sentence_labels`| [N]     | 0 or 1; U8                                                   |
 */
export class PackedExamples {
  private readonly V: number;
  private readonly inputIds: Column<IdArray>;
  private readonly segmentLengths: Column<Uint16Array> = new Column(new Uint16Array(1024));
  private readonly counts: Column<Uint16Array> = new Column(new Uint16Array(1024));
  private readonly positions: Column<Uint16Array> = new Column(new Uint16Array(1024));
  private readonly ids: Column<IdArray>;
  private readonly labels: Column<Uint8Array> = new Column(new Uint8Array(1024));

  constructor(V: number) {
    this.V = V;
    this.inputIds = new Column(idArray(1024, V));
    this.ids = new Column(idArray(1024, V));
  }

  get length(): number {
    return this.counts.length;
  }

  /** @param inputIds [T], of which the first `firstLength` have token type 0 @param positions [M] @param labels [M] */
  push(
    inputIds: Int32Array,
    firstLength: number,
    positions: ArrayLike<number>,
    labels: ArrayLike<number>,
    isRandomNext: boolean,
  ): void {
    this.inputIds.push(inputIds);
    this.segmentLengths.push([firstLength, inputIds.length - firstLength]);
    this.counts.push([positions.length]);
    this.positions.push(positions);
    this.ids.push(labels);
    this.labels.push([isRandomNext ? 1 : 0]);
  }

  /** The tensors, with the examples in a new order. @param order the numbers of the examples */
  tensors(order: ArrayLike<number>): [string, TensorToWrite][] {
    const lengths = this.segmentLengths.values();
    const perExample = Uint32Array.from(this.counts.values(), (_, i) => lengths[2 * i] + lengths[2 * i + 1]);
    const ones = new Uint32Array(this.length).fill(1);
    const counts = Uint32Array.from(this.counts.values());
    const columns: [string, Column<Uint8Array | IdArray>, Uint32Array][] = [
      ["input_ids", this.inputIds, perExample],
      ["segment_lengths", this.segmentLengths, ones.map(() => 2)],
      ["masked_lm_counts", this.counts, ones],
      ["masked_lm_positions", this.positions, counts],
      ["masked_lm_ids", this.ids, counts],
      ["next_sentence_labels", this.labels, ones],
    ];
    return columns.map(([name, column, widths]) => {
      const data = reordered(column.values(), widths, order);
      return [name, { shape: name === "segment_lengths" ? [this.length, 2] : [data.length], data }];
    });
  }

  /** What is known of the examples as a whole. */
  totals(): { examples: number; tokens: number; predictions: number; randomNext: number } {
    return {
      examples: this.length,
      tokens: this.inputIds.length,
      predictions: this.ids.length,
      randomNext: this.labels.values().reduce((sum, label) => sum + label, 0),
    };
  }

  /** V, the size of the vocabulary. */
  get vocabSize(): number {
    return this.V;
  }
}

/** An array that grows. */
class Column<A extends Uint8Array | Uint16Array | Int32Array> {
  length = 0;
  private array: A;

  constructor(array: A) {
    this.array = array;
  }

  push(values: ArrayLike<number>): void {
    const end = this.length + values.length;
    if (end > this.array.length) {
      const grown = new (this.array.constructor as new (length: number) => A)(Math.max(end, 2 * this.array.length));
      grown.set(this.values());
      this.array = grown;
    }
    this.array.set(values, this.length);
    this.length = end;
  }

  values(): A {
    return this.array.subarray(0, this.length) as A;
  }
}

/** Rows of different widths, in a new order. */
function reordered<A extends Uint8Array | IdArray>(values: A, widths: Uint32Array, order: ArrayLike<number>): A {
  const starts = new Float64Array(widths.length);
  for (let i = 1; i < widths.length; i++) starts[i] = starts[i - 1] + widths[i - 1];
  const result = values.slice() as A;
  let at = 0;
  for (let n = 0; n < order.length; n++) {
    const i = order[n];
    result.set(values.subarray(starts[i], starts[i] + widths[i]), at);
    at += widths[i];
  }
  return result;
}
