import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { pipeline } from "../../src/pipelines/index.ts";
import { head } from "../cli/run.ts";
import { SENTENCES, sentenceFolder } from "../support/sentenceFolders.ts";
import { post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";
import { floats, LIMIT, LONG, load, rowsOf, TEXTS } from "./support.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-serve-"));
afterAll(() => rm(root, { recursive: true }));
const mlm = await load(head("mlm"));
const handler = createRequestHandler(mlm);

describe("/embed", async () => {
  const embed = await pipeline("embeddings", mlm);

  test("has the bits of pipeline(embeddings), for one text and for several, normalized unless it is refused", async () => {
    const normalized = rowsOf(await embed(TEXTS, { normalize: true }));
    const one = await post(handler, "/embed", { inputs: TEXTS[1] });
    expect(one.status).toBe(200);
    expect(floats(one.body)).toEqual([normalized[1]]);
    const { body } = await post(handler, "/embed", { inputs: TEXTS });
    expect(floats(body)).toEqual(normalized);
    const raw = await post(handler, "/embed", { inputs: TEXTS, normalize: false });
    expect(floats(raw.body)).toEqual(rowsOf(await embed(TEXTS)));
    expect(floats(raw.body)).not.toEqual(normalized);
  });

  test("dimensions: the first so many numbers, normalized afterwards", async () => {
    const { body } = await post(handler, "/embed", { inputs: TEXTS, dimensions: 8 });
    expect(floats(body)).toEqual(rowsOf(await embed(TEXTS, { truncate_dim: 8, normalize: true })));
    for (const dimensions of [0, 25]) {
      const wrong = await post(handler, "/embed", { inputs: "a", dimensions });
      expect(wrong).toMatchObject({ status: 413, body: { error_type: "Validation" } });
      expect(wrong.body.error).toContain(`must be from 1 to 24. Given: ${dimensions}`);
    }
  });

  test("ids of tokens are read as they are, also among texts", async () => {
    const ids = mlm.tokenizer.encode(TEXTS[0]).inputIds;
    const want = await post(handler, "/embed", { inputs: TEXTS[0] });
    expect((await post(handler, "/embed", { inputs: ids })).body).toEqual(want.body);
    const mixed = await post(handler, "/embed", { inputs: [ids, TEXTS[0], ids.slice(0, 3)] });
    expect(mixed.body.slice(0, 2)).toEqual([want.body[0], want.body[0]]);
    expect(mixed.body[2]).not.toEqual(want.body[0]);
    for (const id of [99_999, 2 ** 32 - 1]) {
      const unknown = await post(handler, "/embed", { inputs: [id] });
      expect(unknown).toMatchObject({ status: 422, body: { error_type: "Tokenizer" } });
      expect(unknown.body.error).toContain(`got ${id}`);
    }
  });

  test("what is too long is cut, from either side, or refused with its length", async () => {
    const cut = rowsOf(await embed(LONG, { normalize: true }));
    expect(floats((await post(handler, "/embed", { inputs: LONG })).body)).toEqual(cut);
    const text = `letter ${LONG}`;
    const { body } = await post(handler, "/embed", { inputs: text, truncate: true, truncation_direction: "Left" });
    expect(floats(body)).toEqual(cut); // without its first word it is the same
    expect(floats((await post(handler, "/embed", { inputs: text, truncate: true })).body)).not.toEqual(cut);

    const length = mlm.tokenizer.encode(LONG).length;
    const refused = await post(handler, "/embed", { inputs: ["a", LONG], truncate: false });
    const error = `Input validation error: \`inputs\` must have less than ${LIMIT} tokens. Given: ${length}`;
    expect(refused).toMatchObject({ status: 413, body: { error, error_type: "Validation" } });
    const strict = createRequestHandler(mlm, { autoTruncate: false });
    expect((await post(strict, "/embed", { inputs: LONG })).body).toEqual({ error, error_type: "Validation" });
    const ids = Array(LIMIT + 1).fill(5);
    expect((await post(strict, "/embed", { inputs: ids })).status).toBe(413);
    const first = await post(strict, "/embed", { inputs: ids, truncate: true });
    expect(first.body).toEqual((await post(strict, "/embed", { inputs: ids.slice(1) })).body);
  });

  test("the vectors of sentence-transformers, for folders with modules and prompts of their own", async () => {
    const lines = (await readFile(join(import.meta.dirname, "../pipelines/reference/embeddings.jsonl"), "utf8")).split(
      "\n",
    );
    const golden = lines.slice(1, -1).map((line) => JSON.parse(line));
    for (const form of ["plain", "cls", "dense", "layer_norm", "normalize", "default_prompt", "truncate_dim"]) {
      const { vectors } = golden.find((line) => line.form === form && JSON.stringify(line.options) === "{}");
      const own = createRequestHandler(await load(await sentenceFolder(root, form)));
      const texts = SENTENCES.filter((text) => text !== ""); // which are refused
      const { body } = await post(own, "/embed", { inputs: texts, normalize: false });
      expect(body.length).toBe(4);
      for (const [i, vector] of (body as number[][]).entries())
        for (const [d, x] of vector.entries()) expect(Math.abs(x - vectors[i][d]), form).toBeLessThan(2e-6);
    }
  });

  test("prompt_name, the default prompts, and a name that there is not", async () => {
    const bert = await load(await sentenceFolder(root, "prompts"));
    const own = await pipeline("embeddings", bert);
    const asked = createRequestHandler(bert);
    const want = rowsOf(await own(TEXTS, { prompt_name: "query", normalize: true }));
    const named = { inputs: TEXTS, prompt_name: "query" };
    expect(floats((await post(asked, "/embed", named)).body)).toEqual(want);
    for (const options of [{ defaultPromptName: "query" }, { defaultPrompt: "query: " }]) {
      const { body } = await post(createRequestHandler(bert, options), "/embed", { inputs: TEXTS });
      expect(floats(body)).toEqual(want);
    }
    const wrong = await post(asked, "/embed", { inputs: "a", prompt_name: "nothing" });
    expect(wrong).toMatchObject({ status: 413, body: { error_type: "Validation" } });
    expect(wrong.body.error).toContain('`prompt_name` is "nothing"');
  });

  test("more inputs than a pass takes", async () => {
    const many = createRequestHandler(mlm, { maxClientBatchSize: 100 });
    const inputs = Array.from({ length: 100 }, (_, i) => `${LONG} ${i}`);
    const { body } = await post(many, "/embed", { inputs });
    expect(floats(body)).toEqual(rowsOf(await embed(inputs, { normalize: true })));
  });
});

test("/embed_all: the hidden states of every token, as feature-extraction", async () => {
  const extract = await pipeline("feature-extraction", mlm);
  const { body } = await post(handler, "/embed_all", { inputs: TEXTS });
  expect(body.length).toBe(3);
  for (const [i, text] of TEXTS.entries()) expect(floats(body[i])).toEqual(rowsOf(await extract(text)));
});

test("/similarity: the cosine of the vectors", async () => {
  const compare = await pipeline("sentence-similarity", mlm);
  const inputs = { source_sentence: TEXTS[0], sentences: [...TEXTS] };
  const { body } = await post(handler, "/similarity", { inputs });
  expect(body).toEqual(await compare(inputs));
  expect(body[0]).toBeCloseTo(1, 6);
  expect(body[1]).toBeLessThan(0.9999);
  const parameters = { truncate: false };
  const long = await post(handler, "/similarity", { inputs: { ...inputs, sentences: [LONG] }, parameters });
  expect(long.status).toBe(413);
});
