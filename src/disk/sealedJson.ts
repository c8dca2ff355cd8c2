import { createHash } from "node:crypto";
import { BertError, type BertErrorCode } from "../errors.ts";
import { type Json, parseJson } from "../json.ts";

/** Stands in the text while its checksum is computed. */
const BLANK = "0".repeat(64);
const CHECKSUM = /"checksum": "([0-9a-f]{64})"\n\}\n$/;

/**
 * An object as JSON whose last member, `checksum`, is the SHA-256 of the text with 64 zeros in its place: for what a
 * later process trusts. Not a byte of it can change unnoticed.
 */
export function sealedJson(object: Readonly<Record<string, unknown>>): string {
  const text = `${JSON.stringify({ ...object, checksum: BLANK }, null, 2)}\n`;
  return text.replace(CHECKSUM, (end) => end.replace(BLANK, sha256(text)));
}

/**
 * Reads what `sealedJson` has written.
 *
 * @param file as in `parseJson`
 * @throws BertError `code` it is no JSON, has no checksum, or another one than its text
 */
export function parseSealedJson(text: string, file: string, code: BertErrorCode): Json {
  const json = parseJson(text, file, code);
  const [end, checksum] = CHECKSUM.exec(text) ?? [];
  if (end === undefined) {
    throw new BertError(code, `${file}: must end with a checksum, has none: plainbert 0.2 wrote none`);
  }
  if (sha256(text.slice(0, -end.length) + end.replace(checksum, BLANK)) !== checksum) {
    throw new BertError(code, `${file}: is damaged or was changed: its checksum is not that of its text`);
  }
  return json;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
