import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex, loadIndex, pipeline } from "../../src/pipelines/index.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";
import { expectBertError } from "./support.ts";

/** Options of what makes vectors as a folder says: those that are left out, undefined, null, or of another kind. */
const root = await mkdtemp(join(tmpdir(), "plainbert-options-"));
const embed = await pipeline("embeddings", await sentenceFolder(root, "default_prompt"), { backend: "plain" });
const similarity = await pipeline("sentence-similarity", embed.model);
const extract = await pipeline("feature-extraction", embed.model);
afterAll(async () => {
  await embed.dispose();
  await rm(root, { recursive: true });
});

const TEXT = "The door was open.";
const INPUT = { source_sentence: TEXT, sentences: ["He read a letter."] };

async function first<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const one of stream) return one;
  throw new Error("an empty stream");
}

describe("undefined is as good as left out", () => {
  test.each([
    ["prompts", "encodeQuery"],
    ["default_prompt", "encodeQuery"],
    ["default_prompt", "encodeDocument"],
  ] as const)("a folder of the form %s, %s: it keeps its prompt", async (form, name) => {
    await using embed = await pipeline("embeddings", await sentenceFolder(root, form), { backend: "plain" });
    const want = await embed[name](TEXT);
    expect(want.data).not.toEqual((await embed(TEXT)).data);
    for (const options of [undefined, { prompt_name: undefined }, { prompt: undefined, prompt_name: undefined }]) {
      expect((await embed[name](TEXT, options as never)).data).toStrictEqual(want.data);
      expect((await first(embed[name]([TEXT].values(), options as never))).data).toStrictEqual(want.data);
    }
    const without = await embed(TEXT, { prompt: "" });
    expect((await embed[name](TEXT, { prompt: "", prompt_name: undefined } as never)).data).toEqual(without.data);
  });

  test("other options", async () => {
    const nothing = { truncate_dim: undefined, precision: undefined, ranges: undefined, normalize: undefined };
    const want = await embed(TEXT);
    expect(await embed(TEXT, { ...nothing, truncation: undefined, signal: undefined } as never)).toEqual(want);
    const features = await extract(TEXT);
    expect(await extract(TEXT, { ...nothing, quantize: undefined, pooling: undefined } as never)).toEqual(features);
    const alike = await similarity(INPUT, { pooling: undefined, prompt: undefined, prompt_name: undefined } as never);
    expect(alike).toEqual(await similarity(INPUT));
  });
});

describe("null is refused", () => {
  const message = "options must be an object, got null";

  test("in place of options", async () => {
    for (const call of [embed, embed.encodeQuery, embed.encodeDocument]) {
      await expectBertError(call(TEXT, null as never), "ERR_INPUT", `embeddings: ${message}`);
      await expectBertError(first(call([TEXT].values(), null as never)), "ERR_INPUT", `embeddings: ${message}`);
    }
    await expectBertError(similarity(INPUT, null as never), "ERR_INPUT", `sentence-similarity: ${message}`);
    await expectBertError(buildIndex(embed, [TEXT], null as never), "ERR_INPUT", `buildIndex: ${message}`);
    const index = await buildIndex(embed, [TEXT]);
    await expectBertError(index.search(TEXT, 1, null as never), "ERR_INPUT", `search: ${message}`);
    await expectBertError(index.add([TEXT], null as never), "ERR_INPUT", `add: ${message}`);
    await expectBertError((loadIndex as never as Load)(embed, "x", null), "ERR_INPUT", `loadIndex: ${message}`);
  });
  type Load = (...all: unknown[]) => Promise<unknown>;

  test.each(["prompt", "prompt_name", "truncate_dim", "precision", "ranges", "normalize", "truncation", "signal"])(
    "as %s",
    async (name) => {
      for (const call of [embed, embed.encodeQuery]) {
        await expectBertError(call(TEXT, { [name]: null } as never), "ERR_INPUT", "embeddings: ", " must be ");
        await expectBertError(first(call([TEXT].values(), { [name]: null } as never)), "ERR_INPUT", "embeddings: ");
      }
    },
  );

  test.each(["prompt", "prompt_name", "pooling", "truncation"])("as %s of sentence-similarity", async (name) => {
    for (const others of [{}, { pooling: "mean" }]) {
      await expectBertError(similarity(INPUT, { ...others, [name]: null } as never), "ERR_INPUT", `${name} must be`);
    }
  });

  test("as an option of an index", async () => {
    for (const name of ["pooling", "truncation"]) {
      for (const made of [embed, extract]) {
        const building = buildIndex(made, [TEXT], { [name]: null } as never);
        await expectBertError(building, "ERR_INPUT", `buildIndex: ${name} must be`, "got null");
      }
    }
    const index = await buildIndex(embed, [TEXT]);
    for (const name of ["truncation", "filter", "signal"]) {
      await expectBertError(index.search(TEXT, 1, { [name]: null } as never), "ERR_INPUT", `search: ${name} must be`);
    }
  });
});

test.each([[[]], [new Map()], ["query"], [5]])("%j is no object of options, for a query neither", async (options) => {
  for (const call of [embed, embed.encodeQuery, embed.encodeDocument]) {
    await expectBertError(call(TEXT, options as never), "ERR_INPUT", "embeddings: options must be an object, got");
  }
});

test("the name that sentence-transformers has for an option", async () => {
  const normalized = embed(TEXT, { normalize_embeddings: true } as never);
  await expectBertError(normalized, "ERR_INPUT", 'unknown option "normalize_embeddings"; did you mean "normalize"?');
});

test.each([{ prompt: "" }, { prompt: "query: " }, { prompt_name: "query" }, { prompt_name: "" }])(
  "%j does not go with a pooling",
  async (options) => {
    const [name] = Object.keys(options);
    await expectBertError(
      similarity(INPUT, { ...options, pooling: "mean" }),
      "ERR_INPUT",
      `sentence-similarity: ${name} must be left out beside pooling`,
    );
  },
);

describe("of no texts there are no vectors, as in sentence-transformers", () => {
  test.each(["plain", "dense"])("a folder of the form %s", async (form) => {
    await using embed = await pipeline("embeddings", await sentenceFolder(root, form), { backend: "plain" });
    const D = (await embed(TEXT)).dims[1];
    for (const call of [embed, embed.encodeQuery, embed.encodeDocument]) {
      const { dims, data, truncated } = await call([]);
      expect({ dims, data, truncated }).toEqual({ dims: [0, D], data: new Float32Array(0), truncated: 0 });
      expect((await call([])).tolist()).toEqual([]);
    }
    for (const [precision, size, type] of [
      ["binary", D / 8, "int8"],
      ["ubinary", D / 8, "uint8"],
      ["int8", D, "int8"],
      ["uint8", D, "uint8"],
    ] as const) {
      const got = await embed([], { precision });
      expect([got.dims, got.type, got.data.length, got.ranges]).toEqual([[0, size], type, 0, undefined]);
    }
    await expectBertError(embed([], { prompt_name: "none" }), "ERR_INPUT", "prompt_name must be one of");
  });

  test("and no similarities", async () => {
    const none = { source_sentence: TEXT, sentences: [] };
    expect(await similarity(none)).toEqual([]);
    expect(await similarity(none, { pooling: "mean" })).toEqual([]);
    expect(await similarity([none, INPUT, none])).toEqual([[], await similarity(INPUT), []]);
  });
});
