import { fileError } from "../errors.ts";

/** Fills the targets, one after the other, with a file's bytes from `position` on; the file may end before. */
export type ReadParts = (targets: readonly Uint8Array[], position: number) => Promise<{ readonly bytesRead: number }>;

/** A part of a file that is wanted, and whom to tell. */
interface Read {
  readonly target: Uint8Array;
  /** Of its first byte in the file. */
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * How many calls of the system read at the same time. Node gives each a thread, and would run four. Where there are two
 * processors, four of them leave the main thread two fifths of one: BERT-base's first answer comes after 253 ms with
 * four, after 237 with two.
 */
const CALLS = 2;
/** A call ends with the first part that is beyond so many bytes. */
const CALL_BYTES = 1 << 26;
/** More than 2^31 − 1 bytes in one call is an error in macOS (readv(2)). */
const MAX_READ = 1 << 30;
/** More than 1,024 parts in one call is an error in Linux (IOV_MAX of limits.h). */
const MAX_PARTS = 1000;

/**
 * The parts of a file that are wanted at the same time, read in the order of the file, of which those that lie one
 * after the other are read by one call of the system.
 */
export class ReadQueue {
  private readonly path: string;
  private readonly readParts: ReadParts;
  private readonly waiting: Read[] = [];
  /** How many calls are under way. */
  private calls = 0;
  private isPlanned = false;

  /**
   * @param path      how errors name the file
   * @param readParts one call of the system
   */
  constructor(path: string, readParts: ReadParts) {
    this.path = path;
    this.readParts = readParts;
  }

  /**
   * Fills `target` with the bytes from `position` on.
   *
   * @throws BertError ERR_FILE the file ends before; what `readParts` throws
   */
  read(target: Uint8Array, position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ target, position, resolve, reject });
      if (this.isPlanned) return;
      this.isPlanned = true;
      // Later: what the caller wants beside it is known then. Contexts of node:vm have no queueMicrotask.
      void Promise.resolve().then(() => {
        this.isPlanned = false;
        this.waiting.sort((a, b) => a.position - b.position);
        this.next();
      });
    });
  }

  private next(): void {
    while (this.calls < CALLS && this.waiting.length > 0) void this.run(this.waiting.splice(0, this.adjacent()));
  }

  /** How many of the parts that wait, from the first on, one call reads. */
  private adjacent(): number {
    const { waiting } = this;
    let count = 0;
    for (let bytes = 0; count < waiting.length && count < MAX_PARTS && bytes < CALL_BYTES; count++) {
      const { target, position } = waiting[count];
      if (count > 0 && position !== waiting[0].position + bytes) break;
      bytes += target.length;
    }
    return count;
  }

  private async run(reads: readonly Read[]): Promise<void> {
    this.calls++;
    try {
      await this.fill(reads);
      for (const { resolve } of reads) resolve();
    } catch (error) {
      for (const { reject } of reads) reject(error);
    } finally {
      this.calls--;
      this.next();
    }
  }

  private async fill(reads: readonly Read[]): Promise<void> {
    const [{ position }] = reads;
    const last = endOf(reads[reads.length - 1]);
    for (let at = position; at < last; ) {
      const { bytesRead } = await this.readParts(targetsFrom(reads, at - position), at);
      if (bytesRead === 0) {
        const cut = reads.find((read) => endOf(read) > at) as Read;
        throw fileError("read", this.path, `ends at byte ${at}, before byte ${endOf(cut)}`);
      }
      at += bytesRead;
    }
  }
}

function endOf({ target, position }: Read): number {
  return position + target.length;
}

/** Where the bytes belong that come after the first `done`, as many as one call may read. */
function targetsFrom(reads: readonly Read[], done: number): Uint8Array[] {
  const targets: Uint8Array[] = [];
  let [skip, room] = [done, MAX_READ];
  for (const { target } of reads) {
    const begin = Math.min(skip, target.length);
    const rest = target.subarray(begin, begin + room);
    skip -= begin;
    room -= rest.length;
    if (rest.length > 0) targets.push(rest);
  }
  return targets;
}
