import { crc32 } from "node:zlib";

/** Bytes of texts (one for each character, as Latin-1) and numbers. */
export function bytes(...parts: (string | number | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(
    Buffer.concat(
      parts.map((part) =>
        typeof part === "string" ? Buffer.from(part, "latin1") : typeof part === "number" ? Buffer.from([part]) : part,
      ),
    ),
  );
}

function little(width: 2 | 4 | 8, value: number | bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  return new Uint8Array(view.buffer, 0, width);
}
export const u16 = (value: number): Uint8Array => little(2, value);
export const u32 = (value: number): Uint8Array => little(4, value);
export const u64 = (value: number | bigint): Uint8Array => little(8, value);

/** One entry of a zip file, and how it departs from what torch.save writes. */
export interface Entry {
  readonly name: string;
  readonly content: Uint8Array;
  readonly flags?: number;
  readonly method?: number;
  readonly crc?: number;
  /** In the directory alone. */
  readonly size?: number;
  readonly offset?: number;
  readonly centralName?: string;
  readonly extra?: Uint8Array;
}

/** A zip file, and how its end departs from the rule. */
export function zip(
  entries: readonly Entry[],
  end: { before?: Uint8Array; count?: number; disks?: number; comment?: string; directoryOffset?: number } = {},
): Uint8Array<ArrayBuffer> {
  const before = end.before ?? new Uint8Array(0);
  const parts: Uint8Array[] = [before];
  const directory: Uint8Array[] = [];
  let at = before.length;
  for (const { name, content, flags = 0, method = 0, crc = crc32(content), extra = bytes(), ...central } of entries) {
    const local = bytes(
      "PK\x03\x04",
      u16(0),
      u16(flags),
      u16(method),
      u32(0),
      u32(crc),
      u32(content.length),
      u32(content.length),
    );
    const header = bytes(local, u16(name.length), u16(0), name);
    const size = central.size ?? content.length;
    const centralName = central.centralName ?? name;
    directory.push(
      bytes("PK\x01\x02", u16(0), u16(0), u16(flags), u16(method), u32(0), u32(crc), u32(size), u32(size)),
      bytes(u16(centralName.length), u16(extra.length), u16(0), u16(0), u16(0), u32(0), u32(central.offset ?? at)),
      bytes(centralName, extra),
    );
    parts.push(header, content);
    at += header.length + content.length;
  }
  const central = bytes(...directory);
  const count = end.count ?? entries.length;
  const comment = end.comment ?? "";
  parts.push(
    central,
    bytes("PK\x05\x06", u32(end.disks ?? 0), u16(count), u16(count), u32(central.length)),
    bytes(u32(end.directoryOffset ?? at), u16(comment.length), comment),
  );
  return bytes(...parts);
}

/** A pickled text. */
export const text = (value: string): Uint8Array => bytes("X", u32(Buffer.byteLength(value)), Buffer.from(value));
/** A pickled integer that fits into 32 bits, or one of 8 bytes. */
export const int = (value: number | bigint): Uint8Array =>
  typeof value === "number" && Math.abs(value) < 2 ** 31 ? bytes("J", u32(value >>> 0)) : bytes(0x8a, 8, u64(value));
/** A pickled tuple. */
export const tuple = (...values: readonly Uint8Array[]): Uint8Array => bytes("(", ...values, "t");
/** A pickled name. */
export const global = (module: string, name: string): Uint8Array => bytes("c", module, "\n", name, "\n");

/** What a tensor of `tensorPickle` is. */
export interface TensorParts {
  readonly type?: Uint8Array;
  readonly key?: string;
  readonly length?: number | bigint;
  readonly offset?: number | bigint;
  readonly shape?: readonly (number | bigint)[];
  readonly stride?: readonly (number | bigint)[];
}

/** A pickled tensor: by default 6 float32 as [2, 3] on storage "0". */
export function tensor({
  type = global("torch", "FloatStorage"),
  key = "0",
  length = 6,
  offset = 0,
  shape = [2, 3],
  stride = [3, 1],
}: TensorParts = {}): Uint8Array {
  const storage = bytes(tuple(text("storage"), type, text(key), text("cpu"), int(length)), "Q");
  const hooks = bytes(global("collections", "OrderedDict"), ")R");
  const sizes = [tuple(...shape.map(int)), tuple(...stride.map(int))];
  return bytes(
    global("torch._utils", "_rebuild_tensor_v2"),
    tuple(storage, int(offset), ...sizes, bytes(0x89), hooks),
    "R",
  );
}

/** A pickled dict of tensors. */
export function stateDict(items: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const pairs = Object.entries(items).map(([name, value]) => bytes(text(name), value));
  return bytes(0x80, 2, "}(", ...pairs, "u.");
}

/** A whole checkpoint: a pickle, and six float32 as storage "0". */
export function checkpoint(pickle: Uint8Array, more: readonly Entry[] = []): Uint8Array<ArrayBuffer> {
  const numbers = new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer);
  return zip([{ name: "a/data.pkl", content: pickle }, { name: "a/data/0", content: numbers }, ...more]);
}
