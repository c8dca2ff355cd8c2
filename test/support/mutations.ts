import { BertError } from "../../src/errors.ts";

/** Values that a field of JSON may turn out to have. */
const HOSTILE: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, 0.5, 1e308, 2 ** 53, 4294967296, "", "x", "__proto__", "Infinity", "\ud800", "7"],
  ...[[], {}, [[]], [1], { length: 3 }, { toString: 1 }, { lines: 1 }, JSON.parse('{"__proto__": {"lines": 1}}')],
];

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A text of JSON that somebody or some disk has changed: in its characters, or in its values. It may come out as it was. */
export function mutatedText(text: string, random: () => number): string {
  if (random() < 0.5) return JSON.stringify(mutatedValue(JSON.parse(text), random), null, random() < 0.5 ? 2 : 0);
  const at = () => Math.floor(random() * (text.length + 1));
  const [from, to] = [at(), at()].sort((a, b) => a - b);
  const inserted = [...'0123456789{}[]",:-.etrufalsn \n\u0000é'][Math.floor(random() * 36)];
  switch (Math.floor(random() * 5)) {
    case 0:
      return text.slice(0, from) + inserted + text.slice(from + 1);
    case 1:
      return text.slice(0, from) + inserted + text.slice(from);
    case 2:
      return text.slice(0, from) + text.slice(to);
    case 3:
      return text.slice(0, to) + text.slice(from);
    default:
      return text.slice(0, from);
  }
}

/** The same with one value in it replaced, taken out, given twice or under another name. */
export function mutatedValue(value: unknown, random: () => number): unknown {
  if (typeof value !== "object" || value === null || random() < 0.1) {
    return structuredClone(HOSTILE[Math.floor(random() * HOSTILE.length)]);
  }
  const entries = Object.entries(value);
  const i = Math.floor(random() * entries.length);
  const kind = random();
  if (entries.length === 0 || kind < 0.1) entries.push(["seed", HOSTILE[Math.floor(random() * HOSTILE.length)]]);
  else if (kind < 0.2) entries.splice(i, 1);
  else if (kind < 0.25) entries[i][0] = "__proto__";
  else entries[i][1] = mutatedValue(entries[i][1], random);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

/** What a reader makes of a text: a value, or the BertError that it throws; anything else is thrown on. */
export function outcome<Value>(read: () => Value): Value | BertError {
  try {
    return read();
  } catch (error) {
    if (error instanceof BertError) return error;
    throw error;
  }
}
