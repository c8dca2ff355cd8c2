import fc from "fast-check";
import { expect } from "vitest";
import { BertError } from "../../../src/errors.ts";
import { checkedExamples, checkedTexts } from "../../../src/training/data/checkExamples.ts";
import { choiceFeatures, sequenceFeatures, tokenFeatures } from "../../../src/training/data/features.ts";
import { labelNames, labelOf } from "../../../src/training/data/labels.ts";
import { questionFeatures } from "../../../src/training/data/questionFeatures.ts";
import { pairsOf } from "../../../src/training/data/rankingExamples.ts";
import { type FinetuneTask, type ReadExamplesOptions, readFileText } from "../../../src/training/data/readExamples.ts";
import { checkedSentences } from "../../../src/training/data/sentenceExamples.ts";
import { letters } from "./support.ts";

/** A file of a kind, as it should be. */
export interface Kind {
  readonly task: FinetuneTask;
  readonly file: string;
  readonly text: string;
  readonly options?: ReadExamplesOptions;
}

const lines = (...records: object[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");
const texts = (...labels: unknown[]) => labels.map((label, i) => ({ text: `a b${i}`, text_pair: "c d", label }));
const ranked = (...labels: unknown[]) => labels.map((label, i) => ({ query: "a b?", text: `c b${i}`, label }));
const squad = {
  version: "v2.0",
  data: [
    {
      title: "T",
      paragraphs: [
        {
          context: "a 😀 b c. d e",
          qas: [
            { id: "1", question: "a?", answers: [{ text: "b c", answer_start: 4 }], is_impossible: false },
            { id: "2", question: "d?", answers: [], is_impossible: true },
          ],
        },
      ],
    },
  ],
};
const records = squad.data[0].paragraphs[0].qas.map(({ id, question }, i) => ({
  ...{ id, question, context: "a b c. d e" },
  answers: { text: i ? [] : ["b c"], answer_start: i ? [] : [2] },
}));
const swag = { sent1: "a b", sent2: "c", ending0: "d", ending1: "e", label: 1 };
const table = (rows: readonly object[], delimiter: string) =>
  [Object.keys(rows[0]), ...rows.map((row) => Object.values(row).map(String))]
    .map((fields) => `${fields.join(delimiter)}\n`)
    .join("");

/** A file of each kind that is read. */
export const KINDS: Readonly<Record<string, Kind>> = {
  "names in JSON lines": { task: "text-classification", file: "a.jsonl", text: lines(...texts("x", "y")) },
  "floats in JSON lines": { task: "text-classification", file: "a.jsonl", text: lines(...texts(1.5, 2)) },
  "lists in a JSON array": {
    task: "text-classification",
    file: "a.json",
    text: JSON.stringify(texts(["x"], ["x", "y"])),
  },
  "booleans in an object": {
    task: "text-classification",
    file: "a.json",
    text: JSON.stringify({ data: texts(true, false) }),
  },
  CSV: { task: "text-classification", file: "a.csv", text: `${table(texts(0, 1), ",")}"a, ""b""\nc",d,1\r\n` },
  TSV: { task: "next-sentence-prediction", file: "a.tsv", text: table(texts(0, 1), "\t") },
  "tags in JSON lines": {
    task: "token-classification",
    file: "a.jsonl",
    text: lines({ tokens: ["a", "b"], ner_tags: [0, 1] }, { tokens: ["c"], ner_tags: [2] }),
  },
  CoNLL: { task: "token-classification", file: "a.txt", text: "-DOCSTART- -X- O\n\na NN B-X\nb NN O\n\nc NN I-X\r\n" },
  SQuAD: { task: "question-answering", file: "a.json", text: JSON.stringify(squad) },
  "questions in JSON lines": { task: "question-answering", file: "a.jsonl", text: lines(...records) },
  "SWAG in CSV": { task: "multiple-choice", file: "a.csv", text: table([swag, swag], ",") },
  "SWAG in JSON lines": { task: "multiple-choice", file: "a.jsonl", text: lines(swag, swag) },
  "GLUE's MRPC": {
    task: "text-classification",
    file: "train.tsv",
    text: "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\ta\tb c\n0\t9\t10\td\te\n",
    options: { glueTask: "mrpc" },
  },
  "GLUE's CoLA": {
    task: "text-classification",
    file: "train.tsv",
    text: "gj04\t1\t\ta b.\ngj04\t0\t*\tc\n",
    options: { glueTask: "cola" },
  },
  "GLUE's STS-B": {
    task: "text-classification",
    file: "train.tsv",
    text: "index\tsentence1\tsentence2\tscore\n0\ta\tb\t4.5\n1\tc\td\t0\n",
    options: { glueTask: "stsb" },
  },
  "pairs in JSON lines": { task: "text-ranking", file: "a.jsonl", text: lines(...ranked(1, 0.25, true)) },
  "lists in JSON lines": {
    task: "text-ranking",
    file: "a.jsonl",
    text: lines({ query: "a", positive: ["b"], negative: ["c", "d"] }, { query: "b", positive: "c" }),
  },
  "pairs in CSV": { task: "text-ranking", file: "a.csv", text: table(ranked(0.5, 1), ",") },
  "triplets in TSV": {
    task: "text-ranking",
    file: "a.tsv",
    text: table(
      ["a", "b"].map((anchor) => ({ anchor, positive: "c d", negative: "e", negative_1: "b" })),
      "\t",
    ),
  },
  "triplets in JSON lines": {
    task: "sentence-embedding",
    file: "a.jsonl",
    text: lines({ anchor: "a b", positive: "c", negative: ["d", "e"] }, { anchor: "b", positive: "d", negative: "a" }),
  },
  "triplets in CSV": {
    task: "sentence-embedding",
    file: "a.csv",
    text: 'anchor,positive,negative_1,negative_2\na,"b, c",d,\nb,c,d,e\n',
  },
  "scored pairs in TSV": {
    task: "sentence-embedding",
    file: "a.tsv",
    text: "sentence1\tsentence2\tscore\na b\tc\t0.5\nd\te\t1\n",
  },
  "lines of text": { task: "fill-mask", file: "a.txt", text: "\ufeffa b\r\n\r\nc\n" },
};

const VALUES = [
  ...[
    "null",
    "true",
    "-1",
    "0.5",
    "1.0",
    "1e999",
    "-0",
    "123456789012345678901234567890",
    '""',
    '"x"',
    '"1"',
    "[]",
    "{}",
  ],
  ...[
    '{"toString": 1}',
    '{"__proto__": {"label": 1}}',
    '{"constructor": null}',
    "[[1]]",
    '["a", 1]',
    '"\\ud800"',
    '"\\u0000"',
  ],
  ...[
    '{"length": 3}',
    "NaN",
    "Infinity",
    "[".repeat(5_000),
    '{"a":'.repeat(2_000),
    "[".repeat(2_000) + "]".repeat(2_000),
  ],
];
const PIECES = [
  ...[
    '"',
    "\\",
    ",",
    "\t",
    "\n",
    "\r\n",
    "\r",
    " ",
    ":",
    "{",
    "}",
    "[",
    "]",
    "\ufeff",
    "\u0000",
    "\u2028",
    "\ud83d",
    "\ude00",
  ],
  ...['"__proto__": 1,', '"label": 1,', '"text": "", ', "-DOCSTART- ", "\n\n", "1e5", "0x1", "nan", "x".repeat(300)],
  ...VALUES,
];

/** One thing that happens to a text, at a place between its beginning, 0, and its end, 1. */
const change = fc
  .tuple(
    fc.constantFrom("put", "insert", "cut", "flip", "repeat", "value"),
    fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    fc.integer({ min: 1, max: 12 }),
    fc.constantFrom(...PIECES),
    fc.constantFrom(...VALUES),
  )
  .map(([what, place, length, piece, value]) => (text: string) => {
    const at = Math.floor(place * text.length);
    const [before, here, after] = [text.slice(0, at), text.slice(at, at + length), text.slice(at + length)];
    if (what === "put") return before + piece + after;
    if (what === "insert") return before + piece + here + after;
    if (what === "cut") return before + after;
    if (what === "repeat") return before + here + here + after;
    if (what === "flip")
      return before + String.fromCharCode(text.charCodeAt(at) ^ (1 << (length % 8))) + text.slice(at + 1);
    const found = [...text.matchAll(/"(?:[^"\\]|\\.)*"|[\w.-]+|\[[^[\]]*\]|\{[^{}]*\}/g)];
    if (found.length === 0) return value;
    const { index, 0: old } = found[Math.floor(place * found.length)];
    return text.slice(0, index) + value + text.slice(index + old.length);
  });

/** What training makes of examples that were read. */
function used(task: FinetuneTask, examples: readonly unknown[]): void {
  switch (task) {
    case "text-classification": {
      const checked = checkedExamples(task, "dataset", examples);
      const labels = checked.map(labelOf);
      if (labels.every((label) => typeof label === "number" && !Number.isInteger(label)))
        expect(sequenceFeatures(letters, checked, { problemType: "regression" }).map((f) => f.labels)).toEqual(labels);
      const isList = labels.some((label) => typeof label === "object");
      const problemType = isList ? "multi_label_classification" : "single_label_classification";
      sequenceFeatures(letters, checked, { problemType, labels: labelNames(labels.flat()) });
      break;
    }
    case "next-sentence-prediction":
      sequenceFeatures(letters, checkedExamples(task, "dataset", examples), { labels: ["IsNext", "NotNext"] });
      break;
    case "token-classification":
      for (const feature of tokenFeatures(letters, checkedExamples(task, "dataset", examples), ["O", "B-X", "I-X"]))
        expect(feature.labels.length).toBe(feature.inputIds.length);
      break;
    case "question-answering": {
      const checked = checkedExamples(task, "dataset", examples);
      for (const { context, answers } of checked) {
        for (const { text, start } of answers)
          if (start !== null) expect(context.slice(start, start + text.length)).toBe(text);
      }
      questionFeatures(letters, checked, { maxLength: 16, docStride: 2 });
      break;
    }
    case "multiple-choice":
      for (const { choices, labels } of choiceFeatures(letters, checkedExamples(task, "dataset", examples)))
        expect(labels).toBeLessThan(choices.length);
      break;
    case "text-ranking":
      for (const { query, text, target } of pairsOf(checkedExamples(task, "dataset", examples))) {
        expect([typeof query, typeof text]).toEqual(["string", "string"]);
        expect(target >= 0 && target <= 1).toBe(true);
      }
      break;
    case "sentence-embedding":
      for (const { texts, score } of checkedSentences("dataset", examples)) {
        expect(texts.length).toBeGreaterThan(1);
        for (const text of texts) expect(text.trim()).not.toBe("");
        if (score !== null) expect([texts.length, Number.isFinite(score)]).toEqual([2, true]);
      }
      break;
    case "fill-mask":
      for (const text of checkedTexts("readExamples", "dataset", examples)) expect(text.trim()).not.toBe("");
  }
}

/** Reads the file as it is. */
export async function readAsItIs({ task, file, text, options = {} }: Kind): Promise<number> {
  const { examples } = await readFileText(task, file, text, options);
  used(task, examples);
  return examples.length;
}

/** Changes the file so many times: it is read right, or refused by a BertError with a message that ends. */
export async function readChanged({ task, file, text, options = {} }: Kind, numRuns: number): Promise<void> {
  let [read, refused] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const changed = changes.reduce((before, next) => next(before), text);
      try {
        const { examples } = await readFileText(task, file, changed, options);
        used(task, examples);
        read++;
      } catch (error) {
        if (!(error instanceof BertError)) throw error;
        expect(error.message.length).toBeLessThan(2_000);
        refused++;
      }
    }),
    { numRuns },
  );
  if (numRuns >= 10_000) expect(read).toBeGreaterThan(0); // of 500 changes one in some hundred runs leaves none right
  if (task !== "fill-mask") expect(refused).toBeGreaterThan(numRuns / 100);
}
