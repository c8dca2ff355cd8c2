import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openWeights } from "../../src/load/weightFiles.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { compareTensors, type NamedTensors } from "../../src/testing/index.ts";

const pathOf = (name: string) => new URL(`reference/${name}`, import.meta.url).pathname;
const EXPECTED = JSON.parse(readFileSync(pathOf("expected.json"), "utf8"));
const read = (name: string) => readSafetensors(new Uint8Array(readFileSync(pathOf(name))));

/** A tensor of one axis. */
const row = (...numbers: number[]) => ({ shape: [numbers.length], data: Float32Array.from(numbers) });
const of = (...numbers: number[]) => new Map([["x", row(...numbers)]]);

describe("what NumPy says of two files", () => {
  const asMap = (name: string): NamedTensors => {
    const file = read(name);
    return new Map(
      Array.from(file.tensors, ([key, { shape }]) => [key, { shape, data: () => file.toTypedArray(key) }]),
    );
  };
  const forms: [string, (name: string) => NamedTensors | Promise<NamedTensors>][] = [
    ["in memory", read],
    ["as a map", asMap],
    ["on disk", async (name) => openWeights(pathOf(name))],
  ];

  test.each(forms)("%s", async (_, form) => {
    const [a, b] = [await form("a.safetensors"), await form("b.safetensors")];
    const { equal, compared, differences, onlyInA, onlyInB } = await compareTensors(a, b);
    expect([equal, compared, onlyInA, onlyInB]).toEqual([false, 7, [], []]);
    expect(differences.map(({ name }) => name)).toEqual(Object.keys(EXPECTED).sort());
    for (const { name, numbers } of differences) {
      const { rms, ...exact } = EXPECTED[name];
      expect(numbers, name).toMatchObject(exact);
      expect(numbers!.rms / rms, name).toBeCloseTo(1, 12); // sums in another order
    }
    for (const tensors of [a, b]) if ("close" in tensors) await (tensors.close as () => Promise<void>)();
  });
});

test.each<[string, number[], number[], number | undefined, object | null]>([
  ["nothing", [1, 2], [1, 2], undefined, null],
  ["NaN and NaN, infinity and infinity", [NaN, Infinity], [NaN, Infinity], undefined, null],
  ["signs of 0", [0], [-0], undefined, { count: 1, largest: 0, values: [0, -0], ulp: 0 }],
  ["signs of 0, with a tolerance", [0], [-0], 1e-30, null],
  ["the tolerance itself", [1, 5], [1.5, 5], 0.5, null],
  ["more than the tolerance", [1, 5], [1.5, 5.75], 0.5, { count: 1, largest: 0.75, at: [1], values: [5, 5.75] }],
  ["NaN and a number", [7, NaN, 3], [1, 2, 3], 100, { count: 1, largest: NaN, at: [1], rms: NaN, ulp: NaN }],
  ["a number and infinity", [1], [Infinity], 100, { count: 1, largest: Infinity }],
])("differences: %s", async (_, a, b, tolerance, want) => {
  const { equal, differences } = await compareTensors(of(...a), of(...b), { ...(tolerance && { tolerance }) });
  expect(equal).toBe(want === null);
  if (want === null) expect(differences).toEqual([]);
  else expect(differences).toMatchObject([{ name: "x", shapes: [[a.length], [a.length]], numbers: want }]);
});

test("shapes and names, in the order of the forward pass", async () => {
  const names = ["bert.pooler", "bert.encoder.layer.10", "bert.encoder.layer.2", "bert.embeddings", "input_ids"];
  const a = new Map(names.map((name) => [name, row(1, 2)]));
  const b = new Map(names.slice(1).map((name) => [name, { shape: [1, 2], data: Float32Array.of(1, 2) }]));
  b.set("logits", row(3)).set("bert.embeddings.LayerNorm", row(3));
  expect(await compareTensors(a, b)).toEqual({
    equal: false,
    compared: 4,
    differences: names.slice(1).toReversed().map((name) => ({ name, shapes: [[2], [1, 2]], numbers: null })), // biome-ignore format: one line
    onlyInA: ["bert.pooler"],
    onlyInB: ["bert.embeddings.LayerNorm", "logits"],
  });
  expect(await compareTensors(a, new Map(a))).toMatchObject({ equal: true, compared: 5 });
});

test("no tensor in either is an error, in one of them a difference", async () => {
  for (const none of [new Map(), readSafetensors(writeSafetensors([]))])
    await expect(compareTensors(none, none)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: "compareTensors: a or b must have a tensor, both have none",
    });
  expect(await compareTensors(new Map(), of(1))).toMatchObject({ equal: false, compared: 0, onlyInB: ["x"] });
});

describe("what is read in parts", () => {
  const PART = 1 << 20;
  const shape = [3, PART - 1]; // parts end within rows
  const size = 3 * (PART - 1);
  const numbersOf = (name: string) => {
    const numbers = Float32Array.from({ length: size }, (_, i) => i % 1000);
    if (name === "b") for (const i of [5, PART - 1, PART, size - 1]) numbers[i] += 1 + i / size;
    return numbers;
  };
  const opened = (name: string, read: number[]) => {
    const numbers = numbersOf(name);
    return {
      tensors: new Map([["x", { shape }]]),
      readInto: async () => expect.fail("reads a tensor as a whole"),
      async readPart(_: string, target: Float32Array, from: number) {
        read.push(target.length);
        target.set(numbers.subarray(from, from + target.length));
      },
    };
  };

  test("compares as what is in memory does, at most 2^20 numbers of each at a time", async () => {
    const read: number[] = [];
    const whole = (name: string) => new Map([["x", { shape, data: numbersOf(name) }]]);
    const inMemory = await compareTensors(whole("a"), whole("b"));
    expect(await compareTensors(opened("a", read), opened("b", read))).toEqual(inMemory);
    expect(await compareTensors(whole("a"), opened("b", read))).toEqual(inMemory);
    expect(inMemory.differences).toMatchObject([{ numbers: { count: 4, of: size, at: [2, PART - 2], largest: 2 } }]);
    expect(read).toEqual([PART, PART, PART, PART, PART - 3, PART - 3, PART, PART, PART - 3]);
  });

  test("a signal stops it between two parts", async () => {
    const [stop, read] = [new AbortController(), [] as number[]];
    const file = opened("a", read);
    const readPart: typeof file.readPart = async (...args) => file.readPart(...args).then(() => stop.abort("enough"));
    const whole = new Map([["x", { shape, data: numbersOf("a") }]]);
    await expect(compareTensors({ ...file, readPart }, whole, { signal: stop.signal })).rejects.toBe("enough");
    expect(read).toEqual([PART]);
  });
});

test("a tensor that no memory can hold is an error that says how large it is", async () => {
  const file = { tensors: new Map([["x", { shape: [2 ** 45] }]]), readInto: async () => {} };
  await expect(compareTensors(file, file)).rejects.toMatchObject({
    code: "ERR_INPUT",
    message: `compareTensors: "x" must fit into memory, [35184372088832] takes 140,737,488,355,328 bytes, more than are free`,
  });
});

test("what is no set of tensors is an error", async () => {
  for (const [a, b, options, message] of [
    [null, of(1), {}, "a must be a Map of tensors, or a file of them, got null"],
    [of(1), { tensors: new Map() }, {}, "b must be a Map of tensors, or a file of them, got {"],
    [of(1), new Map([["x", 3]]), {}, 'b must be a Map of tensors, with a shape under "x", got 3'],
    [of(1), new Map([["x", { shape: [1], data: new Float32Array(2) }]]), {}, "b must be tensors with as many numbers"],
    [of(1), of(1), { tolerance: -1 }, "tolerance must be a number from 0, got -1"],
    [of(1), of(1), { tolerance: Number.NaN }, "tolerance must be a number from 0, got NaN"],
    [of(1), of(1), { tolerence: 1 }, 'unknown option "tolerence"; did you mean "tolerance"?'],
  ] as const) {
    await expect(compareTensors(a as never, b as never, options as never)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringContaining(`compareTensors: ${message}`),
    });
  }
});

test("a signal stops it", async () => {
  const reason = new Error("enough");
  await expect(compareTensors(of(1), of(2), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
