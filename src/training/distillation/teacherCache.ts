import { makeFolder } from "../../disk/makeFolder.ts";
import { namesIn } from "../../disk/runFolder.ts";
import { BertError, quote } from "../../errors.ts";
import { openWeights, saveSafetensors } from "../../load/weightFiles.ts";
import { Xxh32 } from "../../load/xxh32.ts";
import { LITTLE_ENDIAN, swapBytes } from "../../safetensors/numbers.ts";

/** The folder of a run that has a teacher's vectors. */
export const TEACHER_FOLDER = "teacher";
/** What `format` says in the metadata of its files. */
const FORMAT = "plainbert teacher vectors 1";
/** Texts in a file: what a run that is killed computes again at most. */
export const PART = 256;

/** What the vectors depend on; a file of others is refused. */
export interface TeacherIdentity {
  /** The teacher's fingerprint, with its modules and prompts. */
  readonly teacher: string;
  /** A digest of the texts, as the teacher's tokenizer has them. */
  readonly texts: string;
  /** What computes, as others round otherwise. */
  readonly backend: string;
}

/** What a message calls what differs. */
const NAMES: Readonly<Record<keyof TeacherIdentity, string>> = {
  teacher: "another teacher",
  texts: "other texts",
  backend: "another backend",
};

/**
 * The vectors of a teacher on disk: files of 256 texts, each of which appears when it is whole. They say what they are
 * of, and have a checksum.
 */
export class TeacherCache {
  private readonly where: string;
  private readonly folder: string;
  private readonly identity: TeacherIdentity;
  private readonly size: number;

  /** @param where the function that errors name @param size E_t */
  constructor(where: string, output: string, identity: TeacherIdentity, size: number) {
    this.where = where;
    this.folder = `${output}/${TEACHER_FOLDER}`;
    this.identity = identity;
    this.size = size;
  }

  /** The number of the parts that are there. @throws BertError ERR_FILE the folder cannot be read */
  async parts(): Promise<ReadonlySet<number>> {
    const names = await namesIn(this.folder);
    return new Set(names.flatMap((name) => /^vectors-(\d+)\.safetensors$/.exec(name)?.[1] ?? []).map(Number));
  }

  /**
   * Reads a part into `target`, [texts, E_t].
   *
   * @throws BertError ERR_INPUT it is of another teacher, other texts or another backend; ERR_CHECKPOINT it is damaged
   */
  async read(part: number, target: Float32Array): Promise<void> {
    const path = this.pathOf(part);
    const weights = await openWeights(path);
    try {
      const { metadata, tensors } = weights;
      if (metadata.get("format") !== FORMAT) throw this.damaged(path, "is no file of a teacher's vectors");
      for (const [name, what] of Object.entries(NAMES) as [keyof TeacherIdentity, string][]) {
        if (metadata.get(name) === this.identity[name]) continue;
        const both = `${quote(metadata.get(name) ?? "")}, not ${quote(this.identity[name])}`;
        throw new BertError(
          "ERR_INPUT",
          `${this.where}: the vectors in ${quote(this.folder)} are of ${what}: ${both}; delete that folder to compute them anew`,
        );
      }
      const shape = tensors.get("vectors")?.shape.join();
      if (shape !== [target.length / this.size, this.size].join()) throw this.damaged(path, "has vectors of another shape"); // biome-ignore format: one line
      await weights.readInto("vectors", target);
      if (metadata.get("checksum") !== checksumOf(target)) throw this.damaged(path, "is damaged or was changed: its checksum is another"); // biome-ignore format: one line
    } finally {
      await weights.close();
    }
  }

  /** Writes a part, [texts, E_t]. @throws BertError ERR_FILE */
  async write(part: number, data: Float32Array): Promise<void> {
    await makeFolder("runFolder", this.folder);
    const metadata = { format: FORMAT, ...this.identity, checksum: checksumOf(data) };
    const shape = [data.length / this.size, this.size];
    await saveSafetensors(this.pathOf(part), [["vectors", { shape, data }]], Object.entries(metadata));
  }

  private pathOf(part: number): string {
    return `${this.folder}/vectors-${String(part).padStart(6, "0")}.safetensors`;
  }

  private damaged(path: string, what: string): BertError {
    return new BertError("ERR_CHECKPOINT", `${path}: ${what}; if it is deleted, its vectors are computed anew`);
  }
}

/** XXH32 of the bytes that the file has. */
function checksumOf(data: Float32Array): string {
  const bytes = new Uint8Array(data.slice().buffer);
  if (!LITTLE_ENDIAN) swapBytes(bytes, 4);
  return new Xxh32().update(bytes).digest();
}
