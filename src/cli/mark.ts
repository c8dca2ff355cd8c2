import { textOf } from "../disk/files.ts";
import { parseSealedJson } from "../disk/sealedJson.ts";
import { BertError } from "../errors.ts";
import { messageOf } from "../realm.ts";

/** How far `FILE.partial` is, kept beside it as `FILE.partial.json`, with a checksum. */
export interface Mark {
  /** What is being computed, by which model. Another work cannot go on here. */
  readonly work: string;
  /** How many lines of the input are done, and the SHA-256 of these, each with a newline. */
  readonly lines: number;
  readonly sha256: string;
  /** How long the file was then; what stands after that is of a line that was not finished. */
  readonly bytes: number;
  /** The SHA-256 of these bytes without the head, which is written anew. */
  readonly answers: string;
}

/** The mark of FILE; null if it has none. @throws BertError as `parseMark` */
export async function readMark(path: string): Promise<Mark | null> {
  const file = `${path}.partial.json`;
  const text = await textOf(file);
  return text === null ? null : parseMark(text, file);
}

/**
 * Reads a mark.
 *
 * @throws BertError ERR_INPUT it is none, or was changed: what goes on after it could be a wrong file
 */
export function parseMark(text: string, file: string): Mark {
  try {
    const json = parseSealedJson(text, file, "ERR_INPUT");
    return {
      work: json.get("work").asString(),
      lines: json.get("lines").asInteger(),
      sha256: json.get("sha256").asString(),
      bytes: json.get("bytes").asInteger(),
      answers: json.get("answers").asString(),
    };
  } catch (cause) {
    throw new BertError("ERR_INPUT", `${messageOf(cause)}; --restart begins anew`, { cause });
  }
}
