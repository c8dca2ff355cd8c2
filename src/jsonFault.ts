/** A token of JSON (RFC 8259) with the white space before it, or the end of the text. */
const TOKEN =
  /[\t\n\r ]*("[ !#-[\]-\u{10ffff}]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[ !#-[\]-\u{10ffff}]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]|$)/uy;

/** What may come next. */
type Expected = "value" | "value or ]" | "key" | "key or }" | "colon" | "comma or end";

/** Where a text that is no JSON stops being some: the index of what cannot stand there, or the text's length. */
export function faultOfJson(text: string): number {
  const open: ("{" | "[")[] = [];
  let expected: Expected = "value";
  TOKEN.lastIndex = 0;
  for (;;) {
    const from = TOKEN.lastIndex;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) return from + /^[\t\n\r ]*/.exec(text.slice(from))![0].length;
    const at = TOKEN.lastIndex - token.length;
    const next = after(token[0] ?? "end", expected, open);
    if (next === null || token === "") return at;
    expected = next;
  }
}

/**
 * What may come after a token; null: it cannot stand there.
 *
 * @param kind its first character
 * @param open the brackets that are open, the innermost last: changed as the token says
 */
function after(kind: string, expected: Expected, open: ("{" | "[")[]): Expected | null {
  if (kind === ":") return expected === "colon" ? "value" : null;
  if (kind === "," && expected === "comma or end" && open.length > 0) return open.at(-1) === "{" ? "key" : "value";
  if (kind === "}" || kind === "]") {
    const isEmpty = expected === (kind === "}" ? "key or }" : "value or ]");
    const isRight = isEmpty || expected === "comma or end";
    return isRight && open.pop() === (kind === "}" ? "{" : "[") ? "comma or end" : null;
  }
  if (expected === "key" || expected === "key or }") return kind === '"' ? "colon" : null;
  if (expected !== "value" && expected !== "value or ]") return null;
  if (kind === "{" || kind === "[") {
    open.push(kind);
    return kind === "{" ? "key or }" : "value or ]";
  }
  return kind === "," || kind === "end" ? null : "comma or end";
}

/** A place in a text as editors count: `line 3, character 7`, both from 1. */
export function placeIn(text: string, index: number): string {
  const lines = text.slice(0, index).split("\n");
  return `line ${lines.length}, character ${Array.from(lines[lines.length - 1]).length + 1}`;
}
