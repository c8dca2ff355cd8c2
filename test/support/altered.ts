import fc from "fast-check";

/** How often each kind of file is altered. */
export const RUNS = 10_000;

/** Bytes with some of them altered, left out, doubled or put in; or none at all. */
export function alteredBytes(bytes: Uint8Array): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const edit = fc.record({
    how: fc.constantFrom("flip", "cut", "insert", "double", "end"),
    at: fc.nat(Math.max(0, bytes.length - 1)),
    length: fc.integer({ min: 1, max: 20 }),
    put: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    bit: fc.nat(7),
  });
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => {
    let list = Array.from(bytes);
    for (const { how, at, length, put, bit } of edits) {
      if (how === "flip" && at < list.length) list[at] ^= 1 << bit;
      if (how === "cut") list.splice(at, length);
      if (how === "insert") list.splice(at, 0, ...put);
      if (how === "double") list.splice(at, 0, ...list.slice(at, at + length));
      if (how === "end") list = list.slice(0, at);
    }
    return Uint8Array.from(list);
  });
}

/** As `alteredBytes`, of a text. */
export function alteredText(text: string): fc.Arbitrary<string> {
  return alteredBytes(new TextEncoder().encode(text)).map((bytes) => new TextDecoder().decode(bytes));
}

/** A JSON text in which a value has become another, or a key is missing; or altered as a text. */
export function alteredJson(text: string): fc.Arbitrary<string> {
  const root = JSON.parse(text);
  const paths: (readonly (string | number)[])[] = [];
  const walk = (value: unknown, path: readonly (string | number)[]) => {
    paths.push(path);
    if (typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value)) walk((value as Record<string, unknown>)[key], [...path, key]);
  };
  walk(root, []);
  const value = fc.oneof(
    fc.constantFrom(null, true, false, 0, -1, 1.5, 1e300, "", "x", [], {}, "__proto__", undefined),
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(...paths).map((path) => path.reduce<unknown>((at, key) => (at as never)[key], root)),
  );
  const structural = fc.record({ path: fc.constantFrom(...paths), value }).map(({ path, value }) => {
    if (path.length === 0) return JSON.stringify(value) ?? "";
    const copy = JSON.parse(text);
    let at = copy;
    for (const key of path.slice(0, -1)) at = at[key];
    at[path.at(-1) as string] = value; // undefined: the key is left out
    return JSON.stringify(copy);
  });
  return fc.oneof(structural, alteredText(text));
}
