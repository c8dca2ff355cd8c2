import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pipeline } from "../../../src/index.ts";
import { type FinetuneOptions, finetune } from "../../../src/training/index.ts";
import { sentenceFolder } from "../../support/sentenceFolders.ts";
import { temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";
import { weightsIn } from "../../support/weightsIn.ts";

let place: ReturnType<typeof temporaryFolder>;
let model: string;
let teacher: string;
let runs = 0;
beforeAll(async () => {
  place = temporaryFolder();
  const plain = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  [model, teacher] = ["student", "teacher"].map((name) => join(place.path, name));
  mkdirSync(model);
  mkdirSync(teacher);
  await writeTinyModel(model, plain);
  await writeTinyModel(teacher, { ...plain, hidden_size: 24, num_hidden_layers: 3, intermediate_size: 40 });
});
afterAll(() => place[Symbol.dispose]());

const output = () => join(place.path, `run-${runs++}`);
const THINGS = ["the cat", "the dog", "a film", "a book", "paris", "anna", "a cat", "a dog"];
const TEXTS = THINGS.flatMap((thing) => [`who saw ${thing} ?`, `${thing} was very good .`, `it is not ${thing} .`]);
const HELD_OUT = ["anna saw the film .", "paris is a book .", "was it a bad dog ?", "the cat is in paris ."];
const PAIRS = THINGS.map((thing) => ({ anchor: `who saw ${thing} ?`, positive: `it was ${thing} .` }));
const LEARN = { task: "sentence-embedding", learningRate: 0.01, backend: "plain" } as const;
const train = (options: object) =>
  finetune({
    model,
    teacher,
    output: output(),
    ...LEARN,
    trainDataset: TEXTS,
    ...options,
  } as FinetuneOptions<"sentence-embedding">);

/** [n][D], by the pipeline, each of length 1 or as it is. */
async function vectorsBy(folder: string, texts: readonly string[], normalize = false): Promise<Float32Array[]> {
  const embed = await pipeline("embeddings", folder, { backend: "plain" });
  const { data, dims } = await embed([...texts], { normalize });
  await embed.model.dispose();
  return texts.map((_, i) => data.slice(i * dims[1], (i + 1) * dims[1]));
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, d) => sum + x * b[d], 0);

async function anotherTeacher(name: string): Promise<string> {
  const folder = join(place.path, name);
  cpSync(teacher, folder, { recursive: true });
  await writeTinyModel(folder, { hidden_size: 24, num_hidden_layers: 2, intermediate_size: 40 });
  return folder;
}

describe("what is learned", () => {
  test("texts alone: the cache has the teacher's vectors, and the student's similarities are those of the teacher", async () => {
    const notes: string[] = [];
    const told: string[] = [];
    const options = { evalDataset: HELD_OUT, numTrainEpochs: 40, similarityLossWeight: 3, vectorLossWeight: 0.5 };
    const { output: folder, metrics, log } = await train({ ...options, onNote: (note: string) => notes.push(note), onTeacher: (done: number, total: number) => told.push(`${done}/${total}`) }); // biome-ignore format: one line
    expect(notes).toEqual([
      "24 different texts of 24 examples learn the teacher's vectors: vectorLossWeight 0.5, similarityLossWeight 3",
      "a projection from 16 numbers to the teacher's 24 is trained, and thrown away in the end",
    ]);
    expect(told).toEqual(["8/28", "16/28", "24/28", "28/28"]);
    const cached = await weightsIn(join(folder, "teacher", "vectors-000000.safetensors"));
    const taught = await vectorsBy(teacher, [...TEXTS, ...HELD_OUT]);
    expect(cached.get("vectors")).toEqual(Float32Array.from(taught.flatMap((row) => [...row])));

    const evals = log.flatMap(({ eval_loss, eval_teacher_cosine }) => (eval_loss === undefined ? [] : [[eval_loss, eval_teacher_cosine]])); // biome-ignore format: one line
    for (const { loss, vector_loss: v, similarity_loss: s } of log)
      if (loss !== undefined) expect(0.5 * v + 3 * s).toBeCloseTo(loss, 9);
    expect(evals.at(-1)?.[0]).toBeLessThan(0.5 * evals[0][0]);
    expect(evals.at(-1)?.[1]).toBeGreaterThan(evals[0][1]);
    expect(metrics.eval_teacher_cosine).toBeGreaterThan(0.8);
    const error = async (student: string) => {
      const [a, b] = [await vectorsBy(student, TEXTS, true), await vectorsBy(teacher, TEXTS, true)];
      return a.reduce((sum, x, i) => sum + a.reduce((row, y, j) => row + (dot(x, y) - dot(b[i], b[j])) ** 2, 0), 0) / 24 ** 2; // biome-ignore format: one line
    };
    expect(await error(folder)).toBeLessThan(0.1 * (await error(model)));
    // The projection is in checkpoints, and not in the folder: that of a model with its own size.
    expect(readdirSync(folder).filter((name) => /projection|Dense/.test(name))).toEqual([]);
    expect((await vectorsBy(folder, ["anna"]))[0].length).toBe(16);
    const projection = await weightsIn(join(folder, readdirSync(folder).find((name) => name.startsWith("checkpoint")) as string, "projection.safetensors")); // biome-ignore format: one line
    expect([...projection].map(([name, data]) => [name, data.length]).sort()).toEqual([["linear.bias", 24], ["linear.weight", 24 * 16]]); // biome-ignore format: one line
  });

  test("the loss of an evaluation is that of the pipeline's vectors; the kept projection is the folder's last module", async () => {
    const { output: folder, metrics } = await train({ evalDataset: HELD_OUT, maxSteps: 6, keepProjection: true });
    const modules = JSON.parse(readFileSync(join(folder, "modules.json"), "utf8"));
    expect(modules.map(({ path }: { path: string }) => path)).toEqual(["", "1_Pooling", "2_Dense"]);
    expect(JSON.parse(readFileSync(join(folder, "2_Dense", "config.json"), "utf8"))).toEqual({ in_features: 16, out_features: 24, bias: true, activation_function: "torch.nn.modules.linear.Identity" }); // biome-ignore format: one line
    const [u, t] = [await vectorsBy(folder, HELD_OUT), await vectorsBy(teacher, HELD_OUT)];
    const [û, t̂] = [await vectorsBy(folder, HELD_OUT, true), await vectorsBy(teacher, HELD_OUT, true)];
    const mse = u.reduce((sum, row, i) => sum + row.reduce((s, x, d) => s + (x - t[i][d]) ** 2, 0), 0) / (4 * 24);
    const similarities = û.reduce((sum, a, i) => sum + û.reduce((s, b, j) => s + (dot(a, b) - dot(t̂[i], t̂[j])) ** 2, 0), 0) / 16; // biome-ignore format: one line
    expect(metrics.eval_loss).toBeCloseTo(mse + similarities, 6);
    expect(metrics.eval_teacher_cosine).toBeCloseTo(û.reduce((sum, a, i) => sum + dot(a, t̂[i]), 0) / 4, 6);
  });

  test("pairs: each text once, in its role; retrieval is evaluated", async () => {
    const twice = [...PAIRS, { anchor: "who was it ?", positive: PAIRS[0].positive }];
    const notes: string[] = [];
    const { metrics } = await train({ trainDataset: twice, evalDataset: PAIRS, maxSteps: 3, matryoshkaDims: [16, 4], onNote: (note: string) => notes.push(note) }); // biome-ignore format: one line
    expect(notes[0]).toBe("17 different texts of 9 examples learn the teacher's vectors: vectorLossWeight 1, similarityLossWeight 1, matryoshkaDims 16, 4, matryoshkaWeights 1, 1"); // biome-ignore format: one line
    expect(Object.keys(metrics)).toEqual(expect.arrayContaining(["eval_loss", "eval_cosine_mrr@10"]));
  });

  test("a teacher with prompts, and scored pairs to evaluate with", async () => {
    const prompting = await sentenceFolder(place.path, "prompts");
    const scored = PAIRS.map(({ anchor, positive }, i) => ({ sentence1: anchor, sentence2: positive, score: i / 8 }));
    const { output: folder, metrics } = await train({ teacher: prompting, trainDataset: PAIRS, evalDataset: scored, maxSteps: 2 }); // biome-ignore format: one line
    expect(Object.keys(metrics)).toEqual(["eval_loss", "eval_pearson_cosine", "eval_spearman_cosine"]);
    const embed = await pipeline("embeddings", prompting, { backend: "plain" });
    const [query, document] = [await embed.encodeQuery(PAIRS[0].anchor), await embed.encodeDocument(PAIRS[0].positive)];
    await embed.model.dispose();
    const { data: plain } = await (async () => ({ data: (await vectorsBy(prompting, [PAIRS[0].anchor]))[0] }))();
    const cached = (await weightsIn(join(folder, "teacher", "vectors-000000.safetensors"))).get("vectors") as Float32Array; // biome-ignore format: one line
    expect([...cached.subarray(0, query.data.length * 2)]).toEqual([...query.data, ...document.data]);
    expect(query.data).not.toEqual(plain);
  });

  test.each([
    [{ vectorLossWeight: 0 }, false, 16],
    [{ similarityLossWeight: 0 }, true, 16],
  ])("one part alone: %j", async (options, hasProjection, size) => {
    const { output: folder, metrics } = await train({ ...options, evalDataset: HELD_OUT, maxSteps: 2 });
    expect(readdirSync(join(folder, "checkpoint-2")).includes("projection.safetensors")).toBe(hasProjection);
    expect("eval_teacher_cosine" in metrics).toBe(hasProjection);
    expect((await vectorsBy(folder, ["anna"]))[0].length).toBe(size);
  });

  test("files: lines of a text, and JSON lines", async () => {
    const [lines, json] = ["texts.txt", "texts.jsonl"].map((name) => join(place.path, name));
    writeFileSync(lines, `\n${TEXTS.join("\n\n")}\n`);
    writeFileSync(json, TEXTS.map((text) => `${JSON.stringify({ text, other: 1 })}\n`).join(""));
    const bits = await Promise.all(
      [TEXTS, lines, json].map(async (trainDataset) => weightsIn((await train({ trainDataset, maxSteps: 2 })).output)),
    );
    expect(bits[1]).toEqual(bits[0]);
    expect(bits[2]).toEqual(bits[0]);
  });
});

test.each([
  ["a.jsonl", '{"text":"a"}\n{"text":3}', 'a.jsonl: line 2: "text" must be a string, got 3'],
  ["b.jsonl", '{"text":"a"}\n{"text":" "}', 'b.jsonl: line 2: text must be a string that is not blank, got " "'],
  ["c.jsonl", '{"text":"a"}\n{"txt":"a"}', 'c.jsonl: line 2: "text" must be a column, got only "txt"'],
  ["d.txt", "\n \n", "d.txt: must have at least one example, has none"],
])("%s is refused, by file and line", async (name, text, message) => {
  const file = join(place.path, name);
  writeFileSync(file, text);
  await expect(train({ trainDataset: file })).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) })); // biome-ignore format: one line
});

describe("the cache", () => {
  /** More texts than three parts have. */
  const WORDS = "the a cat dog film book good bad fine".split(" ");
  const MANY = Array.from({ length: 700 }, (_, i) => `${WORDS[i % 9]} ${WORDS[Math.floor(i / 9) % 9]} ${WORDS[Math.floor(i / 81)]}`); // biome-ignore format: one line
  const many = { trainDataset: MANY, maxSteps: 2 };

  test("stopped while the teacher computes, a run goes on after the last part, to the same bits", async () => {
    const folder = output();
    const controller = new AbortController();
    const onTeacher = (done: number) => done > 600 && controller.abort();
    await expect(train({ ...many, output: folder, signal: controller.signal, onTeacher })).rejects.toThrow(
      expect.objectContaining({
        code: "ERR_ABORTED",
        message: "finetune: stopped while the teacher's vectors were computed; resume goes on from there",
      }),
    );
    expect(readdirSync(join(folder, "teacher"))).toEqual(["vectors-000000.safetensors", "vectors-000001.safetensors"]);
    await expect(train({ ...many, output: folder })).rejects.toThrow(
      "must be empty or not there, is neither; it has a teacher's vectors: resume begins the run with them",
    );
    const told: number[] = [];
    await train({ ...many, output: folder, resume: true, onTeacher: (done: number) => told.push(done) });
    expect(told[0]).toBe(512 + 8);
    const { output: whole } = await train(many);
    for (const name of ["model.safetensors", "teacher/vectors-000000.safetensors", "teacher/vectors-000002.safetensors", "checkpoint-2/projection.safetensors"]) // biome-ignore format: one line
      expect(readFileSync(join(folder, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
  });

  test("of another teacher, other texts or another backend it is refused, as is a damaged one; without it, it is made anew", async () => {
    const folder = output();
    await train({ ...many, output: folder });
    const again = (options: object) => train({ ...many, output: folder, resume: true, ...options });
    rmSync(join(folder, "checkpoint-2"), { recursive: true });
    const other = await anotherTeacher("other-teacher");
    await expect(again({ teacher: other })).rejects.toThrow(/^finetune: the vectors in ".*teacher" are of another teacher: "[0-9a-f]{16}", not "[0-9a-f]{16}"; delete that folder to compute them anew$/); // biome-ignore format: one line
    await expect(again({ trainDataset: MANY.toReversed() })).rejects.toThrow('teacher" are of other texts: ');
    await expect(again({ backend: "simd" })).rejects.toThrow(/teacher" are of another backend: "plain", not "simd/);
    const first = join(folder, "teacher", "vectors-000000.safetensors");
    const ofFirst = readFileSync(first);
    rmSync(first); // what is there is looked at before what is missing is computed
    const asked: number[] = [];
    const onTeacher = (done: number) => asked.push(done);
    await expect(again({ teacher: other, onTeacher })).rejects.toThrow('teacher" are of another teacher: ');
    await expect(again({ trainDataset: MANY.slice(0, 10), onTeacher })).rejects.toThrow(
      'teacher" are of other texts: ',
    );
    expect([asked, existsSync(first)]).toEqual([[], false]);
    writeFileSync(first, ofFirst);
    const file = join(folder, "teacher", "vectors-000001.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.length - 3] ^= 1;
    writeFileSync(file, bytes);
    await expect(again({})).rejects.toThrow(/vectors-000001.safetensors: is damaged or was changed: its checksum is another; if it is deleted, its vectors are computed anew$/); // biome-ignore format: one line
    rmSync(file);
    const told: number[] = [];
    await again({ onTeacher: (done: number) => told.push(done) });
    expect([told[0], told.at(-1)]).toEqual([256 + 8, 512]);
  });

  test("a run with checkpoints goes on with the same teacher alone", async () => {
    const folder = output();
    await train({ output: folder, maxSteps: 4, saveSteps: 2 });
    rmSync(join(folder, "teacher"), { recursive: true });
    await expect(train({ output: folder, maxSteps: 4, resume: true, vectorLossWeight: 2 })).rejects.toThrow("resume: vectorLossWeight must be 1 as in the run in"); // biome-ignore format: one line
    const again = (options: object) => train({ output: folder, maxSteps: 4, saveSteps: 2, resume: true, ...options });
    const run = `the run in ${JSON.stringify(folder)}`;
    await expect(again({ teacher: undefined, trainDataset: PAIRS })).rejects.toThrow(`finetune: resume: teacher must be given as in ${run}, is left out`); // biome-ignore format: one line
    await expect(again({ keepProjection: true })).rejects.toThrow(`finetune: resume: keepProjection must be false as in ${run}, got true`); // biome-ignore format: one line
    const told: number[] = [];
    const other = { teacher: await anotherTeacher("second-teacher"), onTeacher: (done: number) => told.push(done) };
    await expect(again(other)).rejects.toThrow(`finetune: resume: teacher must be the model of which ${run} learns, is another`); // biome-ignore format: one line
    expect([told, readdirSync(folder).includes("teacher")]).toEqual([[], false]);
    rmSync(join(folder, "checkpoint-4"), { recursive: true });
    await again({});
    const { output: whole } = await train({ maxSteps: 4, saveSteps: 2 });
    for (const name of ["model.safetensors", "teacher/vectors-000000.safetensors"])
      expect(readFileSync(join(folder, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
  });
});

describe("stopped before there is anything to go on from, the run says so", () => {
  const stopped = (signal: AbortSignal, options: object) => train({ maxSteps: 2, signal, ...options });
  const reason = (message: string) => expect.objectContaining({ code: "ERR_ABORTED", message });

  test("before the first vectors are written", async () => {
    const folder = output();
    const controller = new AbortController();
    const onTeacher = () => controller.abort();
    await expect(stopped(controller.signal, { output: folder, onTeacher })).rejects.toThrow(
      reason("finetune: stopped while the teacher's vectors were computed; none is written yet, and they begin anew"),
    );
    expect(existsSync(folder)).toBe(false);
  });

  test("before the first update", async () => {
    const folder = output();
    const controller = new AbortController();
    const onTeacher = (done: number, total: number) => done === total && queueMicrotask(() => controller.abort());
    await expect(stopped(controller.signal, { output: folder, onTeacher })).rejects.toThrow(
      reason("finetune: stopped at step 0 of 2; only the teacher's vectors are left, as there was no checkpoint yet: resume begins anew with them"), // biome-ignore format: one line
    );
    expect(readdirSync(folder)).toEqual(["teacher"]);
    await train({ maxSteps: 2, output: folder, resume: true });
  });
});

test("the number of threads changes no bit", async () => {
  const run = async (threads: number) => {
    const { output: folder } = await train({ backend: "simd", threads, maxSteps: 4, evalDataset: HELD_OUT });
    return [await weightsIn(folder), await weightsIn(join(folder, "checkpoint-4", "projection.safetensors"))];
  };
  const one = await run(1);
  expect(await run(2)).toEqual(one);
});

test("a run that is stopped goes on to the same bits, with its projection", async () => {
  const folder = output();
  const options = { maxSteps: 6, saveSteps: 2 };
  const controller = new AbortController();
  const onProgress = ({ step }: { step: number }) => step === 3 && controller.abort();
  await expect(train({ ...options, output: folder, signal: controller.signal, onProgress })).rejects.toThrow("stopped at step 3"); // biome-ignore format: one line
  await train({ ...options, output: folder, resume: true });
  const { output: whole } = await train(options);
  for (const name of ["", "checkpoint-6/projection.safetensors"]) expect(await weightsIn(join(folder, name))).toEqual(await weightsIn(join(whole, name))); // biome-ignore format: one line
  const [a, b] = [2, 6].map((step) => join(whole, `checkpoint-${step}`, "projection.safetensors"));
  writeFileSync(b, readFileSync(join(whole, "checkpoint-4", "projection.safetensors")));
  expect(a).not.toBe(b);
  await expect(train({ ...options, output: whole, resume: true })).rejects.toThrow(/checkpoint-6.projection.safetensors: is damaged or was changed/); // biome-ignore format: one line
});

describe("what is refused before anything is computed", () => {
  test.each([
    [{ teacher: undefined }, "trainDataset[0]: an example must be anchor and positive, or sentence1, sentence2 and score, got a text alone, which is learned from with teacher"],
    [{ teacher: undefined, vectorLossWeight: 2, trainDataset: PAIRS }, "finetune: vectorLossWeight must be left out without teacher, got 2"],
    [{ teacher: undefined, keepProjection: true, trainDataset: PAIRS }, "finetune: keepProjection must be left out without teacher, got true"],
    [{ task: "fill-mask" }, "finetune: teacher must be left out for fill-mask, it is of sentence-embedding"],
    [{ teacher: 3 }, "finetune: teacher must be a string, got 3"],
    [{ loss: "CoSENTLoss" }, "finetune: loss must be left out where teacher is given, whose vectors are learned, got \"CoSENTLoss\""],
    [{ scale: 20 }, "finetune: scale must be left out where teacher is given"],
    [{ vectorLossWeight: -1 }, "finetune: vectorLossWeight must be a finite number from 0, got -1"],
    [{ vectorLossWeight: 0, similarityLossWeight: 0 }, "finetune: similarityLossWeight must be above 0 where vectorLossWeight is 0, as nothing is learned else, got 0"],
    [{ vectorLossWeight: 0, keepProjection: true }, "finetune: keepProjection must be left out where vectorLossWeight is 0"],
    [{ similarityLossWeight: 0, matryoshkaDims: [8] }, "finetune: matryoshkaDims must be left out where similarityLossWeight is 0"],
    [{ batchSize: 1 }, "finetune: batchSize must be 2 or more where similarities within a batch are learned, or similarityLossWeight 0, got 1"],
    [{ trainDataset: ["a", "a"] }, "finetune: trainDataset must have 2 texts or more where similarities are learned, has 1"],
    [{ trainDataset: ["a", " "] }, 'trainDataset[1]: a text must be a string that is not blank, got " "'],
    [{ trainDataset: ["a", { text: "" }] }, 'trainDataset[1]: text must be a string that is not blank, got ""'],
    [{ trainDataset: [{ text: "a", where: "books.txt: line 3", txt: 1 }] }, 'books.txt: line 3: unknown field "txt"; did you mean "text"?'],
    [{ trainDataset: ["a", PAIRS[0]] }, "trainDataset[1]: an example must be a text, as the first is, got an object"],
    [{ evalDataset: [PAIRS[0], "a"] }, "evalDataset[1]: an example must be anchor and positive"],
    [{ maxLength: 33 }, "finetune: maxLength must be at most 32, the most that the model takes, got 33"],
    [{ matryoshkaDims: [17] }, "finetune: matryoshkaDims must be different whole numbers from 1 to 16, what a vector has, got [17]"],
  ])("%j", async (options, message) => {
    await expect(train(options)).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) })); // biome-ignore format: one line
  }); // biome-ignore format: one line

  test("a projection that there is not cannot be kept; a teacher that is not there", async () => {
    const same = train({ teacher: model, keepProjection: true });
    await expect(same).rejects.toThrow("finetune: keepProjection must be left out where the vectors of both models have 16 numbers, as there is no projection"); // biome-ignore format: one line
    await expect(train({ teacher: "./none" })).rejects.toThrow(expect.objectContaining({ code: "ERR_FILE" }));
  });
});
