import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { BertTokenizer, type EncodeOptions } from "../../src/tokenizer/index.ts";
import { TOKENIZERS } from "./library.ts";

const cased = TOKENIZERS["bert-base-cased"];
const uncased = TOKENIZERS["bert-base-uncased"];

function expectInputError(run: () => unknown, message: RegExp, code = "ERR_INPUT"): void {
  const error = (() => {
    try {
      return run();
    } catch (e) {
      return e;
    }
  })();
  expect(error).toBeInstanceOf(BertError);
  expect((error as BertError).code).toBe(code);
  expect((error as BertError).message).toMatch(message);
}

describe("encode", () => {
  test("the example of the documentation", () => {
    const encoding = uncased.encode("Hello world!", { textPair: "How are you?" });
    expect(encoding.inputIds).toEqual([101, 7592, 2088, 999, 102, 2129, 2024, 2017, 1029, 102]);
    expect(encoding.tokenTypeIds).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    expect(encoding.attentionMask).toEqual(new Array(10).fill(1));
    expect(encoding.offsets[1]).toEqual([0, 5]);
    expect(encoding.sequenceIds).toEqual([null, 0, 0, 0, null, 1, 1, 1, 1, null]);
    expect(encoding.tokens()[5]).toBe("how");
    expect(uncased.decode(encoding.inputIds, { skipSpecialTokens: true })).toBe("hello world! how are you?");
  });

  test("offsets slice the text, in UTF-16 units, also behind an emoji", () => {
    const text = "👨‍👩‍👧 naïve";
    const { offsets, length } = uncased.encode(text);
    expect(text.slice(...offsets[length - 2])).toBe("naïve");
    expect(uncased.encode(text, { offsetUnit: "codePoint" }).offsets.at(-2)).toEqual([6, 11]);
  });

  test("an empty text, an empty pair and no words are [CLS] [SEP], and no error", () => {
    expect(cased.encode("").inputIds).toEqual([101, 102]);
    expect(cased.encode("", { textPair: "" }).inputIds).toEqual([101, 102, 102]);
    expect(cased.encode([], { isSplitIntoWords: true }).inputIds).toEqual([101, 102]);
    expect(cased.encode("", { addSpecialTokens: false }).inputIds).toEqual([]);
    expect(cased.encodeBatch([])).toEqual([]);
  });

  test("lone surrogates count as U+FFFD: dropped with the control characters, unknown without cleaning", () => {
    expect(cased.encode("a\ud800b").inputIds).toEqual(cased.encode("a\ufffdb").inputIds);
    expect(cased.encode("a\ud800b").offsets.slice(1, 3)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    const options = { cleanText: false };
    const keeps = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]", "a", "\ufffd"], options);
    expect(keeps.tokenize("\udfff a")).toEqual(["\ufffd", "a"]);
  });

  test("a batch of texts and pairs equals its members encoded alone", () => {
    const batch = uncased.encodeBatch(["one text", ["a question", "its context"], ""]);
    expect(batch.map((e) => e.inputIds)).toEqual([
      uncased.encode("one text").inputIds,
      uncased.encode("a question", { textPair: "its context" }).inputIds,
      [101, 102],
    ]);
    const words = cased.encodeBatch(
      [
        ["New", "York"],
        [["New"], ["York", "City"]],
      ],
      { isSplitIntoWords: true },
    );
    expect(words[0].tokenTypeIds).toEqual([0, 0, 0, 0]);
    expect(words[1].tokenTypeIds).toEqual([0, 0, 0, 1, 1, 1]);
    expect(words[1].wordIds).toEqual([null, 0, null, 0, 1, null]);
  });

  test("an encoding does not change when the tokenizer goes on", () => {
    const first = cased.encode("the first text");
    const before = JSON.stringify(first);
    cased.encode("quite another one, and longer");
    expect(JSON.stringify(first)).toBe(before);
  });

  test("an encoding can be posted to another thread, as its arrays", () => {
    const { inputIds, tokenTypeIds, attentionMask } = cased.encode("Hello world!");
    const posted = structuredClone(cased.encode("Hello world!"));
    expect(posted).toEqual({ inputIds, tokenTypeIds, attentionMask, overflowing: [] });
  });

  test("a million characters, and a word of a million characters: a step for each pair of them would outlast the test", () => {
    for (const word of ["x", "é", "\u0301\u302e"]) {
      const text = word.repeat(1_000_000 / word.length);
      expect(cased.encode(text).inputIds, word).toEqual([101, 100, 102]);
    }
    expect(uncased.encode("\u0301\u302e".repeat(500_000)).inputIds).toEqual([101, 100, 102]); // reordered by the chain
    for (const unit of ["a ", "unaffable ", "[MASK]", "["]) {
      const ids = cased.encode(unit).inputIds.slice(1, -1);
      const count = Math.floor(1_000_000 / unit.length);
      const { inputIds } = cased.encode(unit.repeat(count));
      expect(inputIds.length, unit).toBe(ids.length * count + 2);
      expect(
        inputIds.slice(1, -1).findIndex((id, i) => id !== ids[i % ids.length]),
        unit,
      ).toBe(-1);
    }
  });
});

describe("truncation and windows", () => {
  test("maxLength alone truncates, as in transformers; padding alone does not", () => {
    expect(cased.encode("a b c d e f", { maxLength: 5 }).tokens()).toEqual(["[CLS]", "a", "b", "c", "[SEP]"]);
    expect(cased.encode("a b c d e f", { maxLength: 5, padding: "max_length" }).length).toBe(8);
    expect(cased.encode("a b c d e f", { truncation: false, maxLength: 5 }).length).toBe(8);
    expect(cased.encode("a b", { truncation: true, maxLength: 2 }).tokens()).toEqual(["[CLS]", "[SEP]"]);
  });

  test("windows cover the whole text, each sharing `stride` tokens with the one before", () => {
    const text = "a b c d e f g h i j k l m n o p q r s t u v w x y z";
    const options: EncodeOptions = {
      truncation: "only_second",
      maxLength: 12,
      stride: 3,
      returnOverflowingTokens: true,
    };
    const encoding = cased.encode("why ?", { textPair: text, ...options });
    const windows = [encoding, ...encoding.overflowing].map((e) => e.tokens().slice(4, -1));
    expect(windows[0]).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    const joined = windows.flatMap((window, n) => window.slice(n === 0 ? 0 : 3));
    expect(joined.join(" ")).toBe(text);
    for (const [n, window] of windows.entries())
      if (n > 0) expect(window.slice(0, 3)).toEqual(windows[n - 1].slice(-3));
  });

  test("without returnOverflowingTokens there is no overflow", () => {
    expect(cased.encode("a b c d e f", { maxLength: 4 }).overflowing).toEqual([]);
  });
});

describe("padding", () => {
  test("longest pads the batch, also its windows, and the masks say so", () => {
    const [short, long] = uncased.encodeBatch(["one", "one two three"], { padding: true, padToMultipleOf: 4 });
    expect(short.inputIds).toEqual([101, 2028, 102, 0, 0, 0, 0, 0]);
    expect(short.attentionMask).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
    expect(short.specialTokensMask).toEqual([1, 0, 1, 1, 1, 1, 1, 1]);
    expect(short.wordIds).toEqual([null, 0, null, null, null, null, null, null]);
    expect(long.length).toBe(8);
    const left = uncased.encode("one", { padding: "max_length", maxLength: 5, paddingSide: "left" });
    expect(left.inputIds).toEqual([0, 0, 101, 2028, 102]);
    expect(left.offsets).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 3],
      [0, 0],
    ]);
  });
});

describe("decode", () => {
  test("skipSpecialTokens and cleanUpTokenizationSpaces", () => {
    const { inputIds } = uncased.encode("You should've done this, didn't you?");
    expect(uncased.decode(inputIds)).toBe("[CLS] you should've done this, didn't you? [SEP]");
    expect(uncased.decode(inputIds, { skipSpecialTokens: true, cleanUpTokenizationSpaces: false })).toBe(
      "you should ' ve done this, didn ' t you?",
    );
    expect(uncased.decode(Int32Array.from(inputIds.slice(1, 3)))).toBe("you should");
    expect(uncased.decode([])).toBe("");
  });

  test("ids that are not in the vocabulary", () => {
    for (const id of [-1, 30522, 1.5, Number.NaN]) {
      expectInputError(
        () => uncased.decode([101, id]),
        /^decode: ids\[1\] must be an id of the vocabulary, from 0 to 30521, got /,
      );
    }
    expectInputError(() => uncased.decode(7 as never), /^decode: ids must be an array of ids, got 7/);
    expectInputError(
      () => uncased.decode([], { skip_special_tokens: true } as never),
      /^decode: unknown option "skip_special_tokens"; did you mean "skipSpecialTokens"\?/,
    );
    expectInputError(
      () => uncased.decode([], { skipSpecialTokens: 1 as never }),
      /^decode: skipSpecialTokens must be true or false, got 1/,
    );
  });
});

describe("vocabulary and added tokens", () => {
  test("special tokens and look-up", () => {
    expect([cased.padTokenId, cased.unkTokenId, cased.clsTokenId, cased.sepTokenId, cased.maskTokenId]).toEqual([
      0, 100, 101, 102, 103,
    ]);
    expect(cased.tokenToId("Hello")).toBe(8667);
    expect(cased.idToToken(8667)).toBe("Hello");
    expect(cased.tokenToId("no such token")).toBeUndefined();
    expect(cased.tokenToId("constructor__")).toBeUndefined();
    expect(cased.idToToken(28996)).toBeUndefined();
  });

  test("addTokens: next free ids, old ids for what the vocabulary has, found in text, no double count", () => {
    const tokenizer = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]", "new", "york"]);
    expect(tokenizer.tokenize("new york new-york")).toEqual(["new", "york", "new", "[UNK]", "york"]);
    expect(tokenizer.addTokens(["new york", "york"])).toBe(2);
    expect(tokenizer.addTokens(["new york"])).toBe(0);
    expect(tokenizer.size).toBe(6);
    expect(tokenizer.encode("New York new-york", { addSpecialTokens: false }).inputIds).toEqual([5, 3, 0, 4]);
    expect(tokenizer.addSpecialTokens(["<s>"])).toBe(1);
    expect(tokenizer.allSpecialIds).toEqual([0, 1, 2, 6]);
    expectInputError(() => tokenizer.addTokens([""]), /^addTokens: token must be a non-empty string/, "ERR_VOCABULARY");
    expectInputError(() => tokenizer.addTokens(["\ud800"]), /without lone surrogates/, "ERR_VOCABULARY");
    expectInputError(
      () => tokenizer.addTokens([{ content: "x", lstrip: 1 as never }]),
      /lstrip must be true or false/,
      "ERR_VOCABULARY",
    );
    expectInputError(() => tokenizer.addTokens("x" as never), /tokens must be an array/);
  });

  test("without [PAD] and [MASK]: no ids for them, and padding is refused", () => {
    const tokenizer = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]", "a"]);
    expect(tokenizer.padToken).toBeUndefined();
    expect(tokenizer.maskTokenId).toBeUndefined();
    expectInputError(
      () => tokenizer.encode("a", { padding: true }),
      /padding must be off, as the vocabulary has no \[PAD\]/,
    );
  });

  test("names of special tokens that the vocabulary does not have are added", () => {
    const tokenizer = BertTokenizer.fromVocabulary(["[UNK]", "a"], { clsToken: "<s>", sepToken: "</s>" });
    expect(tokenizer.encode("a").inputIds).toEqual([2, 1, 3]);
  });

  test("fromVocabulary refuses nonsense", () => {
    const base = ["[UNK]", "[CLS]", "[SEP]"];
    const refuse = (run: () => unknown, message: RegExp): void => expectInputError(run, message, "ERR_VOCABULARY");
    refuse(() => BertTokenizer.fromVocabulary([]), /must have at least one token/);
    refuse(() => BertTokenizer.fromVocabulary("abc" as never), /tokens must be a list of strings/);
    refuse(() => BertTokenizer.fromVocabulary([...base, "\ud800"]), /without lone surrogates/);
    refuse(() => BertTokenizer.fromVocabulary([...base, "[CLS]"]), /tokens must be distinct/);
    refuse(
      () => BertTokenizer.fromVocabulary(base, { maxInputCharsPerWord: 0 }),
      /maxInputCharsPerWord must be an integer from 1/,
    );
    expectInputError(
      () => BertTokenizer.fromVocabulary(base, { lowercase: true } as never),
      /^BertTokenizer: unknown option "lowercase"; did you mean "doLowerCase"\?/,
    );
    refuse(
      () => BertTokenizer.fromVocabulary(base, { neverSplit: [1] as never }),
      /neverSplit must be a list of strings/,
    );
  });
});

describe("wrong input names the function, the value and what would be right", () => {
  const wrong: readonly [string, () => unknown, RegExp][] = [
    ["no string", () => cased.encode(5 as never), /^encode: text must be a string, got 5/],
    ["undefined", () => cased.encode(undefined as never), /^encode: text must be a string, got undefined/],
    ["a list without isSplitIntoWords", () => cased.encode(["a"]), /^encode: text must be a string, got \["a"\]/],
    [
      "a string with it",
      () => cased.encode("a", { isSplitIntoWords: true }),
      /^encode: text must be a list of strings/,
    ],
    ["textPair", () => cased.encode("a", { textPair: null as never }), /^encode: textPair must be a string, got null/],
    ["options", () => cased.encode("a", null as never), /^encode: options must be an object, got null/],
    [
      "unknown option",
      () => cased.encode("a", { max_length: 8 } as never),
      /^encode: unknown option "max_length"; did you mean "maxLength"\?/,
    ],
    ["maxLength 0", () => cased.encode("a", { maxLength: 0 }), /^encode: maxLength must be an integer from 1, got 0/],
    ["maxLength 1.5", () => cased.encode("a", { maxLength: 1.5 }), /maxLength must be an integer from 1, got 1.5/],
    ["no room", () => cased.encode("a", { maxLength: 1 }), /maxLength must be at least the 2 special tokens, got 1/],
    ["stride", () => cased.encode("a", { maxLength: 5, stride: 3 }), /stride must be less than the 3 tokens .*, got 3/],
    ["negative stride", () => cased.encode("a", { stride: -1 }), /stride must be an integer from 0, got -1/],
    [
      "stride of a part",
      () =>
        cased.encode("a b c d", {
          textPair: "e f g h",
          maxLength: 7,
          stride: 3,
          truncation: true,
          returnOverflowingTokens: true,
        }),
      /stride must be less than the 2 tokens/,
    ],
    [
      "strategy",
      () => cased.encode("a", { truncation: "longest" as never }),
      /truncation must be one of longest_first, only_first, only_second, do_not_truncate, got "longest"/,
    ],
    [
      "only_second alone",
      () => cased.encode("a", { truncation: "only_second", maxLength: 8 }),
      /"only_second" without textPair/,
    ],
    [
      "only_first too short",
      () => cased.encode("a", { textPair: "b c d e f", truncation: "only_first", maxLength: 6 }),
      /must leave room for the text that "only_first" cuts/,
    ],
    [
      "padding",
      () => cased.encode("a", { padding: "left" as never }),
      /padding must be one of longest, max_length, do_not_pad, got "left"/,
    ],
    [
      "padding without length",
      () => uncased.encode("a", { padding: "max_length" }),
      /maxLength must be given with padding "max_length"/,
    ],
    [
      "multiple",
      () => cased.encode("a", { padding: true, padToMultipleOf: 0 }),
      /padToMultipleOf must be an integer from 1, got 0/,
    ],
    [
      "multiple alone",
      () => cased.encode("a", { padToMultipleOf: 8 }),
      /padToMultipleOf must be given together with padding/,
    ],
    [
      "side",
      () => cased.encode("a", { paddingSide: "top" as never }),
      /paddingSide must be one of left, right, got "top"/,
    ],
    [
      "unit",
      () => cased.encode("a", { offsetUnit: "bytes" as never }),
      /offsetUnit must be one of utf16, codePoint, got "bytes"/,
    ],
    [
      "flag",
      () => cased.encode("a", { addSpecialTokens: "no" as never }),
      /addSpecialTokens must be true or false, got "no"/,
    ],
    ["batch", () => cased.encodeBatch("a" as never), /^encodeBatch: inputs must be an array, got "a"/],
    ["member", () => cased.encodeBatch(["a", 3 as never]), /^encodeBatch: inputs\[1\]: text must be a string, got 3/],
    [
      "triple",
      () => cased.encodeBatch([["a", "b", "c"]]),
      /^encodeBatch: inputs\[0\] must be a text or a pair .*, got \["/,
    ],
    [
      "textPair for a batch",
      () => cased.encodeBatch(["a"], { textPair: "b" } as never),
      /unknown option "textPair"; known are /,
    ],
  ];
  test.each(wrong)("%s", (_, run, message) => expectInputError(run, message));
});
