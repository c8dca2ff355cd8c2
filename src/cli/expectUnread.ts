import { type BigIntStats, fstatSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileError } from "../errors.ts";
import { streams } from "./streams.ts";

/**
 * Sees that nothing is written where something is read, by whatever name or link: the input would be lost.
 *
 * @param written files that the command writes
 * @param read    files that it reads, "-" for standard input; those not given are undefined
 * @throws BertError ERR_FILE one is both
 */
export function expectUnread(written: readonly string[], read: readonly (string | undefined)[]): void {
  for (const output of written) {
    const there = fileAt(output);
    if (there === null) continue;
    for (const input of read) {
      if (input === undefined) continue;
      const { dev, ino } = fileAt(input) ?? { dev: null, ino: null };
      if (dev !== there.dev || ino !== there.ino) continue;
      const name = input === output ? "" : `, ${input === "-" ? "standard input" : input}`;
      throw fileError("write", output, `is the input${name}, which would be lost`);
    }
  }
}

/** The file that a model's folder has its weights in, for `expectUnread`. */
export function weightsOf(model: string | undefined): string[] {
  return model === undefined ? [] : [join(model, "model.safetensors")];
}

/** What the system says of a file; null where there is none, or something else. */
function fileAt(path: string): BigIntStats | null {
  try {
    const { fd } = streams.stdin;
    if (path === "-" && fd === undefined) return null;
    const stats = path === "-" ? fstatSync(fd as number, { bigint: true }) : statSync(path, { bigint: true });
    return stats.isFile() ? stats : null;
  } catch {
    return null; // opening it says why
  }
}
