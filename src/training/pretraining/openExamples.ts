import { BertError } from "../../errors.ts";
import { loaded } from "../../loaded.ts";
import { DTYPE_BITS } from "../../safetensors/dtype.ts";
import type { TensorEntry } from "../../safetensors/index.ts";
import { viewElements } from "../../safetensors/numbers.ts";
import { openSafetensors, type RandomAccess, type Weights } from "../../safetensors/safetensorsReader.ts";
import { FORMAT } from "./makeExamples.ts";
import type { PretrainingExample } from "./packedExamples.ts";

/** The examples of one or several files, each to be had by its number. */
export interface PretrainingExamples {
  /** How many there are. */
  readonly length: number;
  /**
   * The metadata of the first file: all flags, in snake_case as in Google's script. What differs between files
   * (`shard`, totals) is left out.
   */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Example i, from 0; they are numbered through all files in the order of `paths`. Two reads of the file, whatever its
   * size.
   *
   * @throws BertError ERR_INPUT there is no such example; ERR_FILE the file cannot be read
   */
  example(i: number): Promise<PretrainingExample>;
  close(): Promise<void>;
}

/**
 * Opens files of examples as `makeExamples` makes them. Of each example 12 bytes are in memory, where it stands;
 * nothing else.
 *
 * @throws BertError ERR_FILE a file is missing or not readable; ERR_CHECKPOINT it holds no such examples, or files were
 *   made with different options
 */
export async function openExamples(paths: readonly string[]): Promise<PretrainingExamples> {
  if (paths.length === 0) throw new BertError("ERR_INPUT", "openExamples: paths must have at least one path, has none");
  const shards: Shard[] = [];
  const close = async () => {
    await Promise.all(shards.map((shard) => shard.file.close()));
  };
  try {
    for (const path of paths) shards.push(await openShard(path));
    const flags = shards.map(({ header }) => [...header.metadata].filter(([name]) => !OF_ONE_SHARD.has(name)));
    for (const [n, own] of flags.entries()) {
      const other = own.find(([name, value], i) => flags[0][i]?.[0] !== name || flags[0][i]?.[1] !== value);
      if (other) throw damaged(paths[n], `${other.join(" = ")} differs from ${paths[0]}`);
    }
    const length = shards.reduce((sum, { labels }) => sum + labels.length, 0);
    return {
      length,
      metadata: new Map(flags[0]),
      async example(i) {
        if (!Number.isInteger(i) || i < 0 || i >= length)
          throw new BertError("ERR_INPUT", `example: i must be a whole number from 0 to ${length - 1}, got ${i}`);
        let rest = i;
        for (const shard of shards) {
          if (rest < shard.labels.length) return readExample(shard, rest);
          rest -= shard.labels.length;
        }
        throw new Error("unreachable: i was checked");
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Metadata of one shard; all other metadata say how all shards were made. */
const OF_ONE_SHARD: ReadonlySet<string> = new Set(
  "shard examples tokens predictions random_next forced_next".split(" "),
);

interface Shard {
  readonly file: RandomAccess;
  readonly header: Weights;
  /** Where each example's tokens begin in `input_ids`; one more, where the last ends. */
  readonly starts: Uint32Array;
  readonly firstLengths: Uint16Array;
  /**
   * Where each example's masked tokens begin in `masked_lm_positions` and `masked_lm_ids`; one more, where the last
   * ends.
   */
  readonly maskedStarts: Uint32Array;
  readonly labels: Uint8Array;
}

async function openShard(path: string): Promise<Shard> {
  const { openFile } = await loaded(() => import("../../disk/files.ts")); // only here: a browser has no node: modules
  const file = await openFile(path);
  try {
    const header = await openSafetensors(file);
    if (header.metadata.get("format") !== FORMAT) throw damaged(path, `metadata format must be ${FORMAT}`);
    const [lengths, counts, labels] = await Promise.all(
      ["segment_lengths", "masked_lm_counts", "next_sentence_labels"].map((name) => {
        const entry = tensor(path, header, name);
        return readElements(
          file,
          entry,
          0,
          entry.shape.reduce((a, b) => a * b, 1),
        );
      }),
    );
    const N = labels.length;
    const starts = sums(Uint32Array.from({ length: N }, (_, i) => lengths[2 * i] + lengths[2 * i + 1]));
    const maskedStarts = sums(counts);
    const fits =
      lengths.length === 2 * N &&
      counts.length === N &&
      tensor(path, header, "input_ids").shape[0] === starts[N] &&
      tensor(path, header, "masked_lm_positions").shape[0] === maskedStarts[N] &&
      tensor(path, header, "masked_lm_ids").shape[0] === maskedStarts[N];
    if (!fits) throw damaged(path, "the lengths of its tensors must fit each other");
    const firstLengths = Uint16Array.from({ length: N }, (_, i) => lengths[2 * i]);
    return { file, header, starts, firstLengths, maskedStarts, labels: Uint8Array.from(labels) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readExample(shard: Shard, i: number): Promise<PretrainingExample> {
  const { file, header, starts, firstLengths, maskedStarts, labels } = shard;
  const read = (name: string, bounds: Uint32Array) =>
    readElements(file, tensor(file.name, header, name), bounds[i], bounds[i + 1]);
  const [inputIds, maskedLmPositions, maskedLmIds] = await Promise.all([
    read("input_ids", starts),
    read("masked_lm_positions", maskedStarts),
    read("masked_lm_ids", maskedStarts),
  ]);
  return {
    inputIds,
    tokenTypeIds: new Int32Array(inputIds.length).fill(1, firstLengths[i]),
    maskedLmPositions,
    maskedLmIds,
    nextSentenceLabel: labels[i] === 1 ? 1 : 0,
  };
}

/** Elements [from, to) of a tensor. */
async function readElements(file: RandomAccess, entry: TensorEntry, from: number, to: number): Promise<Int32Array> {
  const { dtype } = entry;
  if (dtype !== "U8" && dtype !== "U16" && dtype !== "I32")
    throw damaged(file.name, `tensor ${entry.name} must be U8, U16 or I32, is ${dtype}`);
  const width = DTYPE_BITS[dtype] / 8;
  const bytes = new Uint8Array((to - from) * width);
  await file.read(bytes, entry.byteOffset + from * width);
  return Int32Array.from(viewElements(dtype, bytes) as Uint16Array);
}

function tensor(path: string, header: Weights, name: string): TensorEntry {
  const entry = header.tensors.get(name);
  if (!entry) throw damaged(path, `must have the tensor ${name}, has none`);
  return entry;
}

/** 0, a, a + b, a + b + c, … */
function sums(values: ArrayLike<number>): Uint32Array {
  const result = new Uint32Array(values.length + 1);
  for (let i = 0; i < values.length; i++) result[i + 1] = result[i] + values[i];
  return result;
}

function damaged(path: string, message: string): BertError {
  return new BertError("ERR_CHECKPOINT", `openExamples: ${path}: ${message}`);
}
