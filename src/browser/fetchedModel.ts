import { BertError, listed } from "../errors.ts";
import { HubError } from "../hub/hubError.ts";
import { fileIn, MODULES_FILE } from "../hub/sentenceFiles.ts";
import { filesToOpen, isIndex, type WantedFiles } from "../hub/wantedFiles.ts";
import { BlobFolder } from "../load/blobFolder.ts";
import { openMended } from "../load/mendedWeights.ts";
import type { ModelFolder } from "../load/modelFolder.ts";
import type { Weights } from "../safetensors/safetensorsReader.ts";
import { parseSafetensorsIndex } from "../safetensors/shards.ts";
import { fetchFile } from "./fetchFile.ts";
import { type Fetching, keptFile } from "./keptFile.ts";
import type { FileNote } from "./listing.ts";
import { checksumOf, type ModelNote, readNote } from "./modelNote.ts";
import { isInline, type Place } from "./places.ts";

/** The files that are wanted and that cannot be had from what the browser keeps. */
interface Lacking {
  readonly missing: readonly string[];
  /** Those that are not what the server announced, and why. */
  readonly damaged: ReadonlyMap<string, string>;
}

type Describe = (file: string) => Promise<FileNote | null>;

/** A model's files, fetched or kept by the browser. */
export class FetchedModel implements ModelFolder {
  readonly path: string;
  private readonly place: Place;
  private fetching: Fetching;
  /** The parts of each file that is here. */
  private readonly files = new Map<string, readonly Blob[]>();
  /** What is read of them. */
  private readonly folder: BlobFolder;
  /** What the server said of each file; null: it has no such file. */
  private readonly described = new Map<string, FileNote | null>();
  /** How many files were fetched, and not kept. */
  private fetched = 0;
  private hasUsedKept = false;
  private isOffline = false;
  /** Whether nobody has asked the server for modules.json, what is kept having been fetched by an earlier version. */
  isUnasked = false;
  private fetchAgain: () => Promise<void> = async () => {};

  constructor(place: Place, fetching: Fetching) {
    this.path = place.name;
    this.folder = new BlobFolder(this.path, this.files);
    this.place = place;
    this.fetching = fetching;
  }

  /**
   * Fetches the files that are wanted, all of one commit, but not those that the browser keeps, unless they have
   * changed or are damaged. If the server does not answer, the model is opened from what the browser keeps, if that is
   * all that is wanted.
   *
   * @param offline whether no request may be sent
   * @throws HubError not all is kept, and it cannot be had; the signal's reason
   */
  async fetch(wanted: WantedFiles, offline: boolean): Promise<void> {
    this.fetchAgain = () => this.fetchOnce(wanted, offline);
    this.isOffline = offline;
    try {
      await this.fetchAgain();
    } catch (error) {
      // An index that is kept and that cannot be read
      if (!(error instanceof BertError && error.code === "ERR_CHECKPOINT" && (await this.mend(error)))) throw error;
    }
  }

  private async fetchOnce(wanted: WantedFiles, offline: boolean): Promise<void> {
    const { place, fetching } = this;
    const note = await fetching.store.note(place.key, readNote);
    const lacking = fetching.force ? EVERYTHING : await this.lacking(wanted, note);
    const isKept = lacking.missing.length === 0 && lacking.damaged.size === 0;
    const useKept = async () => {
      place.commit = note?.commit ?? null;
      await this.visit(wanted, describedIn(note), (file, found) => this.take(file, found));
      this.isUnasked = note !== null && !(MODULES_FILE in note.files);
    };
    if (offline && !isKept) throw this.notKept(lacking);
    if (offline || (place.isFixed && isKept)) return useKept();
    try {
      await this.visit(wanted, (file) => this.describe(file, !isKept), null);
    } catch (error) {
      const isGone = error instanceof HubError && (error.missing === "revision" || error.missing === "file");
      if (!isKept || !(error instanceof HubError) || isGone) throw error;
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

  inside(name: string): ModelFolder {
    if (name === "") return this;
    return {
      path: this.folder.nameOf(name),
      readText: (file) => this.readText(fileIn(name, file)),
      openWeights: () => this.weightsIn(name),
      inside: (deeper) => this.inside(fileIn(name, deeper)),
    };
  }

  readText(name: string): Promise<string | null> {
    return this.folder.readText(name);
  }

  openWeights(): Promise<Weights> {
    return this.weightsIn("");
  }

  private weightsIn(folder: string): Promise<Weights> {
    return openMended(
      () => this.folder.inside(folder).openWeights(),
      (error) => this.mend(error),
    );
  }

  /**
   * Where the files cannot be read: all that the browser keeps is hashed, and what is not what the hub has is fetched
   * again, once. Of a folder's files nothing tells what they must be: all are fetched again.
   *
   * @returns whether anything was
   */
  private async mend({ code, message, cause }: BertError): Promise<boolean> {
    const { place, fetching, fetched, hasUsedKept } = this;
    if (!hasUsedKept) return false;
    if (place.isFolder && this.isOffline) {
      throw new BertError(code, `${message}; if what this browser keeps is damaged, ${DELETE}`, { cause });
    }
    this.fetching = { ...fetching, force: place.isFolder, hashesAll: true };
    await this.fetchAgain();
    this.fetching = { ...fetching, force: false };
    this.hasUsedKept = false;
    return this.fetched > fetched;
  }

  /** The files that are wanted and that cannot be had from what the browser keeps. */
  private async lacking(wanted: WantedFiles, note: ModelNote | null): Promise<Lacking> {
    if (note === null) return EVERYTHING;
    this.place.commit = note.commit;
    const present: string[] = [];
    const missing: string[] = [];
    const damaged = new Map<string, string>();
    await this.visit(wanted, describedIn(note), async (file, found) => {
      const remote = this.place.file(file, found);
      const kept = await keptFile(file, remote, this.fetching);
      if (kept && kept.damage !== null) damaged.set(file, kept.damage);
      else if (kept) {
        this.files.set(file, kept.parts);
        this.hasUsedKept = true;
      }
      (kept || isInline(remote.url) ? present : missing).push(file);
    });
    const { config, weights } = filesToOpen(wanted, await this.readText(MODULES_FILE));
    for (const names of [config, weights])
      if (names.length > 0 && ![...present, ...missing].some((file) => names.includes(file))) missing.push(names[0]);
    this.files.clear();
    return { missing, damaged };
  }

  /** The error where nothing may be fetched. */
  private notKept({ missing, damaged }: Lacking): HubError {
    const forbidden = "and local_files_only forbids to fetch it";
    const files = listed(Array.from(damaged, ([file, damage]) => `${file} (${damage})`));
    const sentence =
      missing.length > 0
        ? `${listed(missing)} is not kept by this browser, ${forbidden}`
        : `damaged in what this browser keeps: ${files}, ${forbidden} again; ${DELETE}`;
    return new HubError(`${this.place.name}: ${sentence}`, { folder: this.place.isFolder });
  }

  /** Takes each file that is wanted and there; the files that an index lists after it. */
  private async visit(
    wanted: WantedFiles,
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
    const listing = await describe(MODULES_FILE);
    if (listing && take) await take(MODULES_FILE, listing);
    const { config, optional, either, weights } = filesToOpen(wanted, await this.readText(MODULES_FILE));
    const files = [...(await first(config)), ...(await all(optional))];
    for (const names of [...either, weights]) files.push(...(await first(names)));
    if (take === null) return;
    for (const [file, found] of files) {
      if (file !== MODULES_FILE) await take(file, found);
      const index = isIndex(file) ? await this.readText(file) : null;
      if (index !== null) files.push(...(await all(this.shardsOf(file, index))));
    }
  }

  /** The files that an index lists, by their names in the model's folder. */
  private shardsOf(file: string, index: string): string[] {
    const folder = file.split("/").slice(0, -1).join("/");
    return parseSafetensorsIndex(index, this.folder.nameOf(file)).shards.map((shard) => fileIn(folder, shard));
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
    const { parts, wasKept } = await fetchFile(file, this.place.file(file, found), this.fetching);
    this.files.set(file, parts);
    if (wasKept) this.hasUsedKept = true;
    else this.fetched++;
  }

  /** Notes which files there are, and deletes what a file of a folder was before. */
  private async setNote(old: ModelNote | null): Promise<void> {
    const { place, fetching } = this;
    const { commit } = place;
    const before = old?.commit === commit ? old.files : {};
    const files = { ...before, ...Object.fromEntries(this.described) };
    const note: ModelNote = { commit, files };
    await fetching.store.setNote(place.key, { ...note, checksum: checksumOf(note) });
    for (const [file, was] of Object.entries(place.isFolder ? before : {})) {
      const key = was && place.file(file, was).key;
      const now = this.described.get(file);
      if (key && now !== undefined && now?.etag !== was.etag) await fetching.store.remove(key);
    }
  }
}

const EVERYTHING: Lacking = { missing: ["it"], damaged: new Map() };
const DELETE = 'caches.delete("plainbert") deletes it';

function describedIn(note: ModelNote | null): Describe {
  return async (file) => note?.files[file] ?? null;
}
