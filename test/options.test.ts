import { describe, expect, test } from "vitest";
import { expectKnownOptions, hint, nearest, type OptionNames } from "../src/options.ts";

interface Some {
  readonly dtype?: string;
  readonly threads?: number;
  readonly local_files_only?: boolean;
}

const NAMES: OptionNames<Some> = { dtype: true, threads: true, local_files_only: true };

describe("expectKnownOptions", () => {
  const refused = (options: unknown): string => {
    try {
      expectKnownOptions("f", options, NAMES);
    } catch (error) {
      expect(error).toMatchObject({ name: "BertError", code: "ERR_INPUT" });
      return (error as Error).message;
    }
    return "taken";
  };

  test("takes what it knows", () => {
    expect(refused({})).toBe("taken");
    expect(refused({ dtype: "int8", local_files_only: true })).toBe("taken");
    expect(refused({ threads: undefined })).toBe("taken");
  });

  test("names the nearest known option", () => {
    expect(refused({ dtyp: "int8" })).toBe('f: unknown option "dtyp"; did you mean "dtype"?');
    expect(refused({ thread: 2 })).toBe('f: unknown option "thread"; did you mean "threads"?');
    expect(refused({ localFilesOnly: true })).toBe(
      'f: unknown option "localFilesOnly"; did you mean "local_files_only"?',
    );
    expect(refused({ "LOCAL-FILES-ONLY": undefined })).toContain('did you mean "local_files_only"?');
  });

  test("knows what other libraries call it", () => {
    expect(refused({ quantized: true })).toBe('f: unknown option "quantized"; did you mean "dtype"?');
  });

  test.each([
    ["output_hidden_states", "hiddenStates"],
    ["output_attentions", "attentions"],
    ["text_pair", "textPair"],
  ])("%s is %s, though another name is nearer", (name, ours) => {
    const names = { lastHiddenState: true, hiddenStates: true, attentions: true, textPair: true } as const;
    expect(() => expectKnownOptions("f", { [name]: true }, names)).toThrow(`did you mean "${ours}"?`);
  });

  test("tells all, the nearest first, where none is near", () => {
    expect(refused({ theaters: 1 })).toBe(
      'f: unknown option "theaters"; known are "threads", "dtype", "local_files_only"',
    );
    expect(refused({ __proto__: null, constructor: 1 })).toContain('f: unknown option "constructor"; known are ');
  });

  test("wants an object", () => {
    expect(refused(null)).toBe("f: options must be an object, got null");
    expect(refused("dtype")).toBe('f: options must be an object, got "dtype"');
    expect(refused([])).toBe("f: options must be an object, got []");
  });
});

test.each([
  ["fp16", "float16"],
  ["fp32", "float32"],
  ["bf16", "bfloat16"],
  ["q8", "int8"],
  ["Float16", "float16"],
])("hint: %s is %s", (value, ours) => {
  expect(hint(value, ["float32", "float16", "bfloat16", "int8"])).toBe(`; did you mean "${ours}"?`);
});

test("hint: nothing where none is near, or what is no text", () => {
  for (const value of ["nonsense", 5, null, undefined, {}]) expect(hint(value, ["float32", "int8"])).toBe("");
});

test("nearest: at most a third of the letters may differ", () => {
  expect(nearest("learnigRate", ["batchSize", "learningRate"])).toBe("learningRate");
  expect(nearest("rate", ["batchSize", "learningRate"])).toBeNull();
  expect(nearest("x", [])).toBeNull();
  expect(nearest("smid", ["auto", "simd"])).toBe("simd"); // two letters in the wrong order are one mistake
  expect(nearest("ims", ["simd"])).toBeNull();
});
