import { BertError, quote } from "../errors.ts";
import { isA } from "../realm.ts";
import type { RandomAccess } from "../safetensors/safetensorsReader.ts";
import { PickleList, readPickle } from "./pickle.ts";
import { type Checkpoint, MAX_PICKLE_BYTES, type Storage, type StoragePlace, tensorHost } from "./tensors.ts";

/** The first two pickles of a file (torch/serialization.py, MAGIC_NUMBER and PROTOCOL_VERSION). */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/**
 * The format before PyTorch 1.6 (`_use_new_zipfile_serialization=False` since): pickles of a magic number, a version,
 * the machine's sizes, the object and the keys of its storages, then for each key its length as int64 and its numbers.
 *
 * @throws BertError ERR_CHECKPOINT
 */
export async function readLegacy(source: RandomAccess): Promise<Checkpoint> {
  const fail = (message: string): never => {
    throw new BertError("ERR_CHECKPOINT", `${source.name}: ${message}`);
  };
  const bytes = new Uint8Array(Math.min(source.size, MAX_PICKLE_BYTES));
  await source.read(bytes, 0);
  const host = tensorHost(source.name);
  let at = 0;
  const next = (): unknown => {
    const { value, end } = readPickle(bytes, at, host, source.name);
    at = end;
    return value;
  };
  if (next() !== MAGIC) fail("is a pickle, but not one of torch.save");
  const version = next();
  if (version !== PROTOCOL) fail(`the version of the format must be ${PROTOCOL}, is ${String(version)}`);
  const machine = next();
  if (!isA(machine, "Map") || machine.get("little_endian") !== true)
    fail(
      "a file in the format before PyTorch 1.6 must be from a little-endian machine; save it again with a later PyTorch",
    );
  const value = next();
  const keys = next();
  if (!(keys instanceof PickleList)) return fail("the keys of the storages must be a list");

  const storages = new Map<Storage, StoragePlace>();
  for (const key of keys.items) {
    const storage = host.storages.get(String(key)) ?? fail(`storage ${quote(String(key))} is not used by any tensor`);
    if (storages.has(storage)) fail(`storage ${quote(storage.key)} is there twice`);
    if (at + 8 + storage.byteLength > source.size) fail(`truncated: storage ${quote(storage.key)} ends after the file`);
    const length = new Uint8Array(8);
    await source.read(length, at);
    if (new DataView(length.buffer).getBigInt64(0, true) !== BigInt(storage.length))
      fail(`storage ${quote(storage.key)} has another length than its tensors say, ${storage.length}`);
    storages.set(storage, { name: storage.key, byteOffset: at + 8, byteLength: storage.byteLength, crc: null });
    at += 8 + storage.byteLength;
  }
  if (storages.size !== host.storages.size) fail("a tensor's storage is missing");
  if (at !== source.size) fail(`must end at byte ${at}, has ${source.size}`);
  return { value, storages, littleEndian: true };
}
