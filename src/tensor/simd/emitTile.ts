import type { StorageType } from "../tensor.ts";
import { advance } from "./emitLoops.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";
import { PANEL, PANEL_ROW, STEP_BYTES } from "./panels.ts";

/** How a matrix product is cut into tiles of sums that stay in registers. */
export interface Tiling {
  readonly rows: number;
  /** 16, or 8: half a panel. */
  readonly columns: number;
  /** Steps of k that are written out one after the other in the inner loop. */
  readonly unroll: number;
}

/** What a tile multiplies, and how. */
export interface Arithmetic {
  /**
   * How the factor b is held. float16 and bfloat16 become float32 when they are loaded. With int8, a step of k is two:
   * a is pairs of 16-bit integers, b pairs of 8-bit ones, sums and c are 32-bit integers, and scale is not looked at.
   */
  readonly storage: StorageType;
  /** Multiply and add with one rounding. */
  readonly fused: boolean;
  /** Whether what has been loaded of b is kept in float32. */
  readonly keeps?: boolean;
}

/** Whether an element of b takes 16 bits: two columns share a word (storedPanels.ts). */
export function isHalf(storage: StorageType): storage is "float16" | "bfloat16" {
  return storage === "float16" || storage === "bfloat16";
}

/** The names of locals, made once: some 6,000 instructions name one. */
const POINTERS = count(6).map((r) => `a${r}`);
const VECTORS = count(4).map((j) => `b${j}`);
const SUMS = count(6).map((r) => count(4).map((j) => `sum${r},${j}`));

/** Declares the locals that `emitTile` uses for tiles of at most this size. */
export function declareTileLocals(f: FunctionBuilder, { rows, columns }: Tiling): void {
  const vectors = columns / 4;
  for (const r of count(rows)) f.local("v128", ...SUMS[r].slice(0, vectors));
  f.local("v128", "factor", ...VECTORS.slice(0, vectors));
  f.local("i32", "tileC", "tileInit", "tileB", "tileKept", "tileK", ...POINTERS.slice(0, rows));
}

/**
 * Computes one tile of a matrix product over one part of k:
 *
 *     c[r, j] = init[r, j] + scale · Σₖ a[r, k] b[k, j]        r < rows, j < columns, k < steps
 *
 * Reads the addresses tileC, tileInit, a0 and tileB (a panel's), the bytes from row to row cStride, initStride and
 * aStride, the number of steps, and scale; and tileKept, where a tile that keeps b writes it. Changes the addresses. c
 * may be init.
 *
 * Vectors stand in adjacent pairs, and no load comes between two stores: V8 widens such pairs to one 256-bit operation
 * where its flag is set (compile.ts), and the whole tile with them.
 *
 * @param column of the panel, at which the tile begins
 */
export function emitTile(f: FunctionBuilder, tiling: Tiling, arithmetic: Arithmetic, column: number): void {
  const rows = count(tiling.rows);
  for (const r of rows.slice(1))
    f.get(POINTERS[r - 1])
      .get("aStride")
      .op("i32.add")
      .set(POINTERS[r]);
  const repeat = (steps: number) => {
    f.tee("tileK").if(() => {
      f.loop((again) => {
        for (const u of count(steps)) emitStep(f, tiling, arithmetic, column, u);
        advance(f, "tileB", () => f.i32(steps * STEP_BYTES[arithmetic.storage]));
        if (arithmetic.keeps) advance(f, "tileKept", () => f.i32(steps * PANEL_ROW));
        for (const r of rows) advance(f, POINTERS[r], () => f.i32(steps * 4));
        f.get("tileK").i32(1).op("i32.sub").tee("tileK").brIf(again);
      });
    });
  };
  const { unroll } = tiling;
  for (const r of rows) for (const j of count(tiling.columns / 4)) f.f32x4(0).set(SUMS[r][j]);
  f.get("steps").i32(unroll).op("i32.div_u");
  repeat(unroll);
  if (unroll > 1) {
    f.get("steps").i32(unroll).op("i32.rem_u");
    repeat(1);
  }
  emitStores(f, tiling, arithmetic);
}

/** c[r, j] = init[r, j] + scale · sum[r, j] */
function emitStores(f: FunctionBuilder, { rows, columns }: Tiling, { storage, fused }: Arithmetic): void {
  for (const r of count(rows)) {
    for (const j of count(columns / 4)) {
      const scale = () => f.get("scale").op("f32x4.splat");
      const init = () => f.get("tileInit").memory("v128.load", 16 * j);
      if (storage === "int8") init().get(SUMS[r][j]).op("i32x4.add");
      else emitMultiplyAdd(f, fused, () => f.get(SUMS[r][j]), scale, init);
      f.set(SUMS[r][j]);
    }
    for (const j of count(columns / 4))
      f.get("tileC")
        .get(SUMS[r][j])
        .memory("v128.store", 16 * j);
    advance(f, "tileC", () => f.get("cStride"));
    advance(f, "tileInit", () => f.get("initStride"));
  }
}

/** One step of k, `u` steps past the addresses: sum[r, j] += a[r, k] b[k, j]. */
function emitStep(
  f: FunctionBuilder,
  { rows, columns }: Tiling,
  arithmetic: Arithmetic,
  column: number,
  u: number,
): void {
  const { storage, fused, keeps } = arithmetic;
  const vectors = count(columns / 4);
  const stepBytes = STEP_BYTES[storage];
  if (isHalf(storage)) emitHalves(f, storage, columns, column, u * stepBytes);
  else {
    for (const j of vectors) {
      f.get("tileB").memory(storage === "int8" ? "v128.load8x8_s" : "v128.load", u * stepBytes + (j * stepBytes) / 4);
      f.set(VECTORS[j]);
    }
  }
  if (keeps) {
    for (const j of vectors)
      f.get("tileKept")
        .get(VECTORS[j])
        .memory("v128.store", u * PANEL_ROW + 16 * j);
  }
  for (const r of count(rows)) {
    f.get(POINTERS[r])
      .memory("v128.load32_splat", 4 * u)
      .set("factor");
    for (const j of vectors) {
      const sum = SUMS[r][j];
      if (storage === "int8") f.get(sum).get("factor").get(VECTORS[j]).op("i32x4.dot_i16x8_s").op("i32x4.add");
      else emitMultiplyAdd(f, fused, () => f.get("factor"), () => f.get(VECTORS[j]), () => f.get(sum)); // biome-ignore format: x y z
      f.set(sum);
    }
  }
}

/**
 * Loads a step of 16 columns of 16 bits each and makes them float32: columns 0 … 7 are the lower halves of eight words,
 * 8 … 15 the upper ones (storedPanels.ts), so that one load serves two vectors.
 */
function emitHalves(
  f: FunctionBuilder,
  storage: "float16" | "bfloat16",
  columns: number,
  column: number,
  offset: number,
): void {
  const halves = (["lower", "upper"] as const).slice((2 * column) / PANEL, (2 * (column + columns)) / PANEL);
  const words = VECTORS.slice(columns / 4 - 2, columns / 4);
  for (const [j, word] of words.entries())
    f.get("tileB")
      .memory("v128.load", offset + 16 * j)
      .set(word);
  for (const [h, half] of halves.entries()) {
    for (const [j, word] of words.entries()) {
      f.get(word);
      emitHalf(f, storage, half);
      f.set(VECTORS[2 * h + j]);
    }
  }
}

/** Turns one half of four words on the stack into float32; of float16 it must be finite. */
export function emitHalf(f: FunctionBuilder, storage: "float16" | "bfloat16", half: "lower" | "upper"): void {
  if (storage === "bfloat16") {
    if (half === "upper") f.i32(16).op("i32x4.shr_u");
    f.i32(16).op("i32x4.shl");
    return;
  }
  // Exponent and fraction move to their places in a float32, whose exponent's bias is larger by 112. This is exact,
  // below 2^-14 too. The multiplication is why float16 takes up to 1.11 times float32's time from 12 to 64 tokens on a
  // Zen 5 EPYC: without it at most 1.03, if every tile decodes.
  if (half === "lower") f.i32(16).op("i32x4.shl");
  f.i32(3).op("i32x4.shr_s").splat(0x8fffe000, "i32").op("v128.and");
  f.splat(2 ** 112).op("f32x4.mul");
}

/** Leaves x · y + z on the stack. */
export function emitMultiplyAdd(
  f: FunctionBuilder,
  fused: boolean,
  x: () => unknown,
  y: () => unknown,
  z: () => unknown,
): void {
  if (!fused) z();
  x();
  y();
  if (fused) {
    z();
    f.op("f32x4.relaxed_madd");
  } else {
    f.op("f32x4.mul").op("f32x4.add");
  }
}

function count(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}
