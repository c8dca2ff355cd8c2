import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadBert, pipeline } from "../../src/index.ts";
import { nameOf } from "../../src/load/nameOf.ts";

const weights = fileURLToPath(new URL("../../weights/", import.meta.url));

test.each([
  ["sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"],
  ["bert-base-cased", "bert-base-cased"],
  ["models/mine", "models/mine"],
  ["./models/mine", "mine"],
  ["/home/someone/models/mine/", "mine"],
  ["C:\\models\\mine", "mine"],
  ["https://example.org/models/mine/", "mine"],
  [".", null],
  ["..", null],
  ["/", null],
  [weights, "the small model"],
  [join(weights, "embeddings"), "the small embedding model"],
  [`${join(weights, "embeddings")}//`, "the small embedding model"],
])("%s is called %s", (given, name) => {
  expect(nameOf(given)).toBe(name);
});

test("a model that was loaded knows it", async () => {
  await using embed = await pipeline("embeddings", undefined, { backend: "plain" });
  expect(embed.model.name).toBe("the small embedding model");
  await using bert = await loadBert(undefined, { backend: "plain" });
  expect(bert.name).toBe("the small model");
  const head = fileURLToPath(new URL("../pipelines/reference/heads/ner", import.meta.url));
  await using ner = await loadBert(`./${relative(".", head)}`, { backend: "plain" });
  expect(ner.name).toBe("ner");
});
