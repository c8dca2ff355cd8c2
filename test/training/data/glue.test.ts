import { describe, expect, test } from "vitest";
import { type GlueTask, glueLabels, readGlue } from "../../../src/training/data/glue.ts";
import { collect } from "../../../src/training/data/numberedLines.ts";
import { messageOf } from "./support.ts";

const file = "train.tsv";
const read = async (task: GlueTask, ...records: string[][]) => {
  const text = records.map((fields) => `${fields.join("\t")}\n`).join("");
  return (await collect(readGlue(text, task, { file }))).map(({ where: _, ...example }) => example);
};

// The headers of the published files; the sentences are ours.
const MNLI = [
  "index",
  "promptID",
  "pairID",
  "genre",
  "sentence1_binary_parse",
  "sentence2_binary_parse",
  "sentence1_parse",
  "sentence2_parse",
  "sentence1",
  "sentence2",
];
const STSB = ["index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2"];

describe("GLUE's own files", () => {
  test("CoLA: train.tsv has no header, test.tsv has one", async () => {
    expect(await read("cola", ["gj04", "1", "", "She sleeps."], ["bc01", "0", "*", "Sleeps she."])).toEqual([
      { text: "She sleeps.", label: "acceptable" },
      { text: "Sleeps she.", label: "unacceptable" },
    ]);
    expect(await read("cola", ["index", "sentence"], ["0", "She sleeps."])).toEqual([{ text: "She sleeps." }]);
  });

  test("SST-2", async () => {
    expect(await read("sst2", ["sentence", "label"], ["a fine film ", "1"], ["dull", "0"])).toEqual([
      { text: "a fine film ", label: "positive" },
      { text: "dull", label: "negative" },
    ]);
    expect(await read("sst2", ["index", "sentence"], ["0", "dull"])).toEqual([{ text: "dull" }]);
  });

  test("MRPC, whose file begins with a byte order mark, and whose quotes are no quoting", async () => {
    const header = ["\ufeffQuality", "#1 ID", "#2 ID", "#1 String", "#2 String"];
    expect(await read("mrpc", header, ["1", "7", "8", '"Well, he said.', "He said."])).toEqual([
      { text: '"Well, he said.', text_pair: "He said.", label: "equivalent" },
    ]);
    expect(await read("mrpc", ["index", ...header.slice(1)], ["0", "7", "8", "A", "B"])).toEqual([
      { text: "A", text_pair: "B" },
    ]);
  });

  test("QQP", async () => {
    const header = ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"];
    expect(await read("qqp", header, ["5", "1", "2", "Why?", "How?", "0"])).toEqual([
      { text: "Why?", text_pair: "How?", label: "not_duplicate" },
    ]);
    expect(await read("qqp", ["id", "question1", "question2"], ["5", "Why?", "How?"])).toEqual([
      { text: "Why?", text_pair: "How?" },
    ]);
  });

  test("STS-B: a score", async () => {
    const record = ["0", "news", "f", "2012", "1", "none", "none", "A cat.", "A dog."];
    expect(await read("stsb", [...STSB, "score"], [...record, "2.600"])).toEqual([
      { text: "A cat.", text_pair: "A dog.", label: 2.6 },
    ]);
    expect(await read("stsb", STSB, record)).toEqual([{ text: "A cat.", text_pair: "A dog." }]);
    expect(glueLabels("stsb")).toBeNull();
  });

  test("MNLI: train.tsv has one annotator's label, dev_matched.tsv and dev_mismatched.tsv five, test files none", async () => {
    const record = ["0", "1", "1n", "slate", "", "", "", "", "It rains.", "It is wet."];
    const example = { text: "It rains.", text_pair: "It is wet." };
    expect(await read("mnli", [...MNLI, "label1", "gold_label"], [...record, "neutral", "neutral"])).toEqual([
      { ...example, label: "neutral" },
    ]);
    const five = ["label1", "label2", "label3", "label4", "label5"];
    const votes = five.map(() => "neutral");
    expect(await read("mnli", [...MNLI, ...five, "gold_label"], [...record, ...votes, "entailment"])).toEqual([
      { ...example, label: "entailment" },
    ]);
    expect(await read("mnli", MNLI, record)).toEqual([example]);
    expect(glueLabels("mnli")).toEqual(["entailment", "neutral", "contradiction"]);
  });

  test("QNLI, RTE, WNLI", async () => {
    const question = ["index", "question", "sentence", "label"];
    expect(await read("qnli", question, ["0", "Who?", "He.", "not_entailment"])).toEqual([
      { text: "Who?", text_pair: "He.", label: "not_entailment" },
    ]);
    const sentences = ["index", "sentence1", "sentence2", "label"];
    expect(await read("rte", sentences, ["0", "A", "B", "entailment"])).toEqual([
      { text: "A", text_pair: "B", label: "entailment" },
    ]);
    expect(await read("wnli", sentences, ["0", "A", "B", "1"])).toEqual([
      { text: "A", text_pair: "B", label: "entailment" },
    ]);
    expect(await read("rte", sentences.slice(0, 3), ["0", "A", "B"])).toEqual([{ text: "A", text_pair: "B" }]);
    expect([glueLabels("qnli"), glueLabels("rte"), glueLabels("wnli")]).toEqual([
      ["entailment", "not_entailment"],
      ["entailment", "not_entailment"],
      ["not_entailment", "entailment"],
    ]);
  });

  test.each([
    [
      "sst2",
      "sentence1\tsentence2\tlabel\n",
      'train.tsv: line 1: the header must be that of a file of sst2, with "sentence", got "sentence1", "sentence2", "label"',
    ],
    ["rte", "", "train.tsv: the first line must be that of a file of rte, got none"],
    ["sst2", "sentence\tlabel\nwell\t2\n", 'train.tsv: line 2: label must be "0" or "1", got "2"'],
    [
      "rte",
      "sentence1\tsentence2\tlabel\na\tb\t1\n",
      'train.tsv: line 2: label must be "entailment" or "not_entailment", got "1"',
    ],
    [
      "stsb",
      "sentence1\tsentence2\tscore\na\tb\t5.1\n",
      'train.tsv: line 2: score must be a number from 0 to 5, got "5.1"',
    ],
    ["stsb", "sentence1\tsentence2\tscore\na\tb\t\n", 'score must be a number from 0 to 5, got ""'],
    ["cola", "a\t1\t\ts\nb\t1\n", "train.tsv: line 2: the number of fields must be 4"],
    ["snli", "", 'readGlue: task must be one of cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte, wnli, got "snli"'],
  ])("%s: %j is an error", async (task, text, message) => {
    expect(await messageOf(readGlue(text, task as GlueTask, { file }))).toContain(message);
  });

  test("QQP's records that are cut in the middle can be told and left out", async () => {
    const told: string[] = [];
    const text = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tWhy \n?\tHow?\t0\n4\t5\t6\tA\tB\t1\n";
    const examples = await collect(readGlue(text, "qqp", { file, onBadRecord: ({ message }) => told.push(message) }));
    expect(examples.map(({ label }) => label)).toEqual(["duplicate"]);
    expect(told.map((message) => message.slice(0, 17))).toEqual(["train.tsv: line 2", "train.tsv: line 3"]);
  });
});
