import { BertError } from "../errors.ts";
import { HubError } from "../hub/hubError.ts";
import { isIndex, type WantedFiles, WEIGHTS } from "../hub/wantedFiles.ts";
import { type ModelFolder, readerOf } from "../load/modelFolder.ts";
import type { Weights } from "../safetensors/safetensorsReader.ts";
import { openShards, parseSafetensorsIndex } from "../safetensors/shards.ts";
import { openParts, textOf } from "./blobs.ts";
import { type Fetching, fetchFile } from "./fetchFile.ts";
import { type FileNote, isInline, type Place } from "./places.ts";

/** Which files a model had when it was last opened; `null`: it had no such file. */
interface ModelNote {
  readonly commit: string | null;
  readonly files: Readonly<Record<string, FileNote | null>>;
}

type Describe = (file: string) => Promise<FileNote | null>;

/** A model's files, fetched or kept by the browser. */
export class FetchedModel implements ModelFolder {
  readonly path: string;
  private readonly place: Place;
  private readonly fetching: Fetching;
  /** The parts of each file that is here. */
  private readonly files = new Map<string, readonly Blob[]>();
  /** What the server said of each file; null: it has no such file. */
  private readonly described = new Map<string, FileNote | null>();

  constructor(place: Place, fetching: Fetching) {
    this.path = place.name;
    this.place = place;
    this.fetching = fetching;
  }

  /**
   * Fetches the files that are wanted, all of one commit, but not those that the browser keeps, unless they have
   * changed. If the server does not answer, the model is opened from what the browser keeps, if that is all that is
   * wanted.
   *
   * @param offline whether no request may be sent
   * @throws HubError not all is kept, and it cannot be had; the signal's reason
   */
  async fetch(wanted: WantedFiles, offline: boolean): Promise<void> {
    const { place, fetching } = this;
    const note = await fetching.store.note<ModelNote>(place.key);
    const lacking = await this.lacking(wanted, note);
    const useKept = async () => {
      place.commit = note?.commit ?? null;
      await this.visit(wanted, describedIn(note), (file, found) => this.take(file, found));
    };
    if (offline && lacking.length > 0) {
      const where = "is not kept by this browser, and local_files_only forbids to fetch it";
      throw new HubError(`${place.name}: ${lacking.join(", ")} ${where}`, { folder: place.isFolder });
    }
    if (offline || (place.isFixed && lacking.length === 0)) return useKept();
    try {
      await this.visit(wanted, (file) => this.describe(file, lacking.length > 0), null);
    } catch (error) {
      const isGone = error instanceof HubError && (error.missing === "revision" || error.missing === "file");
      if (lacking.length > 0 || !(error instanceof HubError) || isGone) throw error;
      console.warn(`plainbert: ${error.message}; what the browser keeps is used`);
      return useKept();
    }
    await this.visit(
      wanted,
      (file) => this.describe(file, true),
      (file, found) => this.take(file, found),
    );
    await this.setNote(note);
  }

  async readText(name: string): Promise<string | null> {
    const parts = this.files.get(name);
    return parts ? textOf(parts, this.nameOf(name)) : null;
  }

  async openWeights(): Promise<Weights> {
    const name = WEIGHTS.find((file) => this.files.has(file));
    if (name === undefined) {
      const must = `must hold ${WEIGHTS.slice(0, -1).join(", ")} or ${WEIGHTS.at(-1)}`;
      throw new BertError("ERR_FILE", `openWeights: ${this.path}: ${must}`);
    }
    const open = async (file: string) => {
      const parts = this.files.get(file);
      if (parts) return openParts(parts, this.nameOf(file));
      throw new BertError("ERR_FILE", `openWeights: ${this.nameOf(file)}: no such file`);
    };
    if (!isIndex(name)) return readerOf(name)(await open(name));
    return openShards(
      parseSafetensorsIndex((await this.readText(name)) ?? "", this.nameOf(name)),
      open,
      readerOf(name),
    );
  }

  private nameOf(file: string): string {
    return `${this.path.replace(/\/$/, "")}/${file}`;
  }

  /** The files that are wanted and that the browser does not keep. */
  private async lacking(wanted: WantedFiles, note: ModelNote | null): Promise<string[]> {
    if (note === null) return ["it"];
    this.place.commit = note.commit;
    const present: string[] = [];
    const lacking: string[] = [];
    await this.visit(wanted, describedIn(note), async (file, found) => {
      const { key, url } = this.place.file(file, found);
      const parts = key === null ? null : await this.fetching.store.file(key);
      if (parts) this.files.set(file, parts);
      (parts || isInline(url) ? present : lacking).push(file);
    });
    for (const names of [wanted.config, wanted.weights ? WEIGHTS : []])
      if (names.length > 0 && ![...present, ...lacking].some((file) => names.includes(file))) lacking.push(names[0]);
    this.files.clear();
    return lacking;
  }

  /** Takes each file that is wanted and there; the files that an index lists after it. */
  private async visit(
    { config, optional, weights }: WantedFiles,
    describe: Describe,
    take: ((file: string, found: FileNote) => Promise<void>) | null,
  ): Promise<void> {
    const first = async (names: readonly string[]) => {
      for (const name of names) {
        const found = await describe(name);
        if (found) return [[name, found] as const];
      }
      return [];
    };
    const all = async (names: readonly string[]) => {
      const found = await Promise.all(names.map(async (name) => [name, await describe(name)] as const));
      return found.flatMap(([name, note]) => (note ? [[name, note] as const] : []));
    };
    const files = [...(await first(config)), ...(await all(optional)), ...(weights ? await first(WEIGHTS) : [])];
    if (take === null) return;
    for (const [file, found] of files) {
      await take(file, found);
      const index = isIndex(file) ? await this.readText(file) : null;
      if (index !== null) files.push(...(await all(parseSafetensorsIndex(index, this.nameOf(file)).shards)));
    }
  }

  private async describe(file: string, patient: boolean): Promise<FileNote | null> {
    const known = this.described.get(file);
    if (known !== undefined) return known;
    const found = await this.place.describe(file, patient);
    this.described.set(file, found);
    if (found) this.fetching.progress.expect(file, found.size);
    return found;
  }

  private async take(file: string, found: FileNote): Promise<void> {
    this.files.set(file, await fetchFile(file, this.place.file(file, found), this.fetching));
  }

  /** Notes which files there are, and deletes what a file of a folder was before. */
  private async setNote(old: ModelNote | null): Promise<void> {
    const { place, fetching } = this;
    const { commit } = place;
    const before = old?.commit === commit ? old.files : {};
    const files = { ...before, ...Object.fromEntries(this.described) };
    await fetching.store.setNote(place.key, { commit, files } satisfies ModelNote);
    for (const [file, note] of Object.entries(place.isFolder ? before : {})) {
      const key = note && place.file(file, note).key;
      const now = this.described.get(file);
      if (key && now !== undefined && now?.etag !== note.etag) await fetching.store.remove(key);
    }
  }
}

function describedIn(note: ModelNote | null): Describe {
  return async (file) => note?.files[file] ?? null;
}
