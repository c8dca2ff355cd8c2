/**
 * The steps from three loops to WebAssembly in 256-bit vectors: the same linear map in each form, on one core. The page
 * docs/reading/11-the-machine.md tells of them.
 *
 *     npm run bench:steps
 *
 * y = x Wᵀ + b of 128 tokens with BERT-base's 768 × 3072 weights; a multiply and an add count as two operations. The
 * forms run in turns, and the best of each counts, as nothing but other work on the machine makes a turn slower.
 */
import { cpus } from "node:os";
import { productByDefinition } from "../src/tensor/kernels/matmul.ts";
import { productInBlocks } from "../src/tensor/kernels/matmulBlocked.ts";
import { rowsOf } from "../src/tensor/kernels/operand.ts";
import { ModuleBuilder } from "../src/tensor/simd/assembler.ts";
import { createSimdBackend } from "../src/tensor/simd/createSimdBackend.ts";
import { advance } from "../src/tensor/simd/emitLoops.ts";
import type { FunctionBuilder } from "../src/tensor/simd/functionBuilder.ts";
import type { SimdOptions } from "../src/tensor/simd/simdOptions.ts";
import type { PackedWeight } from "../src/tensor/tensor.ts";
import { numbers } from "../test/tensor/kernels/cases.ts";

const [R, I, O] = [128, 768, 3072];
const SECONDS = Number(process.argv[2] ?? 1);
const [x, w, b] = [numbers(R * I, 1), numbers(O * I, 2), numbers(O, 3)];

/** A form's name, a function that computes the product once, and where it is then. */
type Form = readonly [name: string, run: () => void, y: Float32Array];

function loops(name: string, product: typeof productByDefinition): Form {
  const y = new Float32Array(R * O);
  const matrix = (data: Float32Array, rows: number, cols: number) => ({ data, offset: 0, rows, cols, stride: cols });
  const [out, a, weight] = [matrix(y, R, O), rowsOf(matrix(x, R, I)), rowsOf(matrix(w, O, I))];
  const bias = { data: b, offset: 0, stride: 0 };
  return [name, () => product(out, a, weight, I, 1, bias), y];
}

/** The local `sum` = Σ_k a_k b_k over the numbers at the addresses a and b, `lanes` at a time; `left` counts down. */
function emitDot(f: FunctionBuilder, lanes: 1 | 4): void {
  const type = lanes === 4 ? "f32x4" : "f32";
  const load = lanes === 4 ? "v128.load" : "f32.load";
  f.loop((again) => {
    f.get("sum");
    f.get("a").memory(load).get("b").memory(load).op(`${type}.mul`);
    f.op(`${type}.add`).set("sum");
    advance(f, "a", () => f.i32(4 * lanes));
    advance(f, "b", () => f.i32(4 * lanes));
    f.get("left").i32(lanes).op("i32.sub").tee("left").brIf(again);
  });
}

/** Three loops again, the innermost of them in WebAssembly. */
function dots(name: string, lanes: 1 | 4): Form {
  const pages = Math.ceil((4 * (R + O) * I) / 65536);
  const limits = { initial: pages, maximum: pages, shared: false };
  const m = new ModuleBuilder(limits);
  m.function("dot", { params: { a: "i32", b: "i32", left: "i32" }, result: "f32" }, (f) => {
    f.local(lanes === 4 ? "v128" : "f32", "sum");
    emitDot(f, lanes);
    if (lanes === 1) f.get("sum");
    else for (const lane of [0, 1, 2, 3]) f.get("sum").lane(lane); // the four sums …
    for (let n = 1; n < lanes; n++) f.op("f32.add"); // … added up
  });
  const memory = new WebAssembly.Memory(limits);
  const numbersThere = new Float32Array(memory.buffer);
  numbersThere.set(x);
  numbersThere.set(w, R * I);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(m.toBytes()), { env: { memory } });
  const dot = exports.dot as (a: number, b: number, left: number) => number;
  const y = new Float32Array(R * O);
  const run = () => {
    for (let r = 0; r < R; r++) {
      for (let o = 0; o < O; o++) y[r * O + o] = dot(4 * r * I, 4 * (R + o) * I, I) + b[o];
    }
  };
  return [name, run, y];
}

/** One variant of the backend `simd`; under another name where the engine has not got what was asked for. */
function simd(options: SimdOptions): Form {
  const k = createSimdBackend({ ...options, threads: 1 });
  const [y, input, weight, bias] = [k.zeros([R, O]), k.zeros([R, I]), k.zeros([O, I]), k.zeros([O])];
  for (const [tensor, data] of [[input, x], [weight, w], [bias, b]] as const) tensor.data.set(data); // biome-ignore format: pairs
  const packed = k.packWeight(weight) as PackedWeight;
  const { width, fused } = k.info;
  const name = `WebAssembly, tiles of sums, ${width} bits, ${fused ? "fused" : "multiply, then add"}`;
  return [name, () => k.linearStored(y.data, input.data, packed, bias.data, R), y.data];
}

const forms: readonly Form[] = [
  loops("TypeScript, three loops", productByDefinition),
  loops("TypeScript, in blocks", productInBlocks),
  dots("WebAssembly, one sum, 1 number at a time", 1),
  dots("WebAssembly, one sum, 4 numbers at a time", 4),
  simd({ wide: false, deterministic: true }),
  simd({ wide: false }),
  simd({ deterministic: true }),
  simd({}),
];
const truth = forms[0][2];
for (const [name, run, y] of forms) {
  run();
  const error = y.reduce((largest, value, i) => Math.max(largest, Math.abs(value - truth[i])), 0);
  if (!(error < 1e-3)) throw new Error(`${name}: differs from the definition by ${error}`);
}
const best = forms.map(() => Number.POSITIVE_INFINITY);
for (const end = performance.now() + SECONDS * 1000 * forms.length; ; ) {
  for (const [i, [, run]] of forms.entries()) {
    const start = performance.now();
    for (let n = 0; n === 0 || (n < 20 && performance.now() - start < 20); n++) {
      const from = performance.now();
      run();
      best[i] = Math.min(best[i], performance.now() - from);
    }
  }
  if (performance.now() >= end) break;
}
console.log(`Node ${process.version}, ${cpus()[0].model}, one core\n`);
console.log("| form | time | GFLOP/s |\n|---|---|---|");
for (const [i, [name]] of forms.entries()) {
  const rate = (2 * R * I * O) / best[i] / 1e6;
  console.log(`| ${name} | ${best[i].toPrecision(3)} ms | ${rate.toPrecision(3)} |`);
}
