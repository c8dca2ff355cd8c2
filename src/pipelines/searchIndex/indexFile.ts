import { loaded } from "../../loaded.ts";
/**
 * The file of an index: safetensors, so that other programs can read the vectors. Texts, ids and metadata stand as
 * UTF-8 end to end, and where each ends in a tensor beside; for a text without an id of its own, or without metadata,
 * that part is empty. It is written and read a segment at a time.
 */

import { Xxh32 } from "../../load/xxh32.ts";
import type { Dtype, NumberArray } from "../../safetensors/dtype.ts";
import { LITTLE_ENDIAN, swapBytes } from "../../safetensors/numbers.ts";
import type { Rows } from "./indexRows.ts";
import { columnOf, merged, type Segment, type Utf8Column } from "./segment.ts";
import type { IndexPooling } from "./vectorsOf.ts";

/** What `format` says in the file's metadata. */
export const FORMAT = "plainbert search index";
/** The version of the file. Those of plainbert 0.2 have none. */
export const VERSION = "2";

/** The tensors: their types, in the order in which the checksum has them. [N], but embeddings are [N, H]. */
export const TENSORS: Readonly<Record<TensorName, Dtype>> = {
  embeddings: "F32",
  indices: "I64",
  texts: "U8",
  text_ends: "I64",
  ids: "U8",
  id_ends: "I64",
  metadata: "U8",
  metadata_ends: "I64",
};

/** The name of a tensor in the file. */
export type TensorName = "embeddings" | "indices" | Strings | `${"text" | "id" | "metadata"}_ends`;
/** The name of a tensor of strings. */
export type Strings = "texts" | "ids" | "metadata";

/** What the file says about its index, beside the texts. */
export interface IndexHeader {
  readonly pooling: IndexPooling;
  /** The model's fingerprint. */
  readonly model: string;
  /** What the model was called; null: that is not known. */
  readonly name: string | null;
  /** The `index` of the next text. */
  readonly next: number;
}

/**
 * The checksum of a file: XXH32 of what it says, and of the XXH32 of the bytes of each tensor.
 *
 * @param digests of the tensors, in the order of `TENSORS`
 */
export function checksumOf({ pooling, model, name, next }: IndexHeader, digests: readonly string[]): string {
  const parts = JSON.stringify([VERSION, pooling, model, next, ...digests, ...(name === null ? [] : [name])]);
  return new Xxh32().update(new TextEncoder().encode(parts)).digest();
}

/**
 * Writes an index, completely or not at all. The vectors are read twice: the checksum stands before them.
 *
 * @throws BertError ERR_FILE the path cannot be written
 */
export async function saveIndex(
  path: string,
  { segments, next, H }: Pick<Rows, "segments" | "next" | "H">,
  { pooling, model, name }: Omit<IndexHeader, "next">,
): Promise<void> {
  const { saveSafetensors } = await loaded(() => import("../../load/weightFiles.ts")); // a browser has none
  const header = { pooling, model, name, next };
  const N = segments.reduce((sum, { count }) => sum + count, 0);
  const tensors = Object.entries(piecesOf(segments, H));
  const digests: string[] = [];
  const sizes: number[] = [];
  for (const [, pieces] of tensors) {
    const hash = new Xxh32();
    let size = 0;
    for (const piece of pieces()) {
      hash.update(bytesInFile(piece));
      size += piece.length;
      await new Promise((turn) => setTimeout(turn)); // 8 MB of them take 4 ms
    }
    digests.push(hash.digest());
    sizes.push(size);
  }
  await saveSafetensors(
    path,
    tensors.map(([name, data], i) => [
      name,
      { dtype: TENSORS[name as TensorName], shape: name === "embeddings" ? [N, H] : [sizes[i]], data },
    ]),
    [
      ["format", FORMAT],
      ["version", VERSION],
      ["pooling", pooling],
      ["model", model],
      ...(name === null ? [] : [["model_name", name] as const]),
      ["next", String(next)],
      ["checksum", checksumOf(header, digests)],
    ],
  );
}

/** The elements of each tensor, piece by piece. */
function piecesOf(segments: readonly Segment[], H: number): Record<TensorName, () => Generator<NumberArray>> {
  /** A segment without the rows that have been removed. */
  const whole = (segment: Segment) => (segment.removed ? merged([segment], H) : segment);
  const each = (piece: (segment: Segment) => NumberArray) =>
    function* () {
      for (const segment of segments) yield piece(whole(segment));
    };
  const ends = (column: (segment: Segment) => Utf8Column) =>
    function* () {
      let start = 0;
      for (const segment of segments) {
        const { bytes, ends } = column(whole(segment));
        yield BigInt64Array.from(ends, (end) => BigInt(start + end));
        start += bytes.length;
      }
    };
  return {
    embeddings: each(({ vectors }) => vectors),
    indices: each(({ numbers }) => BigInt64Array.from(numbers, BigInt)),
    texts: each(({ texts }) => texts.bytes),
    text_ends: ends(({ texts }) => texts),
    ids: each((segment) => idColumn(segment).bytes),
    id_ends: ends(idColumn),
    metadata: each(({ metadata }) => metadata.bytes),
    metadata_ends: ends(({ metadata }) => metadata),
  };
}

function idColumn({ ids, numbers }: Segment): Utf8Column {
  return columnOf(ids ? ids.map((id) => id ?? "") : Array(numbers.length).fill(""));
}

/** The bytes that the file has of numbers. */
function bytesInFile(numbers: NumberArray): Uint8Array {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  if (LITTLE_ENDIAN || numbers.BYTES_PER_ELEMENT === 1) return bytes;
  const swapped = bytes.slice();
  swapBytes(swapped, numbers.BYTES_PER_ELEMENT);
  return swapped;
}
