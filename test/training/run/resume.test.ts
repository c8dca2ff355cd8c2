import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FinetuneOptions, finetune } from "../../../src/training/index.ts";
import { REVIEWS, temporaryFolder } from "../../support/tinyModel.ts";
import {
  contentsOf,
  ended,
  killAndResume,
  logged,
  MAIN,
  start,
  writeDistillationRun,
  writeOtherRun,
  writeRun,
  writeSentenceRun,
} from "./interrupted.ts";

let place: ReturnType<typeof temporaryFolder>;
let args: readonly string[];
let unbroken: Map<string, string>;
beforeAll(async () => {
  place = temporaryFolder();
  args = await writeRun(place.path);
  const output = join(place.path, "unbroken");
  const { code, stderr } = await ended(start(args, output));
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^ {2}1 % {2}update 1 of 60 {2}loss/)]);
  unbroken = contentsOf(output);
  expect([...unbroken.keys()]).toEqual(
    expect.arrayContaining([
      "model.safetensors",
      "config.json",
      "metrics.jsonl",
      "checkpoint-60/optimizer.safetensors",
    ]),
  );
});
afterAll(() => place[Symbol.dispose]());

test("killed three times, a run has the bits of an unbroken one: weights, optimiser, log, checkpoints", async () => {
  const output = join(place.path, "killed");
  await killAndResume(args, output, 3, 1);
  expect(contentsOf(output)).toEqual(unbroken);
});

describe("so have runs of other tasks and options, which are gone on with", () => {
  const pairs = REVIEWS.map(({ text, label }, i) => ({ query: `was it good ${i % 2 === 0 ? "." : "?"}`, text, label: label === "positive" })); // biome-ignore format: one line
  const words = REVIEWS.map(({ text }) => text.replace(".", " .").split(" "));
  const tagged = words.map((tokens) => ({ tokens, tags: tokens.map((word) => (["good", "fine"].includes(word) ? "B-LOC" : "O")) })); // biome-ignore format: one line
  const best = ["--metric-for-best-model", "average_precision"];
  test.each([
    ["text-ranking", pairs, ["--pos-weight", "2", "--at-k", "3", "--batch-size", "6", ...best]],
    ["token-classification", tagged, ["--class-weights", "balanced", "--label-smoothing-factor", "0.1"]],
  ] as const)("%s", async (task, lines, more) => {
    const own = [...writeOtherRun(place.path, task, lines), ...more, "--gradient-accumulation-steps", "2"];
    const whole = join(place.path, `${task}-whole`);
    expect((await ended(start(own, whole))).code).toBe(0);
    const output = join(place.path, `${task}-killed`);
    await killAndResume([...own, "--gradient-checkpointing"], output, 2, 3);
    expect(contentsOf(output)).toEqual(contentsOf(whole));
  });
});

test("vectors of texts: killed three times, the same bits, those of the trained modules too", async () => {
  const args = await writeSentenceRun(place.path);
  const whole = join(place.path, "whole-sentences");
  const { code, stderr } = await ended(start(args, whole));
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^the examples are pairs: the loss is MultipleNegativesRankingLoss, --scale 20, --matryoshka-dims 16, 4, /)]); // biome-ignore format: one line
  const output = join(place.path, "killed-sentences");
  await killAndResume(args, output, 3, 2);
  const contents = contentsOf(output);
  expect(contents).toEqual(contentsOf(whole));
  const modules = ["2_Dense/model.safetensors", "checkpoint-60/2_Dense/model.safetensors", "modules.json"];
  expect([...contents.keys()]).toEqual(expect.arrayContaining(modules));
});

test("vectors of a teacher: killed four times, once while it computes, the same bits, those of cache and projection too", async () => {
  const args = await writeDistillationRun(place.path);
  const whole = join(place.path, "whole-distilled");
  const { code, stderr } = await ended(start(args, whole));
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^1100 different texts of 1100 examples learn the teacher's vectors: .*\n.*\n +0 % {2}teacher's vectors {2}6 of 1,103 texts\n/)]); // biome-ignore format: one line
  const output = join(place.path, "killed-distilled");
  const child = start([...args, "--resume"], output);
  const end = ended(child);
  while (child.exitCode === null && !existsSync(join(output, "teacher", "vectors-000001.safetensors")))
    await new Promise((resume) => setTimeout(resume, 2));
  child.kill("SIGKILL");
  expect((await end).signal).toBe("SIGKILL");
  expect(existsSync(join(output, "checkpoint-4"))).toBe(false);
  await killAndResume(args, output, 3, 3);
  const contents = contentsOf(output);
  expect(contents).toEqual(contentsOf(whole));
  const names = ["teacher/vectors-000004.safetensors", "checkpoint-60/projection.safetensors", "modules.json"];
  expect([...contents.keys()]).toEqual(expect.arrayContaining(names));
  expect([...contents.keys()]).not.toContain("projection.safetensors");
});

test("Ctrl-C saves and exits with 130; what goes on has the same bits", async () => {
  const output = join(place.path, "interrupted");
  const child = start(args, output);
  const end = ended(child);
  await logged(child, output, 3);
  child.kill("SIGINT");
  const { code, stderr } = await end;
  expect(code).toBe(130);
  const step = Number(/^finetune: stopped at step (\d+) of 60; --resume goes on from there\n$/m.exec(stderr)?.[1]);
  expect(step).toBeGreaterThanOrEqual(9);
  expect(readdirSync(output)).toContain(`checkpoint-${step}`);
  expect((await ended(start([...args, "--resume"], output))).code).toBe(0);
  const contents = contentsOf(output);
  for (const name of ["model.safetensors", "metrics.jsonl", "checkpoint-60/optimizer.safetensors"]) {
    expect(contents.get(name)).toBe(unbroken.get(name));
  }
});

describe("in this process", () => {
  let names = 0;
  const options = (output: string, more: Partial<FinetuneOptions> = {}) =>
    ({
      ...{ model: join(place.path, "start"), task: "text-classification", trainDataset: REVIEWS, backend: "plain" },
      ...{ output: join(place.path, output), maxSteps: 6, saveSteps: 2, ...more },
    }) as FinetuneOptions;

  test("a signal stops after the update that is under way, with a checkpoint", async () => {
    const controller = new AbortController();
    const onProgress = ({ step }: { step: number }) => {
      if (step === 3) controller.abort();
    };
    await expect(finetune(options("aborted", { signal: controller.signal, onProgress }))).rejects.toThrow(
      expect.objectContaining({
        code: "ERR_ABORTED",
        message: "finetune: stopped at step 3 of 6; resume goes on from there",
      }),
    );
    expect(readdirSync(join(place.path, "aborted"))).toEqual(["checkpoint-2", "checkpoint-3", "curves.svg"]);
    await finetune(options("aborted", { resume: true }));
    await finetune(options("not-aborted"));
    const [a, b] = ["aborted", "not-aborted"].map((name) => readFileSync(join(place.path, name, "model.safetensors")));
    expect(a.equals(b)).toBe(true);
  });

  test.each([
    [{ learningRate: 1e-4 }, 'finetune: resume: learningRate must be 0.00005 as in the run in "', ", got 0.0001"],
    [{ backend: "simd" }, 'finetune: resume: backend must be "plain" as in the run in "', ', got "simd"'],
    [{ maxSteps: 8 }, 'finetune: resume: maxSteps or numTrainEpochs must make 6 updates as in the run in "', ", got 8"],
    [{ layerwiseDecay: 0.9 }, 'finetune: resume: layerwiseDecay must be 1 as in the run in "', ", got 0.9"],
    [{ evalDataset: REVIEWS, earlyStoppingPatience: 3 }, 'finetune: resume: evalDataset must be left out as in the run in "', ", has 32"], // biome-ignore format: one line
    [{ classWeights: [1, 2] }, 'finetune: resume: classWeights must be left out as in the run in "', ', got "1, 2"'],
    [{ trainDataset: REVIEWS.toReversed() }, 'finetune: resume: the examples must be those with which the run in "', "began, they are others"], // biome-ignore format: one line
    [{ labels: ["positive", "negative"] }, "finetune: resume: the model's sizes and its labels must be those with which the run in \"", "began, they are others"], // biome-ignore format: one line
  ])("going on with %j is refused", async (change, begin, end) => {
    const output = `other-${Object.keys(change)[0]}`;
    await finetune(options(output));
    const message = new RegExp(`^${begin.replaceAll(/[()]/g, "\\$&")}.*${end}$`);
    await expect(finetune(options(output, { resume: true, ...change } as Partial<FinetuneOptions>))).rejects.toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringMatching(message) }),
    );
  });

  const texts = REVIEWS.map(({ text }) => text);
  const pairs = REVIEWS.map(({ text, label }) => ({ query: text, text, label: label === "positive" }));
  const vectors = texts.map((anchor, i) => ({ anchor, positive: texts[(i + 1) % texts.length] }));
  const asked = [{ id: "1", question: "who saw it ?", context: "anna saw the cat in paris .", answers: [{ text: "anna", start: 0 }] }]; // biome-ignore format: one line
  const evaluated = { evalDataset: REVIEWS };
  test.each<[object, object, string]>([
    [{}, { trainDataset: REVIEWS.slice(2) }, "trainDataset must have 32 examples as in RUN, has 30"],
    [
      { maxSteps: undefined },
      { trainDataset: REVIEWS.slice(2) },
      "trainDataset must have 32 examples as in RUN, has 30",
    ],
    [evaluated, { evalDataset: REVIEWS.slice(0, 1) }, "evalDataset must have 32 examples as in RUN, has 1"],
    [{ evalDataset: REVIEWS.slice(0, 1) }, { evalDataset: undefined }, "evalDataset must have 1 example as in RUN, is left out"], // biome-ignore format: one line
    [evaluated, { evalDataset: REVIEWS.toReversed() }, "the examples must be those with which RUN began, they are others"], // biome-ignore format: one line
    [{}, { maxLength: 5 }, "maxLength must be 32 as in RUN, got 5"],
    [{ maxSteps: undefined, numTrainEpochs: 1 }, { numTrainEpochs: 2 }, "maxSteps or numTrainEpochs must make 4 updates as in RUN, got 8"], // biome-ignore format: one line
    [{ warmupRatio: 0.5 }, { warmupRatio: undefined }, "warmupSteps or warmupRatio must make 3 updates of warm-up as in RUN, got 0"], // biome-ignore format: one line
    [{}, { warmupSteps: 1 }, "warmupSteps or warmupRatio must make 0 updates of warm-up as in RUN, got 1"],
    [evaluated, { evalSteps: 3 }, "evalSteps must be 4 as in RUN, got 3"],
    [evaluated, { metricForBestModel: "accuracy" }, 'metricForBestModel must be "loss" as in RUN, got "accuracy"'],
    [evaluated, { greaterIsBetter: true }, "greaterIsBetter must be false as in RUN, got true"],
    [evaluated, { earlyStoppingPatience: 3 }, "earlyStoppingPatience must be left out as in RUN, got 3"],
    [{ ...evaluated, earlyStoppingPatience: 3 }, { earlyStoppingPatience: undefined }, "earlyStoppingPatience must be 3 as in RUN, is left out"], // biome-ignore format: one line
    [{}, { maxGradNorm: Number.POSITIVE_INFINITY }, 'maxGradNorm must be 1 as in RUN, got "Infinity"'],
    [{}, { task: "next-sentence-prediction", trainDataset: texts.map((text) => ({ text, text_pair: text, label: 0 })) }, 'task must be "text-classification" as in RUN, got "next-sentence-prediction"'], // biome-ignore format: one line
    [
      { task: "fill-mask", trainDataset: texts },
      { mlmProbability: 0.3 },
      "mlmProbability must be 0.15 as in RUN, got 0.3",
    ],
    [
      { task: "fill-mask", trainDataset: texts },
      { doWholeWordMask: true },
      "doWholeWordMask must be false as in RUN, got true",
    ],
    [{ task: "text-ranking", trainDataset: pairs }, { posWeight: 2 }, "posWeight must be left out as in RUN, got 2"],
    [{ task: "question-answering", trainDataset: asked, evalDataset: asked }, { maxAnswerLength: 2 }, "maxAnswerLength must be 30 as in RUN, got 2"], // biome-ignore format: one line
    [{ task: "question-answering", trainDataset: asked, maxLength: 11 }, { docStride: 1 }, "docStride must be 2 as in RUN, got 1"], // biome-ignore format: one line
    [{ task: "sentence-embedding", trainDataset: vectors, evalDataset: vectors }, { evalBatchSize: 3 }, "evalBatchSize must be 8 as in RUN, got 3"], // biome-ignore format: one line
    [{ task: "sentence-embedding", trainDataset: vectors }, { scale: 3 }, "scale must be 20 as in RUN, got 3"],
    [{ task: "sentence-embedding", trainDataset: vectors }, { matryoshkaDims: [8] }, 'matryoshkaDims must be left out as in RUN, got "8"'], // biome-ignore format: one line
  ])("a run with %j goes on with %j: refused in words of its options", async (begin, change, message) => {
    const output = `words-${names++}`;
    const first = { maxSteps: 6, ...begin };
    await finetune(options(output, first as Partial<FinetuneOptions>));
    const before = contentsOf(join(place.path, output));
    const again = options(output, { ...first, resume: true, ...change } as Partial<FinetuneOptions>);
    const expected = `finetune: resume: ${message.replace("RUN", `the run in ${JSON.stringify(again.output)}`)}`;
    await expect(finetune(again)).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message: expected }));
    expect(contentsOf(join(place.path, output))).toEqual(before);
  });

  test("what changes no number may change", async () => {
    await finetune(options("free", evaluated));
    const more = {
      ...evaluated,
      maxLength: 31,
      gradientCheckpointing: true,
      report: true,
      saveSteps: 3,
      evalBatchSize: 2,
    };
    expect((await finetune(options("free", { resume: true, ...more }))).globalStep).toBe(6);
  });

  test("stopped before the first update, it says that nothing is left", async () => {
    const controller = new AbortController();
    controller.abort();
    for (const more of [{}, { resume: true }]) {
      await expect(finetune(options("at-once", { signal: controller.signal, ...more }))).rejects.toThrow(
        expect.objectContaining({
          code: "ERR_ABORTED",
          message:
            "finetune: stopped at step 0 of 6; nothing of the run is left, as there was no checkpoint yet: the same call begins anew",
        }),
      );
      expect(existsSync(join(place.path, "at-once"))).toBe(false);
    }
  });

  test("what a killed process has left is removed; a log that was cut in the middle of a line is mended", async () => {
    const output = join(place.path, "left");
    await finetune(options("left"));
    const log = readFileSync(join(output, "metrics.jsonl"), "utf8");
    writeFileSync(join(output, "metrics.jsonl"), `${log}{"step":7,"epo`);
    rmSync(join(output, "model.safetensors"));
    const leftover = ".checkpoint-8.0b7a8d1c-8a0e-4c86-8f5a-0a3a7c5a9a11.tmp";
    execFileSync("mkdir", [join(output, leftover)]);
    const { globalStep } = await finetune(options("left", { resume: true }));
    expect(globalStep).toBe(6);
    expect(readFileSync(join(output, "metrics.jsonl"), "utf8")).toBe(log);
    expect(readdirSync(output)).toEqual(expect.arrayContaining(["model.safetensors", "checkpoint-6"]));
    expect(readdirSync(output)).not.toContain(leftover);
  });

  test("a folder with a run in it is not overwritten", async () => {
    await finetune(options("once"));
    await expect(finetune(options("once"))).rejects.toThrow(
      "must be empty or not there, is neither; resume goes on with the run in it",
    );
  });
});

test.skipIf(process.platform === "win32")(
  "a checkpoint that cannot be written, and none before it: nothing is left, and the same command begins anew",
  async () => {
    const output = join(place.path, "limited");
    const script = 'ulimit -f 16; exec "$0" "$@"'; // blocks of 512 or 1024 bytes
    const command = [process.execPath, MAIN, ...args, "--output", output];
    const limited = spawn("sh", ["-c", script, ...command], { stdio: ["ignore", "ignore", "pipe"] });
    const { code, stderr } = await ended(limited);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /the file would be larger than the system allows; ulimit -f tells how large; nothing of the run is left, as there was no checkpoint yet: the same command begins anew\n$/,
      ),
    ]);
    expect(readdirSync(place.path)).not.toContain("limited");
    expect(await ended(start(args, output))).toMatchObject({ code: 0 });
    expect(contentsOf(output)).toEqual(unbroken);
  },
);

test.skipIf(process.platform === "win32")(
  "a checkpoint that cannot be written, where a teacher has computed: its vectors are left, and resume begins with them",
  async () => {
    const folder = join(place.path, "limited-distilled");
    mkdirSync(folder);
    const args = await writeDistillationRun(folder);
    const texts = readFileSync(join(folder, "texts.txt"), "utf8").split("\n");
    writeFileSync(join(folder, "texts.txt"), texts.slice(0, 100).join("\n")); // 10 kB of vectors, where an optimiser has 44
    const output = join(folder, "run");
    const script = 'ulimit -f 24; exec "$0" "$@"'; // blocks of 512 or 1024 bytes
    const command = [process.execPath, MAIN, ...args, "--output", output];
    const { code, stderr } = await ended(spawn("sh", ["-c", script, ...command], { stdio: ["ignore", "ignore", "pipe"] })); // biome-ignore format: one line
    expect([code, stderr]).toEqual([1, expect.stringMatching(/only the teacher's vectors are left, as there was no checkpoint yet: --resume begins anew with them\n$/)]); // biome-ignore format: one line
    expect(readdirSync(output)).toEqual(["teacher"]);
    expect((await ended(start(args, output))).stderr).toContain("it has a teacher's vectors: --resume begins the run with them"); // biome-ignore format: one line
    expect(await ended(start([...args, "--resume"], output))).toMatchObject({ code: 0 });
    expect((await ended(start(args, join(folder, "whole")))).code).toBe(0);
    expect(contentsOf(output)).toEqual(contentsOf(join(folder, "whole")));
  },
);

test("a run that was killed before its first checkpoint: the refusal says what begins it anew, which does", async () => {
  const output = join(place.path, "early");
  execFileSync("mkdir", [output]);
  writeFileSync(join(output, "metrics.jsonl"), '{"step":3,"epoch":1,"loss":0.5}\n{"st');
  const { code, stderr } = await ended(start(args, output));
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      /must be empty or not there, is neither; it has a run that ended before its first checkpoint: --resume begins that anew\n$/,
    ),
  ]);
  expect(await ended(start([...args, "--resume"], output))).toMatchObject({ code: 0 });
  expect(contentsOf(output)).toEqual(unbroken);
});

describe.skipIf(!canMount())("a full disk (needs the right to mount one)", () => {
  test("stops with an error, the last checkpoint is intact, and with more room the run goes on to the same bits", async () => {
    const disk = join(place.path, "disk");
    execFileSync("mkdir", [disk]);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=220k", "tmpfs", disk], { stdio: "pipe" });
    try {
      const output = join(disk, "run");
      const { code, stderr } = await ended(start([...args, "--save-total-limit", "9"], output));
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/the disk is full; checkpoint-\d+ stays, and --resume goes on from there\n$/),
      ]);
      const checkpoints = readdirSync(output).filter((name) => !/\.(jsonl|svg)$/.test(name));
      expect(checkpoints.length).toBeGreaterThan(0);
      for (const name of checkpoints) expect(name).toMatch(/^checkpoint-\d+$/); // nothing half-written
      execFileSync("mount", ["-o", "remount,size=20m", disk], { stdio: "pipe" });
      expect(await ended(start([...args, "--resume"], output))).toMatchObject({ code: 0 });
      expect(contentsOf(output)).toEqual(unbroken);
    } finally {
      execFileSync("umount", [disk], { stdio: "pipe" });
    }
  });
});

function canMount(): boolean {
  const probe = temporaryFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", probe.path], { stdio: "pipe" });
    execFileSync("umount", [probe.path], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  } finally {
    probe[Symbol.dispose]();
  }
}
