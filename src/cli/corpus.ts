import { openFile } from "../disk/files.ts";
import { BertError, printable } from "../errors.ts";
import { bytesOf } from "./answerLines.ts";
import { linesOf } from "./lines.ts";
import { orMaybeText, TEXTS_FROM_FILES } from "./maybeText.ts";
import { Progress } from "./progressBar.ts";

/** The lines of a file in groups, as they are read. */
export interface TextFile {
  /** What messages call the file. */
  readonly name: string;
  readonly groups: AsyncIterable<readonly string[]>;
}

/** Text files that are read one after the other. */
export class Corpus {
  /** How much is read. */
  readonly progress: Progress;
  private readonly paths: readonly string[];
  private readonly signal: AbortSignal;
  private bytes = 0;

  private constructor(paths: readonly string[], total: number | null, signal: AbortSignal) {
    this.progress = new Progress({ verb: "reading", unit: "MB", total });
    this.paths = paths;
    this.signal = signal;
  }

  /**
   * Looks at every file before the first is read.
   *
   * @param signal stops the reading
   * @throws BertError ERR_FILE one is missing or not readable; ERR_INPUT one is no text but JSON or a table, whose
   *   brackets and labels would be read as words
   */
  static async open(paths: readonly string[], signal: AbortSignal): Promise<Corpus> {
    let total: number | null = 0;
    for (const path of paths) {
      if (path === "-") {
        total = null;
        continue;
      }
      const ending = /\.(?:jsonl?|csv|tsv)$/.exec(path)?.[0];
      if (ending !== undefined) {
        const help = ending.startsWith(".json") ? ", as jq -r .text prints them" : "";
        throw new BertError("ERR_INPUT", `${printable(path, 200)}: must be a file of plain text, got ${ending}; give its texts alone on standard input, which is FILE -${help}`); // biome-ignore format: one line
      }
      const file = await orMaybeText(path, TEXTS_FROM_FILES, openFile(path));
      await file.close();
      if (total !== null) total += file.size;
    }
    return new Corpus(paths, total, signal);
  }

  /** @throws BertError ERR_FILE a line is not UTF-8; ERR_ABORTED */
  *files(): Generator<TextFile> {
    for (const path of this.paths) yield { name: path === "-" ? "standard input" : path, groups: this.groups(path) };
  }

  async *lines(): AsyncGenerator<string> {
    for (const { groups } of this.files()) for await (const lines of groups) yield* lines;
  }

  private async *groups(path: string): AsyncGenerator<readonly string[]> {
    for await (const lines of linesOf(path)) {
      if (this.signal.aborted) throw new BertError("ERR_ABORTED", "interrupted");
      yield lines;
      for (const line of lines) this.bytes += bytesOf(line);
      this.progress.to(this.bytes);
    }
  }
}
