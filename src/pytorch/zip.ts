import { BertError, quote } from "../errors.ts";
import type { RandomAccess } from "../safetensors/safetensorsReader.ts";

/** One file in a zip file, stored as it is. */
export interface ZipEntry {
  readonly name: string;
  /** Position of its first byte, counted from the start of the zip file. */
  readonly byteOffset: number;
  readonly byteLength: number;
  /** CRC-32 of its bytes; null where the writer left it out, as torch.save does after `set_crc32_options(False)`. */
  readonly crc: number | null;
}

/** Far more than a checkpoint has: BERT-large's directory takes 30 kB. */
const MAX_DIRECTORY_BYTES = 1 << 24;

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const END_64_BYTES = 56;
const LOCATOR_64_BYTES = 20;
const MAX_COMMENT = 0xffff;

const ENCRYPTED = 1;
const STORED = 0;
const EXTRA_ZIP64 = 1;

/**
 * The directory of a zip file (APPNOTE.TXT 6.3.10), with the sizes beyond 4 GB of its section 4.5.3. Reads no entry's
 * content. Stricter than the format allows: only stored entries, each name once and inside the archive, no two entries
 * sharing a byte, none reaching into the directory, nothing before the first and nothing after the end record.
 *
 * @returns by name
 * @throws BertError ERR_CHECKPOINT naming the file, the entry and the rule
 */
export async function readZip(file: RandomAccess): Promise<Map<string, ZipEntry>> {
  const end = await readEnd(file);
  const directory = await bytesAt(file, end.offset, end.size);
  const entries: (ZipEntry & { readonly headerOffset: number })[] = [];
  let at = 0;
  for (let n = 0; n < end.count; n++) {
    const entry = readCentralHeader(file, directory, at);
    entries.push(await withDataOffset(file, entry, end.offset));
    at = entry.next;
  }
  if (at !== directory.byteLength)
    fail(file, `the directory has ${directory.byteLength} bytes, its entries take ${at}`);
  entries.sort((a, b) => a.headerOffset - b.headerOffset);
  let used = 0;
  for (const { name, headerOffset, byteOffset, byteLength } of entries) {
    if (headerOffset < used || (used === 0 && headerOffset !== 0))
      fail(file, `entry ${quote(name)} starts at byte ${headerOffset}, must not start before byte ${used}`);
    used = byteOffset + byteLength;
  }
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  if (byName.size < entries.length) fail(file, "two entries have the same name");
  return byName;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** Finds the directory from the file's end. Where a field is all ones, the record of large files has its value. */
async function readEnd(file: RandomAccess): Promise<Directory> {
  const tail = await bytesAt(
    file,
    Math.max(0, file.size - END_BYTES - MAX_COMMENT),
    Math.min(file.size, END_BYTES + MAX_COMMENT),
  );
  let at = tail.byteLength - END_BYTES;
  // The comment is the last field; its length says whether this is the record or looks like it.
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === END && tail.getUint16(at + 20, true) === tail.byteLength - at - END_BYTES)
  )
    at--;
  if (at < 0) fail(file, "the end of a zip file is missing: truncated, or not written by torch.save");
  const endOffset = file.size - tail.byteLength + at;
  const disks = tail.getUint32(at + 4, true);
  if (disks !== 0) fail(file, "a zip file in several parts is not supported");
  let directory: Directory = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    offset: tail.getUint32(at + 16, true),
  };
  let next = endOffset;
  if (at >= LOCATOR_64_BYTES && tail.getUint32(at - LOCATOR_64_BYTES, true) === LOCATOR_64) {
    next = safe(file, tail.getBigUint64(at - LOCATOR_64_BYTES + 8, true));
    const large = await bytesAt(file, next, END_64_BYTES);
    if (large.getUint32(0, true) !== END_64) fail(file, `no record of a large zip file is at byte ${next}`);
    directory = {
      count: safe(file, large.getBigUint64(32, true)),
      size: safe(file, large.getBigUint64(40, true)),
      offset: safe(file, large.getBigUint64(48, true)),
    };
  }
  const { offset, size, count } = directory;
  if (offset + size !== next) fail(file, `the directory must end at byte ${next}, ends at ${offset + size}`);
  if (size > MAX_DIRECTORY_BYTES) fail(file, `the directory may have ${MAX_DIRECTORY_BYTES} bytes, has ${size}`);
  if (count * CENTRAL_BYTES > size) fail(file, `a directory of ${size} bytes cannot have ${count} entries`);
  return directory;
}

interface CentralEntry {
  readonly name: string;
  readonly byteLength: number;
  readonly crc: number | null;
  readonly headerOffset: number;
  /** Where the next entry of the directory starts. */
  readonly next: number;
}

function readCentralHeader(file: RandomAccess, directory: DataView, at: number): CentralEntry {
  if (at + CENTRAL_BYTES > directory.byteLength || directory.getUint32(at, true) !== CENTRAL_HEADER)
    fail(file, `no entry of the directory is at its byte ${at}`);
  const nameLength = directory.getUint16(at + 28, true);
  const extraLength = directory.getUint16(at + 30, true);
  const extraAt = at + CENTRAL_BYTES + nameLength;
  const next = extraAt + extraLength + directory.getUint16(at + 32, true);
  if (next > directory.byteLength) fail(file, "the directory ends within an entry");
  const name = readName(file, new Uint8Array(directory.buffer, directory.byteOffset + at + CENTRAL_BYTES, nameLength));
  if (directory.getUint16(at + 8, true) & ENCRYPTED) fail(file, `entry ${quote(name)} is encrypted`);
  if (directory.getUint16(at + 10, true) !== STORED)
    fail(file, `entry ${quote(name)} is compressed, torch.save stores entries as they are: save it again with PyTorch`);

  const large = new LargeFields(file, directory, extraAt, extraLength);
  const byteLength = large.or(directory.getUint32(at + 24, true));
  const stored = large.or(directory.getUint32(at + 20, true));
  const headerOffset = large.or(directory.getUint32(at + 42, true));
  if (stored !== byteLength) fail(file, `entry ${quote(name)} has ${byteLength} bytes, ${stored} are stored`);
  return { name, byteLength, crc: directory.getUint32(at + 16, true) || null, headerOffset, next };
}

/**
 * The 64-bit fields of an entry, one for each 32-bit one that is all ones, in the order in which they are asked for.
 */
class LargeFields {
  private readonly file: RandomAccess;
  private readonly view: DataView;
  private at = 0;
  private end = 0;

  constructor(file: RandomAccess, view: DataView, extraAt: number, extraLength: number) {
    this.file = file;
    this.view = view;
    for (let at = extraAt; at + 4 <= extraAt + extraLength; ) {
      const length = view.getUint16(at + 2, true);
      if (at + 4 + length > extraAt + extraLength) fail(file, "an entry of the directory ends within a field");
      if (view.getUint16(at, true) === EXTRA_ZIP64) {
        this.at = at + 4;
        this.end = at + 4 + length;
        return;
      }
      at += 4 + length;
    }
  }

  or(value: number): number {
    if (value !== 0xffffffff) return value;
    if (this.at + 8 > this.end) fail(this.file, "an entry lacks its 64-bit size or position");
    this.at += 8;
    return safe(this.file, this.view.getBigUint64(this.at - 8, true));
  }
}

/** The local header repeats the name; its extra field, of another length than the directory's, moves the data. */
async function withDataOffset(
  file: RandomAccess,
  { name, byteLength, crc, headerOffset }: CentralEntry,
  limit: number,
): Promise<ZipEntry & { readonly headerOffset: number }> {
  const what = `entry ${quote(name)}`;
  if (headerOffset + LOCAL_BYTES > limit)
    fail(file, `${what} must start before the directory, starts at byte ${headerOffset}`);
  const header = await bytesAt(file, headerOffset, LOCAL_BYTES);
  if (header.getUint32(0, true) !== LOCAL_HEADER) fail(file, `${what}: no entry starts at byte ${headerOffset}`);
  const nameLength = header.getUint16(26, true);
  const byteOffset = headerOffset + LOCAL_BYTES + nameLength + header.getUint16(28, true);
  if (byteOffset + byteLength > limit)
    fail(file, `${what} must end before the directory at byte ${limit}, ends at ${byteOffset + byteLength}`);
  const { buffer } = await bytesAt(file, headerOffset + LOCAL_BYTES, nameLength);
  if (readName(file, new Uint8Array(buffer)) !== name) fail(file, `${what} has another name where its data are`);
  return { name, byteOffset, byteLength, crc, headerOffset };
}

function readName(file: RandomAccess, bytes: Uint8Array): string {
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new BertError("ERR_CHECKPOINT", `${file.name}: an entry's name is not UTF-8`, { cause });
  }
  // Nothing is unpacked, so such a name could do no harm here; torch.save writes none, and others read the file too.
  const inside = !/[\\:\0]/.test(name) && name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!inside) fail(file, `an entry must be a file inside the archive, is named ${quote(name)}`);
  return name;
}

async function bytesAt(file: RandomAccess, position: number, length: number): Promise<DataView<ArrayBuffer>> {
  if (position + length > file.size)
    fail(file, `truncated: bytes up to ${position + length} are needed, the file has ${file.size}`);
  const bytes = new Uint8Array(length);
  await file.read(bytes, position);
  return new DataView(bytes.buffer);
}

function safe(file: RandomAccess, value: bigint): number {
  if (value > BigInt(file.size)) fail(file, `a size or position is ${value}, the file has ${file.size} bytes`);
  return Number(value);
}

function fail(file: RandomAccess, message: string): never {
  throw new BertError("ERR_CHECKPOINT", `${file.name}: ${message}`);
}
