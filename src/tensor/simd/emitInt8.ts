import { SMALLEST_NORMAL } from "../storage.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { advance, declareLoopLocals, emitChunks } from "./emitLoops.ts";
import { emitAcrossLanes } from "./emitRows.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";
import { PANEL, PANEL_ROW } from "./panels.ts";

/**
 * Adds what stands before and after the product of integers in `linearStored` (kernels/storedWeights.ts):
 *
 * - `quantizeRows`: rows x [R, K] as integers a of 16 bits, each row filled up to whole pairs with 0, and one scale t
 *   for each. Parameters: the addresses a, t, x; R ≥ 1, K ≥ 1, levels.
 * - `scaleSums`: c[m, n] = float32(c[m, n]) · (t[m] · s[n]) + bias[n] for c of 32-bit integers and whole panels n, in
 *   place. Parameters: the addresses c, bias, s, t; the bytes from row to row cStride; M ≥ 1 and `panels` ≥ 1.
 *
 * Each operation rounds once, as in `plain`: multiply and add are never fused.
 */
export function emitInt8(m: ModuleBuilder): void {
  const quantize = { a: "i32", t: "i32", x: "i32", R: "i32", K: "i32", levels: "f32" } as const;
  m.function("quantizeRows", { params: quantize }, (f) => {
    f.local("v128", "m0", "m1", "scale", "x0").local("i32", "at");
    declareLoopLocals(f);
    f.loop((nextRow) => {
      emitScaleOfRow(f);
      const integers = (load: "v128.load" | "v128.load32_splat", offset: number) =>
        f.get("x").memory(load, offset).get("scale").op("f32x4.div").op("f32x4.nearest").op("i32x4.trunc_sat_f32x4_s");
      const eight = () => {
        f.get("a");
        integers("v128.load", 0);
        integers("v128.load", 16).op("i16x8.narrow_i32x4_s").memory("v128.store");
        advance(f, "a", () => f.i32(16));
      };
      const one = () => {
        f.get("a");
        integers("v128.load32_splat", 0).integerLane(0).memory("i32.store16");
        advance(f, "a", () => f.i32(2));
      };
      emitChunks(f, "K", ["x"], eight, one);
      f.get("K").i32(1).op("i32.and");
      f.if(() => {
        f.get("a").i32(0).memory("i32.store16");
        advance(f, "a", () => f.i32(2));
      });
      advance(f, "t", () => f.i32(4));
      f.get("R").i32(1).op("i32.sub").tee("R").brIf(nextRow);
    });
  });

  const scale = { c: "i32", bias: "i32", s: "i32", t: "i32", cStride: "i32", M: "i32", panels: "i32" } as const;
  m.function("scaleSums", { params: scale }, (f) => {
    f.local("v128", "tRow", ...VECTORS.map((j) => `y${j}`)).local("i32", "at", "biasAt", "sAt", "left");
    f.loop((nextRow) => {
      f.get("t").memory("v128.load32_splat").set("tRow");
      f.get("c").set("at").get("bias").set("biasAt").get("s").set("sAt").get("panels").set("left");
      f.loop((nextPanel) => {
        for (const j of VECTORS) {
          f.get("at").memory("v128.load", 16 * j).op("f32x4.convert_i32x4_s"); // biome-ignore format: a formula
          f.get("tRow").get("sAt").memory("v128.load", 16 * j).op("f32x4.mul").op("f32x4.mul"); // biome-ignore format: a formula
          f.get("biasAt").memory("v128.load", 16 * j).op("f32x4.add").set(`y${j}`); // biome-ignore format: a formula
        }
        for (const j of VECTORS) f.get("at").get(`y${j}`).memory("v128.store", 16 * j); // biome-ignore format: one line
        for (const pointer of ["at", "biasAt", "sAt"]) advance(f, pointer, () => f.i32(PANEL_ROW));
        f.get("left").i32(1).op("i32.sub").tee("left").brIf(nextPanel);
      });
      advance(f, "c", () => f.get("cStride"));
      advance(f, "t", () => f.i32(4));
      f.get("M").i32(1).op("i32.sub").tee("M").brIf(nextRow);
    });
  });
}

const VECTORS = Array.from({ length: PANEL / 4 }, (_, j) => j);

/** t = max(max |x| / levels, 2⁻¹²⁶), into memory and into each lane of `scale`; NaN if there is one in the row. */
function emitScaleOfRow(f: FunctionBuilder): void {
  const largest = (name: string, load: "v128.load" | "v128.load32_splat", offset: number) =>
    f.get(name).get("at").memory(load, offset).op("f32x4.abs").op("f32x4.max").set(name); // biome-ignore format: one line
  f.f32x4(0).tee("m0").set("m1").get("x").set("at");
  const eight = () => {
    largest("m0", "v128.load", 0);
    largest("m1", "v128.load", 16);
  };
  emitChunks(f, "K", ["at"], eight, () => largest("m0", "v128.load32_splat", 0));
  emitAcrossLanes(f, "m0", "m1", "f32x4.max");
  f.op("f32x4.splat").get("levels").op("f32x4.splat").op("f32x4.div").f32x4(SMALLEST_NORMAL).op("f32x4.max");
  f.set("scale").get("t").get("scale").lane(0).memory("f32.store");
}
