import { otherThanMeant, quote } from "../errors.ts";

/**
 * What a text is that stands where weights should, by its first 8 bytes: `a pointer of git-lfs, …`; null where they are
 * not the beginning of a text.
 */
export function textStart(firstBytes: Uint8Array): string | null {
  const text = String.fromCharCode(...firstBytes.subarray(0, 8));
  if (!/^[\t\n\r -~]{8}$/.test(text)) return null;
  if (text === "version ") return otherThanMeant(text);
  return `${otherThanMeant(text) ?? "a text"} that begins with ${quote(text)}`;
}
