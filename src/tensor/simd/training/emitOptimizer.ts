import type { ModuleBuilder } from "../assembler.ts";
import { advance, declareLoopLocals, emitChunks, emitPair } from "../emitLoops.ts";
import { declareMathLocals, emitExp } from "../emitMath.ts";
import { emitAcrossLanes } from "../emitRows.ts";

/**
 * Adds `adamw`, see kernels/adamw.ts: one pass over four arrays. Parameters: the addresses weight, first, second and
 * gradient, the number of elements n; gradientScale, beta1, rest1 = 1 − β₁, beta2, rest2 = 1 − β₂, epsilon, stepSize,
 * inverse = 1 / c₂, decay.
 */
export function emitAdamw(m: ModuleBuilder): void {
  const numbers = ["gradientScale", "beta1", "rest1", "beta2", "rest2", "epsilon", "stepSize", "inverse", "decay"];
  const pointers = ["weight", "first", "second", "gradient"];
  const params = {
    ...Object.fromEntries([...pointers, "n"].map((name) => [name, "i32" as const])),
    ...Object.fromEntries(numbers.map((name) => [name, "f32" as const])),
  };
  m.function("adamw", { params }, (f) => {
    const arrays = [["gradient", "g"], ["first", "m"], ["second", "v"], ["weight", "w"]]; // biome-ignore format: one line
    f.local("v128", ...numbers.map((name) => `${name}4`), ...arrays.flatMap(([, name]) => [`${name}0`, `${name}1`]));
    declareLoopLocals(f);
    for (const name of numbers) f.get(name).op("f32x4.splat").set(`${name}4`);
    const update = (i: 0 | 1) => {
      const [g, m, v, w] = arrays.map(([, name]) => `${name}${i}`);
      const times = (name: string) => f.get(`${name}4`).op("f32x4.mul");
      f.get(g);
      times("gradientScale").set(g).get(m);
      times("beta1").get(g);
      times("rest1").op("f32x4.add").set(m).get(v);
      times("beta2").get(g).get(g).op("f32x4.mul");
      times("rest2").op("f32x4.add").set(v).get(w).get(w);
      times("decay").get(m);
      times("stepSize").get(v).op("f32x4.sqrt");
      times("inverse").get("epsilon4").op("f32x4.add").op("f32x4.div");
      f.op("f32x4.add").op("f32x4.sub").set(w);
    };
    const results = arrays.slice(1);
    const eight = () => {
      for (const [pointer, name] of arrays) emitPair(f, pointer, name);
      update(0);
      update(1);
      for (const [pointer, name] of results) {
        for (const i of [0, 1])
          f.get(pointer)
            .get(`${name}${i}`)
            .memory("v128.store", 16 * i);
      }
    };
    const one = () => {
      for (const [pointer, name] of arrays) f.get(pointer).memory("v128.load32_splat").set(`${name}0`);
      update(0);
      for (const [pointer, name] of results) f.get(pointer).get(`${name}0`).lane(0).memory("f32.store");
    };
    emitChunks(f, "n", pointers, eight, one);
  });
}

/**
 * Adds the sums of gradients:
 *
 * - `squares` of x and n: Σ x[i]², in eight lanes, by index modulo 8.
 * - `columnSums`: sums[c] += Σ_r x[r, c]. Parameters: the addresses sums and x, the bytes from row to row stride, rows
 *   ≥ 1 and cols.
 */
export function emitSums(m: ModuleBuilder): void {
  m.function("squares", { params: { x: "i32", n: "i32" }, result: "f32" }, (f) => {
    f.local("v128", "s0", "s1", "x0").local("f32", "total");
    declareLoopLocals(f);
    const eight = () => {
      for (const i of [0, 1]) {
        f.get(`s${i}`)
          .get("x")
          .memory("v128.load", 16 * i)
          .tee("x0")
          .get("x0")
          .op("f32x4.mul");
        f.op("f32x4.add").set(`s${i}`);
      }
    };
    const one = () =>
      f.get("total").get("x").memory("f32.load").get("x").memory("f32.load").op("f32.mul").op("f32.add").set("total");
    emitChunks(f, "n", ["x"], eight, one);
    emitAcrossLanes(f, "s0", "s1", "f32x4.add");
    f.get("total").op("f32.add");
  });

  const params = { sums: "i32", x: "i32", stride: "i32", rows: "i32", cols: "i32" } as const;
  m.function("columnSums", { params }, (f) => {
    f.local("v128", "x0", "x1", "s0", "s1").local("i32", "at", "sumAt");
    declareLoopLocals(f);
    f.loop((nextRow) => {
      f.get("x").set("at").get("sums").set("sumAt");
      const eight = () => {
        emitPair(f, "sumAt", "s");
        emitPair(f, "at", "x");
        for (const i of [0, 1]) f.get(`s${i}`).get(`x${i}`).op("f32x4.add").set(`x${i}`);
        f.get("sumAt").get("x0").memory("v128.store", 0).get("sumAt").get("x1").memory("v128.store", 16);
      };
      const one = () => {
        f.get("sumAt").get("sumAt").memory("f32.load").get("at").memory("f32.load").op("f32.add").memory("f32.store");
      };
      emitChunks(f, "cols", ["at", "sumAt"], eight, one);
      advance(f, "x", () => f.get("stride"));
      f.get("rows").i32(1).op("i32.sub").tee("rows").brIf(nextRow);
    });
  });
}

/**
 * Adds the parts of cross-entropy, see kernels/crossEntropy.ts:
 *
 * - `largest` of x and n ≥ 1: max x[i], or NaN if there is one.
 * - `exponentials`: y[i] = e^(x[i] − max). Parameters: the addresses y and x, n, max. @returns Σ y[i]
 * - `scaleBy`: y[i] *= factor. Parameters: the address y, n, factor.
 */
export function emitCrossEntropy(m: ModuleBuilder, fused: boolean): void {
  m.function("largest", { params: { x: "i32", n: "i32" }, result: "f32" }, (f) => {
    f.local("v128", "m0", "m1");
    declareLoopLocals(f);
    f.f32x4(Number.NEGATIVE_INFINITY).tee("m0").set("m1");
    const take = (name: string, load: "v128.load" | "v128.load32_splat", at: number) =>
      f.get(name).get("x").memory(load, at).op("f32x4.max").set(name);
    const eight = () => {
      take("m0", "v128.load", 0);
      take("m1", "v128.load", 16);
    };
    emitChunks(f, "n", ["x"], eight, () => take("m0", "v128.load32_splat", 0));
    emitAcrossLanes(f, "m0", "m1", "f32x4.max");
  });

  const params = { y: "i32", x: "i32", n: "i32", max: "f32" } as const;
  m.function("exponentials", { params, result: "f32" }, (f) => {
    f.local("v128", "y0", "y1", "s0", "s1", "max4").local("f32", "total");
    declareMathLocals(f);
    declareLoopLocals(f);
    f.get("max").op("f32x4.splat").set("max4");
    const exponential = () => {
      f.get("max4").op("f32x4.sub");
      emitExp(f, fused);
    };
    const eight = () => {
      for (const i of [0, 1]) {
        f.get("x").memory("v128.load", 16 * i);
        exponential();
        f.set(`y${i}`);
      }
      f.get("y").get("y0").memory("v128.store", 0).get("y").get("y1").memory("v128.store", 16);
      for (const i of [0, 1]) f.get(`s${i}`).get(`y${i}`).op("f32x4.add").set(`s${i}`);
    };
    const one = () => {
      f.get("x").memory("v128.load32_splat");
      exponential();
      f.set("y0").get("y").get("y0").lane(0).memory("f32.store");
      f.get("total").get("y0").lane(0).op("f32.add").set("total");
    };
    emitChunks(f, "n", ["x", "y"], eight, one);
    emitAcrossLanes(f, "s0", "s1", "f32x4.add");
    f.get("total").op("f32.add");
  });

  m.function("scaleBy", { params: { y: "i32", n: "i32", factor: "f32" } }, (f) => {
    f.local("v128", "y0", "y1", "factor4");
    declareLoopLocals(f);
    f.get("factor").op("f32x4.splat").set("factor4");
    const eight = () => {
      for (const i of [0, 1])
        f.get("y")
          .memory("v128.load", 16 * i)
          .get("factor4")
          .op("f32x4.mul")
          .set(`y${i}`);
      f.get("y").get("y0").memory("v128.store", 0).get("y").get("y1").memory("v128.store", 16);
    };
    const one = () => f.get("y").get("y").memory("f32.load").get("factor").op("f32.mul").memory("f32.store");
    emitChunks(f, "n", ["y"], eight, one);
  });
}
