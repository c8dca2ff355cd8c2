/**
 * Speed of the plain backend's linear kernel in GFLOP/s on one core, beside the same product as three loops.
 *
 *     npm run bench:matmul
 *
 * Sizes are those of bert-base; a multiply and an add count as two operations. Blocked and plain runs alternate.
 */
import { cpus } from "node:os";
import { linear } from "../src/tensor/kernels/matmul.ts";
import { numbers } from "../test/tensor/kernels/cases.ts";

const CASES: readonly (readonly [what: string, R: number, I: number, O: number])[] = [
  ["intermediate.dense, 128 tokens", 128, 768, 3072],
  ["output.dense, 128 tokens", 128, 3072, 768],
  ["query, 128 tokens", 128, 768, 768],
  ["query, 16 tokens", 16, 768, 768],
  ["decoder, 1 token", 1, 768, 28996],
];
const RUNS = 7;

function threeLoops(
  y: Float32Array,
  x: Float32Array,
  w: Float32Array,
  b: Float32Array,
  R: number,
  I: number,
  O: number,
) {
  for (let r = 0; r < R; r++) {
    for (let o = 0; o < O; o++) {
      let sum = 0;
      for (let i = 0; i < I; i++) sum += x[r * I + i] * w[o * I + i];
      y[r * O + o] = sum + b[o];
    }
  }
}

console.log(`Node ${process.version}, ${cpus()[0].model}, ${RUNS} runs each: median (best) GFLOP/s`);
for (const [what, R, I, O] of CASES) {
  const x = numbers(R * I, 1);
  const w = numbers(O * I, 2);
  const b = numbers(O, 3);
  const y = new Float32Array(R * O);
  const rates = { blocked: [] as number[], plain: [] as number[] };
  const time = (kernel: typeof linear) => {
    const start = performance.now();
    kernel(y, x, w, b, R, I, O);
    return (2 * R * I * O) / (performance.now() - start) / 1e6;
  };
  time(linear);
  time(threeLoops);
  for (let run = 0; run < RUNS; run++) {
    rates.blocked.push(time(linear));
    rates.plain.push(time(threeLoops));
  }
  const show = (list: number[]) => {
    const sorted = list.sort((p, q) => p - q);
    return `${sorted[RUNS >> 1].toFixed(2)} (${sorted[RUNS - 1].toFixed(2)})`;
  };
  console.log(`${what.padEnd(32)} blocked ${show(rates.blocked)}   three loops ${show(rates.plain)}`);
}
