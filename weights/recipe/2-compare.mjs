/**
 * node weights/recipe/2-compare.mjs WORK
 *
 * Short runs that differ from the first in one thing, all with the same number of floating-point operations, two side by side on a thread
 * each. Prints a table of their loss on the validation books; a run that was done before is read, not repeated. An hour.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMON, flopsPerToken, OPTIONS, plainbert } from "./settings.mjs";

const [work] = process.argv.slice(2);
const FLOPS = 60e12;

/** L layers, hidden size H, A heads; sequences of T tokens, 2048 tokens in a batch; and the standard deviation of the initial weights. */
const FIRST = { L: 4, H: 256, A: 4, T: 64, learningRate: 1e-3, initializerRange: 0.05 };
const runs = {
  "L4 H256 A4": {},
  "L6 H256 A4": { L: 6 },
  "L4 H312 A6": { H: 312, A: 6 },
  "L3 H384 A6": { L: 3, H: 384, A: 6 },
  "learning rate 5e-4": { learningRate: 5e-4 },
  "128 tokens": { T: 128 },
  "learning rate 2e-3": { learningRate: 2e-3 },
  "initializer range 0.02": { initializerRange: 0.02 },
};

async function compare(name, change) {
  const { L, H, A, T, learningRate, initializerRange } = { ...FIRST, ...change };
  const folder = join(work, "compare", name.replaceAll(/\W+/g, "-"));
  if (!existsSync(`${folder}.json`)) {
    const sizes = { num_hidden_layers: L, hidden_size: H, num_attention_heads: A, intermediate_size: 4 * H };
    writeFileSync(
      `${folder}.config.json`,
      JSON.stringify({ ...COMMON, ...sizes, initializer_range: initializerRange }),
    );
    const start = performance.now();
    await plainbert(
      ...["pretrain", join(work, `examples-${T}`), "--config", `${folder}.config.json`, ...OPTIONS],
      ...["--max-steps", Math.round(FLOPS / (2048 * flopsPerToken({ L, H, T }))), "--batch-size", 2048 / T],
      ...["--learning-rate", learningRate, "--eval-examples", join(work, "validation-64"), "--max-eval-examples", 2000],
      ...["--warmup-ratio", 0.1, "--save-steps", 1e6, "--threads", 1, "--output", folder, "--resume", "--json"],
    );
    const last = readFileSync(join(folder, "metrics.jsonl"), "utf8").trim().split("\n").map(JSON.parse).at(-1);
    const minutes = (performance.now() - start) / 6e4;
    writeFileSync(`${folder}.json`, JSON.stringify({ name, ...last, minutes }));
  }
  return JSON.parse(readFileSync(`${folder}.json`, "utf8"));
}

const waiting = Object.entries(runs);
const results = [];
await Promise.all(
  [0, 1].map(async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results.push(await compare(...next));
  }),
);
results.sort((a, b) => a.eval_masked_lm_loss - b.eval_masked_lm_loss);
console.log(
  "| run | steps | masked tokens: loss | right | next sentence: right | minutes |\n|---|---|---|---|---|---|",
);
for (const { name, step, ...of } of results) {
  const right = (accuracy) => `${(100 * accuracy).toFixed(1)} %`;
  console.log(
    `| ${name} | ${step} | ${of.eval_masked_lm_loss.toFixed(3)} | ${right(of.eval_masked_lm_accuracy)} | ${right(of.eval_next_sentence_accuracy)} | ${of.minutes.toFixed(1)} |`,
  );
}
