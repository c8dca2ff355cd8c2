/**
 * A model's folder in the cache that Python's huggingface_hub made and shares with every program that keeps to it:
 *
 *     CACHEDIR.TAG                         tells backups to leave the cache out
 *     .locks/models--org--name/            see lock.ts
 *     models--org--name/
 *       refs/main                          the commit that a branch or tag stood at when it was last looked up
 *       blobs/<etag>                       the files, each under its hash; <etag>.incomplete while it arrives
 *       snapshots/<commit>/config.json     a relative link to ../../blobs/<etag>, or the file itself where none can be
 *       .no_exist/<commit>/vocab.txt       an empty file: the commit has no such file
 */
import { constants, copyFile, open, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { writeFileAtomically } from "../disk/files.ts";
import { makeFolder } from "./disk.ts";
import { isCommit } from "./modelId.ts";

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

/**
 * One model's folder in the cache. Its methods throw the system's errors, so that their caller can tell a full disk
 * from a lost connection.
 */
export class RepositoryCache {
  readonly folder: string;
  private readonly root: string;
  private readonly name: string;
  private readonly symlinks: boolean;

  constructor(root: string, id: string, symlinks: boolean) {
    this.root = root;
    this.name = ["models", ...id.split("/")].join("--");
    this.folder = join(root, this.name);
    this.symlinks = symlinks;
  }

  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }

  /**
   * Where a blob is while it arrives: the name of huggingface_hub before 2, which later ones leave alone and clean up.
   */
  incomplete(etag: string): string {
    return `${this.blob(etag)}.incomplete`;
  }

  lock(etag: string): string {
    return join(this.root, ".locks", this.name, `${etag}.lock.pid`);
  }

  /** A commit's folder, or a file in it. */
  snapshot(commit: string, file = ""): string {
    return join(this.folder, "snapshots", commit, file);
  }

  /** The commit that a revision stood at when it was last looked up, or null. */
  async commitOf(revision: string): Promise<string | null> {
    if (isCommit(revision)) return revision;
    const text = (await readFile(join(this.folder, "refs", revision), "utf8").catch(() => "")).trim();
    return isCommit(text) ? text : null;
  }

  /** Notes where a branch or tag stands; nothing for a commit. */
  async setCommitOf(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, "refs", revision);
    await makeFolder(dirname(path));
    await writeFileAtomically(path, [new TextEncoder().encode(commit)]);
  }

  /** The size of a commit's file that is here, or null. */
  async sizeOf(commit: string, file: string): Promise<number | null> {
    return size(this.snapshot(commit, file));
  }

  /** Whether it is known that the commit has no such file. */
  async isMissing(commit: string, file: string): Promise<boolean> {
    return (await size(join(this.folder, ".no_exist", commit, file))) !== null;
  }

  /** Notes that the commit has no such file. */
  async setMissing(commit: string, file: string): Promise<void> {
    const path = join(this.folder, ".no_exist", commit, file);
    await makeFolder(dirname(path));
    await (await open(path, "a")).close();
  }

  /** Makes the folders that a file of a commit needs. */
  async prepare(commit: string, file: string): Promise<void> {
    await makeFolder(join(this.folder, "blobs"));
    await makeFolder(dirname(this.snapshot(commit, file)));
    // It is there, or is not needed
    await writeFile(join(this.root, "CACHEDIR.TAG"), TAG, { flag: "wx" }).catch(() => {});
  }

  /** Whether a blob is here. One of another size than the hub says, which a crash of the system can leave, is not. */
  async hasBlob({ etag, size: expected }: RemoteFile): Promise<boolean> {
    const found = await size(this.blob(etag));
    return found !== null && (expected === null || found === expected);
  }

  /**
   * Puts a blob into a commit's snapshot.
   *
   * @param isNew no other snapshot has it: without links it is moved, else copied, as in Python
   */
  async addToSnapshot(etag: string, commit: string, file: string, isNew: boolean): Promise<void> {
    const path = this.snapshot(commit, file);
    if ((await size(path)) !== null) return;
    if (this.symlinks && (await link(relative(dirname(path), this.blob(etag)), path))) return;
    await rm(path, { force: true }); // a link to a blob that was deleted
    if (isNew) return rename(this.blob(etag), path);
    await copyFile(this.blob(etag), `${path}.incomplete`, constants.COPYFILE_FICLONE);
    await rename(`${path}.incomplete`, path);
  }

  /** Puts a file from elsewhere into a commit's snapshot. */
  async borrow(source: string, commit: string, file: string): Promise<void> {
    const path = this.snapshot(commit, file);
    await makeFolder(dirname(path));
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

/** The size of a file, links followed; null if there is none. */
async function size(path: string): Promise<number | null> {
  try {
    const stats = await stat(path);
    return stats.isFile() ? stats.size : null;
  } catch {
    return null; // missing or not readable, which the reading of the file reports
  }
}
