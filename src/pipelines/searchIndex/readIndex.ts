import { BertError, quote } from "../../errors.ts";
import { parseJson } from "../../json.ts";
import { Xxh32 } from "../../load/xxh32.ts";
import { loaded } from "../../loaded.ts";
import type { TensorEntry } from "../../safetensors/header.ts";
import { LITTLE_ENDIAN, swapBytes } from "../../safetensors/numbers.ts";
import { openSafetensors, type RandomAccess, type Weights } from "../../safetensors/safetensorsReader.ts";
import { TEXT_POOLINGS } from "../pooling.ts";
import { checksumOf, FORMAT, type IndexHeader, type Strings, TENSORS, type TensorName, VERSION } from "./indexFile.ts";
import { Rows } from "./indexRows.ts";
import { mostRows, SEGMENT_BYTES, type Segment, stringAt, type Utf8Column } from "./segment.ts";
import { type Extract, type IndexPooling, type VectorSource, vectorSource, vectorsOf } from "./vectorsOf.ts";

/** Files of plainbert 0.2 have these alone, and two fields of metadata. */
const OLD_TENSORS: readonly TensorName[] = ["embeddings", "texts", "text_ends"];
const OLD_FIELDS = ["format", "pooling"];
/** How near the vectors of an old file must be to the model's: the same weights in int8 give 0.999 or more. */
const SAME_VECTOR = 0.98;
/** How many texts of an old file are computed again. */
const PROBES = 4;

/** What a file has. */
export interface ReadIndex {
  readonly rows: Rows;
  readonly source: VectorSource;
}

/**
 * Reads an index and checks everything in it: a file that is damaged gives an error or the right index.
 *
 * @throws BertError as `loadIndex`
 */
export async function readIndex(path: string, extract: Extract): Promise<ReadIndex> {
  const { openFile } = await loaded(() => import("../../disk/files.ts")); // only here: a browser has another
  return readIndexFrom(await openFile(path), extract);
}

/** `readIndex` of a file that is open; it is closed. */
export async function readIndexFrom(file: RandomAccess, extract: Extract): Promise<ReadIndex> {
  try {
    const reader = new IndexReader(file, await openSafetensors(file));
    const { header } = reader;
    const source = vectorSource(extract, header.pooling);
    if (header.model !== null && header.model !== source.fingerprint) {
      const own = header.pooling === "modules" ? ", its modules.json and prompts" : "";
      const both = `${called(header.name, header.model)}; this one is ${called(source.name, source.fingerprint)}`;
      throw reader.fault(
        `must be searched with the model that it was made with${own}: ${both}; make it anew, or load that model`,
      );
    }
    const rows = await reader.read(source.size);
    if (header.model === null) await expectSameVectors(reader, rows, source);
    return { rows, source };
  } finally {
    await file.close();
  }
}

/** `"org/name" of fingerprint "0123456789abcdef"` */
function called(name: string | null, fingerprint: string): string {
  return `${name === null ? "a model" : quote(name)} of fingerprint ${quote(fingerprint)}`;
}

/** @throws BertError ERR_CHECKPOINT the model gives texts of the index other vectors */
async function expectSameVectors(reader: IndexReader, rows: Rows, source: VectorSource) {
  const [segment] = rows.segments;
  if (!segment) return;
  const count = Math.min(PROBES, segment.count);
  for (let probe = 0; probe < count; probe++) {
    const r = Math.floor((probe * segment.count) / count);
    const text = stringAt(segment.texts, r);
    const { data: vector } = await vectorsOf(source, [text], "document", { truncation: true });
    const cosine = vector.reduce((sum, x, h) => sum + x * segment.vectors[r * rows.H + h], 0);
    if (cosine >= SAME_VECTOR) continue;
    throw reader.fault(
      `must have been made with this model, which gives text ${r} a vector whose cosine with that in the file is ${cosine.toFixed(3)}; make it anew: await buildIndex(extract, texts)`,
    );
  }
}

/** A file that is being read. */
class IndexReader {
  readonly header: Omit<IndexHeader, "model" | "next"> & {
    readonly model: string | null;
    readonly next: number | null;
  };
  private readonly source: RandomAccess;
  private readonly file: Weights;
  private lastNumber = -1;
  private readonly hashes = new Map<TensorName, Xxh32>();

  constructor(source: RandomAccess, file: Weights) {
    this.source = source;
    this.file = file;
    this.header = this.readHeader();
  }

  /** An error about the file. */
  fault(what: string, cause?: unknown): BertError {
    return new BertError(
      "ERR_CHECKPOINT",
      `loadIndex: ${this.source.name} ${what}`,
      cause === undefined ? {} : { cause },
    );
  }

  private readHeader(): IndexReader["header"] {
    const { metadata, tensors } = this.file;
    const field = (name: string) => metadata.get(name);
    const version = field("version");
    const isOld = version === undefined;
    const names = isOld ? OLD_TENSORS : (Object.keys(TENSORS) as TensorName[]);
    const good =
      field("format") === FORMAT &&
      names.every((name) => tensors.has(name)) &&
      (!isOld || (tensors.size === OLD_TENSORS.length && metadata.size === OLD_FIELDS.length));
    if (!good) throw this.fault("must be a search index that index.save has written");
    if (!isOld && version !== VERSION) {
      throw this.fault(`must be of version ${VERSION}, is of ${quote(version)}: of a newer plainbert`);
    }
    for (const name of names) {
      const { dtype } = this.entry(name);
      if (dtype !== TENSORS[name]) throw this.fault(`must have ${name} as ${TENSORS[name]}, has ${dtype}`);
    }
    const pooling = field("pooling") as IndexPooling;
    if (pooling !== "modules" && !TEXT_POOLINGS.includes(pooling)) {
      throw this.fault(`must name its pooling, one of ${TEXT_POOLINGS.join(", ")}`);
    }
    if (isOld) return { pooling, model: null, name: null, next: null };
    const name = field("model_name") ?? null;
    const [model, next, checksum] = ["model", "next", "checksum"].map((name) => field(name) ?? "");
    if (!/^[0-9a-f]{16}$/.test(model)) throw this.fault("must name its model by a fingerprint of 16 digits");
    if (!/^\d{1,15}$/.test(next)) throw this.fault("must say how many texts have been added");
    if (!/^[0-9a-f]{8}$/.test(checksum)) throw this.fault("must have a checksum of 8 digits");
    return { pooling, model, name, next: Number(next) };
  }

  /** The texts with what belongs to them. */
  async read(H: number): Promise<Rows> {
    const { header } = this;
    const N = this.expectShapes(H);
    const segments: Segment[] = [];
    const starts = { texts: 0, ids: 0, metadata: 0 };
    for (let row = 0; row < N; ) {
      const segment = await this.segment(row, Math.min(N, row + mostRows(H)), H, starts);
      segments.push(segment);
      row += segment.count;
    }
    for (const name of ["texts", "ids", "metadata"] as const) {
      if (this.file.tensors.has(name) && starts[name] !== this.entry(name).byteLength) {
        throw this.fault(`must have ${name} that end where ${name} does`);
      }
    }
    const next = header.next ?? N;
    if (N > 0 && (segments.at(-1)?.numbers.at(-1) as number) >= next) {
      throw this.fault("must have indices below the number of texts that were added");
    }
    this.expectChecksum();
    const rows = new Rows(H);
    rows.restore(segments, next, (id) => this.fault(`must have each id once, has ${quote(id)} twice`));
    return rows;
  }

  /** @returns N */
  private expectShapes(H: number): number {
    const { shape } = this.entry("embeddings");
    const [N, size] = shape;
    if (shape.length !== 2 || size !== H) {
      throw this.fault(`must have vectors of the model's size, ${H}, has [${shape}]`);
    }
    for (const name of ["indices", "text_ends", "id_ends", "metadata_ends"] as const) {
      const entry = this.file.tensors.get(name);
      if (entry && (entry.shape.length !== 1 || entry.shape[0] !== N)) {
        throw this.fault(`must have as many texts as vectors, ${N}, has ${name} of [${entry.shape}]`);
      }
    }
    return N;
  }

  private expectChecksum(): void {
    const { pooling, model, name, next } = this.header;
    if (model === null || next === null) return;
    const digests = (Object.keys(TENSORS) as TensorName[]).map((name) => this.hashOf(name).digest());
    if (checksumOf({ pooling, model, name, next }, digests) === this.file.metadata.get("checksum")) return;
    throw this.fault("is damaged: its bytes do not give its checksum");
  }

  /** Rows first … end − 1, or fewer where their texts are long. */
  private async segment(first: number, end: number, H: number, starts: Record<Strings, number>): Promise<Segment> {
    const textEnds = await this.integers("text_ends", first, end);
    const cut = textEnds.findIndex((at, r) => r > 0 && at - starts.texts > SEGMENT_BYTES);
    const count = cut < 0 ? textEnds.length : cut;
    const last = first + count;
    this.hashIntegers("text_ends", textEnds.subarray(0, count));
    const texts = await this.column("texts", textEnds.slice(0, count), starts, first);
    const others = async (name: "ids" | "metadata", ends: "id_ends" | "metadata_ends"): Promise<Utf8Column> => {
      if (!this.file.tensors.has(name)) return { bytes: new Uint8Array(0), ends: new Float64Array(count) };
      const at = await this.integers(ends, first, last);
      this.hashIntegers(ends, at);
      return this.column(name, at, starts, first);
    };
    const ids = await others("ids", "id_ends");
    const metadata = await others("metadata", "metadata_ends");
    for (let r = 0; r < count; r++) this.expectJson(metadata, r, first);
    return {
      vectors: await this.vectors(first, last, H),
      numbers: await this.numbers(first, last),
      ids: ids.bytes.length === 0 ? null : Array.from({ length: count }, (_, r) => stringAt(ids, r) || null),
      texts,
      metadata,
      removed: null,
      count,
    };
  }

  private async numbers(first: number, end: number): Promise<Float64Array> {
    if (!this.file.tensors.has("indices")) return Float64Array.from({ length: end - first }, (_, r) => first + r);
    const numbers = await this.integers("indices", first, end);
    this.hashIntegers("indices", numbers);
    for (const [r, number] of numbers.entries()) {
      if (number <= (r === 0 ? this.lastNumber : numbers[r - 1])) throw this.fault("must have indices that increase");
    }
    this.lastNumber = numbers.at(-1) ?? this.lastNumber;
    return numbers;
  }

  private async vectors(first: number, end: number, H: number): Promise<Float32Array> {
    const vectors = new Float32Array((end - first) * H);
    const bytes = new Uint8Array(vectors.buffer);
    await this.source.read(bytes, this.entry("embeddings").byteOffset + first * H * 4);
    this.hashOf("embeddings").update(bytes);
    if (!LITTLE_ENDIAN) swapBytes(bytes, 4);
    for (let r = 0, at = 0; r < end - first; r++) {
      let squares = 0;
      for (const last = at + H; at < last; at++) squares += vectors[at] * vectors[at];
      if (Math.abs(squares - 1) <= 1e-3 || squares === 0) continue; // within roundings; NaN is not
      throw this.fault(`must have vectors of length 1, that of text ${first + r} has ${Math.sqrt(squares)}`);
    }
    return vectors;
  }

  /** The strings of some rows, which end where `ends` says. */
  private async column(
    name: Strings,
    ends: Float64Array,
    starts: Record<Strings, number>,
    first: number,
  ): Promise<Utf8Column> {
    const { byteOffset, byteLength } = this.entry(name);
    const start = starts[name];
    for (let r = 0; r < ends.length; r++) {
      if (ends[r] < (r === 0 ? start : ends[r - 1])) {
        throw this.fault(`must have ${name} in order, that of text ${first + r} ends before it begins`);
      }
    }
    const end = ends.at(-1) ?? start;
    if (end > byteLength) throw this.fault(`must have ${name} that end where ${name} does`);
    const bytes = new Uint8Array(end - start);
    await this.source.read(bytes, byteOffset + start);
    this.hashOf(name).update(bytes);
    starts[name] = end;
    const column = { bytes, ends: ends.map((at) => at - start) };
    this.expectUtf8(name, column, first);
    return column;
  }

  /** All at once; a string may not begin within a character. */
  private expectUtf8(name: string, column: Utf8Column, first: number): void {
    const { bytes, ends } = column;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (cause) {
      throw this.fault(`must have ${name} in UTF-8, those from text ${first} on are not`, cause);
    }
    const cut = ends.findIndex((end) => (bytes[end] & 0xc0) === 0x80);
    if (cut >= 0) throw this.fault(`must have ${name} in UTF-8, that of text ${first + cut} ends within a character`);
  }

  private expectJson(metadata: Utf8Column, r: number, first: number): void {
    const json = stringAt(metadata, r);
    if (json !== "") parseJson(json, `loadIndex: ${this.source.name}: metadata of text ${first + r}`, "ERR_CHECKPOINT");
  }

  /** Elements first … end − 1 of a tensor of integers, as numbers. */
  private async integers(name: TensorName, first: number, end: number): Promise<Float64Array> {
    const bytes = new Uint8Array(8 * (end - first));
    await this.source.read(bytes, this.entry(name).byteOffset + 8 * first);
    const view = new DataView(bytes.buffer);
    const integers = new Float64Array(end - first);
    for (let i = 0; i < integers.length; i++) {
      integers[i] = view.getUint32(8 * i + 4, true) * 2 ** 32 + view.getUint32(8 * i, true);
      if (integers[i] <= Number.MAX_SAFE_INTEGER) continue; // a negative one is larger here
      throw this.fault(`must have ${name} from 0 to ${Number.MAX_SAFE_INTEGER}, that of text ${first + i} is not`);
    }
    return integers;
  }

  private hashIntegers(name: TensorName, integers: Float64Array): void {
    const view = new DataView(new ArrayBuffer(8 * integers.length));
    for (const [i, value] of integers.entries()) {
      view.setUint32(8 * i, value, true);
      view.setUint32(8 * i + 4, Math.floor(value / 2 ** 32), true);
    }
    this.hashOf(name).update(new Uint8Array(view.buffer));
  }

  private hashOf(name: TensorName): Xxh32 {
    const hash = this.hashes.get(name) ?? new Xxh32();
    this.hashes.set(name, hash);
    return hash;
  }

  private entry(name: TensorName): TensorEntry {
    return this.file.tensors.get(name) as TensorEntry;
  }
}
