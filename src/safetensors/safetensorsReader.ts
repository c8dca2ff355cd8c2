import { BertError, quote } from "../errors.ts";
import { isA } from "../realm.ts";
import type { Backend } from "../tensor/backend.ts";
import { FILE_DTYPES } from "../tensor/storage.ts";
import { formatShape, type HalfWeight, sizeOf } from "../tensor/tensor.ts";
import { DTYPE_BITS, type Dtype, type NumberArray } from "./dtype.ts";
import { parseHeader, readHeaderLength, type SafetensorsHeader, type TensorEntry } from "./header.ts";
import { expectDecoded, LITTLE_ENDIAN, swapBytes, toFloat32, viewElements } from "./numbers.ts";

/** A safetensors file in memory. */
export interface Safetensors extends SafetensorsHeader {
  /** The tensor's bytes as they are in the file: a view. */
  bytes(name: string): Uint8Array;
  /**
   * The elements in an array type that holds every value of the dtype exactly: F16, BF16 and F32 give a Float32Array,
   * I64 a BigInt64Array, BOOL a Uint8Array, and so on. A view where possible (see `toFloat32`).
   */
  toTypedArray(name: string): NumberArray;
  /**
   * The elements as float32: exact from F16, BF16 and integers up to 2^24, else rounded to the nearest. A view on the
   * file's bytes where the tensor is F32 and starts at a multiple of 4 (then writing to it changes the file's bytes),
   * else a copy; take `.slice()` of it for one of your own.
   */
  toFloat32(name: string): Float32Array;
  /** The elements as float64: exact but for 64-bit integers beyond 2^53. A view or a copy, as with `toFloat32`. */
  toFloat64(name: string): Float64Array;
}

/** A file of which any part can be read: one on disk, or bytes in memory (`randomAccess`). */
export interface RandomAccess {
  /** For messages: a path, say. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Fills `target` with the bytes from `position` on, or throws. */
  read(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** What decodes numbers of 16 bits: a backend, which may still be made. */
export type HalfDecoder = Pick<Backend, "decodeHalves"> | Promise<Pick<Backend, "decodeHalves">>;

/** What the backends call a dtype of 16-bit floating-point numbers; undefined for others. */
function halfType(dtype: Dtype): HalfWeight["dtype"] | undefined {
  return (["float16", "bfloat16"] as const).find((type) => FILE_DTYPES[type] === dtype);
}

/** The tensors of a checkpoint, in one file or in several, read one at a time. */
export interface Weights extends SafetensorsHeader {
  /** The names of the files, in order. */
  readonly files: readonly string[];
  /**
   * Reads one tensor as float32 (rounding as `Safetensors.toFloat32`), straight into `target`: beside it, at most
   * 1 MiB is in use (a tensor of PyTorch's that is not in its own order: as much as the part of the file it is spread
   * over). If it throws, `target` may be half filled.
   *
   * @param decoder decodes numbers of 16 bits, on the memory that `target` is on; a loop if left out
   * @throws BertError ERR_CHECKPOINT no such tensor, or a dtype that is not decoded; ERR_SHAPE `target` has another
   *   length; ERR_FILE the file cannot be read
   */
  readInto(name: string, target: Float32Array, decoder?: HalfDecoder): Promise<void>;
  /**
   * Reads as many elements as `target` has, from element `from` of the tensor on; else as `readInto`. Not every kind of
   * file can.
   *
   * @throws BertError ERR_SHAPE the tensor ends before; as `readInto`
   */
  readPart?(name: string, target: Float32Array, from: number, decoder?: HalfDecoder): Promise<void>;
  /** Closes the files. Nothing can be read afterwards. */
  close(): Promise<void>;
}

/** Measured on float16 in a file, GB/s: 0.2 with 16 KiB, 0.8 with 256 KiB, 1.1 with 1 MiB and with 4 MiB. */
const CHUNK_BYTES = 1 << 20;

/**
 * Reads a whole safetensors file that is in memory. The header is checked completely before anything is decoded.
 *
 * @example
 * const file = readSafetensors(await (await fetch("model.safetensors")).arrayBuffer());
 * for (const { name, dtype, shape } of file.tensors.values()) console.log(name, dtype, shape);
 * const weight = file.toFloat32("bert.pooler.dense.weight");
 * @throws BertError ERR_CHECKPOINT naming the tensor and the rule that the file breaks
 */
export function readSafetensors(bytes: Uint8Array | ArrayBufferLike): Safetensors {
  const where = "readSafetensors";
  const file = asBytes(where, bytes);
  const headerLength = readHeaderLength(file, file.length, where);
  const header = parseHeader(file.slice(8, 8 + headerLength), file.length, where);

  const bytesOf = (entry: TensorEntry) => file.subarray(entry.byteOffset, entry.byteOffset + entry.byteLength);
  const elementsOf = (name: string): NumberArray => {
    const entry = find(header, name, where);
    expectDecoded(where, name, entry.dtype);
    const elements = viewElements(entry.dtype, bytesOf(entry));
    if (entry.dtype !== "F16" && entry.dtype !== "BF16") return elements;
    const decoded = new Float32Array(elements.length);
    toFloat32(decoded, entry.dtype, elements);
    return decoded;
  };
  return {
    ...header,
    bytes: (name) => bytesOf(find(header, name, where)),
    toTypedArray: elementsOf,
    toFloat32(name) {
      const elements = elementsOf(name);
      if (isA(elements, "Float32Array")) return elements;
      return isA(elements, "BigInt64Array") || isA(elements, "BigUint64Array")
        ? Float32Array.from(elements, Number)
        : new Float32Array(elements);
    },
    toFloat64(name) {
      const elements = elementsOf(name);
      if (isA(elements, "Float64Array")) return elements;
      return isA(elements, "BigInt64Array") || isA(elements, "BigUint64Array")
        ? Float64Array.from(elements, Number)
        : new Float64Array(elements);
    },
  };
}

/**
 * Opens a safetensors file of any size: reads and checks its header, and afterwards one tensor at a time. On an error
 * the source stays open; it is the caller's until this succeeds.
 *
 * @throws BertError ERR_CHECKPOINT naming the file, the tensor and the rule that it breaks
 */
export async function openSafetensors(source: RandomAccess): Promise<Weights> {
  const lengthField = new Uint8Array(Math.min(8, source.size));
  await source.read(lengthField, 0);
  const json = new Uint8Array(readHeaderLength(lengthField, source.size, source.name));
  await source.read(json, 8);
  const header = parseHeader(json, source.size, source.name);
  return {
    ...header,
    files: [source.name],
    readInto: async (name, target, decoder) => readElements(source, find(header, name, source.name), target, decoder),
    readPart: async (name, target, from, decoder) =>
      readPart(source, find(header, name, source.name), target, from, decoder),
    close: () => source.close(),
  };
}

/** Bytes in memory as a file, so that they can go where files go. */
export function randomAccess(bytes: Uint8Array | ArrayBufferLike, name: string): RandomAccess {
  const file = asBytes("randomAccess", bytes);
  return {
    name,
    size: file.length,
    async read(target, position) {
      const part = file.subarray(position, position + target.length);
      if (part.length < target.length)
        throw new BertError("ERR_FILE", `${name}: ends before byte ${position + target.length}`);
      target.set(part);
    },
    async close() {},
  };
}

/**
 * Reads elements that lie one after the other in a file, as float32.
 *
 * @param entry  where they are, and in which dtype; little-endian
 * @param target as many elements as `entry.shape` has
 * @param decoder as in `Weights.readInto`
 * @throws BertError as `Weights.readInto`
 */
export async function readElements(
  source: RandomAccess,
  entry: TensorEntry,
  target: Float32Array,
  decoder?: HalfDecoder,
): Promise<void> {
  const { name, dtype, shape, byteOffset, byteLength } = entry;
  expectDecoded(source.name, name, dtype);
  const length = sizeOf(shape);
  if (target.length !== length)
    throw new BertError(
      "ERR_SHAPE",
      `${source.name}: tensor ${quote(name)} is ${formatShape(shape)}: target must have ${length} elements, got ${target.length}`,
    );
  if (dtype === "F32") {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, byteLength);
    await source.read(bytes, byteOffset);
    if (!LITTLE_ENDIAN) swapBytes(bytes, 4);
    return;
  }
  const width = DTYPE_BITS[dtype] / 8;
  // What is not wider than a float32 needs no other memory: it is read into the end of the target, from where each
  // element goes to its own place, which is before those that are still to be decoded. Fresh memory is slow, 2 µs for
  // each 4 KiB that is touched.
  const inPlace = width <= 4;
  const room = inPlace
    ? new Uint8Array(target.buffer, target.byteOffset + target.byteLength - byteLength, byteLength)
    : new Uint8Array(Math.min(CHUNK_BYTES, byteLength));
  for (let start = 0; start < byteLength; start += CHUNK_BYTES) {
    const size = Math.min(CHUNK_BYTES, byteLength - start);
    const bytes = inPlace ? room.subarray(start, start + size) : room.subarray(0, size);
    await source.read(bytes, byteOffset + start);
    const [part, elements] = [target.subarray(start / width, (start + size) / width), viewElements(dtype, bytes)];
    const half = halfType(dtype);
    if (decoder && half && elements.buffer === target.buffer)
      (await decoder).decodeHalves(part, elements as Uint16Array, half);
    else toFloat32(part, dtype, elements);
  }
}

async function readPart(
  source: RandomAccess,
  entry: TensorEntry,
  target: Float32Array,
  from: number,
  decoder?: HalfDecoder,
): Promise<void> {
  const { name, dtype, shape, byteOffset } = entry;
  const left = sizeOf(shape) - from;
  if (target.length > left)
    throw new BertError(
      "ERR_SHAPE",
      `${source.name}: tensor ${quote(name)} is ${formatShape(shape)}: target must have at most ${left} elements from ${from} on, got ${target.length}`,
    );
  const bytes = DTYPE_BITS[dtype] / 8;
  const part = { byteOffset: byteOffset + from * bytes, byteLength: target.length * bytes, shape: [target.length] };
  await readElements(source, { ...entry, ...part }, target, decoder);
}

function find(header: SafetensorsHeader, name: string, where: string): TensorEntry {
  const entry = header.tensors.get(name);
  if (!entry) throw new BertError("ERR_CHECKPOINT", `${where}: no tensor is named ${quote(String(name))}`);
  return entry;
}

function asBytes(where: string, bytes: Uint8Array | ArrayBufferLike): Uint8Array {
  if (isA(bytes, "Uint8Array")) return bytes;
  if (isA(bytes, "ArrayBuffer") || isA(bytes, "SharedArrayBuffer")) return new Uint8Array(bytes);
  throw new BertError(
    "ERR_INPUT",
    `${where}: bytes must be a Uint8Array or an ArrayBuffer, got ${bytes === null ? "null" : typeof bytes}`,
  );
}
