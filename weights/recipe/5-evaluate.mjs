/**
 * node weights/recipe/5-evaluate.mjs CORPUS WORK MODEL [OTHER MODEL]
 *
 * Masked tokens and next sentences of the held-out books, as `make-examples` makes them: by each model, and by the two models that count.
 * The other model has a vocabulary of its own and so its own examples; for a comparison on equal terms both also guess the same masked
 * words, those that are one token to both. The first also has sequences of 256 tokens. Prints tables, and writes WORK/evaluation.json.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { loadBert, loadTokenizer } from "plainbert";
import { openExamples, readDocuments } from "plainbert/training";
import { CountModels } from "./countModels.mjs";
import { booksIn, plainbert } from "./settings.mjs";

const [corpus, work, ...models] = process.argv.slice(2);
const { train, validation, heldout } = booksIn(corpus);

/** Examples of some books with the vocabulary of a model, of at most T tokens. */
async function examplesOf(books, model, name, T = 128) {
  const folder = join(work, name);
  if (!existsSync(folder))
    await plainbert(
      ...["make-examples", "--split-sentences", ...books, "--tokenizer", model],
      ...["--dupe-factor", 1, "--max-seq-length", T, "--max-predictions-per-seq", Math.ceil(0.15 * T)],
      ...["--output", folder],
    );
  const files = readdirSync(folder).filter((file) => file.startsWith("examples-"));
  const opened = await openExamples(files.sort().map((file) => join(folder, file)));
  const examples = [];
  for (let i = 0; i < opened.length; i++) examples.push(await opened.example(i));
  await opened.close();
  return examples;
}

/** Counts of guesses. */
class Score {
  constructor() {
    Object.assign(this, { count: 0, first: 0, five: 0, loss: 0 });
  }

  /** @param numbers what rises with the probability, [V] @param logProbability of the right one */
  add(numbers, right, logProbability) {
    const above = numbers.reduce((n, number) => n + (number > numbers[right] ? 1 : 0), 0);
    this.count++;
    if (above < 1) this.first++;
    if (above < 5) this.five++;
    this.loss -= logProbability;
  }

  get result() {
    const { count, first, five, loss } = this;
    return { count, top1: first / count, top5: five / count, perplexity: Math.exp(loss / count) };
  }
}

function addLogits(score, logits, right) {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - largest), 0);
  score.add(logits, right, logits[right] - largest - Math.log(sum));
}

async function scoreModel(bert, examples) {
  const masked = new Score();
  let nextRight = 0;
  for (let from = 0; from < examples.length; from += 32) {
    const batch = examples.slice(from, from + 32);
    const positions = batch.map(({ maskedLmPositions }) => maskedLmPositions);
    const output = await bert.forward(batch, { lastHiddenState: false, maskedLmPositions: positions });
    const V = output.predictionLogits.shape[1];
    let row = 0;
    for (const [b, { maskedLmIds, nextSentenceLabel }] of batch.entries()) {
      for (const id of maskedLmIds) addLogits(masked, output.predictionLogits.data.subarray(row * V, ++row * V), id);
      const [isNext, isRandom] = output.seqRelationshipLogits.data.subarray(2 * b, 2 * b + 2);
      if (isRandom > isNext === (nextSentenceLabel === 1)) nextRight++;
    }
  }
  return { ...masked.result, nextSentence: nextRight / examples.length, pairs: examples.length };
}

function scoreCounts(counts, examples, kappa, mu) {
  const masked = new Score();
  for (const { inputIds, maskedLmPositions, maskedLmIds } of examples) {
    for (const [m, at] of maskedLmPositions.entries()) {
      const q = counts.neighbours(inputIds[at - 1], inputIds[at + 1], kappa, mu);
      masked.add(q, maskedLmIds[m], Math.log(q[maskedLmIds[m]]));
    }
  }
  return masked.result;
}

/** The tokens to both sides of the seam between the segments. */
function seamOf({ inputIds, tokenTypeIds }) {
  const second = tokenTypeIds.indexOf(1);
  return [inputIds[second - 2], inputIds[second]];
}

/** κ and μ, and the threshold of the seam, that are best on the validation books. */
function tune(counts, examples) {
  const some = examples.filter((_, i) => i % 8 === 0);
  let best = { perplexity: Infinity };
  for (const kappa of [10, 30, 100, 300, 1000, 3000])
    for (const mu of [3, 10, 30, 100]) {
      const { perplexity } = scoreCounts(counts, some, kappa, mu);
      if (perplexity < best.perplexity) best = { perplexity, kappa, mu };
    }
  const seams = examples.map((example) => counts.seam(...seamOf(example), best.kappa));
  const right = (threshold) =>
    examples.filter(({ nextSentenceLabel }, i) => (seams[i] < threshold ? 1 : 0) === nextSentenceLabel).length;
  let threshold = Number.POSITIVE_INFINITY; // everything is random: the more frequent label
  for (const seam of new Set(seams)) if (right(seam) > right(threshold)) threshold = seam;
  return { ...best, threshold };
}

function seamAccuracy(counts, examples, kappa, threshold) {
  const right = examples.filter((example) => {
    const isRandom = counts.seam(...seamOf(example), kappa) < threshold;
    return isRandom === (example.nextSentenceLabel === 1);
  });
  return right.length / examples.length;
}

/** Sentences of the held-out books in which every seventh word that is one token to all models is masked. */
async function sameWords(berts) {
  const scores = berts.map(() => new Score());
  const tokenizers = berts.map(({ tokenizer }) => tokenizer);
  const sentences = [];
  for (const path of heldout) {
    const lines = readFileSync(path, "utf8").split("\n");
    const [tokenizer] = tokenizers;
    for await (const { tokens, ends } of readDocuments(path, [lines], tokenizer, {
      splitSentences: true,
      maxTokens: 1e7,
    }))
      for (let i = 0; i < ends.length; i++)
        sentences.push(tokenizer.decode(Array.from(tokens.subarray(i ? ends[i - 1] : 0, ends[i]))));
  }
  let seen = 0;
  const masked = [];
  for (const sentence of sentences) {
    const words = sentence.split(" ");
    if (words.length < 5 || words.length > 60) continue;
    const answers = [];
    for (const [i, word] of words.entries()) {
      if (!/^[A-Za-z]+$/.test(word) || tokenizers.some((tokenizer) => tokenizer.tokenToId(word) === undefined))
        continue;
      if (++seen % 7 !== 0) continue;
      answers.push(word);
      words[i] = "[MASK]";
    }
    if (answers.length > 0) masked.push({ text: words.join(" "), answers });
  }
  for (const [m, { bert, tokenizer }] of berts.entries()) {
    const mask = tokenizer.tokenToId("[MASK]");
    for (let from = 0; from < masked.length; from += 32) {
      const batch = masked.slice(from, from + 32);
      const inputs = batch.map(({ text }) => tokenizer.encode(text, { truncation: true, maxLength: 128 }));
      const positions = inputs.map(({ inputIds }) => Array.from(inputIds.keys()).filter((i) => inputIds[i] === mask));
      const { predictionLogits } = await bert.forward(inputs, { lastHiddenState: false, maskedLmPositions: positions });
      const V = predictionLogits.shape[1];
      let row = 0;
      for (const [b, { answers }] of batch.entries())
        for (const word of answers.slice(0, positions[b].length))
          addLogits(scores[m], predictionLogits.data.subarray(row * V, ++row * V), tokenizer.tokenToId(word));
    }
  }
  return scores.map((score) => score.result);
}

const berts = [];
for (const model of models)
  berts.push({ name: basename(model), model, bert: await loadBert(model), tokenizer: await loadTokenizer(model) });
const results = [];
for (const { name, model, bert } of berts)
  results.push([name, await scoreModel(bert, await examplesOf(heldout, model, `heldout-${name}`))]);

const [{ model, name, bert, tokenizer }] = berts;
results.push([
  `${name}, 256 tokens`,
  await scoreModel(bert, await examplesOf(heldout, model, `heldout-256-${name}`, 256)),
]);
const unknown = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map((token) => tokenizer.tokenToId(token));
const counts = await CountModels.from(train, tokenizer, unknown);
const tuned = tune(counts, await examplesOf(validation, model, `validation-${name}`));
const examples = await examplesOf(heldout, model, `heldout-${name}`);
const unigram = new Score();
for (const { maskedLmIds } of examples) for (const id of maskedLmIds) unigram.add(counts.p, id, Math.log(counts.p[id]));
const random = examples.filter(({ nextSentenceLabel }) => nextSentenceLabel === 1).length / examples.length;
results.push(["neighbours", {
  ...scoreCounts(counts, examples, tuned.kappa, tuned.mu),
  nextSentence: seamAccuracy(counts, examples, tuned.kappa, tuned.threshold),
}]); // biome-ignore format: a row
results.push(["unigram", { ...unigram.result, nextSentence: random }]);
const same = await sameWords(berts);

const percent = (share) => `${(100 * share).toFixed(1)} %`;
console.log(
  "| | masked tokens | right | among the best five | perplexity | next sentence: right |\n|---|---|---|---|---|---|",
);
for (const [row, { count, top1, top5, perplexity, nextSentence }] of results)
  console.log(
    `| ${row} | ${count} | ${percent(top1)} | ${percent(top5)} | ${perplexity.toFixed(1)} | ${percent(nextSentence)} |`,
  );
console.log(
  "\nThe same words:\n\n| | masked words | right | among the best five | perplexity |\n|---|---|---|---|---|",
);
for (const [m, { count, top1, top5, perplexity }] of same.entries())
  console.log(`| ${berts[m].name} | ${count} | ${percent(top1)} | ${percent(top5)} | ${perplexity.toFixed(1)} |`);
const books = heldout.map((path) => basename(path));
writeFileSync(
  join(work, "evaluation.json"),
  `${JSON.stringify({ books, tuned, results: Object.fromEntries(results), same }, null, 1)}\n`,
);
for (const { bert } of berts) await bert.dispose();
