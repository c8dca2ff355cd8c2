import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSquad } from "../../../src/training/data/squad.ts";

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
        fc.string({ unit: "grapheme", minLength: 1 }),
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

  const at = "train.json: data[0].paragraphs[0].qas[0]";
  test.each([
    ["{", "train.json: the file must be JSON, got"],
    ["[]", "train.json: this must be an object, got an array of 0"],
    ["{}", "train.json: data must be an array, got none"],
    ['{"data": [3]}', "train.json: data[0]: this must be an object, got 3"],
    ['{"data": [{}]}', "train.json: data[0]: paragraphs must be an array, got none"],
    [fileOf(null), "train.json: data[0].paragraphs[0]: context must be a string, got null"],
    [fileOf("c", { id: 1 }), `${at}: id must be a string, got 1`],
    [
      fileOf("Bob", question("q", [answer("Ann", 0)])),
      `${at}.answers[0]: answer_start must be where "Ann" begins in the context, got 0`,
    ],
    [
      fileOf("Bob", question("q", [answer("Bob", "0")])),
      `${at}.answers[0]: answer_start must be where "Bob" begins in the context, got "0"`,
    ],
    [fileOf("😀Bob", question("q", [answer("Bob", "1")])), 'got "1"'],
    [fileOf("😀Bob", question("q", [answer("Bob", 2)])), "got 2"], // that is UTF-16
    [fileOf("Bob", question("q", [answer("Bob", -3)])), "got -3"],
    [fileOf("Bob", question("q", [answer("", 0)])), 'answer_start must be where "" begins'],
    [fileOf("Bob", question("q", [])), `${at}: answers must be at least one, or is_impossible true, got none`],
    [
      fileOf("Bob", question("q", [answer("Bob", 0)], { is_impossible: true })),
      `${at}: answers must be none, as is_impossible is true, got 1`,
    ],
    [
      fileOf("Bob", question("q", [], { is_impossible: "yes" })),
      `${at}: is_impossible must be true or false, got "yes"`,
    ],
    [
      fileOf("Bob", question("q", [answer("Bob", 0)]), question("q", [answer("Bob", 0)])),
      '.qas[1]: id must be that of no other question, got "q" again',
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
    expect(told).toEqual([`${at}: answers must be at least one, or is_impossible true, got none`]);
  });
});
