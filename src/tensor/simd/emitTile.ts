import { advance } from "./emitLoops.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";
import { PANEL_ROW } from "./panels.ts";

/** How a matrix product is cut into tiles of sums that stay in registers. */
export interface Tiling {
  readonly rows: number;
  /** 16, or 8: half a panel. */
  readonly columns: number;
  /** Steps of k that are written out one after the other in the inner loop. */
  readonly unroll: number;
}

/** Declares the locals that `emitTile` uses for tiles of at most this size. */
export function declareTileLocals(f: FunctionBuilder, { rows, columns }: Tiling): void {
  const vectors = count(columns / 4);
  for (const r of count(rows)) f.local("v128", ...vectors.map((j) => sumName(r, j)));
  f.local("v128", "factor", ...vectors.map((j) => `b${j}`));
  f.local("i32", "tileC", "tileInit", "tileB", "tileK", ...count(rows).map((r) => `a${r}`));
}

/**
 * Computes one tile of a matrix product over one part of k:
 *
 *     c[r, j] = init[r, j] + scale · Σₖ a[r, k] b[k, j]        r < rows, j < columns, k < steps
 *
 * Reads the addresses tileC, tileInit, a0 and tileB (a panel's), the bytes from row to row cStride, initStride and
 * aStride, the number of steps, and scale. Changes the addresses. c may be init.
 *
 * Vectors stand in adjacent pairs, and no load comes between two stores: V8 widens such pairs to one 256-bit operation
 * when it is asked to (platform.ts), and the whole tile with them.
 *
 * @param fused multiply and add with one rounding
 */
export function emitTile(f: FunctionBuilder, tiling: Tiling, fused: boolean): void {
  const rows = count(tiling.rows);
  for (const r of rows.slice(1))
    f.get(`a${r - 1}`)
      .get("aStride")
      .op("i32.add")
      .set(`a${r}`);
  const repeat = (steps: number) => {
    f.tee("tileK").if(() => {
      f.loop((again) => {
        for (const u of count(steps)) emitStep(f, tiling, fused, u);
        advance(f, "tileB", () => f.i32(steps * PANEL_ROW));
        for (const r of rows) advance(f, `a${r}`, () => f.i32(steps * 4));
        f.get("tileK").i32(1).op("i32.sub").tee("tileK").brIf(again);
      });
    });
  };
  const { unroll } = tiling;
  for (const r of rows) for (const j of count(tiling.columns / 4)) f.f32x4(0).set(sumName(r, j));
  f.get("steps").i32(unroll).op("i32.div_u");
  repeat(unroll);
  if (unroll > 1) {
    f.get("steps").i32(unroll).op("i32.rem_u");
    repeat(1);
  }
  emitStores(f, tiling, fused);
}

/** c[r, j] = init[r, j] + scale · sum[r, j] */
function emitStores(f: FunctionBuilder, { rows, columns }: Tiling, fused: boolean): void {
  for (const r of count(rows)) {
    for (const j of count(columns / 4)) {
      const scale = () => f.get("scale").op("f32x4.splat");
      const init = () => f.get("tileInit").memory("v128.load", 16 * j);
      emitMultiplyAdd(f, fused, () => f.get(sumName(r, j)), scale, init);
      f.set(sumName(r, j));
    }
    for (const j of count(columns / 4))
      f.get("tileC")
        .get(sumName(r, j))
        .memory("v128.store", 16 * j);
    advance(f, "tileC", () => f.get("cStride"));
    advance(f, "tileInit", () => f.get("initStride"));
  }
}

/** One step of k, `u` steps past the addresses: sum[r, j] += a[r, k] b[k, j]. */
function emitStep(f: FunctionBuilder, { rows, columns }: Tiling, fused: boolean, u: number): void {
  const vectors = count(columns / 4);
  for (const j of vectors) {
    f.get("tileB")
      .memory("v128.load", u * PANEL_ROW + 16 * j)
      .set(`b${j}`);
  }
  for (const r of count(rows)) {
    f.get(`a${r}`)
      .memory("v128.load32_splat", 4 * u)
      .set("factor");
    for (const j of vectors) {
      const sum = sumName(r, j);
      emitMultiplyAdd(f, fused, () => f.get("factor"), () => f.get(`b${j}`), () => f.get(sum)); // biome-ignore format: x y z
      f.set(sum);
    }
  }
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

function sumName(row: number, vector: number): string {
  return `sum${row},${vector}`;
}
