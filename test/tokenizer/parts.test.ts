import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resolveNormalizerOptions } from "../../src/tokenizer/basicTokenize.ts";
import { BertTokenizer, type EncodeOptions, type Encoding } from "../../src/tokenizer/index.ts";
import { SETTINGS, texts, tokenizeByDefinition } from "./generators.ts";
import { readReference } from "./library.ts";

/** What is read of a text at a time, in UTF-16 units. */
const PART = 4096;

const TOKENS = readReference("bert-base-uncased/vocab.txt").trimEnd().split("\n");
const VOCABULARY = new Map(TOKENS.map((token, id) => [token, id] as const));
const NAMES = { clsToken: "<cls of this test>", sepToken: "<sep>", padToken: "<pad>", maskToken: "<mask>" };

/** A text in whose middle, wherever that is, a part ends: in a word, a run of marks, a surrogate pair, a special token. */
const acrossParts: fc.Arbitrary<string> = fc
  .tuple(texts, fc.nat({ max: 60 }), texts, fc.constantFrom("so ", "é ", "中", "-", "\u0301", "\u0000", "🤗 "))
  .map(([middle, before, after, filler]) => {
    const length = PART - Math.min(before, middle.length);
    const lead = filler.repeat(Math.ceil(length / filler.length)).slice(-length);
    return `${lead.isWellFormed() ? lead : `x${lead.slice(1)}`}${middle}${filler.repeat(PART / filler.length)}${after}`;
  });

/** Encodes in parts; each is checked to be no longer than it may be. */
function inParts(tokenizer: BertTokenizer, text: string, options: EncodeOptions & { textPair?: string }): Encoding {
  const parts = tokenizer.encodeInParts(text, options);
  let part = parts.next();
  for (; !part.done; part = parts.next()) {
    expect(part.value).toBeGreaterThan(0);
    expect(part.value).toBeLessThanOrEqual(PART + 1);
  }
  return part.value;
}

test.each(SETTINGS)("a text in parts gives what the readable chain gives of the whole: %j", (options) => {
  const tokenizer = BertTokenizer.fromVocabulary(TOKENS, { ...options, ...NAMES });
  const resolved = resolveNormalizerOptions(options);
  fc.assert(
    fc.property(acrossParts, (text) => {
      if (text.includes("[UNK]")) return;
      const encoding = tokenizer.encode(text, { addSpecialTokens: false });
      const { offsets, wordIds } = encoding;
      const tokens = encoding
        .tokens()
        .map((token, i) => ({ token, start: offsets[i][0], end: offsets[i][1], word: wordIds[i] }));
      expect(tokens).toEqual(tokenizeByDefinition(text, resolved, VOCABULARY));
      if (!options.neverSplit) expect(inParts(tokenizer, text, { addSpecialTokens: false })).toEqual(encoding);
    }),
    { numRuns: 30 },
  );
});

/** The tokens that added tokens of every kind are found among. */
function withAddedTokens(kind: "special" | "normalized"): BertTokenizer {
  const tokenizer = BertTokenizer.fromVocabulary(TOKENS, NAMES);
  tokenizer.addTokens([
    { content: "[MASK]", special: true, normalized: false, lstrip: true },
    { content: "the", singleWord: true, normalized: kind === "normalized" },
    { content: "[SEP]", normalized: kind === "normalized", lstrip: true },
  ]);
  return tokenizer;
}

describe.each(["special", "normalized"] as const)("added tokens that are %s", (kind) => {
  test("are found across the ends of parts as in the whole", () => {
    const tokenizer = withAddedTokens(kind);
    fc.assert(
      fc.property(acrossParts, fc.nat({ max: 30 }), (text, shift) => {
        // What stands around the end of a part stands in the middle of one when other text is before it
        const lead = ".".repeat(1 + shift);
        const [here, there] = [text, lead + text].map((whole) => tokenizer.encode(whole, { addSpecialTokens: false }));
        expect(there.inputIds.slice(lead.length)).toEqual(here.inputIds);
        expect(there.offsets.slice(lead.length)).toEqual(
          here.offsets.map(([start, end]) => [start + lead.length, end + lead.length]),
        );
      }),
      { numRuns: 80 },
    );
  });
});

describe("truncation", () => {
  const tokenizer = BertTokenizer.fromVocabulary(TOKENS);
  const strategies = ["longest_first", "only_first", "only_second"] as const;
  const all = (encoding: Encoding) => ({ ...encoding.toJSON(), overflowing: [] });

  test("reads no further than it must, and gives what reading everything gives", () => {
    fc.assert(
      fc.property(
        fc.record({
          text: fc.oneof(acrossParts, texts),
          textPair: fc.option(fc.oneof(acrossParts, texts), { nil: undefined }),
          truncation: fc.constantFrom(...strategies),
          maxLength: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 6000 })),
          truncationSide: fc.constantFrom("left", "right"),
          addSpecialTokens: fc.boolean(),
          offsetUnit: fc.constantFrom("utf16", "codePoint"),
        }),
        ({ text, textPair, ...given }) => {
          // The windows of two long texts that are cut to a few tokens are millions, each of one with each of the other.
          fc.pre(textPair === undefined || given.maxLength > 400 || text.length + textPair.length < 400);
          const options = { ...given, ...(textPair !== undefined && { textPair }) } as EncodeOptions;
          // The windows that are cut off can only be given where everything is read
          const whole = outcome(() => all(tokenizer.encode(text, { ...options, returnOverflowingTokens: true })));
          expect(outcome(() => all(tokenizer.encode(text, options)))).toEqual(whole);
          expect(outcome(() => all(inParts(tokenizer, text, options)))).toEqual(whole);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("of words, too", () => {
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 40 }), fc.integer({ min: 2, max: 40 }), (words, maxLength) => {
        const options = { isSplitIntoWords: true, truncation: true, maxLength } as const;
        const whole = all(tokenizer.encode(words, { ...options, returnOverflowingTokens: true }));
        expect(all(tokenizer.encode(words, options))).toEqual(whole);
      }),
    );
  });

  const unitsOf = (text: string, options: EncodeOptions & { textPair?: string }): number => {
    let units = 0;
    for (const read of tokenizer.encodeInParts(text, options)) units += read;
    return units;
  };
  const long = "It was a dark and stormy night. ".repeat(40_000);

  test.each<[string, EncodeOptions & { textPair?: string }, number]>([
    ["at its right end", { truncation: true, maxLength: 256 }, PART],
    ["at its left end", { truncation: true, maxLength: 256, truncationSide: "left" }, long.length],
    ["not", {}, long.length],
    ["into windows", { truncation: true, maxLength: 256, returnOverflowingTokens: true }, long.length],
    ["with a second one", { truncation: true, maxLength: 256, textPair: long }, 2 * PART],
    ["alone of two", { truncation: "only_first", maxLength: 256, textPair: "short" }, PART + 5],
  ])("how much is read of a text that is cut %s", (_, options, units) => {
    expect(unitsOf(long, options)).toBe(units);
  });

  test("the tokens of a text are counted as they are encoded", () => {
    const counted = (text: string, textPair: string | undefined) => {
      const parts = tokenizer.countInParts(text, textPair === undefined ? {} : { textPair });
      let part = parts.next();
      while (!part.done) part = parts.next();
      return part.value;
    };
    fc.assert(
      fc.property(fc.oneof(acrossParts, texts), fc.option(texts, { nil: undefined }), (text, textPair) => {
        const options = textPair === undefined ? {} : { textPair };
        expect(counted(text, textPair)).toBe(tokenizer.encode(text, options).length);
      }),
    );
    expect(counted(long, long)).toBe(2 * tokenizer.encode(long).length - 1);
  });

  test("several texts may be read in turns, and others meanwhile", () => {
    const [a, b] = [long.slice(0, 20_000), `${"The door is open. ".repeat(900)}[MASK]`];
    const alone = [tokenizer.encode(a), tokenizer.encode(b)];
    const readers = [tokenizer.encodeInParts(a), tokenizer.encodeInParts(b)];
    const results: Encoding[] = [];
    for (let turn = 0; results.filter(Boolean).length < 2; turn++) {
      const part = readers[turn % 2].next();
      if (part.done && part.value) results[turn % 2] = part.value;
      tokenizer.encode("Another text meanwhile");
    }
    expect(results.map(all)).toEqual(alone.map(all));
  });
});

/** A result, or the message of the error. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as Error).message;
  }
}
