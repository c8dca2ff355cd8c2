/**
 * node weights/recipe/6-finetune.mjs CORPUS WORK MODEL
 *
 * Fine-tunes the model, and one of the same sizes with initial weights, on two tasks made from the held-out books:
 *
 * - order: has a sentence two neighbouring words swapped? Trained on three books, tested on the two others.
 * - author: who of the five wrote these sentences? Names, words with a capital within a sentence, become "Someone". Trained on the first
 *   chapters of each book, tested on the last ones.
 *
 * Both models get the best of three learning rates, by the validation examples of one seed; then five other seeds, each with initial
 * weights of its own, and the test examples. Prints a table, and writes WORK/finetuning.json. Half an hour.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { BertTokenizer } from "plainbert";
import { finetune, pretrain, readDocuments } from "plainbert/training";
import { booksIn, randomFrom } from "./settings.mjs";

const [corpus, work, model] = process.argv.slice(2);
const folder = join(work, "finetune");
mkdirSync(folder, { recursive: true });

/** The chapters of a book as sentences, without those that have a character which the vocabulary lacks. */
async function chaptersOf(path) {
  const lines = readFileSync(path, "utf8").split("\n");
  const chapters = [];
  for await (const { tokens, ends } of readDocuments(path, [lines], tokenizer, {
    splitSentences: true,
    maxTokens: 1e7,
  })) {
    const sentence = (i) => tokenizer.decode(Array.from(tokens.subarray(i ? ends[i - 1] : 0, ends[i])));
    chapters.push(Array.from(ends, (_, i) => sentence(i)).filter((text) => !text.includes("[UNK]")));
  }
  return chapters;
}

function orderExamples(chapters, count, random) {
  const examples = [];
  for (const sentence of shuffled(chapters.flat(), random)) {
    const words = sentence.split(" ");
    if (words.length < 8 || words.length > 25) continue;
    const places = [...words.keys()].filter((i) => {
      const [a, b] = [words[i], words[i + 1] ?? ""];
      return /^[a-z]+$/.test(a) && /^[a-z]+$/.test(b) && a !== b;
    });
    if (places.length === 0) continue;
    const label = examples.length % 2 === 0 ? "intact" : "swapped";
    const at = places[random(places.length)];
    if (label === "swapped") [words[at], words[at + 1]] = [words[at + 1], words[at]];
    examples.push({ text: words.join(" "), label });
    if (examples.length === count) break;
  }
  return examples;
}

function authorExamples(chapters, label, count, random) {
  const passages = [];
  for (const sentences of chapters) {
    let words = [];
    for (const sentence of sentences) {
      words.push(
        ...sentence
          .split(" ")
          .map((word, i) => (i > 0 && /^[A-Z]/.test(word) && !/^I\b/.test(word) ? "Someone" : word)),
      );
      if (words.length < 50) continue;
      passages.push({ text: words.slice(0, 60).join(" "), label });
      words = [];
    }
  }
  return shuffled(passages, random).slice(0, count);
}

function shuffled(list, random) {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

const tokenizer = BertTokenizer.fromFiles({
  "vocab.txt": readFileSync(join(model, "vocab.txt"), "utf8"),
  "tokenizer_config.json": readFileSync(join(model, "tokenizer_config.json"), "utf8"),
});
const { heldout } = booksIn(corpus);
const books = await Promise.all(heldout.map(chaptersOf));
const random = randomFrom(1);
const inSlices = (chapters) => [0, 0.6, 0.75, 1].map((share) => Math.round(share * chapters.length));
const between = (share, next) =>
  books.map((chapters) => chapters.slice(inSlices(chapters)[share], inSlices(chapters)[next]));
const authors = (chapters, count) =>
  chapters.flatMap((own, b) => authorExamples(own, basename(heldout[b]).split("_")[0], count, random));

const [trainedOn, tested] = [books.slice(2).flat(), books.slice(0, 2).flat()];
const order = orderExamples(trainedOn, 5000, random);
const tasks = {
  order: { train: order.slice(0, 4000), validation: order.slice(4000), test: orderExamples(tested, 2000, random) },
  author: {
    train: authors(between(0, 1), 240),
    validation: authors(between(1, 2), 60),
    test: authors(between(2, 3), 100),
  },
};

async function accuracyOf(task, start, learningRate, seed, evaluated) {
  const name = `${task}-${start}-${learningRate}-${seed}-${evaluated}`;
  const output = join(folder, name);
  if (!existsSync(`${output}.json`)) {
    const { metrics } = await finetune({
      task: "text-classification",
      model: start === "pretrained" ? model : await initialModel(seed),
      trainDataset: tasks[task].train,
      evalDataset: tasks[task][evaluated],
      ...{
        output,
        learningRate,
        seed,
        numTrainEpochs: 5,
        batchSize: 16,
        warmupRatio: 0.1,
        weightDecay: 0.01,
        maxLength: 128,
      },
      ...{ evalSteps: 1e6, saveSteps: 1e6, resume: true },
    });
    writeFileSync(`${output}.json`, JSON.stringify(metrics));
  }
  return JSON.parse(readFileSync(`${output}.json`, "utf8")).eval_accuracy;
}

/** A model of the same sizes that was never trained: one step at a learning rate that changes nothing. */
async function initialModel(seed) {
  const output = join(folder, `initial-${seed}`);
  if (!existsSync(join(output, "model.safetensors"))) {
    const { dtype: _, ...config } = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
    const phases = [{ examples: join(work, "examples-64"), steps: 1, batchSize: 1 }];
    await pretrain({ config, phases, output, seed, learningRate: 1e-30, weightDecay: 0 });
  }
  return output;
}

const percent = (x) => (100 * x).toFixed(1);
const results = [];
for (const task of Object.keys(tasks)) {
  for (const start of ["pretrained", "initial weights"]) {
    let best = { accuracy: 0, learningRate: 0 };
    for (const learningRate of [1e-4, 3e-4, 1e-3]) {
      const accuracy = await accuracyOf(task, start, learningRate, 0, "validation");
      if (accuracy > best.accuracy) best = { accuracy, learningRate };
    }
    const accuracies = [];
    for (const seed of [1, 2, 3, 4, 5]) accuracies.push(await accuracyOf(task, start, best.learningRate, seed, "test"));
    const mean = accuracies.reduce((a, b) => a + b) / 5;
    const deviation = Math.sqrt(accuracies.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 4);
    results.push({ task, start, learningRate: best.learningRate, accuracies, mean, deviation });
    console.log(
      `| ${task} | ${start} | ${best.learningRate} | ${percent(mean)} ± ${percent(deviation)} % | ${accuracies.map(percent).join(", ")} |`,
    );
  }
}
writeFileSync(join(work, "finetuning.json"), `${JSON.stringify(results, null, 1)}\n`);
