import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSquad } from "../../../src/training/data/squad.ts";

/** What the reader of run_squad.py keeps; see make_data.py beside it. */
const golden: readonly { context: string; text: string; answer_start: number; kept: string | null }[] = JSON.parse(
  readFileSync(new URL("../reference/squadAnswers.json", import.meta.url), "utf8"),
);
const file = "train.json";
const answer = (text: string, answer_start: unknown) => ({ text, answer_start });
const question = (id: string, answers: unknown, more = {}) => ({ id, question: "Who?", answers, ...more });
const fileOf = (context: unknown, ...qas: unknown[]) =>
  JSON.stringify({ version: "v2.0", data: [{ title: "T", paragraphs: [{ context, qas }] }] });

describe("readSquad", () => {
  test("version 1.1: questions with one answer or several", () => {
    const text = fileOf(
      "Bob met Ann.",
      question("q1", [answer("Bob", 0)]),
      question("q2", [answer("Ann", 8), answer("Ann.", 8)]),
    );
    expect(readSquad(`\ufeff${text}`, { file })).toEqual([
      {
        where: "train.json: data[0].paragraphs[0].qas[0]",
        id: "q1",
        question: "Who?",
        context: "Bob met Ann.",
        answers: [{ text: "Bob", start: 0 }],
      },
      {
        where: "train.json: data[0].paragraphs[0].qas[1]",
        id: "q2",
        question: "Who?",
        context: "Bob met Ann.",
        answers: [
          { text: "Ann", start: 8 },
          { text: "Ann.", start: 8 },
        ],
      },
    ]);
  });

  test("version 2.0: a question without an answer, whatever looked like one", () => {
    const impossible = question("q", [], { is_impossible: true, plausible_answers: [answer("Bob", 0)] });
    expect(
      readSquad(fileOf("Bob.", impossible, question("r", [answer("Bob", 0)], { is_impossible: false })), { file }).map(
        ({ answers }) => answers,
      ),
    ).toEqual([[], [{ text: "Bob", start: 0 }]]);
  });

  test("positions in code points become positions in UTF-16 units", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.string({ unit: "grapheme" }).filter((text) => /[^\s\u0085]/.test(text)), // a blank one is no answer
        fc.string({ unit: "grapheme" }),
        (before, text, after) => {
          const context = before + text + after;
          const [example] = readSquad(fileOf(context, question("q", [answer(text, Array.from(before).length)])), {
            file,
          });
          expect(example.answers).toEqual([{ text, start: before.length }]);
        },
      ),
    );
    const [{ answers }] = readSquad(fileOf("😀 Ann", question("q", [answer("Ann", 2)])), { file });
    expect(answers).toEqual([{ text: "Ann", start: 3 }]);
  });

  test("records as Hugging Face's data set has them, in lines, an array, or an object with data", () => {
    const record = (id: string, text: string[], answer_start: number[]) => ({
      ...{ id, title: "T", context: "😀 Ann met Bob.", question: "Who?" },
      answers: { text, answer_start },
    });
    const records = [record("q", ["Ann", "Bob"], [2, 10]), record("r", [], [])];
    const lines = records.map((one) => JSON.stringify(one)).join("\n\n");
    const texts = [lines, JSON.stringify(records, null, 1), JSON.stringify({ version: 1, data: records })];
    const places = [["line 1", "line 3"], ["[0]", "[1]"], ["data[0]", "data[1]"]]; // biome-ignore format: a table
    for (const [i, text] of texts.entries()) {
      const read = readSquad(text, { file });
      expect(read.map(({ where }) => where)).toEqual(places[i].map((place) => `train.json: ${place}`));
      expect(read.map(({ answers }) => answers)).toEqual([[{ text: "Ann", start: 3 }, { text: "Bob", start: 11 }], []]); // biome-ignore format: one line
    }
  });

  test("an answer that stands elsewhere is looked for as run_squad.py looks for it", () => {
    expect(golden.length).toBeGreaterThan(20);
    for (const { context, text, answer_start, kept } of golden) {
      const [{ answers }] = readSquad(fileOf(context, question("q", [answer(text, answer_start)])), { file });
      const [{ text: found, start }] = answers;
      const name = JSON.stringify({ context, text, answer_start });
      expect(start !== null, name).toBe(kept !== null);
      if (start === null || kept === null) continue;
      expect(context.slice(start, start + found.length), name).toBe(found);
      expect(kept, name).toContain(
        found
          .trim()
          .split(/[ \t\r\n\u202f]+/)
          .join(" "),
      );
    }
  });

  const at = "train.json: data[0].paragraphs[0].qas[0]";
  test.each([
    ["{", 'train.json: line 1: must be JSON, got "{"'],
    ["[", 'train.json: must be JSON, got "["'],
    ["{}", "train.json: line 1: context must be a string, is missing"],
    ['{"data": [3]}', "train.json: data[0] must be an object, got 3"],
    ['{"data": [{}]}', "train.json: data[0].context must be a string, is missing"],
    ['{"data": [{"paragraphs": 3}]}', "train.json: data[0].paragraphs must be an array, got 3"],
    [fileOf(null), "train.json: data[0].paragraphs[0].context must be a string, got null"],
    [fileOf("c", { id: 1 }), `${at}.id must be a string, got 1`],
    [
      fileOf("Bob", question("q", [answer("Bob", "0")])),
      `${at}.answers[0].answer_start must be a whole number from 0, got "0"`,
    ],
    [fileOf("Bob", question("q", [answer("Bob", -3)])), "answer_start must be a whole number from 0, got -3"],
    [fileOf("Bob", question("q", [{ text: "Bob" }])), "answer_start must be a whole number from 0, is missing"],
    [fileOf("Bob", question("q", [])), `${at}.answers must be at least one, or is_impossible true, got none`],
    [
      fileOf("Bob", question("q", [answer("Bob", 0)], { is_impossible: true })),
      `${at}.answers must be none, as is_impossible is true, got 1`,
    ],
    [
      fileOf("Bob", question("q", [], { is_impossible: "yes" })),
      `${at}.is_impossible must be true or false, got "yes"`,
    ],
    [
      fileOf("Bob", question("q", [answer("Bob", 0)]), question("q", [answer("Bob", 0)])),
      '.qas[1].id must be that of no other question, got "q"',
    ],
    [
      '{"id": "a", "question": "b", "context": "c", "answers": {"text": ["c"], "answer_start": []}}',
      "must be as many as the texts, 1, got 0",
    ],
  ])("%s is an error", (text, message) => {
    expect(() => readSquad(text, { file })).toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  });

  test("bad questions can be told and left out", () => {
    const told: string[] = [];
    const text = fileOf("Bob", question("q", []), question("q", [answer("Bob", 0)]));
    const examples = readSquad(text, { file, onBadRecord: ({ message }) => told.push(message) });
    expect(examples.map(({ answers }) => answers.length)).toEqual([1]);
    expect(told).toEqual([`${at}.answers must be at least one, or is_impossible true, got none`]);
  });
});
