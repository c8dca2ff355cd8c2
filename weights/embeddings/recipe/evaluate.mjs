/**
 * node weights/embeddings/recipe/evaluate.mjs CORPUS STS [NAME=]MODEL…
 *
 * What vectors are worth, each model beside the cosine of word counts (TF-IDF): Spearman's rank correlation × 100 with people's scores over
 * all pairs of a year, STS being a folder of files `sts….tsv` with lines `score TAB text TAB text`; and how often the second half of
 * a sentence is found by its first, among 5,000 of the five held-out books, and by an index: by words alone (BM25), and by
 * vectors and words; and how many of these 10,000 halves, of 11 words on average, get their vectors in a second. Prints a table; with
 * --json, a line of JSON.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buildIndex, pipeline } from "plainbert";
import { booksIn, randomFrom } from "../../recipe/settings.mjs";
import { halvesOf, sentencesOf } from "./settings.mjs";

const HALVES = 5000;
const json = process.argv.includes("--json");
const [corpus, sts, ...models] = process.argv.slice(2).filter((argument) => argument !== "--json");

/** Pairs of texts with people's scores, by year. */
const years = readdirSync(sts)
  .filter((name) => /^sts.*\.tsv$/.test(name))
  .sort()
  .map((name) => {
    const rows = readFileSync(join(sts, name), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    return {
      name: name.slice(0, -4),
      scores: rows.map(([score]) => Number(score)),
      left: rows.map((row) => row[1]),
      right: rows.map((row) => row[2]),
    };
  });

/** The first and second halves, by words, of sentences of 12 words or more; no two halves are the same text. */
function halves() {
  const found = [];
  const seen = new Set();
  for (const sentence of booksIn(corpus).heldout.flatMap((path) => [...sentencesOf(readFileSync(path, "utf8"))])) {
    const pair = halvesOf(sentence);
    if (sentence.split(/\s+/).length < 12 || pair.some((half) => seen.has(half))) continue;
    for (const half of pair) seen.add(half);
    found.push(pair);
  }
  const random = randomFrom(1);
  for (let i = found.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found.slice(0, HALVES);
}

/** Ranks from 1, the mean of their places for equal numbers. */
function ranksOf(numbers) {
  const order = numbers.map((_, i) => i).sort((a, b) => numbers[a] - numbers[b]);
  const ranks = new Float64Array(numbers.length);
  for (let from = 0, to; from < order.length; from = to) {
    for (to = from + 1; to < order.length && numbers[order[to]] === numbers[order[from]]; to++);
    for (let i = from; i < to; i++) ranks[order[i]] = (from + to + 1) / 2;
  }
  return ranks;
}

/** Spearman's: Pearson's correlation of ranks. */
function spearman(a, b) {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  const mean = (a.length + 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) ** 2;
    yy += (y[i] - mean) ** 2;
  }
  return xy / Math.sqrt(xx * yy);
}

/** Cosines of word counts: lower-case words, each count times ln((1 + n) / (1 + texts that have it)) + 1. */
class WordCounts {
  constructor(texts) {
    this.frequency = new Map();
    this.texts = texts.length;
    for (const text of texts)
      for (const word of new Set(wordsOf(text))) this.frequency.set(word, (this.frequency.get(word) ?? 0) + 1);
  }

  vector(text) {
    const counts = new Map();
    for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + this.weight(word));
    const norm = Math.hypot(...counts.values());
    for (const [word, value] of counts) counts.set(word, value / norm);
    return counts;
  }

  weight(word) {
    return Math.log((1 + this.texts) / (1 + (this.frequency.get(word) ?? 0))) + 1;
  }
}

const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

function sparseDot(a, b) {
  let sum = 0;
  for (const [word, value] of a) sum += value * (b.get(word) ?? 0);
  return sum;
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** @param tensor [n, D] @returns its rows, of length 1 */
function unitRows({ dims: [n, D], data }) {
  return Array.from({ length: n }, (_, i) => {
    const row = data.subarray(i * D, (i + 1) * D);
    const norm = Math.sqrt(dot(row, row));
    return row.map((value) => value / norm);
  });
}

/** @param similarity of the i-th first half to the j-th second half @returns the shares whose own is among the first 1 and 10 */
function recall(n, similarity) {
  let [at1, at10] = [0, 0];
  for (let i = 0; i < n; i++) {
    const own = similarity(i, i);
    let before = 0;
    for (let j = 0; j < n && before < 10; j++) if (j !== i && similarity(i, j) >= own) before++;
    if (before < 1) at1++;
    if (before < 10) at10++;
  }
  return [at1 / n, at10 / n];
}

const pairs = halves();
const rows = [];

function wordCounts() {
  const row = { name: "TF-IDF of words" };
  for (const { name, scores, left, right } of years) {
    const counts = new WordCounts([...left, ...right]);
    const cosines = left.map((text, i) => sparseDot(counts.vector(text), counts.vector(right[i])));
    row[name] = 100 * spearman(cosines, scores);
  }
  const counts = new WordCounts(pairs.map(([, second]) => second));
  const [first, second] = [0, 1].map((side) => pairs.map((pair) => counts.vector(pair[side])));
  [row.recall1, row.recall10] = recall(pairs.length, (i, j) => sparseDot(first[i], second[j]));
  return row;
}

async function vectorsOf(name, model) {
  const embed = await pipeline("embeddings", model);
  const row = { name };
  const all = async (texts) => unitRows(await embed(texts));
  for (const { name: year, scores, left, right } of years) {
    const [a, b] = [await all(left), await all(right)];
    row[year] =
      100 *
      spearman(
        a.map((vector, i) => dot(vector, b[i])),
        scores,
      );
  }
  const start = performance.now();
  const [first, second] = [await all(pairs.map(([half]) => half)), await all(pairs.map(([, half]) => half))];
  row.perSecond = (2000 * pairs.length) / (performance.now() - start);
  [row.recall1, row.recall10] = recall(pairs.length, (i, j) => dot(first[i], second[j]));
  await embed.dispose();
  return row;
}

/** What an index of the second halves finds by the first, by words alone and by vectors and words together. */
async function searches(name, model) {
  const embed = await pipeline("embeddings", model);
  const index = await buildIndex(
    embed,
    pairs.map(([, second]) => second),
  );
  const queries = pairs.map(([first]) => first);
  const found = async (row, options) => {
    const all = await index.search(queries, 10, { hybrid: true, ...options });
    const share = (k) =>
      all.filter((results, i) => results.slice(0, k).some(({ index, score }) => index === i && score > 0)).length /
      queries.length;
    return { name: row, recall1: share(1), recall10: share(10) };
  };
  const both = [await found("BM25 of words", { alpha: 0 }), await found(`${name}, and words`, {})];
  await embed.dispose();
  return both;
}

rows.push(wordCounts());
for (const [m, argument] of models.entries()) {
  const [name, model = name] = argument.split("=");
  const [words, both] = await searches(name, model);
  if (m === 0) rows.push(words); // of every model the same
  rows.push(await vectorsOf(name, model), both);
}
if (json) console.log(JSON.stringify(rows));
else {
  const columns = {
    ...Object.fromEntries(years.map(({ name }) => [name, (value) => value.toFixed(1)])),
    recall1: (value) => `${(100 * value).toFixed(1)} %`,
    recall10: (value) => `${(100 * value).toFixed(1)} %`,
    perSecond: (value) => value.toFixed(0),
  };
  const line = (cells) => console.log(`| ${cells.join(" | ")} |`);
  line(["", ...years.map(({ name }) => name), "recall@1", "recall@10", "halves per second"]);
  line(Array(years.length + 4).fill("---"));
  for (const row of rows)
    line([
      row.name,
      ...Object.entries(columns).map(([name, shown]) => (row[name] === undefined ? "" : shown(row[name]))),
    ]);
}
