import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkedSentences } from "../../../src/training/data/sentenceExamples.ts";
import { type ReadExamplesOptions, readExamples } from "../../../src/training/index.ts";
import { temporaryFolder } from "../../support/tinyModel.ts";

let place: ReturnType<typeof temporaryFolder>;
beforeAll(() => {
  place = temporaryFolder();
});
afterAll(() => place[Symbol.dispose]());

function read(name: string, text: string, options: ReadExamplesOptions = {}) {
  const file = join(place.path, name);
  writeFileSync(file, text);
  return readExamples("sentence-embedding", file, options);
}
const without = (examples: readonly object[]) => examples.map(({ where: _, ...rest }: { where?: string }) => rest);

describe("files as sentence-transformers' data sets have them", () => {
  test("pairs, triplets and several negatives", async () => {
    expect(without(await read("a.jsonl", '{"anchor":"a","positive":"p"}\n'))).toEqual([{ anchor: "a", positive: "p" }]);
    const answers = '{"query":"a","answer":"p","id":7}\n\n{"query":"b","answer":"q","id":8}\n';
    const found = await read("b.jsonl", answers);
    expect(found.map(({ where }) => where?.replace(/.*\//, ""))).toEqual(["b.jsonl: line 1", "b.jsonl: line 3"]);
    expect(without(await read("c.csv", "anchor,positive,negative\na,p,n\n"))).toEqual([{ anchor: "a", positive: "p", negative: "n" }]); // biome-ignore format: one line
    const numbered = "anchor\tpositive\tnegative_10\tnegative_2\na\tp\tx\ty\nb\tq\t\tz\n";
    expect(without(await read("d.tsv", numbered))).toEqual([
      { anchor: "a", positive: "p", negative: ["y", "x"] },
      { anchor: "b", positive: "q", negative: "z" },
    ]);
    const lists = '[{"anchor":"a","positive":"p","negative":["x","y"]},{"anchor":"b","positive":"q","negative":null}]';
    expect(without(await read("e.json", lists))).toEqual([{ anchor: "a", positive: "p", negative: ["x", "y"] }, { anchor: "b", positive: "q" }]); // biome-ignore format: one line
  });

  test("scored pairs", async () => {
    const scored = [{ sentence1: "a", sentence2: "b", score: 0.5 }];
    expect(without(await read("f.csv", "sentence1,sentence2,score\na,b,0.5\n"))).toEqual(scored);
    expect(without(await read("g.jsonl", '{"sentence1":"a","sentence2":"b","label":0.5}'))).toEqual(scored);
  });

  test("columns of other names", async () => {
    const text = "title,body,bad,worse\na,p,x,y\n";
    const columns = { anchor: "title", positive: "body", negative: ["bad", "worse"] };
    expect(without(await read("h.csv", text, { columns }))).toEqual([{ anchor: "a", positive: "p", negative: ["x", "y"] }]); // biome-ignore format: one line
    const scored = { sentence1: "title", sentence2: "body", score: "bad" };
    expect(without(await read("i.csv", "title,body,bad\na,p,3\n", { columns: scored }))).toEqual([{ sentence1: "a", sentence2: "p", score: 3 }]); // biome-ignore format: one line
  });

  test("a column of texts alone that is named, also where another file has pairs", async () => {
    const columns = { text: "page", anchor: "asked", positive: "found" };
    expect(without(await read("texts.csv", "page,id\na,1\n", { columns }))).toEqual([{ text: "a" }]);
    expect(without(await read("dev.csv", "asked,found\na,p\n", { columns }))).toEqual([{ anchor: "a", positive: "p" }]); // biome-ignore format: one line
  });

  test.each([
    ["a.csv", "anchor,positve\na,p\n", {}, 'a.csv: the header: there must be columns "anchor" and "positive", or "sentence1", "sentence2" and "score", or with a teacher "text", unless columns.anchor and the like say which, got only "anchor", "positve"; did you mean "positive"?'],
    ["b.jsonl", '{"sentence1":"a","sentence2":"b"}', {}, 'b.jsonl: line 1: there must be columns "anchor" and "positive"'],
    ["c.jsonl", '{"anchor":"a","positive":"p"}\n{"anchor":"a","positive":4}', {}, 'c.jsonl: line 2: "positive" must be a string, got 4'],
    ["d.jsonl", '{"anchor":"a","positive":"p"}\n{"anchor":"a"}', {}, 'd.jsonl: line 2: "positive" must be a column, got only "anchor"'],
    ["e.csv", "sentence1,sentence2,score\na,b,high\n", {}, 'e.csv: line 2: "score" must be a number, got "high"'],
    ["f.csv", "anchor,positive,hard_negative\na,p,n\n", {}, 'f.csv: unknown column "hard_negative"; did you mean "negative", "negative_1", …? columns.negative says which'],
    ["g.jsonl", '{"anchor":"a","positive":"p","negative":[1]}', {}, 'g.jsonl: line 1: "negative" must be a string or an array of strings, got an array of 1'],
    ["k.jsonl", '{"anchor":"a","positive":"p","negative":"n"}', { columns: { negative: "neg" } }, 'k.jsonl: there must be a column "neg", as columns.negative says, got only "anchor", "positive", "negative"'],
    ["l.csv", "anchor,positive,bad\na,p,n\n", { columns: { negative: ["bad", "worse"] } }, 'l.csv: there must be a column "worse", as columns.negative says'],
    ["m.csv", "anchor,positive,note\na,p,n\n", { columns: { score: "note" } }, 'm.csv: the header: there must be columns "anchor" and "positive", or "sentence1", "sentence2" and "score"'],
    ["n.csv", "a,b,c\na,p,3\n", { columns: { anchor: "a", score: "c" } }, "n.csv: columns.anchor is of pairs, columns.score of scored pairs: name columns of one kind"],
    ["h.csv", "anchor,positive\na,p\n", { columns: { texts: "anchor" } }, 'readExamples: unknown column "texts"; did you mean "text"?'],
    ["o.jsonl", '{"sentence1":"a","sentence2":"b","score":1}\n{"sentence1":"a","sentence2":"c","score":0}\n{"anchor":"a","positive":"p","negative":"n"}', {}, 'o.jsonl: line 3: there must be columns "sentence1", "sentence2", "score", as PLACE/o.jsonl: line 1 has, got only "anchor", "positive", "negative"'],
    ["p.jsonl", '{"anchor":"a","positive":"p"}\n{"sentence1":"a","sentence2":"b","score":1}', {}, 'p.jsonl: line 2: there must be columns "anchor", "positive", as PLACE/p.jsonl: line 1 has, got only "sentence1", "sentence2", "score"'],
    ["q.jsonl", '{"text":"a"}\n{"anchor":"a","positive":"b"}', {}, 'q.jsonl: line 2: there must be columns "text", as PLACE/q.jsonl: line 1 has, got only "anchor", "positive"'],
    ["r.csv", "title,body\na,b\n", { columns: { text: "title", anchor: "body" } }, "r.csv: columns.text is of texts alone, columns.anchor of pairs: name columns of one kind"],
    ["s.csv", "title,body\na,b\n", { columns: { text: "page" } }, 's.csv: there must be a column "page", as columns.text says, got only "title", "body"'],
    ["t.txt", "a\n", { columns: { text: "a" } }, "readExamples: columns must be left out for a file with a text in each line, got"],
    ["i.csv", "anchor,positive\na,p\n", { columns: { anchor: 3 } }, "readExamples: columns.anchor must be a column's name, got 3"],
    ["j.md", "a", {}, "file must end in .jsonl, .json, .csv or .tsv"],
  ])("%s is refused", async (name, text, options, message) => {
    await expect(read(name, text, options as ReadExamplesOptions)).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message.replace("PLACE", place.path)) })); // biome-ignore format: one line
  }); // biome-ignore format: one line
});

describe("examples of a program", () => {
  test("become groups of texts", () => {
    const pairs = [{ anchor: "a", positive: "p", negative: ["x"], negative_1: "y" }, { where: "here", anchor: "b", positive: "q", negative: "z" }]; // biome-ignore format: one line
    expect(checkedSentences("trainDataset", pairs)).toEqual([
      { where: "trainDataset[0]", texts: ["a", "p", "x", "y"], score: null },
      { where: "here", texts: ["b", "q", "z"], score: null },
    ]);
    expect(checkedSentences("dev", [{ sentence1: "a", sentence2: "b", score: -2 }])).toEqual([{ where: "dev[0]", texts: ["a", "b"], score: -2 }]); // biome-ignore format: one line
  });

  const pair = { anchor: "a", positive: "p" };
  const scored = { sentence1: "a", sentence2: "b", score: 1 };
  test.each([
    [[pair, { anchor: "a", postive: "p" }], 'x[1]: unknown field "postive"; did you mean "positive"?'],
    [[pair, { ...pair, negatives: ["n"] }], 'x[1]: unknown field "negatives"; did you mean "negative"?'],
    [[pair, { ...pair, positive: " " }], 'x[1]: positive must be a string that is not blank, got " "'],
    [[{ ...pair, negative: ["n", 3] }], "x[0]: negative[1] must be a string that is not blank, got 3"],
    [[{ ...pair, negative: 3 }], "x[0]: negative must be a string that is not blank, or an array of them, got 3"],
    [[pair, { ...pair, negative: "p" }], 'x[1]: negative must be another text than positive, got "p"'],
    [[{ ...pair, negative: ["n", "a"] }], 'x[0]: negative[1] must be another text than anchor, got "a"'],
    [[{ ...pair, where: "a.csv: line 2", negative: "n", negative_1: "p" }], 'a.csv: line 2: negative_1 must be another text than positive, got "p"'],
    [[{ ...pair, negative: ["", "n"] }], 'x[0]: negative[0] must be a string that is not blank, got ""'],
    [[{ ...pair, negative_1: "" }], 'x[0]: negative_1 must be a string that is not blank, got ""'],
    [[pair, scored], "x[1]: an example must be anchor and positive, as the first has, got sentence1, sentence2 and score"],
    [[scored, pair], "x[1]: an example must be sentence1, sentence2 and score, as the first has, got anchor and positive"],
    [[scored, { ...scored, score: "1" }], 'x[1]: score must be a finite number, got "1"'],
    [[{ ...scored, score: Number.NaN }], "x[0]: score must be a finite number, got NaN"],
    [[pair, 3], "x[1]: an example must be an object with anchor, positive, negative or with sentence1, sentence2, score, got 3"],
    [[pair, "a"], "x[1]: an example must be anchor and positive, or sentence1, sentence2 and score, got a text alone, which is learned from with teacher"],
    [[{ text: "a", where: "b.txt: line 2" }], "b.txt: line 2: an example must be anchor and positive, or sentence1, sentence2 and score, got a text alone, which is learned from with teacher"],
  ])("%j", (examples, message) => {
    expect(() => checkedSentences("x", examples)).toThrow(expect.objectContaining({ code: "ERR_INPUT", message }));
  }); // biome-ignore format: one line
});
