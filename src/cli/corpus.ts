import { BertError } from "../errors.ts";
import { openFile } from "../hub/files.ts";
import { linesOf } from "./lines.ts";

/** The lines of a file in groups, as they are read. */
export interface TextFile {
  /** For messages. */
  readonly name: string;
  readonly groups: AsyncIterable<readonly string[]>;
}

/** How often the line on the terminal changes, in milliseconds. */
const EVERY_MS = 100;

/**
 * Text files that are read one after the other, and told of on the terminal: how much is read, and how fast. Nothing is told where standard
 * error is no terminal.
 */
export class Corpus {
  readonly #paths: readonly string[];
  /** Bytes of all files; null if one is standard input. */
  readonly #total: number | null;
  readonly #start: number = performance.now();
  readonly #signal: AbortSignal | undefined;
  #bytes = 0;
  #shown = 0;

  private constructor(paths: readonly string[], total: number | null, signal: AbortSignal | undefined) {
    this.#paths = paths;
    this.#total = total;
    this.#signal = signal;
  }

  /**
   * Looks at every file before the first is read.
   *
   * @param signal stops the reading
   * @throws BertError ERR_FILE one is missing or not readable
   */
  static async open(paths: readonly string[], signal?: AbortSignal): Promise<Corpus> {
    let total: number | null = 0;
    for (const path of paths) {
      if (path === "-") {
        total = null;
        continue;
      }
      const file = await openFile(path);
      await file.close();
      if (total !== null) total += file.size;
    }
    return new Corpus(paths, total, signal);
  }

  /** @throws BertError ERR_FILE a line is not UTF-8; ERR_ABORTED */
  *files(): Generator<TextFile> {
    for (const path of this.#paths) yield { name: path === "-" ? "standard input" : path, groups: this.#groups(path) };
  }

  async *lines(): AsyncGenerator<string> {
    for (const { groups } of this.files()) for await (const lines of groups) yield* lines;
  }

  /** Replaces the line on the terminal; the empty text wipes it away. */
  tell(text: string): void {
    if (!process.stderr.isTTY || process.env.TERM === "dumb") return;
    process.stderr.write(`\r${text.slice(0, (process.stderr.columns || 80) - 1)}\u001b[K`);
  }

  async *#groups(path: string): AsyncGenerator<readonly string[]> {
    for await (const lines of linesOf(path)) {
      if (this.#signal?.aborted) throw new BertError("ERR_ABORTED", "interrupted");
      yield lines;
      for (const line of lines) this.#bytes += line.length + 1; // of most texts nearly bytes
      this.#tellReading();
    }
  }

  #tellReading(): void {
    const now = performance.now();
    if (now - this.#shown < EVERY_MS) return;
    this.#shown = now;
    const seconds = (now - this.#start) / 1000;
    const part = this.#total === null ? "" : `${Math.min(100, Math.floor((100 * this.#bytes) / this.#total))} %  `;
    this.tell(`reading  ${part}${(this.#bytes / 1e6).toFixed(1)} MB  ${(this.#bytes / 1e6 / seconds).toFixed(1)} MB/s`);
  }
}
