import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import { readSafetensors } from "../../src/safetensors/index.ts";
import { expectClose } from "../support/close.ts";
import { CONFORMANCE_TOLERANCE } from "../tolerances.ts";
import { conformanceOf, fileOf, TEXTS } from "./conformance.ts";

/** The backend `plain` computes the set as it is pinned, to the last bit; and as PyTorch does in float64. */
const bert = await loadBert(undefined, { backend: "plain" });
afterAll(() => bert.dispose());

const PINNED = JSON.parse(readFileSync(fileOf("digests.json"), "utf8"));
const [vectors, pytorch] = ["vectors.safetensors", "pytorch.safetensors"].map((name) =>
  readSafetensors(new Uint8Array(readFileSync(fileOf(name)))),
);
const H = bert.config.hiddenSize;
const rowOf = (numbers: Float32Array | Float64Array, n: number) => numbers.subarray(n * H, (n + 1) * H);

test("the set is of the small model, and has each step of each text", () => {
  expect(TEXTS.length).toBe(20);
  expect(PINNED.fingerprint).toBe(bert.fingerprint);
  expect(vectors.metadata.get("fingerprint")).toBe(bert.fingerprint);
  expect(Object.keys(PINNED.digests)).toEqual(TEXTS.map(({ name }) => name));
  const names = ["input_ids", "token_type_ids", ...bert.taps.map(({ name }) => name)];
  for (const digests of Object.values(PINNED.digests)) expect(Object.keys(digests as object)).toEqual(names);
});

describe.each(TEXTS.map((text, n) => ({ ...text, n })))("$name", ({ n, ...text }) => {
  const computed = conformanceOf(bert, text);

  test("every bit of every step is the pinned one", async () => {
    const { digests, cls, mean } = await computed;
    const changed = Object.keys(digests).filter((name) => digests[name] !== PINNED.digests[text.name][name]);
    expect(changed).toEqual([]);
    expect(cls).toStrictEqual(rowOf(vectors.toFloat32("cls"), n));
    expect(mean).toStrictEqual(rowOf(vectors.toFloat32("mean"), n));
  });

  test("ids are those of Hugging Face's tokenizer, vectors those of PyTorch in float64", async () => {
    const { input_ids, token_type_ids, cls, mean } = await computed;
    expect(input_ids).toEqual(Array.from(pytorch.toFloat64(`${text.name}.input_ids`)));
    expect(token_type_ids).toEqual(Array.from(pytorch.toFloat64(`${text.name}.token_type_ids`)));
    expectClose("cls", cls, rowOf(pytorch.toFloat64("cls"), n), CONFORMANCE_TOLERANCE.cls);
    expectClose("mean", mean, rowOf(pytorch.toFloat64("mean"), n), CONFORMANCE_TOLERANCE.mean);
  });
});
