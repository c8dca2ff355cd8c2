import { readdirSync, readFileSync, realpathSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ProgressInfo } from "../../src/hub/hubOptions.ts";
import { downloadModel, loadBert, loadTokenizer, pipeline } from "../../src/pipelines/index.ts";
import { Place } from "../hub/support.ts";

/** The model that comes with the package, on a hub. */
const SMALL = Object.fromEntries(
  ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"].map((name) => [
    name,
    new Uint8Array(readFileSync(join(import.meta.dirname, "..", "..", "weights", name))),
  ]),
);
let here: Place;
beforeEach(async () => {
  here = await Place.make(SMALL);
  vi.stubEnv("HF_ENDPOINT", here.hub.endpoint);
  vi.stubEnv("HF_HOME", here.folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await here[Symbol.asyncDispose]();
});

test("a pipeline of a model on the hub answers as the same model in a folder, and tells when it is ready", async () => {
  const events: ProgressInfo[] = [];
  const progress_callback = (info: ProgressInfo) => void events.push(info);
  await using unmask = await pipeline("fill-mask", "org/small", { revision: "v1", progress_callback });
  await using local = await pipeline("fill-mask");
  const text = "The [MASK] is open.";
  expect(await unmask(text)).toEqual(await local(text));
  expect(events.filter(({ status }) => status === "done")).toHaveLength(4);
  expect(events.at(-1)).toEqual({ status: "ready", task: "fill-mask", model: "org/small" });

  await using again = await pipeline("fill-mask", "org/small", { revision: "v1", local_files_only: true });
  expect(await again(text)).toEqual(await local(text));
});

test.each(["model.safetensors", "vocab.txt", "config.json", "tokenizer_config.json"])(
  "%s that is damaged in the cache: the pipeline answers as before; force_download helps against what nothing tells",
  async (file) => {
    const text = "The [MASK] is open.";
    const ask = async (options: object = {}) => {
      await using unmask = await pipeline("fill-mask", "org/small", options);
      return await unmask(text);
    };
    const before = await ask();
    const blob = realpathSync(join(await downloadModel("org/small"), file));
    const flip = (at: number) => {
      const bytes = readFileSync(blob);
      bytes[at] ^= 0x40;
      writeFileSync(blob, bytes);
    };
    for (const at of [0, 10]) {
      flip(at);
      expect(await ask()).toEqual(before);
      expect(readFileSync(blob).equals(Buffer.from(SMALL[file]))).toBe(true);
    }
    truncateSync(blob, SMALL[file].length >> 1);
    expect(await ask()).toEqual(before);
    flip(SMALL[file].length - 1);
    expect(await ask({ force_download: true })).toEqual(before);
    expect(readFileSync(blob).equals(Buffer.from(SMALL[file]))).toBe(true);
  },
);

test("loadBert takes the hub's options", async () => {
  here.hub.token = "hf_x";
  await expect(loadBert("org/small")).rejects.toMatchObject({ code: "ERR_HUB" });
  const cache_dir = here.at("elsewhere");
  await using bert = await loadBert("org/small", { token: "hf_x", cache_dir });
  expect(bert.tokenizer.size).toBe(bert.config.vocabSize);
  expect(readdirSync(cache_dir)).toContain("models--org--small");
  await expect(loadBert("org/small", { signal: AbortSignal.abort("stop") })).rejects.toBe("stop");
});

test("loadTokenizer does without the weights", async () => {
  const tokenizer = await loadTokenizer("org/small");
  expect(tokenizer.encode("open").inputIds).toEqual((await loadTokenizer()).encode("open").inputIds);
  expect(here.hub.log().some((line) => line.includes("model.safetensors"))).toBe(false);
});

test("downloadModel gives the folder, and leaves a folder where it is", async () => {
  const folder = await downloadModel("org/small");
  expect(folder.startsWith(here.at("models--org--small", "snapshots"))).toBe(true);
  expect(await downloadModel(folder)).toBe(folder);
  await using bert = await loadBert(folder);
  expect(bert.config.vocabSize).toBeGreaterThan(0);
});

describe("a cache that cannot be written", () => {
  test("the model is loaded from a temporary folder that is gone afterwards", async () => {
    const temporary = here.at("..", "tmp");
    const { mkdirSync, writeFileSync } = await import("node:fs");
    mkdirSync(temporary);
    vi.stubEnv("TMPDIR", temporary);
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    writeFileSync(join(here.folder, "file"), "");
    await using bert = await loadBert("org/small", { cache_dir: join(here.folder, "file") });
    expect(bert.tokenizer.size).toBe(bert.config.vocabSize);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
    expect(readdirSync(temporary)).toEqual([]);
  });
});
