/**
 * A model's folder in the cache that Python's huggingface_hub made and shares with every program that keeps to it:
 *
 *     CACHEDIR.TAG                         tells backups to leave the cache out
 *     .locks/models--org--name/            see lock.ts
 *     models--org--name/
 *       refs/main                          the commit that a branch or tag stood at when it was last looked up
 *       blobs/<etag>                       the files, each under its hash; see parts.ts for those that arrive
 *       snapshots/<commit>/config.json     a relative link to ../../blobs/<etag>, or the file itself where none can be
 *       .no_exist/<commit>/vocab.txt       an empty file: the commit has no such file
 */
import { constants, copyFile, open, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { writeFileAtomically } from "../disk/files.ts";
import { removeLeftovers } from "../disk/leftovers.ts";
import { makeFolders } from "../disk/makeFolder.ts";
import { messageOf } from "../realm.ts";
import { isDiskError } from "./disk.ts";
import { damageAt } from "./integrity.ts";
import { LOCK, removeLeftLocks } from "./lock.ts";
import { isCommit } from "./modelId.ts";
import { ownPart, removeForgottenParts } from "./parts.ts";
import { isAlwaysHashed } from "./wantedFiles.ts";

const TAG = `Signature: 8a477f597d28d172789f06886806bc55
# This file marks a folder whose content can be fetched again. See https://bford.info/cachedir/
`;

/** What the hub says of one file. */
export interface RemoteFile {
  /** The commit's 40 digits. */
  readonly commit: string;
  /** sha256 of a large file, git's sha1 of a small one. */
  readonly etag: string;
  /** The size in bytes; null if the server does not say. */
  readonly size: number | null;
}

/** A commit's file as the cache has it. */
export interface CachedFile {
  readonly size: number;
  /** The file itself, where the snapshot has a link to it. */
  readonly path: string;
  /** The blob's name, which is its hash; null: the file is a copy, and nothing here tells its hash. */
  readonly etag: string | null;
  /** What does not fit the name, or null: nothing, as far as it was looked at. */
  readonly damage: string | null;
}

/** Which files are hashed before they are used: all, or all but large weights (`isAlwaysHashed`). */
export type Hashed = "all" | "small";

/**
 * One model's folder in the cache. Its methods throw the system's errors, so that their caller can tell a full disk
 * from a lost connection.
 */
export class RepositoryCache {
  readonly folder: string;
  private readonly root: string;
  private readonly name: string;
  private readonly symlinks: boolean;
  private readonly hashed: Hashed;
  private readonly signal: AbortSignal | undefined;
  private readonly known = new Map<string, Promise<CachedFile | null>>();

  constructor(
    root: string,
    id: string,
    symlinks: boolean,
    hashed: Hashed = "small",
    signal: AbortSignal | undefined = undefined,
  ) {
    this.hashed = hashed;
    this.signal = signal;
    this.root = root;
    this.name = ["models", ...id.split("/")].join("--");
    this.folder = join(root, this.name);
    this.symlinks = symlinks;
  }

  /** Whether every file is hashed. */
  get hashesAll(): boolean {
    return this.hashed === "all";
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  lock(etag: string): string {
    return join(this.root, ".locks", this.name, etag + LOCK);
  }

  /** A commit's folder, or a file in it. */
  snapshot(commit: string, file = ""): string {
    return join(this.folder, "snapshots", commit, file);
  }

  /** The commit that a revision stood at when it was last looked up, or null. */
  async commitOf(revision: string): Promise<string | null> {
    if (isCommit(revision)) return revision;
    const text = await beginning(join(this.folder, "refs", revision), 100);
    return isCommit(text.trim()) ? text.trim() : null;
  }

  /** Notes where a branch or tag stands; nothing for a commit. */
  async setCommitOf(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, "refs", revision);
    await makeFolders(dirname(path));
    await removeLeftovers(dirname(path), basename(path)); // Python takes each file in `refs` for a reference
    await writeFileAtomically(path, [new TextEncoder().encode(commit)]);
  }

  /** A commit's file that is here, or null. What is damaged is here too. Looked at once. */
  look(commit: string, file: string): Promise<CachedFile | null> {
    const path = this.snapshot(commit, file);
    const known = this.known.get(path) ?? this.lookAt(path);
    this.known.set(path, known);
    return known;
  }

  /** From now on a copy that cannot be read is damaged. Null: it is none, or it is what its hash says. */
  async distrust(commit: string, file: string, damage: string): Promise<CachedFile | null> {
    const found = await this.look(commit, file);
    if (found === null || found.etag !== null) return null;
    const damaged = { ...found, damage };
    this.known.set(this.snapshot(commit, file), Promise.resolve(damaged));
    return damaged;
  }

  private async lookAt(path: string): Promise<CachedFile | null> {
    const bytes = await size(path);
    if (bytes === null) return null;
    const target = await readlink(path).catch(() => null);
    const blob = resolve(dirname(path), target ?? "");
    if (target === null || basename(dirname(blob)) !== "blobs") {
      return { size: bytes, path, etag: null, damage: null };
    }
    const etag = basename(blob);
    const damage = this.hashesAll || isAlwaysHashed(path, bytes) ? await this.damageAt(blob, etag, null) : null;
    return { size: bytes, path: blob, etag, damage };
  }

  private async damageAt(path: string, etag: string, expectedSize: number | null): Promise<string | null> {
    try {
      return await damageAt(path, etag, expectedSize, this.signal);
    } catch (error) {
      if (isDiskError(error)) return `cannot be read: ${messageOf(error)}`;
      throw error;
    }
  }

  /** Whether a commit's file is here and is what the hub says. */
  async fits({ commit, etag, size: expected }: RemoteFile, file: string): Promise<boolean> {
    return this.isWhole(this.snapshot(commit, file), etag, expected);
  }

  private async isWhole(path: string, etag: string, expected: number | null): Promise<boolean> {
    return (await size(path)) !== null && (await this.damageAt(path, etag, expected)) === null;
  }

  /** Whether it is known that the commit has no such file. */
  async isMissing(commit: string, file: string): Promise<boolean> {
    return (await size(join(this.folder, ".no_exist", commit, file))) !== null;
  }

  /** Notes that the commit has no such file. */
  async setMissing(commit: string, file: string): Promise<void> {
    const path = join(this.folder, ".no_exist", commit, file);
    await makeFolders(dirname(path));
    await (await open(path, "a")).close();
  }

  /** Makes the folders that a file of a commit needs. */
  async prepare(commit: string, file: string): Promise<void> {
    await makeFolders(join(this.folder, "blobs"));
    await makeFolders(dirname(this.snapshot(commit, file)));
    // It is there, or is not needed
    await writeFile(join(this.root, "CACHEDIR.TAG"), TAG, { flag: "wx" }).catch(() => {});
  }

  /** Deletes what killed processes have left, and nobody will go on with. */
  async removeLeftovers(): Promise<void> {
    await removeForgottenParts(join(this.folder, "blobs"));
    await removeLeftLocks(dirname(this.lock("")));
  }

  /** Whether a blob is here and is what the hub says. */
  async hasBlob({ etag, size: expected }: RemoteFile): Promise<boolean> {
    return this.isWhole(this.blob(etag), etag, expected);
  }

  /**
   * Puts a blob into a commit's snapshot, in place of what is there and does not fit.
   *
   * @param isNew no other snapshot has it: without links it is moved, else copied, as in Python
   */
  async addToSnapshot(etag: string, commit: string, file: string, isNew: boolean): Promise<void> {
    const path = this.snapshot(commit, file);
    this.known.delete(path);
    const target = relative(dirname(path), this.blob(etag));
    if ((await readlink(path).catch(() => null)) === target && (await size(path)) !== null) return;
    await rm(path, { force: true }); // a link to a blob that was deleted, or a copy that does not fit
    if (this.symlinks && (await link(target, path))) return;
    if (isNew) return rename(this.blob(etag), path);
    const copy = ownPart(this.blob(etag));
    await copyFile(this.blob(etag), copy, constants.COPYFILE_FICLONE);
    await rename(copy, path);
  }

  /** Puts a file from elsewhere into a commit's snapshot. */
  async borrow(source: string, commit: string, file: string): Promise<void> {
    const path = this.snapshot(commit, file);
    await makeFolders(dirname(path));
    if (!(await link(source, path))) await copyFile(source, path, constants.COPYFILE_FICLONE);
  }
}

/** Whether the link could be made, or was there. Windows allows links to some users only, some disks allow none. */
async function link(target: string, path: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await symlink(target, path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return false;
      if ((await size(path)) !== null) return true; // another process was quicker
      await rm(path, { force: true }); // it leads nowhere
    }
  }
  return false;
}

/** The first bytes of a file as text; "" if there is none, or it cannot be read. */
async function beginning(path: string, bytes: number): Promise<string> {
  const handle = (await size(path)) === null ? null : await open(path, "r").catch(() => null);
  try {
    const { buffer, bytesRead } = (await handle?.read(Buffer.alloc(bytes))) ?? {
      buffer: Buffer.alloc(0),
      bytesRead: 0,
    };
    return buffer.toString("utf8", 0, bytesRead);
  } catch {
    return "";
  } finally {
    await handle?.close();
  }
}

/** The size of a file, links followed; null if there is none. */
async function size(path: string): Promise<number | null> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? stats.size : null;
  } catch {
    return null; // missing or not readable, which the reading of the file reports
  }
}
