import { fileError } from "../errors.ts";
import { fileIn } from "../hub/sentenceFiles.ts";
import { isIndex, WEIGHTS } from "../hub/wantedFiles.ts";
import type { RandomAccess, Weights } from "../safetensors/safetensorsReader.ts";
import { openShards, parseSafetensorsIndex } from "../safetensors/shards.ts";
import { openParts, textOf } from "./blobs.ts";
import { type ModelFolder, readerOf } from "./modelFolder.ts";
import { noWeights, ONNX } from "./noWeights.ts";

/** A model's folder whose files are `Blob`s, each in parts. Its errors are those of a folder on disk. */
export class BlobFolder implements ModelFolder {
  readonly path: string;
  private readonly files: ReadonlyMap<string, readonly Blob[]>;
  private readonly folder: string;

  /**
   * @param path   what messages call it
   * @param files  the parts of each file by its name, with `/` between folders
   * @param folder which of the folders in those names this is
   */
  constructor(path: string, files: ReadonlyMap<string, readonly Blob[]>, folder: string = "") {
    this.path = path;
    this.files = files;
    this.folder = folder;
  }

  async readText(name: string): Promise<string | null> {
    const parts = this.partsOf(name);
    return parts ? textOf(parts, this.nameOf(name)) : null;
  }

  async openWeights(): Promise<Weights> {
    const name = WEIGHTS.find((file) => this.partsOf(file));
    if (name === undefined) throw noWeights(this.path, this.namesIn(""), this.namesIn(ONNX));
    if (!isIndex(name)) return readerOf(name)(this.open(name));
    const index = parseSafetensorsIndex((await this.readText(name)) ?? "", this.nameOf(name));
    return openShards(index, async (shard) => this.open(shard), readerOf(name));
  }

  inside(name: string): BlobFolder {
    return name === "" ? this : new BlobFolder(this.nameOf(name), this.files, fileIn(this.folder, name));
  }

  /** What messages call one of its files. */
  nameOf(file: string): string {
    return `${this.path.replace(/\/$/, "")}/${file}`;
  }

  private partsOf(name: string): readonly Blob[] | undefined {
    return this.files.get(fileIn(this.folder, name));
  }

  /** @throws BertError ERR_FILE there is no such file */
  private open(name: string): RandomAccess {
    const parts = this.partsOf(name);
    if (parts) return openParts(parts, this.nameOf(name));
    throw fileError("openFile", this.nameOf(name), "no such file or folder");
  }

  /** The names of the files and folders in a folder of it, "" for itself. */
  private namesIn(folder: string): string[] {
    const path = fileIn(this.folder, folder);
    const start = path === "" ? "" : `${path}/`;
    const inside = [...this.files.keys()].filter((file) => file.startsWith(start));
    return [...new Set(inside.map((file) => file.slice(start.length).split("/")[0]))];
  }
}
