import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { withOutput } from "../../src/disk/outputLock.ts";
import { loadBert, saveBert } from "../../src/pipelines/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { collectActivations } from "../../src/testing/index.ts";
import { head, plainbert } from "./run.ts";

const cwd = await mkdtemp(join(tmpdir(), "plainbert-activations-"));
afterAll(() => rm(cwd, { recursive: true }));

const MODEL = ["--model", head("mlm")];
const bytesOf = async (name: string) => new Uint8Array(await readFile(join(cwd, name)));
const activations = (...args: string[]) => plainbert(["activations", ...MODEL, ...args], { cwd });
const compare = (...args: string[]) => plainbert(["compare", ...args], { cwd });

describe("activations", () => {
  test("the file is what the library writes, by backend plain if no other is named", async () => {
    await using bert = await loadBert(head("mlm"), { backend: "plain" });
    const options = { textPair: "It is.", taps: ["*.layer.0.*", "bert.embeddings"] };
    const { tensors, metadata } = await collectActivations(bert, "Is it open?", options);
    const pair = ["--text-pair", "It is.", "--taps", "*.layer.0.*,bert.embeddings"];
    const result = await activations("Is it open?", ...pair, "--output", "a.safetensors");
    const steps = `${tensors.size - 2} of ${bert.taps.length} steps`;
    const T = tensors.get("input_ids")?.shape[1];
    expect(result).toMatchObject({
      code: 0,
      stdout: `a.safetensors: ${steps}, ${T} tokens; model ${bert.fingerprint}, plain, float32\n`,
      stderr: "",
    });
    expect(await bytesOf("a.safetensors")).toStrictEqual(writeSafetensors(tensors, metadata));
    expect((await readdir(cwd)).filter((name) => name.startsWith("."))).toEqual([]);
    const two = ["--taps", "*.layer.0.*", "--taps", "bert.embeddings"]; // the same patterns, each in its own option
    await activations("Is it open?", ...pair.slice(0, 2), ...two, "--output", "again.safetensors");
    expect(await bytesOf("again.safetensors")).toStrictEqual(await bytesOf("a.safetensors"));
  });

  test("--json, --dtype, --backend, --truncation", async () => {
    const args = ["--json", "--dtype", "int8", "--backend", "simd", "--truncation", "--output", "b.safetensors"];
    const { stdout } = await activations("the ".repeat(500), ...args);
    const { file, metadata, tensors } = JSON.parse(stdout);
    expect(file).toBe("b.safetensors");
    expect(metadata).toMatchObject({ dtype: "int8", backend: "simd", truncated: "true" });
    const read = readSafetensors(await bytesOf("b.safetensors"));
    expect(Object.fromEntries(read.metadata)).toEqual(metadata);
    expect(new Map(tensors.map(({ name, shape }: { name: string; shape: number[] }) => [name, shape]))).toEqual(
      new Map(Array.from(read.tensors.values(), ({ name, shape }) => [name, shape])),
    );
  });

  test("wrong command lines", async () => {
    for (const [args, message] of [
      [["A."], "expected --output FILE.safetensors"],
      [["--output", "x.safetensors"], "expected a text\n"],
      [[], "expected a text, and --output FILE.safetensors\n"],
      [["A", "text.", "--output", "x.safetensors"], "expected a text, got 2 arguments"],
      [["A.", "--output", "x.npz"], "--output must end in .safetensors"],
    ] as const) {
      const { code, stderr } = await activations(...args);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`plainbert activations: ${message}`)]);
    }
  });

  test("work that fails leaves no file", async () => {
    for (const [args, message] of [
      [
        ["A.", "--taps", "bert.poler"],
        '--taps must be names in bert.taps, with * for any characters, got "bert.poler"',
      ],
      [["the ".repeat(500)], "text must be at most "],
    ] as const) {
      const { code, stderr } = await activations(...args, "--output", "x.safetensors");
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
      expect(await readdir(cwd)).not.toContain("x.safetensors");
    }
  });

  test("the model's weights are not overwritten, and an output that another writes is refused", async () => {
    await mkdir(join(cwd, "model"));
    for (const name of ["config.json", "vocab.txt", "model.safetensors"])
      await copyFile(join(head("mlm"), name), join(cwd, "model", name));
    const own = ["activations", "A.", "--model", "model", "--output", "model/model.safetensors"];
    const lost = await plainbert(own, { cwd });
    expect([lost.code, lost.stderr]).toEqual([1, expect.stringContaining("is the input, which would be lost")]);
    await withOutput(join(cwd, "held.safetensors"), {}, async () => {
      const held = await activations("A.", "--output", "held.safetensors");
      expect([held.code, held.stderr]).toEqual([1, expect.stringContaining("is being written by this process")]);
    });
  });
});

describe("compare", () => {
  const row = (...numbers: number[]) => ({ shape: [1, numbers.length], data: Float32Array.from(numbers) });
  const write = (name: string, tensors: Record<string, ReturnType<typeof row>>) =>
    writeFile(join(cwd, name), writeSafetensors(Object.entries(tensors)));

  test("equal files: exit status 0", async () => {
    await write("one.safetensors", { "bert.pooler": row(1, 2) });
    expect(await compare("one.safetensors", "one.safetensors")).toMatchObject({
      code: 0,
      stdout: "1 tensor, equal\n",
      stderr: "",
    });
  });

  test("the first that differs, names that one has, --tolerance, --json: exit status 1", async () => {
    const same = { input_ids: row(2, 3) };
    await write("a.safetensors", { ...same, "bert.pooler": row(0.5, 1), "bert.embeddings": row(1, 1), c: row(0) });
    await write("b.safetensors", { ...same, "bert.pooler": row(0.5, 3), "bert.embeddings": row(1, 1.25), d: row(0) });
    const message = "plainbert: compare: a.safetensors and b.safetensors differ\n";
    expect(await compare("a.safetensors", "b.safetensors")).toMatchObject({
      code: 1,
      stdout: `2 of 3 tensors differ
first: bert.embeddings [1,2]
  numbers  1 of 2
  largest  2.50e-1 at [0,1]: 1 and 1.25
  rms      1.77e-1
  ulp      2,097,152
1 tensor is in A alone: c
1 tensor is in B alone: d
`, // √(0.25²/2); from 1 to 1.25 there are 2²³/4 numbers
      stderr: message,
    });
    const { stdout } = await compare("--tolerance", "0.25", "a.safetensors", "b.safetensors");
    expect(stdout).toContain("1 of 3 tensors differ by more than 0.25\nfirst: bert.pooler [1,2]\n");
    const json = await compare("--json", "--tolerance", "1e9", "a.safetensors", "b.safetensors");
    expect([json.code, JSON.parse(json.stdout)]).toEqual([
      1,
      { equal: false, compared: 3, differences: [], onlyInA: ["c"], onlyInB: ["d"] },
    ]);
    await write("wide.safetensors", { "bert.pooler": row(1, 2, 3) });
    const shapes = await compare("one.safetensors", "wide.safetensors");
    expect(shapes.stdout).toBe("1 of 1 tensors differ\nfirst: bert.pooler\n  shape    [1,2] and [1,3]\n");
  });

  test("the sign of 0: it is shown, in JSON too", async () => {
    await write("zero.safetensors", { '"values":["-0"]': row(0, 1) });
    await write("minus.safetensors", { '"values":["-0"]': row(-0, 1) });
    const { stdout } = await compare("zero.safetensors", "minus.safetensors");
    expect(stdout).toContain("  largest  0.00e+0 at [0,0]: 0 and -0, which differ in the sign of 0 alone\n");
    const json = await compare("--json", "zero.safetensors", "minus.safetensors");
    expect(json.stdout).toContain('"values":[0,-0.0],');
    const [{ name, numbers }] = JSON.parse(json.stdout).differences;
    expect([name, numbers.values]).toStrictEqual(['"values":["-0"]', [0, -0]]);
  });

  test("names that one has: what is in both may be equal, or nothing", async () => {
    await write("more.safetensors", { "bert.pooler": row(1, 2), c: row(0), d: row(0) });
    const more = await compare("one.safetensors", "more.safetensors");
    expect([more.code, more.stdout]).toEqual([1, "1 tensor in both, equal\n2 tensors are in B alone: c, d\n"]);
    await write("bare.safetensors", { pooler: row(1, 2) });
    const line = "  pooler of B may be bert.pooler of A: tensors are compared under equal names\n";
    const bare = await compare("one.safetensors", "bare.safetensors");
    expect(bare.stdout).toBe(
      `no tensor is in both\n1 tensor is in A alone: bert.pooler\n1 tensor is in B alone: pooler\n${line}`,
    );
    const turned = await compare("bare.safetensors", "one.safetensors");
    expect(turned.stdout).toContain("  pooler of A may be bert.pooler of B: tensors");
  });

  test("a shape without the axis of the batch", async () => {
    await write("flat.safetensors", { "bert.pooler": { shape: [2], data: Float32Array.of(1, 2) } as never });
    const { stdout } = await compare("flat.safetensors", "one.safetensors");
    expect(stdout).toContain(
      "  shape    [2] and [1,2]: they differ in axes of length 1; the first axis of plainbert's steps is the batch, 1\n",
    );
  });

  test("two files without a tensor are not equal", async () => {
    await write("none.safetensors", {});
    expect(await compare("none.safetensors", "none.safetensors")).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "plainbert: A or B must have a tensor, both have none\n",
    });
  });

  test("models: the same under any names, in any type that holds them; not after a change", async () => {
    const run = async (...args: string[]) => expect(await plainbert(args, { cwd })).toMatchObject({ code: 0 });
    await run("convert", head("mlm"), "google", "--names", "google");
    await run("convert", head("mlm"), "copy");
    expect(await compare("google", "copy")).toMatchObject({ code: 0, stdout: "42 tensors, equal\n" });
    expect(await compare(head("mlm"), "google")).toMatchObject({ code: 0 });
    await run("convert", head("mlm"), "half", "--dtype", "bfloat16");
    const half = await compare("copy", "half");
    expect([half.code, half.stdout]).toEqual([
      1,
      expect.stringMatching(/^\d+ of 42 tensors differ\nfirst: bert\.embeddings\.word_embeddings\.weight \[/),
    ]);
    expect(await compare("--tolerance", "0.01", "copy", "half")).toMatchObject({ code: 0 });
    await run("convert", head("mlm"), "int8", "--dtype", "int8");
    expect(await compare("--tolerance", "0.01", "copy", "int8")).toMatchObject({
      code: 0,
      stdout: "42 tensors, equal within 0.01\n", // the numbers that the integers stand for, half a step of 1/127 off
    });
    expect(await compare("copy/model.safetensors", "google/model.safetensors")).toMatchObject({ code: 1 }); // other names
  });

  test("a decoder that is the word embeddings may be in the file or not", async () => {
    await using bert = await loadBert(head("mlm"), { backend: "plain" });
    await saveBert(bert, join(cwd, "tied"));
    const path = join(cwd, "tied", "model.safetensors");
    const file = readSafetensors(new Uint8Array(await readFile(path)));
    const all = Array.from(file.tensors.values(), ({ name, shape }) => [name, { shape, data: file.toFloat32(name).slice() }] as const); // biome-ignore format: one line
    const [, words] = all.find(([name]) => name === "bert.embeddings.word_embeddings.weight")!;
    const without = all.filter(([name]) => name !== "cls.predictions.decoder.weight");
    await writeFile(path, writeSafetensors([...without, ["cls.predictions.decoder.weight", words]]));
    expect(await compare(head("mlm"), "tied")).toMatchObject({ code: 0 });
    const changed = { shape: words.shape, data: words.data.map((x) => x + 1) };
    await writeFile(path, writeSafetensors([...without, ["cls.predictions.decoder.weight", changed]]));
    const other = await compare(head("mlm"), "tied");
    expect([other.code, other.stdout]).toEqual([1, expect.stringContaining("cls.predictions.decoder.weight")]);
  });

  test("what cannot be read or is not understood", async () => {
    for (const [args, code, message] of [
      [["one.safetensors"], 2, "expected two files or two models, got 1 argument"],
      [["one.safetensors", "nope.safetensors"], 1, "nope.safetensors: no such file or folder"],
      [["one.safetensors", "--tolerance", "-1", "one.safetensors"], 2, "--tolerance must be a number from 0"],
    ] as const) {
      const result = await compare(...args);
      expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(message)]);
    }
  });
});

test("two backends agree within 1e-5, not to the last bit", async () => {
  await activations("The door is open.", "--output", "plain.safetensors");
  await activations("The door is open.", "--backend", "simd", "--output", "simd.safetensors");
  expect(await compare("plain.safetensors", "simd.safetensors")).toMatchObject({ code: 1 });
  expect(await compare("--tolerance", "1e-5", "plain.safetensors", "simd.safetensors")).toMatchObject({ code: 0 });
});
