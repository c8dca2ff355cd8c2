import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readConll } from "../../../src/training/data/conll.ts";
import { readDelimited } from "../../../src/training/data/delimited.ts";
import { readJsonLines } from "../../../src/training/data/jsonLines.ts";
import { labelIds, labelNames } from "../../../src/training/data/labels.ts";
import { collect, linesOf } from "../../../src/training/data/numberedLines.ts";
import { readMultipleChoice } from "../../../src/training/data/readMultipleChoice.ts";
import { readTexts } from "../../../src/training/data/textExamples.ts";
import { messageOf, pieces } from "./support.ts";

describe("linesOf", () => {
  test("gives the lines of a text, whatever the pieces", async () => {
    const text = fc.string({ unit: fc.constantFrom("\n", "\r", "a", "\u2028", "😀"), maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 5 }), async (whole, size) => {
        const want = whole.split("\n");
        if (want.at(-1) === "") want.pop();
        expect(await collect(linesOf(pieces(whole, size)))).toEqual(want);
      }),
    );
  });

  test("closes its source when it is left early", async () => {
    let closed = false;
    async function* source() {
      try {
        yield "a\nb\n";
      } finally {
        closed = true;
      }
    }
    for await (const line of linesOf(source())) {
      expect(line).toBe("a");
      break;
    }
    expect(closed).toBe(true);
  });
});

describe("JSON lines", () => {
  const file = "a.jsonl";

  test("objects with any values, and a line separator inside a string", async () => {
    const read = await collect(
      readJsonLines('{"text": "x\u2028y", "label": 1.5}\r\n{"text": "z", "label": ["p", "q"]}', { file }),
    );
    expect(read.map(({ values }) => Object.fromEntries(values))).toEqual([
      { text: "x\u2028y", label: 1.5 },
      { text: "z", label: ["p", "q"] },
    ]);
    expect(read.map(({ where }) => where)).toEqual(["a.jsonl: line 1", "a.jsonl: line 2"]);
  });

  test("blank lines and a byte order mark are left out, as Python leaves them out", async () => {
    const read = await collect(readJsonLines('\ufeff\n{"a": 1}\r\n\r\n \t\n{"a": 2}\n\n', { file }));
    expect(read.map(({ where, values }) => [where, values.get("a")])).toEqual([
      ["a.jsonl: line 2", 1],
      ["a.jsonl: line 5", 2],
    ]);
  });

  test.each([
    ['{"a": 1}\n\n{"a": }\n', 'a.jsonl: line 3: must be JSON, got "{"a": }"'],
    ["[1]\n", "must be an object, got [1]"],
    ["null", "got null"],
  ])("%j is an error", async (text, message) => {
    expect(await messageOf(readJsonLines(text, { file }))).toContain(message);
  });
});

describe("readTexts", () => {
  const file = "a.csv";
  const read = (text: string, columns: Parameters<typeof readTexts>[1]) =>
    readTexts(readDelimited(text, { file }), columns, { file });

  test("a text, a pair, a label, from the columns that are named", async () => {
    const text = "id,one,two,y\n7,A.,B.,yes\n";
    const where = "a.csv: line 2";
    expect(await collect(read(text, { text: "one" }))).toEqual([{ where, text: "A." }]);
    expect(await collect(read(text, { text: "two", text_pair: "one", label: "y" }))).toEqual([
      { where, text: "B.", text_pair: "A.", label: "yes" },
    ]);
  });

  test.each([
    [{ text: "three" }, 'a.csv: line 2: "three" must be a column, got only "one", "y"'],
    [{ text: "one", label: "z" }, '"z" must be a column'],
  ])("%j is an error", async (columns, message) => {
    expect(await messageOf(read("one,y\nA.,1\n", columns))).toContain(message);
  });

  test("what JSON has in place of a text or a label is an error", async () => {
    const json = (text: string) => readTexts(readJsonLines(text, { file }), { text: "t", label: "l" }, { file });
    expect(await messageOf(json('{"t": 3, "l": 1}'))).toBe('a.csv: line 1: "t" must be a string, got 3');
    const expected = '"l" must be a string, a finite number, true or false, or an array of strings or of whole numbers';
    expect(await messageOf(json('{"t": "", "l": null}'))).toContain(`${expected}, got null`);
    for (const list of ['[1, "a"]', "[1.5]", "[null]", "[true]"]) {
      expect(await messageOf(json(`{"t": "", "l": ${list}}`))).toContain(`${expected}, got an array of`);
    }
    expect(await collect(json('{"t": "", "l": []}'))).toEqual([{ where: "a.csv: line 1", text: "", label: [] }]);
  });
});

describe("CoNLL", () => {
  const file = "train.txt";
  const words = async (text: string, options = {}) =>
    (await collect(readConll(text, { file, ...options }))).map(({ words, tags }) =>
      words.map((word, i) => `${word}/${tags[i]}`).join(" "),
    );

  const text = [
    "-DOCSTART- -X- -X- O",
    "",
    "EU NNP B-NP B-ORG",
    "rejects VBZ B-VP O",
    "",
    "",
    "-DOCSTART- -X- -X- O",
    "Peter NNP I-NP I-PER\r",
    "Blackburn NNP I-NP I-PER\r",
    "",
  ].join("\n");

  test("sentences of the form of 2003: documents' beginnings and empty lines left out, tags as given", async () => {
    expect(await words(text)).toEqual(["EU/B-ORG rejects/O", "Peter/I-PER Blackburn/I-PER"]);
    expect((await collect(readConll(text, { file }))).map(({ where }) => where)).toEqual([
      "train.txt: line 3",
      "train.txt: line 8",
    ]);
  });

  test("any column, from either end; tabs, between which spaces are no delimiters", async () => {
    expect(await words(text, { tagColumn: 1 })).toEqual(["EU/NNP rejects/VBZ", "Peter/NNP Blackburn/NNP"]);
    expect(await words(text, { tagColumn: -2 })).toEqual(["EU/B-NP rejects/B-VP", "Peter/I-NP Blackburn/I-NP"]);
    expect(await words("1\tNew York\tB-LOC\n", { wordColumn: 1 })).toEqual(["New York/B-LOC"]);
    expect(await words("-DOCSTART-x O\n")).toEqual(["-DOCSTART-x/O"]);
  });

  test.each([
    ["a O\nb X O\n", {}, "train.txt: line 2: the number of columns must be 2 as before, got 3"],
    ["a  O\n", {}, "train.txt: line 1: a column must be something between single spaces or tabs, got nothing"],
    ["a O\n", { tagColumn: 2 }, "train.txt: line 1: tagColumn must be a column, from -2 to 1, got 2"],
    ["a O\n", { wordColumn: 0.5 }, "wordColumn must be a column, from -2 to 1, got 0.5"],
  ])("%j with %j is an error", async (bad, options, message) => {
    expect(await messageOf(readConll(bad, { file, ...options }))).toContain(message);
  });

  test("a bad line costs its sentence", async () => {
    const told: string[] = [];
    const bad = "a O\nb\nc O\n\nd O\n";
    expect(await words(bad, { onBadRecord: ({ message }: Error) => told.push(message) })).toEqual(["d/O"]);
    expect(told).toEqual(["train.txt: line 2: the number of columns must be 2 as before, got 1"]);
  });
});

describe("multiple choice", () => {
  const file = "swag.csv";
  const header = ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n";
  const read = (text: string) => readMultipleChoice(readDelimited(text, { file }), { file });

  test("SWAG's own columns", async () => {
    const text = `${header}0,v,3416,"A man. He","A man.",He,gold,"sits, then.",stands.,runs.,eats.,2\n`;
    expect(await collect(read(text))).toEqual([
      {
        where: "swag.csv: line 2",
        text: "A man.",
        choices: ["He sits, then.", "He stands.", "He runs.", "He eats."],
        label: 2,
      },
    ]);
    expect(await collect(read("sent1,sent2,ending0,ending1\na,b,c,d\n"))).toEqual([
      { where: "swag.csv: line 2", text: "a", choices: ["b c", "b d"] },
    ]);
  });

  test.each([
    ["sent1,sent2,ending0\na,b,c\n", '"ending1" must be a column'],
    [
      "sent1,sent2,ending0,ending1,label\na,b,c,d,2\n",
      'swag.csv: line 2: label must be a whole number from 0 to 1, got "2"',
    ],
    ["sent1,sent2,ending0,ending1,label\na,b,c,d,\n", 'got ""'],
  ])("%j is an error", async (text, message) => {
    expect(await messageOf(read(text))).toContain(message);
  });
});

describe("labels", () => {
  test("are sorted as Python sorts them: by code point, and whole numbers as numbers", () => {
    expect(labelNames(["b", "a", "B", "b", "é", "Z"])).toEqual(["B", "Z", "a", "b", "é"]);
    expect(labelNames(["😀", "\uffff", "", "ab", "a"])).toEqual(["", "a", "ab", "\uffff", "😀"]);
    expect(labelNames(["10", "9", "-1", "0"])).toEqual(["-1", "0", "9", "10"]);
    expect(labelNames(["10", "9", "x"])).toEqual(["10", "9", "x"]);
    expect(labelNames(["10", "09"])).toEqual(["09", "10"]);
    expect(labelNames([10, 9, 9])).toEqual(["9", "10"]);
    expect(labelNames([true, false])).toEqual(["false", "true"]);
    expect(labelNames(["1", 0])).toEqual(["0", "1"]);
    expect(() => labelNames(["a", 1])).toThrow('labels must be all names, all numbers or all booleans, got "a" and 1');
    expect(() => labelNames([1, true])).toThrow("got 1 and true");
    expect(() => labelNames([1, 2 ** 53])).toThrow("more digits than a number holds, got 9007199254740992");
    expect(() => labelNames([])).toThrow("labelNames: labels must have at least one label, got none");
  });

  test("have their index as number", () => {
    expect([...labelIds(["O", "B-X"]).ids]).toEqual([
      ["O", 0],
      ["B-X", 1],
    ]);
    expect(() => labelIds(["a", "b", "a"])).toThrow(
      'labelIds: names must be different labels, at least one, got "a" twice',
    );
    expect(() => labelIds([])).toThrow("got none");
  });
});
