import { BertError, quote } from "../errors.ts";
import { formatShape } from "../tensor/tensor.ts";
import { byteLengthOf, type Dtype, isDtype } from "./dtype.ts";
import { JsonScanner } from "./jsonScanner.ts";
import { textStart } from "./textStart.ts";

/** The format's limit on the JSON header, in bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

/** One tensor of a file, as its header describes it. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  /** Sizes, slowest first; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Position of the first byte, counted from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What a safetensors file says about itself. */
export interface SafetensorsHeader {
  /** By name, in the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The `__metadata__` of the file; empty where it has none. */
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * The length of the JSON header, from a file's first 8 bytes (little-endian). Checked against the format's limit and
 * the file, so that whoever allocates it afterwards allocates no more than the file holds.
 *
 * @throws BertError ERR_CHECKPOINT
 */
export function readHeaderLength(firstBytes: Uint8Array, fileSize: number, where: string): number {
  if (fileSize < 8) fail(where, `a safetensors file has at least 8 bytes, this has ${fileSize}`);
  const text = textStart(firstBytes);
  if (text !== null) fail(where, `is no safetensors file but ${text}`);
  const length = new DataView(firstBytes.buffer, firstBytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES))
    fail(
      where,
      `the header may have ${MAX_HEADER_BYTES} bytes, its length field says ${length}: not safetensors, or damaged`,
    );
  if (length > BigInt(fileSize - 8))
    fail(where, `the header should have ${length} bytes, only ${fileSize - 8} follow: truncated, or not safetensors`);
  return Number(length);
}

/**
 * Reads and checks a header: README "Format" of huggingface/safetensors, with the verdicts of the official release
 * 0.8.0. Refused here though accepted there, and written by nobody: equal keys anywhere, an entry in array form, a
 * dtype in object form, a dimension of 2^53 or more beside one of 0.
 *
 * The tensors must tile the rest of the file: the first starts where the header ends, each next one where the one
 * before ends, the last ends with the file. So no byte is shared, hidden or missing.
 *
 * @param json     the header, without its length field
 * @param fileSize bytes of the whole file
 * @param where    the file's or function's name, for messages
 * @throws BertError ERR_CHECKPOINT, naming the tensor and the rule
 */
export function parseHeader(json: Uint8Array, fileSize: number, where: string): SafetensorsHeader {
  let text: string;
  try {
    // Without ignoreBOM a decoder drops a byte order mark, which the format forbids.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw new BertError("ERR_CHECKPOINT", `${where}: the header is not UTF-8`, { cause });
  }
  const scanner = new JsonScanner(text, where);
  const entries: TensorEntry[] = [];
  const metadata = new Map<string, string>();
  scanner.object("the header", (name) => {
    if (name !== "__metadata__") entries.push(readEntry(scanner, name));
    else if (!scanner.takeNull())
      scanner.object("__metadata__", (key) => metadata.set(key, scanner.string(`__metadata__ ${quote(key)}`)));
  });
  scanner.end();
  const dataStart = 8 + json.length;
  entries.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  checkTiling(entries, fileSize - dataStart, where);
  return {
    tensors: new Map(entries.map((e) => [e.name, { ...e, byteOffset: dataStart + e.byteOffset }])),
    metadata,
  };
}

/**
 * `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`; other fields are ignored. Offsets count from the
 * header's end.
 */
function readEntry(scanner: JsonScanner, name: string): TensorEntry {
  const tensor = `tensor ${quote(name)}`;
  let dtype: Dtype | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  scanner.object(tensor, (field) => {
    if (field === "dtype") {
      const given = scanner.string(`dtype of ${tensor}`);
      if (!isDtype(given)) scanner.fail(`${tensor}: dtype ${quote(given)} is not one of the format`);
      dtype = given;
    } else if (field === "shape") shape = readIntegers(scanner, `shape of ${tensor}`);
    else if (field === "data_offsets") offsets = readIntegers(scanner, `data_offsets of ${tensor}`);
    else scanner.skip(`${quote(field)} of ${tensor}`);
  });
  if (dtype === undefined || shape === undefined || offsets === undefined)
    scanner.fail(`${tensor}: dtype, shape and data_offsets are all required`);
  if (offsets.length !== 2) scanner.fail(`${tensor}: data_offsets must be [begin, end], got ${formatShape(offsets)}`);
  const [begin, end] = offsets;
  if (begin > end) scanner.fail(`${tensor}: data_offsets must not decrease, got ${formatShape(offsets)}`);
  const bytes = byteLengthOf(dtype, shape);
  if (typeof bytes === "string") scanner.fail(`${tensor}: ${dtype} ${formatShape(shape)} ${bytes}`);
  if (bytes !== end - begin)
    scanner.fail(`${tensor}: ${dtype} ${formatShape(shape)} takes ${bytes} bytes, data_offsets give ${end - begin}`);
  return { name, dtype, shape, byteOffset: begin, byteLength: bytes };
}

function readIntegers(scanner: JsonScanner, what: string): number[] {
  const numbers: number[] = [];
  scanner.array(what, () => numbers.push(scanner.unsigned(what)));
  return numbers;
}

function checkTiling(sorted: readonly TensorEntry[], dataLength: number, where: string): void {
  let end = 0;
  for (const { name, byteOffset, byteLength } of sorted) {
    if (byteOffset !== end) {
      const rule = byteOffset < end ? "overlaps the tensor before it" : "leaves a hole before it";
      fail(where, `tensor ${quote(name)} starts at byte ${byteOffset} of the data, must be ${end}: it ${rule}`);
    }
    end += byteLength;
  }
  if (end !== dataLength)
    fail(
      where,
      `the tensors take ${end} bytes, the file has ${dataLength} after its header: ${end > dataLength ? "truncated" : "something was appended"}`,
    );
}

function fail(where: string, message: string): never {
  throw new BertError("ERR_CHECKPOINT", `${where}: ${message}`);
}
