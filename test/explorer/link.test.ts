import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OCCLUSIONS, UNITS } from "../../src/explorer/effects/choices.ts";
import { STREAM_MEASURES } from "../../src/explorer/further/residual.ts";
import { leftOutOfLink, linkOf, MOST_CHARACTERS, readLink } from "../../src/explorer/link.ts";
import { FURTHER_VIEWS } from "../../src/explorer/page/furtherViews.ts";
import {
  ANSWERS,
  type ExplorerState,
  FURTHER,
  INITIAL_STATE,
  inOrder,
  NEEDLES,
  PAIRS,
  SCALES,
  SORTS,
  targetsOf,
  VIEWS,
  WEIGHTS,
} from "../../src/explorer/state.ts";
import { withinModel, withinText } from "../../src/explorer/within.ts";
import { stateOf } from "./models.ts";

const RUNS = { numRuns: 3000 };
const text = fc.string({ unit: "binary", maxLength: 60 });
const place = fc.nat({ max: 99_999 });
const states: fc.Arbitrary<ExplorerState> = fc.record({
  ...{ model: text, text, pair: text, layer: place, head: place },
  targets: fc.string({ unit: "binary", maxLength: 60 }),
  masks: fc.uniqueArray(place, { maxLength: 6 }).map((list) => list.sort((a, b) => a - b)),
  ...{ view: fc.constantFrom(...VIEWS), scale: fc.constantFrom(...SCALES), pairs: fc.constantFrom(...PAIRS) },
  ...{ sort: fc.constantFrom(...SORTS), query: fc.option(place), key: fc.option(place), numbers: fc.boolean() },
  ...{ weights: fc.constantFrom(...WEIGHTS), more: fc.constantFrom("" as const, ...FURTHER) },
  ...{ stream: fc.constantFrom(...STREAM_MEASURES), without: fc.boolean(), needle: fc.constantFrom(...NEEDLES) },
  ...{ otherText: fc.option(text), otherPair: fc.option(text), otherModel: text },
  otherMasks: fc.uniqueArray(place, { maxLength: 6 }).map((list) => list.sort((a, b) => a - b)),
  ...{ tap: text, place: fc.option(fc.tuple(place, place)) },
  off: fc.array(fc.tuple(place, place), { maxLength: 6 }).map(inOrder),
  ...{ answer: fc.constantFrom(...ANSWERS), by: fc.constantFrom(...OCCLUSIONS), units: fc.constantFrom(...UNITS) },
});

/** The fields of a link and what each may say. */
const FIELDS: Readonly<Record<string, RegExp>> = {
  ...{ v: /^1$/, m: /^/, a: /^/, b: /^/, mask: /^\d{1,5}(,\d{1,5})*$/, l: /^\d{1,5}$/, h: /^\d{1,5}$/ },
  ...{
    targets: /^[\s\S]{0,200}$/,
    q: /^\d{1,5}$/,
    k: /^\d{1,5}$/,
    sort: /^(place|sharp|previous|next|self|cls|sep|pair)$/,
  },
  ...{ view: /^(lines|matrix)$/, scale: /^(linear|root|row)$/, pairs: /^(all|aa|ab|ba|bb)$/, n: /^[01]$/ },
  ...{
    weights: /^(weight|norm)$/,
    more: /^(stepper|lens|stream|pair|heads|ablation|occlusion|similarity|compare)$/,
    without: /^[01]$/,
  },
  stream: /^(norm|before|embedding|attention|feedForward)$/,
  needle: /^(previous|next|self|cls|sep|punctuation|pieces|same|other|mask|distance|entropy|pair)$/,
  ...{ oa: /^/, ob: /^/, omask: /^\d{1,5}(,\d{1,5})*$/, om: /^/ },
  ...{ tap: /^[\s\S]{0,200}$/, at: /^\d{1,6},\d{1,6}$/ },
  ...{ off: /^\d{1,5}\.\d{1,5}(,\d{1,5}\.\d{1,5})*$/, by: /^(mask|unk|removed)$/, units: /^(word|token)$/ },
  answer: /^(first|gap|next|label|token|span|vector)$/,
};
const others = fc
  .dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }))
  .map((given) => new Map(Object.entries(given).filter(([name]) => !(name in FIELDS))));

describe("a link", () => {
  test("says the whole state, and keeps what is not ours", () => {
    fc.assert(
      fc.property(states, others, (state, kept) => {
        const read = readLink(linkOf(state, kept));
        expect(read).toEqual({ state, saysHead: true, problems: [], others: kept });
        expect(linkOf(read.state, read.others)).toBe(linkOf(state, kept));
        expect(leftOutOfLink(state)).toBeNull();
      }),
      RUNS,
    );
  });

  test("is short and can be read", () => {
    const state = stateOf({ text: "a b", pair: "c", masks: [4, 7], layer: 3, head: 5, view: "matrix", scale: "row" });
    expect(linkOf(state)).toBe("#v=1&a=a+b&b=c&mask=4%2C7&l=3&h=5&view=matrix&scale=row");
    expect(readLink("#v=1&a=a%20b&b=c&mask=4,7&l=3&h=5&view=matrix&scale=row").state).toEqual(state);
    expect(readLink("").state).toEqual(INITIAL_STATE);
    const says = ["", "#v=1&a=b&q=1", "#l=0", "#h=0", "#l=x"].map((hash) => readLink(hash).saysHead);
    expect(says).toEqual([false, false, true, true, false]);
  });

  test("leaves texts out that are too long, with what is picked in them, and says so", () => {
    const picked = { layer: 2, masks: [3], query: 4, key: 5 };
    const [most, more] = [0, 1].map((n) =>
      stateOf({ text: "x".repeat(MOST_CHARACTERS - 5), pair: "y".repeat(5 + n), ...picked }),
    );
    expect(readLink(linkOf(most)).state).toEqual(most);
    expect(leftOutOfLink(most)).toBeNull();
    expect(linkOf(more)).toBe("#v=1&l=2&h=0&view=lines");
    expect(leftOutOfLink(more)).toBe(
      "The address of this page leaves the text out: 2001 characters, where it takes at most 2000. A reload loses the text.",
    );
  });

  test("of anything at all is read without an error; what is kept of it is the same again", () => {
    const known = fc.constantFrom(...Object.keys(FIELDS));
    const words = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("%", "%E2%82", "&&", "=", "#", "+", "\ud800"),
    );
    const part = fc.oneof(
      words,
      fc.tuple(known, words).map(([name, value]) => `${name}=${value}`),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const { state, others: kept } = readLink(`#${parts.join("&")}`);
        expect(readLink(linkOf(state, kept))).toEqual({ state, saysHead: true, problems: [], others: kept });
      }),
      RUNS,
    );
  });

  test("names every field that cannot be meant, and takes the initial state's", () => {
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^-?\d{0,7}(,\d{1,6}){0,3}\.?$/),
      fc.string({ unit: "binary", minLength: 195, maxLength: 205 }),
      fc.constantFrom(
        "1",
        "0",
        "0.1,2.3",
        "word",
        "lines",
        "Lines",
        "root",
        "ab",
        "1e3",
        "٣",
        "constructor",
        "__proto__",
      ),
    );
    const names = Object.keys(FIELDS);
    const reached = { right: 0, wrong: 0 };
    fc.assert(
      fc.property(fc.constantFrom(...names), value, (name, given) => {
        const { state, problems } = readLink(`#${new URLSearchParams({ [name]: given })}`);
        const isRight = FIELDS[name].test(given);
        reached[isRight ? "right" : "wrong"]++;
        expect(problems.length).toBe(isRight ? 0 : 1);
        if (isRight) return;
        expect(problems[0]).toContain(`The link's ${name} must be `);
        expect(problems[0]).toContain(`got "${given.length > 40 ? `${given.slice(0, 40)}…` : given}"`);
        expect(state).toEqual(INITIAL_STATE);
      }),
      RUNS,
    );
    expect(Math.min(reached.right, reached.wrong)).toBeGreaterThan(100);
  });

  test("names all that are wrong at once", () => {
    const { problems } = readLink(
      `#v=2&targets=${"a".repeat(201)}&l=x&h=-1&q=1.5&k=&mask=a&view=z&scale=z&pairs=z&sort=z&n=2&more=z&tap=${"a".repeat(201)}&at=1&off=1&answer=z&by=z&units=z`,
    );
    expect(problems.map((sentence) => sentence.split(" must be ")[0].split(" ").at(-1))).toEqual(
      ["v", "mask", "targets", "l", "h", "view", "scale", "pairs", "sort", "q", "k", "n", "more", "off", "answer", "by", "units", "tap", "at"], // biome-ignore format: one line
    );
  });
});

test.each([
  ["", []],
  [" , ", []],
  ["door", ["door"]],
  ["door, window  ##s,door", ["door", "window", "##s"]],
])("the pieces to choose from: %j", (targets, wanted) => {
  expect(targetsOf({ targets })).toEqual(wanted);
});

describe("what is not there", () => {
  const tokens = [true, false, false, true].map((isSpecial) => ({ isSpecial, isMasked: false, hidden: null }));

  test("of a head that the model does not have the default is taken, and it is named", () => {
    const within = stateOf({ layer: 3, head: 2 });
    const extent = { layers: 4, heads: 3, steps: [] };
    expect(withinModel(within, extent)).toEqual({ state: within, problems: [], hasHead: true });
    expect(withinModel(stateOf({ layer: 4, head: 12 }), extent)).toEqual({
      state: stateOf({}),
      hasHead: false,
      problems: [
        "The link's l, a layer, must be below 4, as the model has so many, got 4.",
        "The link's h, a head, must be below 3, as the model has so many, got 12.",
      ],
    });
  });

  test("heads that the model does not have are on, and are named", () => {
    const extent = { layers: 4, heads: 3, steps: [] };
    const within = stateOf({ off: [[0, 2], [3, 0]] }); // biome-ignore format: one line
    expect(withinModel(within, extent)).toEqual({ state: within, problems: [], hasHead: true });
    expect(
      withinModel(
        stateOf({
          off: [
            [0, 2],
            [0, 3],
            [3, 0],
            [4, 0],
          ],
        }),
        extent,
      ),
    ).toEqual({
      state: within,
      hasHead: true,
      problems: ["The link's off must be heads that the model has, got 0.3, 4.0."],
    });
  });

  test("a tap that the model does not have is the first, and is named", () => {
    const extent = { layers: 1, heads: 1, steps: [{ names: ["bert.embeddings.LayerNorm", "bert.embeddings"] }] };
    const within = stateOf({ more: "stepper", tap: "bert.embeddings", place: [1, 2] });
    expect(withinModel(within, extent)).toEqual({ state: within, problems: [], hasHead: true });
    expect(withinModel({ ...within, tap: "<b>" }, extent)).toEqual({
      state: { ...within, tap: "", place: null },
      hasHead: true,
      problems: ['The link\'s tap must name a tap of this model (a point where a number can be read), got "<b>".'],
    });
  });

  test("tokens that the text does not have, or that cannot be hidden, are not picked, and are named", () => {
    const within = stateOf({ masks: [1, 2], query: 3, key: 0 });
    expect(withinText(within, tokens)).toEqual({ state: within, problems: [] });
    expect(withinText(stateOf({ masks: [0, 1, 2, 3, 9], query: 4, key: 77 }), tokens)).toEqual({
      state: stateOf({ masks: [1, 2], query: null }),
      problems: [
        "The link's mask must be positions of tokens that can be hidden, got 0, 3, 9.",
        "The link's q must be below 4, the number of tokens, got 4.",
        "The link's k must be below 4, the number of tokens, got 77.",
      ],
    });
  });

  test("a [MASK] that is written cannot be hidden, and is named", () => {
    const written = { isSpecial: false, isMasked: true, hidden: null };
    const given = [tokens[0], written, { ...written, hidden: { id: 5, piece: "door" } }, tokens[3]];
    expect(withinText(stateOf({ masks: [1, 2] }), given)).toEqual({
      state: stateOf({ masks: [2] }),
      problems: ["The link's mask must be positions of tokens that can be hidden, got 1."],
    });
  });
});

test("each further view that a link can name has a tab", () => {
  expect(FURTHER_VIEWS.map(({ name }) => name)).toEqual([...FURTHER]);
});

test("docs/explorer.md lists the fields of a link, and every choice", () => {
  const guide = readFileSync(join(import.meta.dirname, "..", "..", "docs", "explorer.md"), "utf8");
  const [, table] = guide.match(/\| field \| \|\n\|---\|---\|\n((?:\|.*\n)*)/) ?? [];
  const namesIn = (words: string) => [...words.matchAll(/`(.+?)`/g)].map(([, name]) => name);
  const lines = table.trimEnd().split("\n");
  const rows = lines.map(namesIn);
  expect(lines.flatMap((line) => namesIn(line.split("|")[1])).sort()).toEqual(Object.keys(FIELDS).sort());
  const choicesOf = (field: string) => rows.find(([name]) => name === field)?.slice(1);
  const all = { view: VIEWS, scale: SCALES, pairs: PAIRS, sort: SORTS, weights: WEIGHTS, more: FURTHER };
  const further = { stream: STREAM_MEASURES, needle: NEEDLES, answer: ANSWERS, by: OCCLUSIONS, units: UNITS };
  for (const [field, choices] of Object.entries({ ...all, ...further }))
    expect(choicesOf(field), field).toEqual(choices);
});
