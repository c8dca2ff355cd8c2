import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type Bert, loadBert, pipeline } from "../../src/pipelines/index.ts";
import { createRequestHandler } from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { SENTENCES, sentenceFolder } from "../support/sentenceFolders.ts";
import { expectValid, get, PATHS, post } from "./document.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-serve-"));
const loaded: Bert[] = [];
afterAll(async () => {
  await Promise.all(loaded.map((bert) => bert.dispose()));
  await rm(root, { recursive: true });
});

async function load(path: string): Promise<Bert> {
  const bert = await loadBert(path, { backend: "plain" });
  loaded.push(bert);
  return bert;
}

const TEXTS = ["The door was open.", "He read a letter in London, and it was very long.", "é"];
const mlm = await load(head("mlm"));
const LIMIT = 64;
const LONG = "door ".repeat(100);
const handler = createRequestHandler(mlm, { modelId: "tiny" });

/** The float32 that JSON's numbers are. */
const floats = (rows: number[][]) => rows.map((row) => Float32Array.from(row));
/** The rows of what a pipeline gives. */
function rowsOf({ data, dims }: { data: Float32Array; dims: readonly number[] }): Float32Array[] {
  const D = dims[dims.length - 1];
  return Array.from({ length: data.length / D }, (_, i) => data.slice(i * D, (i + 1) * D));
}

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
    const unknown = await post(handler, "/embed", { inputs: [99_999] });
    expect(unknown).toMatchObject({ status: 422, body: { error_type: "Tokenizer" } });
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

describe("/embed_sparse", () => {
  test("log(1 + max(0, x)) of the largest logit of each token of the vocabulary, where it is not 0", async () => {
    const sparse = createRequestHandler(mlm, { pooling: "splade" });
    const { body } = await post(sparse, "/embed_sparse", { inputs: TEXTS });
    expect(body.length).toBe(3);
    for (const [i, text] of TEXTS.entries()) {
      const { data, shape } = mlm.forwardSync([mlm.tokenizer.encode(text)]).logits!;
      const V = shape[2];
      const weights = Array.from({ length: V }, (_, v) =>
        Math.max(...Array.from({ length: shape[1] }, (_, t) => Math.log1p(Math.max(0, data[t * V + v])))),
      );
      const indices = weights.flatMap((weight, v) => (weight > 0 ? [v] : []));
      expect(body[i].map(({ index }: { index: number }) => index)).toEqual(indices);
      expect(indices.length).toBeGreaterThan(0);
      expect(indices.length).toBeLessThan(V);
      for (const { index, value } of body[i]) expect(Math.abs(value - weights[index])).toBeLessThan(1e-6);
    }
    expect(await (await get(sparse, "/info")).json()).toMatchObject({
      model_type: { embedding: { pooling: "splade" } },
    });
    for (const [path, request] of [["/embed", { inputs: "a" }], ["/v1/embeddings", { input: "a" }]] as const) // biome-ignore format: one line
      expect((await post(sparse, path, request)).status).toBe(424);
  });

  test("of a BertForPreTraining too, whose masked-language-model logits have another name", async () => {
    const bert = await load(WEIGHTS);
    const sparse = createRequestHandler(bert, { pooling: "splade" });
    const { status, body } = await post(sparse, "/embed_sparse", { inputs: TEXTS[0] });
    expect(status).toBe(200);
    const { data, shape } = bert.forwardSync([bert.tokenizer.encode(TEXTS[0])]).predictionLogits!;
    const V = shape[2];
    const most = Array.from({ length: V }, (_, v) =>
      Math.max(...Array.from({ length: shape[1] }, (_, t) => data[t * V + v])),
    );
    const indices = most.flatMap((x, v) => (x > 0 ? [v] : []));
    expect(body[0].map(({ index }: { index: number }) => index)).toEqual(indices);
    for (const { index, value } of body[0]) expect(Math.abs(value - Math.log1p(most[index]))).toBeLessThan(1e-6);
  });

  test("needs --pooling splade, and a head for it", async () => {
    const { status, body } = await post(handler, "/embed_sparse", { inputs: "a" });
    expect([status, body.error]).toEqual([424, "Backend error: Model is not an embedding model with SPLADE pooling"]);
    const nli = await load(head("nli"));
    const expected = 'pooling must be left out for a model without a masked-language-model head, got "splade"';
    expect(() => createRequestHandler(nli, { pooling: "splade" })).toThrow(expected);
    expect(() => createRequestHandler(mlm, { pooling: "mean" as never })).toThrow(
      'pooling must be "splade" or left out',
    );
  });
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

describe("/predict", () => {
  test.each(["nli", "multi_label", "regression"])("%s: every label's score, as text-classification", async (name) => {
    const bert = await load(head(name));
    const classify = await pipeline("text-classification", bert);
    const own = createRequestHandler(bert);
    const swapped = (all: { label: string; score: number }[]) => all.map(({ label, score }) => ({ score, label }));
    const all = { top_k: null };
    const one = await post(own, "/predict", { inputs: TEXTS[0] });
    expect(one.body).toEqual(swapped(await classify(TEXTS[0], all)));
    const pair = await post(own, "/predict", { inputs: [TEXTS[0], TEXTS[1]] });
    expect(pair.body).toEqual(swapped(await classify({ text: TEXTS[0], text_pair: TEXTS[1] }, all)));
    const batch = await post(own, "/predict", { inputs: [[TEXTS[2]], [TEXTS[0], TEXTS[1]]], raw_scores: true });
    expect(batch.body).toEqual([
      swapped(await classify(TEXTS[2], { ...all, function_to_apply: "none" })),
      swapped(await classify({ text: TEXTS[0], text_pair: TEXTS[1] }, { ...all, function_to_apply: "none" })),
    ]);
  });

  test("a list of one is a text; three strings are nothing", async () => {
    const own = createRequestHandler(await load(head("nli")));
    const one = await post(own, "/predict", { inputs: [TEXTS[0]] }, { wrong: true }); // the document does not know it, the server does
    expect(one.body).toEqual((await post(own, "/predict", { inputs: TEXTS[0] })).body);
    for (const inputs of [TEXTS, [], [[]], [["a", "b", "c"]], 1])
      expect((await post(own, "/predict", { inputs }, { wrong: true })).status).toBe(422);
  });
});

test("/rerank: the scores of text-ranking, the best first, with texts if asked", async () => {
  const bert = await load(head("one_label"));
  const rank = await pipeline("text-ranking", bert);
  const own = createRequestHandler(bert);
  const request = { query: "Who was rich?", texts: TEXTS };
  expect((await post(own, "/rerank", request)).body).toEqual(await rank(request.query, TEXTS));
  const { body } = await post(own, "/rerank", { ...request, return_text: true, raw_scores: true });
  expect(body).toEqual(await rank(request.query, TEXTS, { return_documents: true, activation: "none" }));
  expect(body.map(({ text }: { text: string }) => text).sort()).toEqual([...TEXTS].sort());
});

describe("/tokenize and /decode", () => {
  const text = "Naïve 𝒳 door—Unaffable";

  test("tokens with their places in UTF-8", async () => {
    const { body } = await post(handler, "/tokenize", { inputs: [text, LONG] });
    const encoding = mlm.tokenizer.encode(text);
    expect(body[0].map(({ id }: { id: number }) => id)).toEqual(encoding.inputIds);
    expect(body[1].length).toBeGreaterThan(LIMIT); // nothing is cut
    const bytes = Buffer.from(text);
    for (const token of body[0]) {
      const between = token.special ? null : bytes.subarray(token.start, token.stop).toString();
      expect(token).toMatchObject(between === null ? { start: null, stop: null } : { text: between });
    }
    expect(body[0].filter(({ special }: { special: boolean }) => special)).toMatchObject([
      { text: "[CLS]" },
      { text: "[SEP]" },
    ]);
    const bare = await post(handler, "/tokenize", { inputs: text, add_special_tokens: false });
    expect(bare.body[0]).toEqual(body[0].slice(1, -1));
  });

  test("ids come back as texts", async () => {
    const ids = mlm.tokenizer.encode(TEXTS[0]).inputIds;
    const skipped = mlm.tokenizer.decode(ids, { skipSpecialTokens: true });
    expect((await post(handler, "/decode", { ids })).body).toEqual([skipped]);
    const { body } = await post(handler, "/decode", { ids: [ids, ids.slice(1, 3)], skip_special_tokens: false });
    expect(body).toEqual([mlm.tokenizer.decode(ids), mlm.tokenizer.decode(ids.slice(1, 3))]);
    expect(body[0]).toContain("[CLS]");
  });
});

describe("/v1/embeddings", () => {
  test("the same vectors as numbers and as base64, and how many tokens they took", async () => {
    const { body: want } = await post(handler, "/embed", { inputs: TEXTS });
    const request = { input: TEXTS, model: "tiny", user: "me" };
    const { body } = await post(handler, "/v1/embeddings", request);
    const tokens = mlm.tokenizer.encodeBatch(TEXTS).reduce((sum, { length }) => sum + length, 0);
    expect(body).toMatchObject({
      object: "list",
      model: "tiny",
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
    expect(body.data).toEqual(
      want.map((embedding: number[], index: number) => ({ object: "embedding", embedding, index })),
    );
    const coded = await post(handler, "/v1/embeddings", { ...request, encoding_format: "base64", dimensions: 8 });
    const { body: eight } = await post(handler, "/embed", { inputs: TEXTS, dimensions: 8 });
    const decoded = coded.body.data.map(({ embedding }: { embedding: string }) => {
      const bytes = Buffer.from(embedding, "base64");
      return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
    });
    expect(decoded).toEqual(floats(eight));
  });

  test("a text, ids, lists of ids; the name that is served", async () => {
    const ids = mlm.tokenizer.encode(TEXTS[0]).inputIds;
    const named = createRequestHandler(mlm, { modelId: "tiny", servedModelName: "text-embedding-3-small" });
    const { body } = await post(named, "/v1/embeddings", { input: TEXTS[0] });
    expect(body.model).toBe("text-embedding-3-small");
    for (const input of [ids, [ids], [TEXTS[0]]])
      expect((await post(named, "/v1/embeddings", { input })).body).toEqual(body);
  });

  test("errors in OpenAI's form", async () => {
    const empty = await post(handler, "/v1/embeddings", { input: [] }, { wrong: true }); // it may be either list
    const message = "`inputs` cannot be empty";
    expect(empty).toMatchObject({ status: 400, body: { message, code: 400, type: "Empty" } });
    const wrong = await post(handler, "/v1/embeddings", { input: "a", encoding_format: "hex" }, { wrong: true });
    expect(wrong).toMatchObject({ status: 422, body: { code: 422 } });
  });
});

describe("/info, /health, and which paths there are", () => {
  test("/info tells the model by its head, and the limits", async () => {
    const limits = { maxConcurrentRequests: 3, maxClientBatchSize: 4, autoTruncate: false };
    const info = await (await get(createRequestHandler(mlm, { modelId: "tiny", ...limits }), "/info")).json();
    expectValid("Info", info);
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, "../../package.json"), "utf8"));
    expect(info).toMatchObject({
      ...{ model_id: "tiny", served_model_name: "tiny", model_dtype: "float32", max_input_length: LIMIT, version },
      ...{ max_concurrent_requests: 3, max_client_batch_size: 4, auto_truncate: false },
      model_type: { embedding: { pooling: "mean" } },
    });
    for (const [name, kind] of [
      ["nli", "classifier"],
      ["one_label", "reranker"],
    ]) {
      // biome-ignore format: one line
      const bert = await load(head(name));
      const other = await (await get(createRequestHandler(bert), "/info")).json();
      expectValid("Info", other);
      expect(Object.keys(other.model_type)).toEqual([kind]);
      expect(Object.values(other.model_type[kind].id2label)).toEqual(bert.config.labels);
    }
  });

  test("/health is empty and 200", async () => {
    const response = await get(handler, "/health");
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("all of the document's paths, by their methods alone", async () => {
    expect(PATHS.length).toBe(12);
    for (const [path, method] of PATHS) {
      const other = method === "GET" ? "POST" : "GET";
      const { status, headers } = await handler(new Request(`http://localhost${path}`, { method: other }));
      expect(status, path).toBe(405);
      expect(headers.get("allow"), path).toContain(method);
    }
    for (const path of ["/nothing", "/__proto__", "/embed/"]) expect((await get(handler, path)).status, path).toBe(404);
  });

  test("an endpoint of another kind of model is 424", async () => {
    const classifier = createRequestHandler(await load(head("nli")));
    const rows = [
      [handler, "/predict", { inputs: "a" }, "Backend error: Model is not a classifier model"],
      [handler, "/rerank", { query: "a", texts: ["b"] }, "Backend error: model is not a re-ranker model"],
      [classifier, "/rerank", { query: "a", texts: ["b"] }, "Backend error: model is not a re-ranker model"],
      [classifier, "/embed", { inputs: "a" }, "Backend error: Model is not an embedding model"],
      [classifier, "/embed_all", { inputs: "a" }, "Backend error: Model is not an embedding model"],
    ] as const;
    for (const [own, path, body, error] of rows)
      expect(await post(own, path, body)).toMatchObject({ status: 424, body: { error, error_type: "Backend" } });
    const openai = await post(classifier, "/v1/embeddings", { input: "a" });
    expect(openai).toMatchObject({ status: 424, body: { code: 424, type: "Backend" } });
  });
});
