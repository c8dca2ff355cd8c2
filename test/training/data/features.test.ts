import { describe, expect, test } from "vitest";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";
import { choiceFeatures, sequenceFeatures, tokenFeatures } from "../../../src/training/data/features.ts";
import type { Label } from "../../../src/training/data/textExamples.ts";
import { letters } from "./support.ts";

const where = "train.csv: line 2";
const plain = <T extends { inputIds: Int32Array; tokenTypeIds: Uint8Array }>({ inputIds, tokenTypeIds }: T) => ({
  ids: Array.from(inputIds),
  types: Array.from(tokenTypeIds),
});
const CLS = 2;
const SEP = 3;

describe("sequenceFeatures", () => {
  test("a text, and a pair, with the index of the label", () => {
    const examples = [
      { where, text: "ab c", label: "no" },
      { where, text: "a", text_pair: "b.", label: "yes" },
    ];
    const [one, pair] = sequenceFeatures(letters, examples, { labels: ["no", "yes"] });
    expect(plain(one)).toEqual({ ids: [CLS, 4, 10, 6, SEP], types: [0, 0, 0, 0, 0] });
    expect(plain(pair)).toEqual({ ids: [CLS, 4, SEP, 5, 15, SEP], types: [0, 0, 0, 1, 1, 1] });
    expect([one.labels, pair.labels]).toEqual([0, 1]);
  });

  test("what is longer than maxLength is cut, of a pair the longer text", () => {
    const examples = [
      { where, text: "a a a a a", label: 1 },
      { where, text: "a", text_pair: "b b b b b", label: 1 },
    ];
    const [one, pair] = sequenceFeatures(letters, examples, { labels: ["0", "1"], maxLength: 6 });
    expect(plain(one).ids).toEqual([CLS, 4, 4, 4, 4, SEP]);
    expect(plain(pair).ids).toEqual([CLS, 4, SEP, 5, 5, SEP]);
    expect(one.labels).toBe(1);
    const short = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]", "a"], { modelMaxLength: 4 });
    const [whole] = sequenceFeatures(short, [{ where, text: "a a a", label: 0 }], { labels: ["0"] });
    expect(plain(whole).ids).toEqual([1, 3, 3, 2]); // as far as the tokenizer says that the model goes
  });

  test("a number to regress to, from a number or from its decimal digits", () => {
    const of = (label: string | number) =>
      sequenceFeatures(letters, [{ where, text: "a", label }], { problemType: "regression" })[0].labels;
    expect([of(2.5), of("2.500"), of("-1e-3"), of("+.5"), of("3.")]).toEqual([2.5, 2.5, -0.001, 0.5, 3]);
    for (const bad of ["", " 1", "0x10", "1,5", "Infinity", "one"]) {
      expect(() => of(bad)).toThrow(`${where}: label must be a number, got ${JSON.stringify(bad)}`);
    }
  });

  test("several labels at once", () => {
    const options = { problemType: "multi_label_classification", labels: ["x", "y", "z"] } as const;
    const examples = [["z", "x"], []].map((label) => ({ where, text: "a", label }));
    expect(sequenceFeatures(letters, examples, options).map(({ labels }) => labels)).toEqual([
      Float32Array.of(1, 0, 1),
      Float32Array.of(0, 0, 0),
    ]);
    expect(() => sequenceFeatures(letters, [{ where, text: "a", label: "x" }], options)).toThrow(
      `${where}: label must be an array of labels, got "x"`,
    );
  });

  test("a whole number is the index of a label, as in Python's ClassLabel, where the labels are no numbers", () => {
    const of = (label: Label, labels: string[]) =>
      sequenceFeatures(letters, [{ where, text: "a", label }], { labels })[0].labels;
    expect([of(1, ["no", "yes"]), of("1", ["no", "yes"]), of("yes", ["no", "yes"])]).toEqual([1, 1, 1]);
    expect([of(1, ["1", "2", "3"]), of("1", ["1", "2", "3"]), of(2.5, ["0", "2.5"])]).toEqual([0, 0, 1]);
    expect(of("1", ["1", "no"])).toBe(0); // a name first
    expect([of(true, ["False", "True"]), of(false, ["true", "false"])]).toEqual([1, 1]);
    const refused = (label: Label, labels: string[], message: string) =>
      expect(() => of(label, labels)).toThrow(`${where}: label must be ${message}`);
    refused(2, ["no", "yes"], 'a whole number from 0 to 1, an index of "no", "yes", got 2');
    refused(-1, ["no", "yes"], "a whole number from 0 to 1");
    refused(0.5, ["no", "yes"], "a whole number from 0 to 1");
    refused("2", ["no", "yes"], 'one of "no", "yes", got "2"');
    refused(4, ["1", "2", "3"], 'one of "1", "2", "3", got 4');
    refused(true, ["no", "yes"], 'one of "no", "yes", got true');
    const many = Array.from({ length: 400 }, (_, i) => `label ${i}`);
    expect(() => of("x", many)).toThrow(/"label 9" and 390 more, got "x"$/);
  });

  test("indices in a list, each once: a row of zeros and ones is none", () => {
    const options = { problemType: "multi_label_classification", labels: ["x", "y", "z"] } as const;
    const of = (label: Label) => sequenceFeatures(letters, [{ where, text: "a", label }], options)[0].labels;
    expect(of([2, 0])).toEqual(Float32Array.of(1, 0, 1));
    expect(of(["z", "z"])).toEqual(Float32Array.of(0, 0, 1));
    expect(() => of([0, 1, 0])).toThrow(
      `${where}: label must be an array of the labels that hold, each once, got 0 twice`,
    );
    expect(() => of([3])).toThrow("a whole number from 0 to 2");
  });

  test.each([
    [{ where, text: "a" }, { labels: ["0"] }, `${where}: label must be there, got none`],
    [{ where, text: "a", label: "2" }, { labels: ["0", "1"] }, `${where}: label must be one of "0", "1", got "2"`],
    [
      { where, text: "a", label: ["0"] },
      { labels: ["0", "1"] },
      `${where}: label must be one label, got an array of 1`,
    ],
    [{ where, text: "a", label: "0" }, {}, "labelIds: names must be different labels, at least one, got none"],
    [{ where, text: "a", label: "0" }, { labels: ["0"], maxLength: 1 }, `${where}: encode: maxLength must be at least`],
  ])("%j with %j is an error", (example, options, message) => {
    expect(() => sequenceFeatures(letters, [example], options)).toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  });
});

describe("tokenFeatures", () => {
  const labels = ["B-X", "I-X", "O"];

  test("the tag stands at a word's first token, every other token has −100", () => {
    const [feature] = tokenFeatures(
      letters,
      [{ where, words: ["abc", "d", "a,b"], tags: ["B-X", "I-X", "O"] }],
      labels,
    );
    expect(plain(feature).ids).toEqual([CLS, 4, 10, 11, 7, 4, 14, 5, SEP]);
    expect(Array.from(feature.labels)).toEqual([-100, 0, -100, -100, 1, 2, -100, -100, -100]);
  });

  test("a word without tokens has no label, and one that is cut off has none", () => {
    const sentence = { where, words: ["a", "\u0000", "b", "cc"], tags: ["O", "B-X", "I-X", "O"] };
    const [feature] = tokenFeatures(letters, [sentence], labels);
    expect(Array.from(feature.labels)).toEqual([-100, 2, 1, 2, -100, -100]);
    const [cut] = tokenFeatures(letters, [sentence], labels, { maxLength: 4 });
    expect(Array.from(cut.labels)).toEqual([-100, 2, 1, -100]);
  });

  test("an unknown tag is an error, even if its word is cut off", () => {
    const sentence = { where, words: ["a", "b"], tags: ["O", "B-Y"] };
    expect(() => tokenFeatures(letters, [sentence], labels, { maxLength: 3 })).toThrow(
      `${where}: label must be one of "B-X", "I-X", "O", got "B-Y"`,
    );
  });
});

describe("choiceFeatures", () => {
  test("a pair for each choice", () => {
    const [feature] = choiceFeatures(letters, [{ where, text: "a b", choices: ["c", "d e"], label: 1 }]);
    expect(feature.choices.map(plain)).toEqual([
      { ids: [CLS, 4, 5, SEP, 6, SEP], types: [0, 0, 0, 0, 1, 1] },
      { ids: [CLS, 4, 5, SEP, 7, 8, SEP], types: [0, 0, 0, 0, 1, 1, 1] },
    ]);
    expect(feature.labels).toBe(1);
    expect(() => choiceFeatures(letters, [{ where, text: "a", choices: ["b", "c"] }])).toThrow(
      `${where}: label must be there`,
    );
    expect(() => choiceFeatures(letters, [{ where, text: "a", choices: ["b", "c"], label: 2 }])).toThrow(
      `${where}: label must be a whole number from 0 to 1, got 2`,
    );
  });
});
