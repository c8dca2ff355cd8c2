import { BertError, quote } from "../errors.ts";
import { classOf, has, isA } from "../realm.ts";
import { encodeBfloat16, encodeFloat16 } from "../tensor/numberFormats.ts";
import { formatShape } from "../tensor/tensor.ts";
import { byteLengthOf, DTYPE_BITS, type Dtype, isDtype, type NumberArray } from "./dtype.ts";
import { MAX_HEADER_BYTES } from "./header.ts";
import { LITTLE_ENDIAN, swapBytes } from "./numbers.ts";

/** A tensor to be written. A `Tensor` is one, and is written as F32. */
export interface TensorToWrite {
  readonly shape: readonly number[];
  /**
   * The elements. Or a function that returns them, called once when their turn comes, so that a checkpoint larger than
   * the memory can be written; it needs `dtype`.
   */
  readonly data: NumberArray | (() => NumberArray);
  /**
   * Left out: the array's own type (Float32Array: F32, BigInt64Array: I64, …). F16 and BF16 round a Float32Array to the
   * nearest, ties to even. A Uint8Array may hold the little-endian bytes of any dtype.
   */
  readonly dtype?: Dtype;
}

/**
 * A tensor to be written to disk: its function may also fetch the elements, from another file, say, or give them piece
 * by piece.
 */
export interface TensorToSave extends Omit<TensorToWrite, "data"> {
  readonly data: TensorToWrite["data"] | (() => NumberArray | Promise<NumberArray> | Generator<NumberArray>);
}

/**
 * A Uint8Array on memory of its own, in words that TypeScript understood before it had Uint8Array<ArrayBuffer>, 5.7.
 */
type OwnBytes = ReturnType<typeof Uint8Array.of>;

const DTYPES = Object.keys(DTYPE_BITS) as Dtype[];

/** A few elements at a time are encoded, so that an encoded copy of a large tensor never exists. */
const CHUNK_ELEMENTS = 1 << 19;

/**
 * Writes a safetensors file into memory; `saveSafetensors` writes one to disk. The bytes are those of the official
 * library (0.8.0) for the same tensors: dtypes in the descending order of its `Dtype`, then names by code point;
 * compact JSON, padded with spaces to a multiple of 8. (It writes two and more metadata keys in a random order; here
 * they keep theirs.)
 *
 * @param tensors  pairs of name and tensor: a Map, or `Object.entries({ … })`
 * @param metadata pairs of strings for `__metadata__`; left out of the file if there are none
 * @example
 * const bytes = writeSafetensors([["weight", { shape: [2, 2], data: new Float32Array(4) }]], [["format", "pt"]]);
 * @throws BertError ERR_INPUT naming the tensor and what the format forbids
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, TensorToWrite]>,
  metadata: Iterable<readonly [string, string]> = [],
): OwnBytes {
  const plan = planFile("writeSafetensors", tensors, metadata);
  const file = new Uint8Array(plan.size);
  let end = 0;
  for (const bytes of plan.chunks()) {
    file.set(bytes, end);
    end += bytes.length;
  }
  return file;
}

interface PlannedTensor {
  readonly name: string;
  /** Function and tensor, for messages. */
  readonly label: string;
  readonly data: TensorToSave["data"];
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly byteLength: number;
}

/** The size of a file and its bytes, in order and piece by piece. A piece is valid until the next is asked for. */
export interface SafetensorsPlan {
  readonly size: number;
  /** Where no function returns a promise. */
  chunks(): Generator<Uint8Array>;
  stream(): AsyncGenerator<Uint8Array>;
}

/**
 * Checks everything that can be checked before the first byte is written, and lays the file out.
 *
 * @param where the function that was called, for messages
 * @throws BertError ERR_INPUT; `chunks` and `stream` throw it for a function whose elements do not fit
 */
export function planFile(
  where: string,
  tensors: Iterable<readonly [string, TensorToSave]>,
  metadata: Iterable<readonly [string, string]>,
): SafetensorsPlan {
  const entries: PlannedTensor[] = [];
  const names = new Set<string>();
  for (const [name, tensor] of tensors) {
    const label = `${where}: tensor ${quote(String(name))}`;
    if (typeof name !== "string" || !name.isWellFormed())
      fail(`${label}: a name must be a string without lone surrogates`);
    if (name === "__metadata__") fail(`${label}: this name is the format's own`);
    if (names.has(name)) fail(`${label}: given twice`);
    names.add(name);
    entries.push({ name, label, data: tensor.data, shape: tensor.shape, ...layOut(label, tensor) });
  }
  entries.sort((a, b) => DTYPES.indexOf(b.dtype) - DTYPES.indexOf(a.dtype) || compareCodePoints(a.name, b.name));

  const fields = metadataField(where, metadata);
  let end = 0;
  for (const { name, dtype, shape, byteLength } of entries) {
    const begin = end;
    end += byteLength;
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
  }
  const header = encodeHeader(where, `{${fields.join(",")}}`);
  if (!Number.isSafeInteger(header.length + end)) fail(`${where}: the file would have ${header.length + end} bytes`);
  return {
    size: header.length + end,
    *chunks() {
      yield header;
      for (const entry of entries) yield* encodeChecked(entry, elementsOf(entry) as NumberArray);
    },
    async *stream() {
      yield header;
      for (const entry of entries) yield* encodePieces(entry, await elementsOf(entry));
    },
  };
}

function elementsOf({ data }: PlannedTensor): NumberArray | Promise<NumberArray> | Generator<NumberArray> {
  return typeof data === "function" ? data() : data;
}

function* encodePieces(entry: PlannedTensor, elements: NumberArray | Generator<NumberArray>): Generator<Uint8Array> {
  if (!isPieces(elements)) return yield* encodeChecked(entry, elements);
  const { label, dtype, byteLength } = entry;
  let given = 0;
  for (const piece of elements) {
    given += checkType(label, dtype, piece);
    if (given > byteLength) break;
    yield* encode(dtype, piece);
  }
  checkSize(label, byteLength, given);
}

function isPieces(elements: NumberArray | Generator<NumberArray>): elements is Generator<NumberArray> {
  return has(elements, "next");
}

function encodeChecked({ label, dtype, byteLength }: PlannedTensor, elements: NumberArray): Generator<Uint8Array> {
  checkData(label, dtype, elements, byteLength);
  return encode(dtype, elements);
}

/** The dtype and byte length of a tensor, after checking its shape and data. */
function layOut(label: string, { shape, data, dtype }: TensorToSave): { dtype: Dtype; byteLength: number } {
  if (dtype !== undefined && !isDtype(dtype)) fail(`${label}: dtype ${quote(String(dtype))} is not one of the format`);
  if (!Array.isArray(shape) || !shape.every((n) => Number.isSafeInteger(n) && n >= 0))
    fail(
      `${label}: shape must be an array of whole numbers, got ${Array.isArray(shape) ? formatShape(shape) : typeof shape}`,
    );
  if (typeof data === "function" && dtype === undefined) fail(`${label}: data is a function, so dtype must be given`);
  const type = dtype ?? dtypeOf(data);
  if (type === undefined) fail(`${label}: data must be a typed array of numbers`);
  const byteLength = byteLengthOf(type, shape);
  if (typeof byteLength === "string") fail(`${label}: ${type} ${formatShape(shape)} ${byteLength}`);
  if (typeof data !== "function") checkData(label, type, data, byteLength);
  return { dtype: type, byteLength };
}

function checkData(label: string, dtype: Dtype, data: NumberArray, byteLength: number): void {
  checkSize(label, byteLength, checkType(label, dtype, data));
}

/** The bytes that an array will take in the file. */
function checkType(label: string, dtype: Dtype, data: NumberArray): number {
  const own = dtypeOf(data);
  if (own === undefined) fail(`${label}: data must be a typed array of numbers`);
  const rounded = own === "F32" && (dtype === "F16" || dtype === "BF16");
  if (own !== dtype && !rounded && own !== "U8") fail(`${label}: ${dtype} cannot be written from a ${classOf(data)}`);
  return rounded ? data.length * 2 : data.byteLength;
}

function checkSize(label: string, byteLength: number, given: number): void {
  if (given !== byteLength) fail(`${label}: shape and dtype take ${byteLength} bytes, data give ${given}`);
}

const DTYPE_OF: ReadonlyMap<string, Dtype> = new Map([
  ["Float32Array", "F32"],
  ["Float64Array", "F64"],
  ["Uint8Array", "U8"],
  ["Int8Array", "I8"],
  ["Int16Array", "I16"],
  ["Uint16Array", "U16"],
  ["Int32Array", "I32"],
  ["Uint32Array", "U32"],
  ["BigInt64Array", "I64"],
  ["BigUint64Array", "U64"],
]);

function dtypeOf(data: unknown): Dtype | undefined {
  return DTYPE_OF.get(classOf(data));
}

function metadataField(where: string, metadata: Iterable<readonly [string, string]>): string[] {
  const keys = new Set<string>();
  const pairs: string[] = [];
  for (const [key, value] of metadata) {
    for (const text of [key, value])
      if (typeof text !== "string" || !text.isWellFormed())
        fail(`${where}: metadata ${quote(String(key))}: key and value must be strings without lone surrogates`);
    if (keys.has(key)) fail(`${where}: metadata ${quote(key)}: given twice`);
    keys.add(key);
    pairs.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  }
  return pairs.length === 0 ? [] : [`"__metadata__":{${pairs.join(",")}}`];
}

/** The length field and the JSON, padded with spaces so that the data start at a multiple of 8. */
function encodeHeader(where: string, json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER_BYTES)
    fail(`${where}: the header would have ${length} bytes, the format allows ${MAX_HEADER_BYTES}`);
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

/** The little-endian bytes of an array's elements, as views where they are those already. */
function* encode(dtype: Dtype, data: NumberArray): Generator<Uint8Array> {
  const half = isA(data, "Float32Array") && (dtype === "F16" || dtype === "BF16");
  if (!half && (LITTLE_ENDIAN || isA(data, "Uint8Array"))) {
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return;
  }
  for (let i = 0; i < data.length; i += CHUNK_ELEMENTS) {
    let part = data.slice(i, i + CHUNK_ELEMENTS) as NumberArray;
    if (half) {
      const source = part as Float32Array;
      part = new Uint16Array(source.length);
      if (dtype === "F16") encodeFloat16(part, source);
      else encodeBfloat16(part, source);
    }
    const bytes = new Uint8Array(part.buffer);
    if (!LITTLE_ENDIAN) swapBytes(bytes, part.BYTES_PER_ELEMENT);
    yield bytes;
  }
}

/**
 * By code point, which is also the order of UTF-8 bytes; `<` on strings orders by UTF-16 unit, where U+10000 < U+E000.
 */
function compareCodePoints(a: string, b: string): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

/** In well-formed text a surrogate stands for a code point above all that are not in a pair. */
function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function fail(message: string): never {
  throw new BertError("ERR_INPUT", message);
}
