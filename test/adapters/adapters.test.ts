import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  aiSdkEmbeddingModel,
  aiSdkRerankingModel,
  chromaEmbeddingFunction,
  langChainEmbeddings,
  langChainReranker,
  oramaPlugin,
} from "../../src/adapters/index.ts";
import { BertError, pipeline } from "../../src/index.ts";
import { head } from "../cli/run.ts";
import { expectBertError } from "../pipelines/support.ts";
import { expectClose } from "../support/close.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";

/**
 * What the adapters give, beside the vectors that Python's sentence-transformers gives of a folder with prompts. What
 * the frameworks themselves do with them is in `test/integrations`.
 */
const root = await mkdtemp(join(tmpdir(), "plainbert-adapters-"));
afterAll(() => rm(root, { recursive: true }));
const embed = await pipeline("embeddings", await sentenceFolder(root, "prompts"), { backend: "plain" });
const rank = await pipeline("text-ranking", head("one_label"), { backend: "plain" });

const [versions, ...lines] = readFileSync(join(import.meta.dirname, "../pipelines/reference/embeddings.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line));
const TEXTS: string[] = versions.texts;

/** Python's vectors with these options, divided by their lengths. */
function python(options: object): number[][] {
  const same = (line: { form: string; options: object }) =>
    line.form === "prompts" && JSON.stringify(line.options) === JSON.stringify(options);
  const { vectors }: { vectors: number[][] } = lines.find(same);
  return vectors.map((vector) => vector.map((x) => x / Math.hypot(...vector)));
}
const AS_DOCUMENTS = python({ role: "document" });
const AS_QUERIES = python({ role: "query" });

function expectVectors(got: readonly (readonly number[])[], want: readonly (readonly number[])[]): void {
  expect(got.map(({ length }) => length)).toEqual(want.map(({ length }) => length));
  expectClose("vectors of length 1", got.flat(), want.flat(), 1e-6);
}

/** Fails unless the call throws a BertError with this message. */
function expectRefused(call: () => unknown, message: string): void {
  const error = new BertError("ERR_INPUT", message);
  expect(call).toThrow(error);
}

/** As `expectRefused`, for what a caller without types may write. */
const untyped = (value: unknown) => value as never;

describe("what is wrong is refused when the adapter is made", () => {
  const makers: [string, (embed: never, options?: object) => unknown][] = [
    ["langChainEmbeddings", langChainEmbeddings],
    ["chromaEmbeddingFunction", chromaEmbeddingFunction],
    ["aiSdkEmbeddingModel", aiSdkEmbeddingModel],
    [
      "oramaPlugin",
      (embed, options = {}) => oramaPlugin(embed, untyped(isNames(options) ? { ...NAMES, ...options } : options)),
    ],
  ];
  const NAMES = { text: "body", vector: "vector" };
  const isNames = (options: unknown) => Object.prototype.toString.call(options) === "[object Object]";

  test.each(makers)("%s", (name, make) => {
    const must = `${name}: embed must be what await pipeline("embeddings") gives, got `;
    expectRefused(() => make(untyped(Promise.resolve(embed))), `${must}a Promise: is an await missing?`);
    for (const [other, shown] of [
      [undefined, "undefined"],
      [null, "null"],
      ["embeddings", '"embeddings"'],
      [() => [], "a function"],
      [rank, 'that of "text-ranking"'],
    ])
      expectRefused(() => make(untyped(other)), must + shown);

    for (const [options, shown] of [
      [5, "5"],
      [[], "[]"],
      [null, "null"],
      ["a", '"a"'],
    ] as const)
      expectRefused(() => make(untyped(embed), untyped(options)), `${name}: options must be an object, got ${shown}`);
    for (const other of ["precision", "ranges", "signal", "textPair"])
      expect(() => make(untyped(embed), { [other]: undefined })).toThrow(`${name}: unknown option "${other}"; `);
    expect(() => make(untyped(embed), { truncate_dim: 1000 })).toThrow("truncate_dim must be at most");
    expect(() => make(untyped(embed), { prompt_name: "no" })).toThrow("prompt_name must be one of");
    expect(() => make(untyped(embed), { truncation: "no" })).toThrow("truncation must be true or false");
    expect(() => make(untyped(embed), { normalize: null })).toThrow("normalize must be true or false");
  });

  test("rerankers", () => {
    const must = ': rank must be what await pipeline("text-ranking") gives, got ';
    for (const [name, make] of [
      ["langChainReranker", langChainReranker],
      ["aiSdkRerankingModel", aiSdkRerankingModel],
    ] as const) {
      expectRefused(() => make(untyped(Promise.resolve(rank))), `${name}${must}a Promise: is an await missing?`);
      expectRefused(() => make(untyped(embed)), `${name}${must}that of "embeddings"`);
      expectRefused(() => make(untyped(undefined)), `${name}${must}undefined`);
    }
    for (const topN of [0, 1.5, "3", null, { topN: 3 }])
      expect(() => langChainReranker(rank, untyped(topN))).toThrow(
        "langChainReranker: topN must be a whole number from 1",
      );
  });

  test("oramaPlugin's own options", () => {
    const must = "must be the name of a property of the documents, got ";
    expectRefused(() => oramaPlugin(embed, untyped({})), `oramaPlugin: text ${must}undefined`);
    expectRefused(() => oramaPlugin(embed, untyped({ text: "a" })), `oramaPlugin: vector ${must}undefined`);
    expectRefused(() => oramaPlugin(embed, untyped({ text: 5, vector: "b" })), `oramaPlugin: text ${must}5`);
    expectRefused(() => oramaPlugin(embed, { text: "a", vector: "" }), `oramaPlugin: vector ${must}""`);
    expectRefused(
      () => oramaPlugin(embed, { text: "a", vector: "a" }),
      'oramaPlugin: vector must be another property than text, got "a"',
    );
    expectRefused(
      () => oramaPlugin(embed, untyped(undefined)),
      "oramaPlugin: options must be an object, got undefined",
    );
  });
});

describe("what is no list of texts is refused by its name", () => {
  const langChain = langChainEmbeddings(embed);
  const chroma = chromaEmbeddingFunction(embed);
  const calls: [string, (texts: never) => Promise<unknown>][] = [
    ["embedDocuments: documents", langChain.embedDocuments],
    ["generate: texts", chroma.generate],
    ["generateForQueries: texts", chroma.generateForQueries],
    ["doEmbed: values", (values) => aiSdkEmbeddingModel(embed).doEmbed({ values })],
  ];
  const generator = function* () {
    yield "a";
  };
  test.each(calls)("%s", async (name, call) => {
    for (const texts of ["a text", generator(), new Set(["a"]), undefined, null, 5])
      await expectBertError(call(untyped(texts)), "ERR_INPUT", `${name} must be an array of texts, got `);
    await expectBertError(call(untyped(["a", 1])), "ERR_INPUT", `${name}[1] must be a string, got 1`);
    await expectBertError(call(untyped(["a", "\ud800"])), "ERR_INPUT", `${name}[1] must be well-formed Unicode`);
    await call(untyped([]));
  });

  test("a query", async () => {
    await expectBertError(langChain.embedQuery(untyped(["a"])), "ERR_INPUT", "embedQuery: query must be a string");
  });
});

test("`normalize` without a value has no effect", async () => {
  const [vector] = await langChainEmbeddings(embed, untyped({ normalize: undefined })).embedDocuments(TEXTS);
  expectVectors([vector], [AS_DOCUMENTS[0]]);
});

test("documents and queries have other vectors here", () => {
  expect(AS_DOCUMENTS[0][0]).not.toBeCloseTo(AS_QUERIES[0][0], 2);
});

describe("langChainEmbeddings", () => {
  test("documents and queries, each with its prompt", async () => {
    const embeddings = langChainEmbeddings(embed);
    expectVectors(await embeddings.embedDocuments(TEXTS), AS_DOCUMENTS);
    for (const [i, text] of TEXTS.entries()) expectVectors([await embeddings.embedQuery(text)], [AS_QUERIES[i]]);
    expect(await embeddings.embedDocuments([])).toEqual([]);
  });

  test("options", async () => {
    const passages = langChainEmbeddings(embed, { prompt_name: "passage" });
    expectVectors(await passages.embedDocuments(TEXTS), python({ prompt_name: "passage" }));
    const [eight] = await langChainEmbeddings(embed, { truncate_dim: 8 }).embedDocuments(["a"]);
    expect(eight.length).toBe(8);
    expect(Math.hypot(...eight)).toBeCloseTo(1, 6);
    const [whole] = await langChainEmbeddings(embed, { normalize: false }).embedDocuments(TEXTS);
    expect(Math.hypot(...whole)).toBeGreaterThan(2);
  });
});

test("chromaEmbeddingFunction: documents and queries, each with its prompt", async () => {
  const embeddingFunction = chromaEmbeddingFunction(embed);
  expectVectors(await embeddingFunction.generate(TEXTS), AS_DOCUMENTS);
  expectVectors(await embeddingFunction.generateForQueries(TEXTS), AS_QUERIES);
  expect(embeddingFunction.supportedSpaces()).toContain(embeddingFunction.defaultSpace());
});

describe("oramaPlugin", () => {
  const plugin = oramaPlugin(embed, { text: "body", vector: "vector" });

  test("gives documents their vectors, unless they have some", async () => {
    const documents = TEXTS.map((body): { body: string; vector?: number[] } => ({ body }));
    documents[1].vector = [1];
    await plugin.beforeInsertMultiple({}, documents);
    expect(documents[1].vector).toEqual([1]);
    const others = [0, 2, 3, 4];
    expectVectors(others.map((i) => documents[i].vector!), others.map((i) => AS_DOCUMENTS[i])); // biome-ignore format: one line
    const one = { body: TEXTS[0], vector: undefined };
    await plugin.beforeInsert({}, "0", one);
    expectVectors([one.vector!], [AS_DOCUMENTS[0]]);
    await plugin.beforeInsertMultiple({}, []);
  });

  test("gives the term of a search by vectors its vector, unless it has one", async () => {
    for (const mode of ["vector", "hybrid"]) {
      const search = { mode, term: TEXTS[0], vector: undefined as unknown };
      await plugin.beforeSearch({}, search);
      const { property, value } = search.vector as { property: string; value: number[] };
      expect(property).toBe("vector");
      expectVectors([value], [AS_QUERIES[0]]);
    }
    const given = { mode: "vector", vector: { property: "other", value: [1] } };
    await plugin.beforeSearch({}, given);
    expect(given.vector).toEqual({ property: "other", value: [1] });
    const byWords = { term: "door" };
    await plugin.beforeSearch({}, byWords);
    expect(byWords).toEqual({ term: "door" });
  });

  test("a vector of its own is made anew for another text; one that was given stays", async () => {
    const old: { body?: string; vector?: unknown } = { body: TEXTS[0] };
    await plugin.beforeInsert({}, "0", old);
    const kept = old.vector;
    const changed = { ...old, body: TEXTS[1] };
    await plugin.beforeInsert({}, "0", changed);
    expectVectors([changed.vector as number[]], [AS_DOCUMENTS[1]]);
    const same = { ...old, other: 1 };
    await plugin.beforeInsert({}, "0", same);
    expect(same.vector).toBe(kept);
    const without = { ...old, body: undefined };
    await plugin.beforeInsert({}, "0", without);
    expect(without.vector).toBeUndefined();
    const shown = { ...old, body: TEXTS[1], vector: null }; // as a search without `includeVectors` leaves it
    await plugin.beforeInsertMultiple({}, [shown]);
    expectVectors([shown.vector!], [AS_DOCUMENTS[1]]);
    const given = [1];
    const own = { body: TEXTS[0], vector: given };
    await plugin.beforeInsert({}, "0", own);
    expect(own.vector).toBe(given);
  });

  test("parameters of a search that are used again", async () => {
    const search = { mode: "vector", term: TEXTS[0], vector: undefined as unknown };
    const value = () => (search.vector as { value: number[] }).value;
    await plugin.beforeSearch({}, search);
    const first = value();
    await plugin.beforeSearch({}, search);
    expect(value()).toBe(first);
    search.term = TEXTS[1];
    await plugin.beforeSearch({}, search);
    expectVectors([value()], [AS_QUERIES[1]]);
    const copy = { ...search, term: TEXTS[2] };
    await plugin.beforeSearch({}, copy);
    expectVectors([(copy.vector as { value: number[] }).value], [AS_QUERIES[2]]);

    const document = { body: TEXTS[3], vector: undefined as unknown };
    await plugin.beforeInsert({}, "0", document);
    const like = { mode: "vector", term: TEXTS[0], vector: { property: "vector", value: document.vector } };
    await plugin.beforeSearch({}, like);
    expect(like.vector.value).toBe(document.vector); // the caller's choice
  });

  test("a search by vectors without a term is refused", async () => {
    for (const mode of ["vector", "hybrid"]) {
      const must = "search: term, or else vector, must be a string, got undefined";
      await expectBertError(plugin.beforeSearch({}, { mode }), "ERR_INPUT", must);
    }
  });

  test("a document without the text gets no vector, and one whose text is none is refused", async () => {
    const other = { title: "a" };
    await plugin.beforeInsert({}, "0", other);
    expect(other).toEqual({ title: "a" });
    const must = 'oramaPlugin: "body" of document "0" must be a string, got 1';
    await expectBertError(plugin.beforeInsert({}, "0", { body: 1 }), "ERR_INPUT", must);
    const ofMany = 'oramaPlugin: "body" of documents[1] must be well-formed Unicode';
    await expectBertError(plugin.beforeInsertMultiple({}, [other, { body: "\udc00" }]), "ERR_INPUT", ofMany);
  });

  test("a schema without the properties is refused", () => {
    const size = AS_DOCUMENTS[0].length;
    plugin.afterCreate({ schema: { body: "string", vector: `vector[${size}]` } });
    expectRefused(
      () => plugin.afterCreate({ schema: { text: "string", vector: `vector[${size}]` } }),
      'create: schema.body must be "string", got undefined',
    );
    expectRefused(
      () => plugin.afterCreate({ schema: { body: "string", vector: "vector[3]" } }),
      `create: schema.vector must be "vector[${size}]", got "vector[3]"`,
    );
    const eight = oramaPlugin(embed, { text: "body", vector: "vector", truncate_dim: 8 });
    eight.afterCreate({ schema: { body: "string", vector: "vector[8]" } });
  });

  test("its hooks are async functions, which Orama awaits by their constructor's name", () => {
    for (const hook of [plugin.beforeInsert, plugin.beforeInsertMultiple, plugin.beforeSearch])
      expect(hook.constructor.name).toBe("AsyncFunction");
  });
});

describe("aiSdkEmbeddingModel", () => {
  const model = aiSdkEmbeddingModel(embed);

  test("vectors without a role, tokens, and a warning of what was cut", async () => {
    const { embeddings, usage, warnings } = await model.doEmbed({ values: TEXTS });
    expectVectors(embeddings, python({}));
    // [CLS] and [SEP] count; what is cut counts as far as it is read
    const most = embed.model.config.maxPositionEmbeddings;
    const lengths = TEXTS.map((text) => Math.min(most, embed.tokenizer.encode(text).length));
    expect(usage.tokens).toBe(lengths.reduce((sum, length) => sum + length));
    expect(warnings).toEqual([{ type: "other", message: "cut, as longer than the model takes: 1 of 5 texts" }]);
    expect((await model.doEmbed({ values: ["a"] })).warnings).toEqual([]);
    const unknown = await model.doEmbed({ values: ["a", "\u{1f600} \u{1f601}", "\u4f60\u597d"] });
    expect(unknown.warnings).toEqual([{ type: "other", message: "mostly unknown to the model: 2 of 3 texts" }]);
    expect(await model.doEmbed({ values: [] })).toEqual({ embeddings: [], usage: { tokens: 0 }, warnings: [] });
  });

  test("options of the model and of a call, whose dimensions win", async () => {
    const passages = aiSdkEmbeddingModel(embed, { prompt_name: "passage" });
    expectVectors((await passages.doEmbed({ values: TEXTS })).embeddings, python({ prompt_name: "passage" }));
    const providerOptions = { plainbert: { prompt_name: "query" }, other: { a: 1 } };
    const asked = await passages.doEmbed({ values: TEXTS, providerOptions });
    expectVectors(asked.embeddings, AS_QUERIES);
    const { embeddings } = await aiSdkEmbeddingModel(embed, { truncate_dim: 4 }).doEmbed({
      values: ["a"],
      dimensions: 8,
    });
    expect(embeddings[0].length).toBe(8);
    expect(Math.hypot(...embeddings[0])).toBeCloseTo(1, 6);
  });

  test("what is wrong is an error that names it", async () => {
    const wrong = (call: object) => model.doEmbed({ values: ["a"], ...call });
    await expectBertError(wrong({ values: ["a", 1] }), "ERR_INPUT", "doEmbed: values[1] must be a string, got 1");
    await expectBertError(wrong({ providerOptions: { plainbert: { precision: "int8" } } }), "ERR_INPUT", '"precision"');
    await expectBertError(wrong({ providerOptions: { plainbert: { prompt_name: "no" } } }), "ERR_INPUT", "prompt_name");
    await expectBertError(wrong({ dimensions: 1000 }), "ERR_INPUT", "truncate_dim");
    await expectBertError(wrong({ providerOptions: { plainbert: 5 } }), "ERR_INPUT", "providerOptions.plainbert");
    await expectBertError(wrong({ abortSignal: {} }), "ERR_INPUT", "signal must be an AbortSignal");
    await expectBertError(model.doEmbed(untyped(undefined)), "ERR_INPUT", "doEmbed: call must be an object");
    await expectBertError(model.doEmbed(untyped({})), "ERR_INPUT", "doEmbed: values must be an array of texts");
    await expectBertError(wrong({ dimensions: 0 }), "ERR_INPUT", "truncate_dim");
    const whole = aiSdkEmbeddingModel(embed, { truncation: false }).doEmbed({ values: TEXTS });
    await expectBertError(whole, "ERR_INPUT", "values[3]");
  });

  test("abortSignal stops it", async () => {
    const reason = new Error("enough");
    await expect(model.doEmbed({ values: TEXTS, abortSignal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const many = model.doEmbed({ values: Array(5000).fill(TEXTS[3]), abortSignal: controller.signal });
    controller.abort(reason);
    await expect(many).rejects.toBe(reason);
  });

  test("after dispose it says so, and one that is disposed of waits for calls", async () => {
    const own = await pipeline("embeddings", join(root, "prompts"), { backend: "plain" });
    const calls = aiSdkEmbeddingModel(own);
    const underWay = calls.doEmbed({ values: TEXTS });
    await own.dispose();
    expectVectors((await underWay).embeddings, python({}));
    await expectBertError(calls.doEmbed({ values: TEXTS }), "ERR_BACKEND", "dispose");
  });
});

describe("rerankers", () => {
  const query = "Who was rich?";
  const texts = ["The door was open.", "Emma was rich.", "She was poor.", "é"];

  test("aiSdkRerankingModel", async () => {
    const want = (await rank(query, texts)).map(({ index, score }) => ({ index, relevanceScore: score }));
    const model = aiSdkRerankingModel(rank);
    const ofTexts = { type: "text" as const, values: texts };
    expect((await model.doRerank({ query, documents: ofTexts })).ranking).toEqual(want);
    expect((await model.doRerank({ query, documents: ofTexts, topN: 2 })).ranking).toEqual(want.slice(0, 2));
    const ofObjects = { type: "object" as const, values: texts.map((text) => ({ text })) };
    const asJson = await rank(query, ofObjects.values.map((value) => JSON.stringify(value))); // biome-ignore format: one line
    const { ranking } = await model.doRerank({ query, documents: ofObjects });
    expect(ranking).toEqual(asJson.map(({ index, score }) => ({ index, relevanceScore: score })));
    const abortSignal = AbortSignal.abort(new Error("enough"));
    await expect(model.doRerank({ query, documents: ofTexts, abortSignal })).rejects.toThrow("enough");
  });

  test("langChainReranker keeps what documents have, and says their scores", async () => {
    const documents = texts.map((pageContent, id) => ({ pageContent, id, metadata: { page: id } }));
    const want = await rank(query, texts);
    const got = await langChainReranker(rank, 3).compressDocuments(documents, query);
    expect(got).toEqual(
      want.slice(0, 3).map(({ index, score }) => ({
        ...documents[index],
        metadata: { page: index, relevanceScore: score },
      })),
    );
    expect((await langChainReranker(rank).compressDocuments(documents, query)).length).toBe(4);
    expect(await langChainReranker(rank).compressDocuments([], query)).toEqual([]);
    expect(documents[0].metadata).toEqual({ page: 0 });
  });

  test("documents keep their class", async () => {
    class Page {
      pageContent: string;
      metadata = {};
      constructor(pageContent: string) {
        this.pageContent = pageContent;
      }
    }
    const pages = texts.map((text) => new Page(text));
    for (const page of await langChainReranker(rank).compressDocuments(pages, query)) {
      expect(page).toBeInstanceOf(Page);
      expect(pages).not.toContain(page);
    }
  });

  test("what is wrong in a call is an error that names it", async () => {
    const compress = (documents: unknown, asked: unknown = query) =>
      langChainReranker(rank).compressDocuments(untyped(documents), untyped(asked));
    await expectBertError(compress("a"), "ERR_INPUT", "compressDocuments: documents must be an array of documents");
    const content = "compressDocuments: documents[0].pageContent must be a string";
    for (const document of ["a", null, {}, { pageContent: 1 }])
      await expectBertError(compress([document]), "ERR_INPUT", content);
    await expectBertError(compress([], 1), "ERR_INPUT", "compressDocuments: query must be a string");

    const model = aiSdkRerankingModel(rank);
    const documents = { type: "text", values: texts };
    const rerank = (call: unknown) => model.doRerank(untyped(call));
    await expectBertError(rerank(undefined), "ERR_INPUT", "doRerank: call must be an object");
    await expectBertError(rerank({ query }), "ERR_INPUT", "doRerank: documents.type must be one of text, object");
    await expectBertError(rerank({ query, documents: texts }), "ERR_INPUT", "doRerank: documents.type must be");
    const one = { type: "text", values: "a" };
    await expectBertError(
      rerank({ query, documents: one }),
      "ERR_INPUT",
      "doRerank: documents.values must be an array",
    );
    await expectBertError(rerank({ query, documents, topN: 0 }), "ERR_INPUT", "doRerank: topN must be a whole number");
    await expectBertError(rerank({ query: 1, documents }), "ERR_INPUT", "query must be a string");
  });
});
