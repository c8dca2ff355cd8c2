import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";

const root = join(import.meta.dirname, "../..");

/** The first 1,000 sentences, more or less, of a book. */
function sentences(): string[] {
  const book = readFileSync(join(root, "bench/data/the-wind-in-the-willows.txt"), "utf8");
  return book
    .replace(/\s+/g, " ")
    .split(/(?<=[.!?]) /)
    .filter((text) => text.length > 20)
    .slice(0, 1000);
}

test("1,000 sentences leave the event loop free", async () => {
  await using bert = await loadBert(undefined, { backend: "simd", threads: 2 });
  const batch = bert.tokenizer.encodeBatch(sentences(), { truncation: true });
  expect(batch.length).toBe(1000);
  await bert.forward(batch.slice(0, 1));
  // A machine that is busy with other things delays a timer too: the best of some runs is what this library does.
  const best = { p99: Number.POSITIVE_INFINITY, samples: 0 };
  for (let run = 0; run < 8 && best.p99 > 5; run++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    for (let i = 0; i < batch.length; i += 8)
      await bert.forward(batch.slice(i, i + 8), { maskedLmPositions: Array(8).fill([]) });
    delay.disable();
    const p99 = delay.percentile(99) / 1e6;
    if (p99 < best.p99) Object.assign(best, { p99, samples: delay.count });
  }
  console.log(`event loop delay: p99 ${best.p99.toFixed(2)} ms of ${best.samples} samples`);
  expect(best.samples).toBeGreaterThan(100);
  expect(best.p99).toBeLessThanOrEqual(5);
});

test("models that are loaded and disposed of leave nothing behind", () => {
  // In a process of its own, as other tests' garbage would count.
  const program = `
    import { loadBert } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).href)};
    const sizes = [];
    for (let i = 0; i < 24; i++) {
      const bert = await loadBert(undefined, { backend: "simd", threads: 2 });
      const batch = bert.tokenizer.encodeBatch(["She opened the [MASK].", "A text."]);
      bert.forwardSync(batch);
      await bert.forward(batch);
      await bert.dispose();
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 50));
      sizes.push(process.memoryUsage().rss / 2 ** 20);
    }
    console.log(JSON.stringify(sizes));`;
  const { stdout, stderr } = spawnSync(
    join(root, "node_modules/.bin/node"),
    ["--expose-gc", "--input-type=module", "-e", program],
    { encoding: "utf8", timeout: 300_000 },
  );
  expect(stderr).toBe("");
  const sizes: number[] = JSON.parse(stdout);
  console.log(`MiB after each model: ${sizes.map(Math.round).join(" ")}`);
  // One that stays would be 20 MiB of weights and as much for each of two threads.
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(sizes.slice(-5)) - mean(sizes.slice(4, 9))).toBeLessThan(40);
});
