import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listed, quote, shown } from "../src/errors.ts";
import { type Json, parseJson } from "../src/json.ts";
import { faultOfJson } from "../src/jsonFault.ts";

const read = (text: string) => parseJson(text, "a.json", "ERR_CHECKPOINT");

function refusal(ask: () => unknown): string {
  try {
    ask();
  } catch (error) {
    expect(error).toMatchObject({ name: "BertError", code: "ERR_CHECKPOINT" });
    return (error as Error).message;
  }
  return "taken";
}

/** What `JSON.parse` says of a text. */
function messageOf(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

/** A text with what may follow it, and the brackets that are open in it closed. */
function completions(text: string): string[] {
  const open: string[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === "{" || token === "[") open.push(token === "{" ? "}" : "]");
    else if (token === "}" || token === "]") open.pop();
  }
  const close = open.reverse().join("");
  return ["", "0", '"":0', ":0"].map((next) => text + next + close);
}

describe("parseJson", () => {
  test("gives values by type", () => {
    const json = read('\ufeff{"a": {"b": [1, "x", true, 2.0, -0.5, null]}, "__proto__": 3}');
    const items = json.get("a").get("b").items();
    expect(items[0].asInteger()).toBe(1);
    expect(items[1].asString()).toBe("x");
    expect(items[1].asChoice(["x", "y"])).toBe("x");
    expect(items[2].asBoolean()).toBe(true);
    expect(items[3].asInteger({ max: 2 })).toBe(2);
    expect(items[4].asNumber()).toBe(-0.5);
    expect(items[5].isMissing).toBe(true);
    expect(json.get("__proto__").asInteger()).toBe(3);
    expect(json.get("c").isMissing).toBe(true);
    expect(json.get("c").or("default", (value) => value.asString())).toBe("default");
    expect(json.entries().map(([key]) => key)).toEqual(["a", "__proto__"]);
  });

  test("names file, place and value", () => {
    const json = read('{"model": {"vocab": {"the": "1", "of": 1.5}, "merges": [[1]]}, "s": "\\ud800"}');
    const vocab = json.get("model").get("vocab");
    expect(refusal(() => vocab.get("the").asInteger())).toBe(
      'a.json: model.vocab.the must be a whole number from 0, got "1"',
    );
    expect(refusal(() => vocab.get("of").asInteger({ min: 1, max: 9 }))).toBe(
      "a.json: model.vocab.of must be a whole number from 1 to 9, got 1.5",
    );
    expect(refusal(() => vocab.get("a b").asNumber({ min: 0 }))).toBe(
      'a.json: model.vocab["a b"] must be a number from 0, is missing',
    );
    expect(refusal(() => json.get("model").get("merges").items()[0].asString())).toBe(
      "a.json: model.merges[0] must be a string, got [1]",
    );
    expect(refusal(() => json.items())).toMatch(/^a\.json: must be an array, got \{"model": /);
    expect(refusal(() => json.get("model").asBoolean())).toContain('got {"vocab": {"the": "1", "of": 1.5}, "merges"');
    expect(refusal(() => json.get("s").asString())).toMatch(/^a\.json: s must be well-formed Unicode/);
    expect(refusal(() => json.get("s").get("t"))).toMatch(/^a\.json: s must be an object/);
    expect(refusal(() => json.get("constructor").asString())).toBe("a.json: constructor must be a string, is missing");
    expect(refusal(() => json.get("model").asChoice(["WordPiece"]))).toMatch(/must be "WordPiece", got \{/);
  });

  test("refuses what is no JSON", () => {
    for (const text of ["", "{", "nul", "[1,]", '{"a": 1} x', "'a'", "NaN", `"${"x".repeat(500)}`]) {
      const message = refusal(() => read(text));
      expect(message).toMatch(/^a\.json: must be JSON, got "/);
      expect(message.length).toBeLessThan(400);
    }
  });

  test("of a text of several lines it names the place", () => {
    const config = '{\n  "hidden_size": 32,\n  "initializer_range": NaN,\n  "b": [-Infinity]\n}\n';
    const why = "though Python's json writes and reads it";
    expect(refusal(() => read(config))).toBe(
      `a.json: must be JSON, got "NaN" at line 3, character 24: JSON has no NaN, ${why}`,
    );
    expect(refusal(() => read(config.replace("NaN", '"\u{1F600}\\" NaN"')))).toBe(
      `a.json: must be JSON, got "-Infinity" at line 4, character 9: JSON has no -Infinity, ${why}`,
    );
    expect(refusal(() => read("[NaN]"))).toBe(`a.json: must be JSON, got "[NaN]": JSON has no NaN, ${why}`);
    expect(refusal(() => read('{\n"a": 1,\n}'))).toMatch(/^a\.json: must be JSON, got "}" at line 3, character 1: \w/);
    expect(refusal(() => read('{\n"a": 1'))).toMatch(/^a\.json: must be JSON, ends at line 2, character 7: \w/);
    expect(refusal(() => read(`{"a": 'b'${" ".repeat(300)}}`))).toMatch(/, got "'b' +…" at line 1, character 7: \w/);
  });

  test("the place is that of the first character that no JSON has there", () => {
    const json = fc.jsonValue().map((value) => JSON.stringify(value, null, 1));
    const isJson = (text: string) => {
      try {
        return [JSON.parse(text)].length === 1;
      } catch {
        return false;
      }
    };
    const at = (text: string, i: number) => text[i] ?? "";
    fc.assert(
      fc.property(json, fc.nat(), fc.constantFrom("", "'", "}", "]", ",", ":", "NaN", '"', "{"), (text, n, put) => {
        const i = n % text.length;
        const spoiled = text.slice(0, i) + put + text.slice(i + 1);
        if (isJson(spoiled)) return;
        const fault = faultOfJson(spoiled);
        expect(at(spoiled, fault)).not.toMatch(/[\t\n\r ]/);
        // V8 tells the position of some faults; within a string or a number it is later than where that begins.
        const [, position] = /at position (\d+)/.exec(messageOf(spoiled)) ?? [];
        if (position !== undefined) expect(fault).toBeLessThanOrEqual(Number(position));
        // Before it, all can still become JSON: some text that begins so is.
        expect(completions(spoiled.slice(0, fault)).some(isJson), spoiled).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test("numbers that a double cannot hold are refused where they matter", () => {
    expect(refusal(() => read("1e999").asNumber())).toBe("a.json: must be a number, got Infinity");
    expect(refusal(() => read("9007199254740993").asInteger())).toContain("must be a whole number from 0");
  });

  test("every question of every value gives a value of its type or a BertError", () => {
    const questions: ((json: Json) => unknown)[] = [
      (json) => json.asString().isWellFormed(),
      (json) => json.asInteger().toFixed(),
      (json) => json.asNumber().toFixed(),
      (json) => json.asBoolean() === true,
      (json) => json.items().map((item) => item.value),
      (json) => json.entries().map(([key, item]) => [key, item.value]),
      (json) => json.get("a").value,
      (json) => json.asChoice(["a", "b"]),
    ];
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(...questions), (text, question) => {
        refusal(() => question(read(text)));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe("messages", () => {
  test("a value stops after 200 characters", () => {
    expect(quote("x".repeat(300))).toBe(`"${"x".repeat(200)}…"`);
    expect(shown("x".repeat(300))).toBe(`"${"x".repeat(200)}…"`);
    expect(shown(Array.from({ length: 1e6 }, (_, i) => i)).length).toBeLessThanOrEqual(201);
    expect(shown({ a: { b: "x".repeat(1e6) } }).length).toBeLessThanOrEqual(201);
  });

  test("a list stops after ten entries", () => {
    expect(listed(["a", "b"])).toBe("a, b");
    const names = Array.from({ length: 400 }, (_, i) => `${i}`);
    expect(listed(names)).toBe("0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 390 more");
    expect(listed(names.slice(0, 10))).toBe("0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
  });

  test.each<[unknown, string]>([
    [Buffer.from("[MASK]"), "a Uint8Array of 6"],
    [new Float32Array(3), "a Float32Array of 3"],
    [new String("x"), "a String object"],
    [Promise.resolve(1), "a Promise: is an await missing?"],
    [new Map([[1, 2]]), "a Map of 1"],
    [new Date(0), "a Date"],
    [new Error("x"), "an Error"],
    [() => 1, "a function"],
    [1n, "1n"],
    [Object.create(null), "{}"],
  ])("of what JSON does not show: %#", (value, text) => {
    expect(shown(value)).toBe(text);
  });

  test("any value can be shown", () => {
    let deep: unknown[] = [];
    for (let i = 0; i < 1e5; i++) deep = [deep];
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const values = [
      deep,
      circle,
      Object.create(null),
      { toString: 1 },
      1n,
      Symbol("s"),
      () => 1,
      undefined,
      -0,
      Number.NaN,
    ];
    for (const value of values) expect(shown(value).length).toBeLessThanOrEqual(201);
    expect(shown([1, "a", { b: null }])).toBe('[1, "a", {"b": null}]');
    expect(shown({ "\u202e": "\u009b2J" })).not.toMatch(/\p{C}/u);
  });
});
