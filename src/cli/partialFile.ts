import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { exists, orFileError, syncFolder, writeFileAtomically } from "../disk/files.ts";
import { sealedJson } from "../disk/sealedJson.ts";
import { BertError } from "../errors.ts";
import { codeOf } from "../realm.ts";
import { beforeInterrupt } from "./interrupt.ts";
import { type Mark, readMark } from "./mark.ts";
import { streams } from "./streams.ts";

/** The mark is set at most so often, in milliseconds: at most so much is computed twice after a power cut. */
const MARK_MS = 1000;
const BUFFER_BYTES = 1 << 18;
/** An earlier run's file is read in pieces of this size. */
const READ_BYTES = 1 << 20;
/** On a full disk the file is cut by so much, that there is room for the mark. */
const MARK_ROOM = 1 << 14;

/**
 * A file that grows line by line as `FILE.partial`, and is called FILE when it is whole. When the work is cut short, by
 * an error, Ctrl-C or the end of the process, the lines that are done stay, and the same work goes on after them. The
 * caller sees that no other process writes FILE (`withOutput`).
 */
export class PartialFile {
  readonly path: string;
  private readonly handle: FileHandle;
  /** An earlier run's, if that has done any line. */
  private readonly previous: Mark | null;
  /** Of the lines that are written. */
  private readonly hash: Hash = createHash("sha256");
  /** Of what they are answered with. */
  private readonly answers: Hash = createHash("sha256");
  /** The mark of what has been written. */
  private safe: Mark = { work: "", lines: 0, sha256: "", bytes: 0, answers: "" };
  /** Lines of the last mark that was set. */
  private marked = 0;
  private markedAt: number = performance.now();
  /** Lines that were taken. */
  private lines = 0;
  /** Lines that are not written yet, with what they are answered with. */
  private buffer: { readonly line: string; readonly bytes: Uint8Array }[] = [];
  private buffered = 0;
  /** Where the last write ended. */
  private end = 0;
  /** Writing goes on one piece after the other; after `stop` none begins. */
  private writing: Promise<void> = Promise.resolve();
  private stopped = false;
  /** How long the head is. */
  private start = 0;
  /** The earlier run's lines are of another work: nothing of them may change. */
  private refused = false;
  /** Whether both files were there when the work stopped: somebody may have removed their folder. */
  private isThere = true;
  private readonly forget: () => void;

  private constructor(path: string, handle: FileHandle, previous: Mark | null) {
    this.path = path;
    this.handle = handle;
    this.previous = previous;
    this.forget = beforeInterrupt(async () => {
      await this.stop();
      streams.stderr.write(`plainbert: interrupted${this.kept()}\n`);
    });
  }

  /**
   * Opens `FILE.partial`, or makes it.
   *
   * @param restart whatever an earlier run has done is overwritten
   * @throws BertError ERR_FILE it cannot be written; ERR_INPUT its mark is damaged, so that nobody knows what is in it
   */
  static async open(path: string, restart: boolean): Promise<PartialFile> {
    if (await isFolder(path)) throw new BertError("ERR_FILE", `write: ${path}: is a folder, not a file`);
    const mark = restart ? null : await readMark(path);
    const previous = mark?.lines === 0 ? null : mark;
    const found = previous && (await openThere(`${path}.partial`));
    if (found) return new PartialFile(path, found, previous);
    // The mark tells of what is overwritten now.
    await orFileError("write", path, rm(`${path}.partial.json`, { force: true }));
    return new PartialFile(path, await orFileError("write", path, open(`${path}.partial`, "w+")), null);
  }

  /** The number of the line that is to be taken next. */
  get nextLine(): number {
    return this.lines + 1;
  }

  /** Whether the earlier run's lines are of another work. */
  get isRefused(): boolean {
    return this.refused;
  }

  /** How many lines an earlier run has done; they are to be given to `skip`, and not to `write`. */
  get linesBefore(): number {
    return this.previous?.lines ?? 0;
  }

  /**
   * Says what is being computed, before the first line.
   *
   * @param head what the file begins with
   * @throws BertError ERR_INPUT the file has lines of another work, or is not as the earlier run has left it
   */
  async begin(work: string, head: Uint8Array): Promise<void> {
    this.start = head.length;
    if (this.previous === null) {
      this.safe = { work, lines: 0, sha256: digest(this.hash), bytes: head.length, answers: digest(this.answers) };
    } else {
      if (this.previous.work !== work) throw this.refusal("was made with other options, or by another model");
      const { size } = await this.handle.stat();
      if (size < this.previous.bytes) throw this.refusal("is shorter than its mark says");
      for await (const piece of this.answersBefore(READ_BYTES)) this.answers.update(piece);
      if (digest(this.answers) !== this.previous.answers)
        throw this.refusal("is damaged or was changed: its checksum is not that of its mark");
      await this.orError(this.handle.truncate(this.previous.bytes));
      this.safe = this.previous;
    }
    // An earlier run that ended while it finished may have written its final head.
    await this.writeAt(head, 0);
    await this.setMark();
  }

  /**
   * Reads what lines of an earlier run are answered with, behind the head.
   *
   * @param size of each piece in bytes; the last one may be shorter
   */
  async *answersBefore(size: number): AsyncGenerator<Uint8Array> {
    const name = `${this.path}.partial`;
    const end = this.previous?.bytes ?? this.start;
    for (let at = this.start; at < end; at += size) {
      const piece = new Uint8Array(Math.min(size, end - at));
      for (let done = 0; done < piece.length; ) {
        const reading = this.handle.read(piece, done, piece.length - done, at + done);
        const { bytesRead } = await orFileError("read", name, reading);
        if (bytesRead === 0) throw this.refusal("is shorter than its mark says"); // it was cut meanwhile
        done += bytesRead;
      }
      yield piece;
    }
  }

  /**
   * Takes a line that an earlier run has done.
   *
   * @throws BertError ERR_INPUT after the last of them: they are not those of the earlier run
   */
  skip(line: string): void {
    this.lines++;
    this.hashLine(line);
    if (this.lines === this.linesBefore) this.expectSame();
  }

  /** Adds what a line is answered with. */
  async write(line: string, bytes: Uint8Array): Promise<void> {
    if (this.stopped) return new Promise(() => {}); // the process is about to end
    this.lines++;
    this.buffer.push({ line, bytes });
    this.buffered += bytes.length;
    const due = performance.now() - this.markedAt > MARK_MS;
    if (!due && this.buffered < BUFFER_BYTES) return;
    this.writing = this.flush(due);
    await this.writing;
  }

  /**
   * The file is whole: gives it its name.
   *
   * @param head what the file begins with, where that depends on the number of lines; as long as the first
   */
  finish(head?: Uint8Array): Promise<void> {
    return this.wholeBy(() => this.complete(head));
  }

  /** All lines are done: `write` makes FILE of them in another form, and then FILE.partial goes. */
  replace(write: () => Promise<void>): Promise<void> {
    return this.wholeBy(async () => {
      await write();
      this.stopped = true;
      await this.handle.close();
      for (const name of partialNames(this.path)) await rm(name, { force: true });
    });
  }

  private async wholeBy(work: () => Promise<void>): Promise<void> {
    if (this.lines < this.linesBefore) this.expectSame();
    this.writing = this.flush(false);
    await this.writing;
    this.forget(); // from here on an interrupt waits for the whole
    const finishing = work();
    const forget = beforeInterrupt(() => finishing);
    await finishing.finally(forget);
  }

  private async complete(head: Uint8Array | undefined): Promise<void> {
    if (head) await this.writeAt(head, 0);
    await this.orError(this.handle.sync());
    await this.orError(rename(`${this.path}.partial`, this.path));
    this.stopped = true;
    await this.handle.close();
    await rm(`${this.path}.partial.json`, { force: true });
    await syncFolder(dirname(this.path));
  }

  /** The work is cut short: writes what is there and marks the place. A file without any line is removed. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.forget();
    try {
      await this.writing;
      if (this.lines >= this.linesBefore && !this.refused) await this.flush(false);
    } catch {
      // Whole lines stay; why others could not be written is reported by the write that failed.
      await this.handle.truncate(this.safe.bytes).catch(() => {});
    }
    const nothing = this.safe.lines === 0 && this.previous === null;
    if (this.safe.lines === 0 && this.previous !== null) this.safe = this.previous;
    if (!nothing) await this.setMark().catch(() => {}); // then the mark before it holds
    await this.handle.close();
    for (const name of partialNames(this.path)) this.isThere &&= await exists(name).catch(() => true);
    if (nothing) for (const end of ["", ".json"]) await rm(`${this.path}.partial${end}`, { force: true });
  }

  /**
   * After `stop`: what is left of the work, for messages.
   *
   * @param mended what must be otherwise before the work can go on; such as "once the line is mended, "
   */
  kept(mended = ""): string {
    if (this.marked === 0 || this.refused || !this.isThere) return "";
    const lines = this.marked === 1 ? "1 line is" : `${this.marked} lines are`;
    return `; ${lines} done, in ${this.path}.partial: ${mended}the same command goes on there`;
  }

  private hashLine(line: string): void {
    this.hash.update(line).update("\n");
  }

  private async writeAt(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.orError(this.handle.write(bytes, done, bytes.length - done, position + done));
      done += bytesWritten;
      this.end = position + done;
    }
  }

  private async flush(mark: boolean): Promise<void> {
    const answers = this.buffer;
    this.buffer = [];
    this.buffered = 0;
    if (answers.length === 0) return;
    try {
      await this.writeAt(Buffer.concat(answers.map(({ bytes }) => bytes)), this.safe.bytes);
    } catch (error) {
      this.advance(answers, this.end - MARK_ROOM); // the disk may be full: what could be written is kept
      throw error;
    }
    this.advance(answers, Number.POSITIVE_INFINITY);
    if (mark) await this.setMark();
  }

  /** Counts the lines that are written up to `end`. */
  private advance(answers: typeof this.buffer, end: number): void {
    let { lines, bytes } = this.safe;
    for (const { line, bytes: answer } of answers) {
      if (bytes + answer.length > end) break;
      lines++;
      bytes += answer.length;
      this.hashLine(line);
      this.answers.update(answer);
    }
    this.safe = { ...this.safe, lines, sha256: digest(this.hash), bytes, answers: digest(this.answers) };
  }

  private async setMark(): Promise<void> {
    await this.orError(this.handle.datasync()); // what the mark speaks of must be on the disk before it
    await writeFileAtomically(`${this.path}.partial.json`, [new TextEncoder().encode(sealedJson({ ...this.safe }))]);
    this.marked = this.safe.lines;
    this.markedAt = performance.now();
  }

  private expectSame(): void {
    if (this.lines === this.linesBefore && digest(this.hash) === this.previous?.sha256) return;
    throw this.refusal(`was made from another input, whose first ${this.linesBefore} lines differ`);
  }

  private refusal(reason: string): BertError {
    this.refused = true;
    return new BertError("ERR_INPUT", `${this.path}.partial ${reason}; --restart begins anew`);
  }

  private orError<T>(result: Promise<T>): Promise<T> {
    return orFileError("write", this.path, result);
  }
}

/** What stands beside FILE while it is not whole. */
export function partialNames(path: string): string[] {
  return [`${path}.partial`, `${path}.partial.json`];
}

/** Of what a hash has taken so far. */
function digest(hash: Hash): string {
  return hash.copy().digest("hex");
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** Opens a file that is there; null if it is not. */
async function openThere(path: string): Promise<FileHandle | null> {
  const handle = open(path, "r+").catch((error) => (codeOf(error) === "ENOENT" ? null : Promise.reject(error)));
  return orFileError("write", path, handle);
}
