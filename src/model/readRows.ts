import { type Batch, rowsAt } from "./batch.ts";
import type { BertConfig } from "./config.ts";
import type { ForwardOptions } from "./forward.ts";
import type { ModelParams } from "./params.ts";

/** Some rows of a packed batch, sequence after sequence. */
export interface ReadRows {
  /** [M], ascending. */
  readonly rows: Int32Array;
  /** [B + 1]: those of sequence b are rows offsets[b] … offsets[b+1] − 1. */
  readonly offsets: Int32Array;
}

/**
 * The rows of the last hidden state that the heads read: [CLS] for the pooler, and the asked tokens for the
 * masked-language-model head. The last layer need not compute others.
 *
 * @returns null if all are read
 * @throws BertError ERR_INPUT maskedLmPositions that do not fit
 */
export function rowsToRead(
  { maskedLmPositions }: Pick<ForwardOptions, "maskedLmPositions">,
  batch: Batch,
  { bert, cls, qa_outputs }: ModelParams,
  config: BertConfig,
): ReadRows | null {
  const readsAll =
    qa_outputs !== null ||
    config.architecture === "BertForTokenClassification" ||
    (cls.predictions !== null && !maskedLmPositions);
  if (readsAll) return null;
  const R = batch.inputIds.length;
  const wanted = new Uint8Array(R);
  if (bert.pooler) for (const first of batch.offsets.subarray(0, -1)) wanted[first] = 1;
  if (cls.predictions && maskedLmPositions) for (const row of rowsAt(maskedLmPositions, batch)) wanted[row] = 1;
  const offsets = new Int32Array(batch.B + 1);
  const rows: number[] = [];
  for (let b = 0; b < batch.B; b++) {
    for (let row = batch.offsets[b]; row < batch.offsets[b + 1]; row++) if (wanted[row]) rows.push(row);
    offsets[b + 1] = rows.length;
  }
  return rows.length === R ? null : { rows: Int32Array.from(rows), offsets };
}

/** Where rows of the packed batch are among those that are read. */
export function placesIn({ rows }: ReadRows, wanted: Int32Array): Int32Array {
  const places = new Map(Array.from(rows, (row, place) => [row, place]));
  return wanted.map((row) => places.get(row) as number);
}
