import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BertError } from "../../../src/errors.ts";
import { type FinetuneTask, readFileText } from "../../../src/training/data/readExamples.ts";

/** How Hugging Face's datasets reads labels; see make_data.py beside it. */
const golden: Readonly<Record<string, { name: string; text: string; type: string; values: unknown[] }[]>> = JSON.parse(
  readFileSync(new URL("../reference/labels.json", import.meta.url), "utf8"),
);
const read = (name: string, text: string, task: FinetuneTask = "text-classification", options = {}) =>
  readFileText(task, name, text, options);
const labelsIn = async (name: string, text: string) =>
  (await read(name, text)).examples.map((e) => (e as { label?: unknown }).label);
const refused = (message: string) =>
  expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) });

describe("labels have the types that Python reads", () => {
  test.each([...golden.csv, ...golden.json])("$name, $type: $values", async ({ name, text, type, values }) => {
    const { examples, areFloats } = await read(name, text);
    expect(examples.map((example) => (example as { label?: unknown }).label)).toEqual(values);
    const broken = values.some((value) => typeof value === "number" && !Number.isInteger(value));
    expect(areFloats || broken).toBe(type === "float");
  });

  test("what is missing or not finite is an error, where pandas makes it NaN", async () => {
    const csv = (...labels: string[]) =>
      labelsIn("a.csv", `text,label\n${labels.map((label) => `a,${label}\n`).join("")}`);
    await expect(csv("1", "")).rejects.toThrow(refused('a.csv: line 3: "label" must be a whole number, got ""'));
    await expect(csv("NA", "1.5")).rejects.toThrow(refused('line 2: "label" must be a finite number, got "NA"'));
    await expect(csv("1.5", "inf")).rejects.toThrow(refused('"label" must be a finite number, got "inf"'));
    await expect(csv("true", "nan")).rejects.toThrow(refused('"label" must be true or false, got "nan"'));
    await expect(csv("a", "")).rejects.toThrow(refused('"label" must be a label, got ""'));
    expect(await csv("None", "a", "NA")).toEqual(["None", "a", "NA"]);
    expect(await csv("99999999999999999999", "1")).toEqual(["99999999999999999999", "1"]); // no float loses its digits
  });
});

describe("JSON", () => {
  const records = [
    { text: "a", text_pair: "b", label: "x" },
    { text: "c", text_pair: "d", label: "y" },
  ];
  const wanted = (places: string[]) => records.map((record, i) => ({ where: `a.json: ${places[i]}`, ...record }));

  test("lines, an array, and an object with data are read, with or without a byte order mark and blank lines", async () => {
    const lines = `\ufeff${records.map((record) => JSON.stringify(record)).join("\r\n\r\n")}\r\n\r\n \n`;
    expect((await read("a.json", lines)).examples).toEqual(wanted(["line 1", "line 3"]));
    for (const space of [0, 2]) {
      expect((await read("a.json", `\ufeff${JSON.stringify(records, null, space)}\n\n`)).examples).toEqual(
        wanted(["[0]", "[1]"]),
      );
      const data = JSON.stringify({ version: "1", data: records }, null, space);
      expect((await read("a.json", data)).examples).toEqual(wanted(["data[0]", "data[1]"]));
    }
    expect((await read("a.json", JSON.stringify(records[0], null, 1))).examples).toEqual([
      { where: "a.json", ...records[0] },
    ]);
  });

  test.each([
    ["[{]", "a.json: must be JSON, got"],
    ["[3]", "a.json: [0] must be an object, got 3"],
    ['{"data": [3]}', "a.json: data[0] must be an object, got 3"],
    ['{"text": "a", "label": 1}\n3\n', "must be an object, got 3"],
    ['{"text": "a", "label": {"toString": 1}}', 'a.json: line 1: "label" must be a string, a finite number'],
    ['{"text": {"toString": 1}, "label": 1}', '"text" must be a string, got an object'],
    [
      '{"text": "a", "text_pair": "b", "label": 1}\n{"text": "a", "label": 1}',
      'line 2: "text_pair" must be a column, got only "text", "label"',
    ],
    [
      '{"text": "a", "label": 1}\n{"text": "a", "text_pair": "b", "label": 1}',
      'a.json: line 2: "text_pair" must be left out, as a.json: line 1 has none, got "b"',
    ],
    ['{"text": "a", "textPair": "b", "label": 1}', 'a.json: unknown column "textPair"; did you mean "text_pair"?'],
  ])("%s is an error", async (text, message) => {
    await expect(read("a.json", text)).rejects.toThrow(refused(message));
  });

  const usual = 'there must be a column "text", "sentence1" or "sentence", unless columns.text says which, got only';
  test.each([
    ["a.csv", "text;label\na;b\n", {}, `a.csv: the header: ${usual} "text;label"; in a .csv file a comma stands between fields, not ";"`], // biome-ignore format: one line
    ["a.tsv", "text,label\na,b\n", {}, `a.tsv: the header: ${usual} "text,label"; in a .tsv file a tab stands between fields, not ","`], // biome-ignore format: one line
    ["a.csv", "text\tlabel\na\tb\n", {}, "not a tab"],
    ["a.csv", "review,stars\na,1\n", { text: "review" }, 'a.csv: the header: there must be a column "label" or "labels", unless columns.label says which, got only "review", "stars"'], // biome-ignore format: one line
    ["a.csv", "review,stars\na,1\n", { text: "texts" }, 'a.csv: the header: there must be a column "texts", got only "review", "stars"'], // biome-ignore format: one line
    ["a.jsonl", '{"review": "a", "label": 1}', {}, `a.jsonl: line 1: ${usual} "review", "label"`],
  ])("%s of %j by %j has no such column", async (file, text, columns, message) => {
    await expect(read(file, text, "text-classification", { columns })).rejects.toThrow(message);
  });

  test("a column that a file has beside ours is none of ours", async () => {
    expect((await read("a.json", '{"text": "a", "texts": "b", "Label": 1, "label": 2}')).examples).toEqual([
      { where: "a.json: line 1", text: "a", label: 2 },
    ]);
    const csv = "review,Text,stars\na,b,1\n";
    const columns = { text: "review", label: "stars" };
    expect((await read("a.csv", csv, "text-classification", { columns })).examples).toEqual([
      { where: "a.csv: line 2", text: "a", label: 1 },
    ]);
    expect(
      (
        await read("a.csv", "text,review,label\na,b,1\n", "text-classification", {
          columns: { text: "text", text_pair: "review" },
        })
      ).examples,
    ).toEqual([{ where: "a.csv: line 2", text: "a", text_pair: "b", label: 1 }]);
  });
});

describe("fill-mask", () => {
  const texts = async (file: string, text: string, columns = {}) =>
    (await read(file, text, "fill-mask", { columns })).examples;

  test("a column of texts, of which blank ones are left out", async () => {
    const records = ["It rained.", "", " ", "He ran."].map((text, id) => ({ text, id, label: "a" }));
    const wanted = ["It rained.", "He ran."];
    expect(await texts("a.jsonl", records.map((one) => JSON.stringify(one)).join("\n"))).toEqual(wanted);
    expect(await texts("a.json", JSON.stringify(records))).toEqual(wanted);
    expect(await texts("a.csv", 'label,text\na,"It rained."\nb,He ran.\n')).toEqual(wanted);
    expect(await texts("a.tsv", "page\tid\nIt rained.\t1\nHe ran.\t2\n", { text: "page" })).toEqual(wanted);
    expect(await texts("a.md", '{"text":"a"}\n')).toEqual(['{"text":"a"}']);
  });

  test.each([
    ["a.jsonl", '{"review":"a"}', {}, 'a.jsonl: line 1: there must be a column "text", "sentence1" or "sentence", unless columns.text says which, got only "review"'], // biome-ignore format: one line
    ["a.csv", "text\na\n", { text: "page" }, 'a.csv: the header: there must be a column "page", got only "text"'],
    ["a.jsonl", '{"text":"a"}\n{"text":3}', {}, 'a.jsonl: line 2: "text" must be a string, got 3'],
    ["a.jsonl", "a text\n", {}, "a.jsonl: line 1: must be JSON"],
    ["a.csv", "text,label\na,1\n", { label: "label" }, 'readExamples: unknown column "label"'],
  ])("%s of %j by %j is refused", async (file, text, columns, message) => {
    await expect(texts(file, text, columns)).rejects.toThrow(refused(message));
  });
});

describe("token-classification", () => {
  const tagged = (text: string) => read("a.jsonl", text, "token-classification");

  test("tags by name or by index", async () => {
    const text = '{"tokens": ["a", "b"], "ner_tags": [0, 3]}\n{"words": ["a"], "tags": ["O"]}\n';
    expect((await tagged(text)).examples).toEqual([
      { where: "a.jsonl: line 1", words: ["a", "b"], tags: [0, 3] },
      { where: "a.jsonl: line 2", words: ["a"], tags: ["O"] },
    ]);
  });

  test.each([
    [
      '{"tokens": ["a"], "ner_tags": [{"toString": 1}]}',
      'a.jsonl: line 1: "ner_tags" must be an array of strings or whole numbers, at least one, got an object',
    ],
    ['{"tokens": ["a"], "ner_tags": [-1]}', "got -1"],
    ['{"tokens": ["a"], "ner_tags": [true]}', "got true"],
    ['{"tokens": [1], "ner_tags": [0]}', '"tokens" must be an array of strings, at least one, got 1'],
    ['{"tokens": [], "ner_tags": []}', "got an array of 0"],
    ['{"tokens": ["a"]}', '"ner_tags" must be an array of strings or whole numbers, at least one, got none'],
    ['{"tokens": ["a"], "tags": ["O", "O"]}', "the number of tags must be that of the words, 1, got 2"],
  ])("%s is an error", async (text, message) => {
    await expect(tagged(text)).rejects.toThrow(refused(message));
  });
});

test("other files: a byte order mark and ends of line of Windows", async () => {
  expect((await read("a.txt", "\ufeffone\r\n\r\n two \r\n", "fill-mask")).examples).toEqual(["one", " two "]);
  const conll = await read("a.txt", "\ufeffa O\r\n\r\nb B-X\r\n\r\n\r\n", "token-classification");
  expect(conll.examples.map((sentence) => (sentence as { tags: unknown }).tags)).toEqual([["O"], ["B-X"]]);
  const rte = "\ufeffindex\tsentence1\tsentence2\tlabel\r\n0\ta\tb\tentailment\r\n\r\n";
  expect((await read("a.tsv", rte, "text-classification", { glueTask: "rte" })).examples).toHaveLength(1);
  const swag = '[{"sent1": "a", "sent2": "b", "ending0": "c", "ending1": "d", "label": 1}]';
  expect((await read("a.json", swag, "multiple-choice")).examples).toMatchObject([
    { text: "a", choices: ["b c", "b d"], label: 1 },
  ]);
  await expect(read("a.parquet", "", "multiple-choice")).rejects.toThrow(BertError);
});
