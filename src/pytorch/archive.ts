import { BertError, quote } from "../errors.ts";
import type { RandomAccess } from "../safetensors/safetensorsReader.ts";
import { crc32 } from "./crc32.ts";
import { readPickle } from "./pickle.ts";
import { type Checkpoint, MAX_PICKLE_BYTES, type Storage, type StoragePlace, tensorHost } from "./tensors.ts";
import { readZip, type ZipEntry } from "./zip.ts";

const CHUNK_BYTES = 1 << 20;

/**
 * The format since PyTorch 1.6: a zip file with NAME/data.pkl, NAME/data/KEY for each storage and, since 2.1,
 * NAME/byteorder.
 *
 * @throws BertError ERR_CHECKPOINT
 */
export async function readArchive(source: RandomAccess): Promise<Checkpoint> {
  const entries = await readZip(source);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1)
    throw new BertError(
      "ERR_CHECKPOINT",
      `${source.name}: must have one entry NAME/data.pkl, as torch.save writes, has ${pickles.length}`,
    );
  const root = pickles[0].slice(0, -"data.pkl".length);
  const order = entries.get(`${root}byteorder`);
  const byteorder = order ? new TextDecoder().decode(await contentOf(source, order, 16)) : "little";
  if (byteorder !== "little" && byteorder !== "big")
    throw new BertError("ERR_CHECKPOINT", `${source.name}: byteorder must be little or big, got ${quote(byteorder)}`);

  const host = tensorHost(source.name);
  const pickle = await contentOf(source, entries.get(pickles[0]) as ZipEntry, MAX_PICKLE_BYTES);
  const { value, end } = readPickle(pickle, 0, host, source.name);
  if (end !== pickle.length)
    throw new BertError("ERR_CHECKPOINT", `${source.name}: data.pkl must end at byte ${end}, has ${pickle.length}`);
  const storages = new Map<Storage, StoragePlace>();
  for (const storage of host.storages.values()) {
    const entry = entries.get(`${root}data/${storage.key}`);
    if (entry?.byteLength !== storage.byteLength)
      throw new BertError(
        "ERR_CHECKPOINT",
        `${source.name}: data/${storage.key} must have ${storage.byteLength} bytes, ${entry ? `has ${entry.byteLength}` : "is missing"}`,
      );
    storages.set(storage, entry);
  }
  return { value, storages, littleEndian: byteorder === "little" };
}

/** The whole content of a small entry, which must have its checksum. */
async function contentOf(source: RandomAccess, entry: ZipEntry, limit: number): Promise<Uint8Array> {
  if (entry.byteLength > limit)
    throw new BertError(
      "ERR_CHECKPOINT",
      `${source.name}: ${quote(entry.name)} may have ${limit} bytes, has ${entry.byteLength}`,
    );
  await expectIntact(source, entry);
  const bytes = new Uint8Array(entry.byteLength);
  await source.read(bytes, entry.byteOffset);
  return bytes;
}

/**
 * Reads a storage and compares its checksum.
 *
 * @throws BertError ERR_CHECKPOINT it is another
 */
export async function expectIntact(
  source: RandomAccess,
  { name, byteOffset, byteLength, crc }: StoragePlace,
): Promise<void> {
  if (crc === null) return;
  const chunk = new Uint8Array(Math.min(CHUNK_BYTES, byteLength));
  let sum = 0;
  for (let start = 0; start < byteLength; start += CHUNK_BYTES) {
    const bytes = chunk.subarray(0, Math.min(CHUNK_BYTES, byteLength - start));
    await source.read(bytes, byteOffset + start);
    sum = crc32(bytes, sum);
  }
  if (sum === crc) return;
  const [wanted, got] = [crc, sum].map((n) => n.toString(16).padStart(8, "0"));
  throw new BertError(
    "ERR_CHECKPOINT",
    `${source.name}: ${quote(name)}: checksum must be ${wanted}, is ${got}: the file is damaged`,
  );
}
