import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { pipeline } from "../../src/index.ts";
import { head } from "../cli/run.ts";
import { expectClose } from "../support/close.ts";

type Scores = [answer: string, score: number][];
interface Expected {
  readonly long: string;
  readonly short: string;
  readonly "text-classification": Scores;
  readonly pairs: readonly Scores[];
  readonly "fill-mask": Scores;
  readonly "zero-shot-classification": Scores;
  readonly embeddings: readonly number[][];
  readonly "text-ranking": readonly [index: number, score: number][][];
  readonly "feature-extraction": readonly number[];
}

const want: Expected = JSON.parse(readFileSync(join(import.meta.dirname, "reference/left.json"), "utf8"));
const { long, short } = want;
const root = await mkdtemp(join(tmpdir(), "plainbert-left-"));
afterAll(() => rm(root, { recursive: true }));
const PLAIN = { backend: "plain" } as const;
const CUT = { truncation: true } as const;

/** float32 against float64; measured 2e-6, of numbers up to 3. */
const ATOL = 4e-6;

/** A model of the test heads whose tokenizer cuts texts at their left end. */
function cutsLeft(name: string): string {
  const folder = join(root, name);
  cpSync(head(name), folder, { recursive: true });
  const file = join(folder, "tokenizer_config.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), truncation_side: "left" }));
  return folder;
}

function expectScores(what: string, got: Scores, expected: Scores): void {
  expect(
    got.map(([answer]) => answer),
    what,
  ).toEqual(expected.map(([answer]) => answer));
  expectClose(
    what,
    got.map(([, score]) => score),
    expected.map(([, score]) => score),
    ATOL,
  );
}

test("text-classification and zero-shot-classification", async () => {
  await using classify = await pipeline("text-classification", cutsLeft("nli"), PLAIN);
  const scores = async (input: string | { text: string; text_pair: string }): Promise<Scores> =>
    (await classify(input, { ...CUT, top_k: 3 })).map(({ label, score }) => [label, score]);
  expectScores("one text", await scores(long), want["text-classification"]);
  expectScores("the first is long", await scores({ text: long, text_pair: short }), want.pairs[0]);
  expectScores("the second is long", await scores({ text: short, text_pair: long }), want.pairs[1]);
  await using choose = await pipeline("zero-shot-classification", classify.model);
  const { labels, scores: found } = await choose(long, ["door", "letter"], CUT);
  expectScores(
    "zero-shot",
    labels.map((label, i) => [label, found[i]]),
    want["zero-shot-classification"],
  );
});

test("fill-mask, feature-extraction and embeddings", async () => {
  await using unmask = await pipeline("fill-mask", cutsLeft("mlm"), PLAIN);
  const answers = await unmask(`${long} The [MASK] was shut.`, CUT);
  expectScores(
    "fill-mask",
    answers.map(({ token_str, score }) => [token_str, score]),
    want["fill-mask"],
  );
  await using extract = await pipeline("feature-extraction", unmask.model);
  const { data, dims } = await extract(long, CUT);
  const H = dims[2] as number;
  expectClose("the token after [CLS]", data.subarray(H, 2 * H), want["feature-extraction"], ATOL);
  await using embed = await pipeline("embeddings", unmask.model);
  const vectors = (await embed([long, short])).tolist();
  for (const [i, vector] of want.embeddings.entries()) expectClose(`vector ${i}`, vectors[i], vector, ATOL);
});

test("text-ranking", async () => {
  await using rank = await pipeline("text-ranking", cutsLeft("one_label"), PLAIN);
  const calls = [await rank(short, [long, "He read."]), await rank(long, ["He read.", short])];
  for (const [i, got] of calls.entries()) {
    expectScores(
      `call ${i}`,
      got.map(({ index, score }) => [String(index), score]),
      want["text-ranking"][i].map(([index, score]) => [String(index), score]),
    );
  }
});
