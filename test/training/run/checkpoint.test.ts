import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sealedJson } from "../../../src/disk/sealedJson.ts";
import { BertError } from "../../../src/errors.ts";
import { type FinetuneOptions, finetune } from "../../../src/training/index.ts";
import { parseState } from "../../../src/training/run/checkpoint.ts";
import { mutatedText, mutatedValue, outcome, randomNumbers } from "../../support/mutations.ts";
import { REVIEWS, temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";

let place: ReturnType<typeof temporaryFolder>;
const options = (output: string, more: Partial<FinetuneOptions> = {}) =>
  ({
    ...{ model: join(place.path, "start"), task: "text-classification", trainDataset: REVIEWS, backend: "plain" },
    ...{ evalDataset: REVIEWS, evalSteps: 2, loggingSteps: 3, maxGradNorm: Number.POSITIVE_INFINITY },
    ...{ output: join(place.path, output), maxSteps: 8, saveSteps: 2, saveTotalLimit: 9, ...more },
  }) as FinetuneOptions;

/** trainer_state.json of checkpoint-4, between two lines of the log. */
let text = "";
let model: Buffer;
beforeAll(async () => {
  place = temporaryFolder();
  mkdirSync(join(place.path, "start"));
  await writeTinyModel(join(place.path, "start"));
  await finetune(options("whole"));
  model = readFileSync(join(place.path, "whole", "model.safetensors"));
  const controller = new AbortController();
  const onProgress = ({ step }: { step: number }) => step === 4 && controller.abort();
  await expect(finetune(options("cut", { signal: controller.signal, onProgress }))).rejects.toThrow("step 4");
  text = readFileSync(join(place.path, "cut", "checkpoint-4", "trainer_state.json"), "utf8");
});
afterAll(() => place[Symbol.dispose]());

const read = (changed: string) => parseState(changed, "trainer_state.json", 4);

test("10,000 changed states: each is refused, unless it came out as it was", () => {
  const random = randomNumbers(1);
  const state = read(text);
  expect(state.state).toMatchObject({ evaluated: 2, pending: { updates: 1 } });
  for (let i = 0; i < 10_000; i++) {
    const changed = mutatedText(text, random);
    const got = outcome(() => read(changed));
    if (changed === text) expect(got).toStrictEqual(state);
    else expect(got, changed).toMatchObject({ name: "BertError", code: "ERR_CHECKPOINT" });
  }
});

test("10,000 states of other values with a checksum of their own: of the right types, or refused", () => {
  const random = randomNumbers(2);
  const { checksum: _, ...state } = JSON.parse(text);
  let taken = 0;
  for (let i = 0; i < 10_000; i++) {
    const value = mutatedValue(state, random) as Record<string, unknown>;
    if (typeof value !== "object" || value === null) continue;
    const got = outcome(() => read(sealedJson(value)));
    if (got instanceof BertError) {
      expect(got).toMatchObject({ code: "ERR_CHECKPOINT", message: expect.stringMatching(/^trainer_state\.json: /) });
      continue;
    }
    taken++;
    const { evaluated, sinceBest, best, firstLoss, pending } = got.state;
    for (const number of [got.seed, got.batches, evaluated, sinceBest, best?.step ?? 0, best?.metric ?? 0, firstLoss ?? 0, pending.loss, pending.updates]) expect(number).toBeTypeOf("number"); // biome-ignore format: one line
    for (const part of Object.values(pending.parts)) expect(Object.values(part).every(Number.isFinite)).toBe(true);
  }
  expect(taken).toBeGreaterThan(500); // what the types do not tell
});

test("an infinite metric, and an infinite norm, come back as they were", () => {
  const { checksum: _, ...state } = JSON.parse(text);
  state.state.best = { step: 4, metric: "Infinity" };
  expect(read(sealedJson(state)).state.best).toStrictEqual({ step: 4, metric: Number.POSITIVE_INFINITY });
  expect(state.identity.maxGradNorm).toBe("Infinity");
});

describe("going on", () => {
  let count = 0;
  /** The run that was cut, with something changed in it. */
  function changed(change: (folder: string) => void): FinetuneOptions {
    const output = `changed-${count++}`;
    cpSync(join(place.path, "cut"), join(place.path, output), { recursive: true });
    change(join(place.path, output));
    return options(output, { resume: true });
  }
  const edited = (name: string, edit: (text: string) => string) =>
    changed((folder) => writeFileSync(join(folder, name), edit(readFileSync(join(folder, name), "utf8"))));
  const STATE = "checkpoint-4/trainer_state.json";
  const refused = (given: FinetuneOptions, message: string) =>
    expect(finetune(given)).rejects.toThrow(expect.objectContaining({ code: "ERR_CHECKPOINT", message: expect.stringContaining(message) })); // biome-ignore format: one line

  test("gives the bits of an unbroken run", async () => {
    const given = changed(() => {});
    await finetune(given);
    expect(readFileSync(join(given.output, "model.safetensors")).equals(model)).toBe(true);
    expect(readdirSync(given.output).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("another seed, a state that is cut off, one of plainbert 0.2", async () => {
    const given = edited(STATE, (state) => state.replaceAll('"seed": 42', '"seed": 43'));
    await refused(given, `${STATE}: is damaged or was changed: its checksum is not that of its text; if "${given.output}/checkpoint-4" is deleted, resume goes on from the checkpoint before it, or begins anew`); // biome-ignore format: one line
    await refused(
      edited(STATE, (state) => state.slice(0, 100)),
      `${STATE}: must be JSON`,
    );
    await refused(
      edited(STATE, () => ""),
      `${STATE}: must be JSON`,
    );
    await refused(
      changed((folder) => rmSync(join(folder, STATE))),
      `${STATE}: must be JSON`,
    );
    const old = (state: string) => JSON.stringify({ ...JSON.parse(state), format: "plainbert-training-1", checksum: undefined }); // biome-ignore format: one line
    await refused(edited(STATE, old), `${STATE}: must end with a checksum, has none: plainbert 0.2 wrote none; if "`);
  });

  test("on a machine that rounds otherwise", async () => {
    const given = edited(STATE, (state) => {
      const { checksum: _, ...rest } = JSON.parse(state);
      return sealedJson({ ...rest, identity: { ...rest.identity, fused: true } });
    });
    const message = `finetune: resume: backend must compute with fused multiply-adds as in the run in "${given.output}", on this machine it does not`;
    await expect(finetune(given)).rejects.toThrow(expect.objectContaining({ code: "ERR_INPUT", message }));
  });

  test.each(["model", "optimizer"])("one bit of %s.safetensors", async (name) => {
    const given = changed((folder) => {
      const path = join(folder, "checkpoint-4", `${name}.safetensors`);
      const bytes = readFileSync(path);
      bytes[bytes.length - 1000] ^= 1;
      writeFileSync(path, bytes);
    });
    await refused(given, `checkpoint-4/${name}.safetensors: is damaged or was changed`);
    rmSync(join(given.output, "checkpoint-4"), { recursive: true });
    await finetune(given); // from checkpoint-2
    expect(readFileSync(join(given.output, "model.safetensors")).equals(model)).toBe(true);
  });

  test("a checkpoint under another's name", async () => {
    const given = changed((folder) => {
      cpSync(join(folder, "checkpoint-4"), join(folder, "checkpoint-7"), { recursive: true });
    });
    await refused(given, "checkpoint-7/trainer_state.json: global_step must be a whole number from 7 to 7, got 4");
  });

  test("another line in the log; without the log the model is the same", async () => {
    const given = edited("metrics.jsonl", (log) => log.replace(/"loss":\d/, '"loss":9'));
    await refused(given, "metrics.jsonl: is damaged or was changed: its first");
    rmSync(join(given.output, "metrics.jsonl"));
    await finetune(given);
    expect(readFileSync(join(given.output, "model.safetensors")).equals(model)).toBe(true);
  });

  test("a live run is not disturbed: the second is refused, with and without resume", async () => {
    const seen: unknown[] = [];
    const onProgress = ({ step }: { step: number }) => {
      if (step === 5) for (const resume of [true, false]) seen.push(finetune({ ...options("live"), resume }).catch((error) => error.message)); // biome-ignore format: one line
    };
    await finetune(options("live", { onProgress }));
    expect(await Promise.all(seen)).toEqual(Array(2).fill(expect.stringMatching(/live: is being written by this process, since .* UTC$/))); // biome-ignore format: one line
    expect(readFileSync(join(place.path, "live", "model.safetensors")).equals(model)).toBe(true);
  });
});
