import { advance } from "./emitLoops.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/**
 * Columns of a panel: a weight's rows, 16 at a time, interleaved as [K, 16], so that the inner loop reads it from front
 * to back.
 */
export const PANEL = 16;

/** Bytes of one row of a panel. */
export const PANEL_ROW: number = PANEL * 4;

/** How a matrix product is cut into tiles of sums that stay in registers. */
export interface Tiling {
  readonly rows: number;
  /** 16, or 8: half a panel. */
  readonly columns: number;
  /** Steps of k that are written out one after the other in the inner loop. */
  readonly unroll: number;
}

/**
 * Steps of k that are summed up without a break. The shorter, the smaller the error of a long sum, and the slower. Base
 * model, largest rms error of a layer as a share of PyTorch's (fused; with two roundings), and GFLOP/s for
 * 128 × 768 × 3072 beside a peak of 117: parts of 96 have 0.84 (0.84) and 103, of 128 0.88 (0.98) and 105, of 256 1.3
 * and 105, no parts 2.1 and 106.
 */
export const PART = 128;

/** Declares the locals that `emitTile` uses for tiles of at most this size. */
export function declareTileLocals(f: FunctionBuilder, { rows, columns }: Tiling): void {
  const vectors = count(columns / 4);
  for (const r of count(rows)) f.local("v128", ...vectors.map((j) => sumName(r, j)));
  f.local("v128", "factor", ...vectors.map((j) => `b${j}`));
  f.local(
    "i32",
    "ahead",
    "aheadEnd",
    "linesAhead",
    "line",
    ...count(rows).map((r) => `a${r}`),
    "tileC",
    "tileInit",
    "tileB",
    "tileK",
  );
  f.local("i32", "left", "part", "to", "toStride", "from", "fromStride");
}

/**
 * Computes one tile of a matrix product:
 *
 *     c[r, j] = init[r, j] + scale · Σₖ a[r, k] b[k, j]        r < rows, j < columns
 *
 * Reads the addresses tileC, tileInit, a0 and tileB (a panel's), the bytes from row to row cStride, initStride and
 * aStride, the number of steps K, scale, ahead, aheadEnd and linesAhead (emitReadAhead), and side, the address of 384
 * bytes for sums that are not complete: c itself would be fetched from memory before its time. Changes a0 and tileB.
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
  f.get("K").set("left").get("tileInit").set("from").get("initStride").set("fromStride");
  f.loop((nextPart) => {
    f.get("left").set("part").get("left").i32(PART).op("i32.gt_u");
    f.if(() => f.i32(PART).set("part"));
    emitReadAhead(f);
    for (const r of rows) for (const j of count(tiling.columns / 4)) f.f32x4(0).set(sumName(r, j));
    f.get("part").i32(unroll).op("i32.div_u");
    repeat(unroll);
    if (unroll > 1) {
      f.get("part").i32(unroll).op("i32.rem_u");
      repeat(1);
    }
    f.get("side").set("to").i32(PANEL_ROW).set("toStride");
    f.get("left").get("part").op("i32.eq");
    f.if(() => f.get("tileC").set("to").get("cStride").set("toStride"));
    emitStores(f, tiling, fused);
    f.get("side").set("from").i32(PANEL_ROW).set("fromStride");
    f.get("left").get("part").op("i32.sub").tee("left").brIf(nextPart);
  });
}

/**
 * Reads a number of each of the next few cache lines of the next panel and drops it. The sums of a tile fill the window
 * in which the processor looks ahead, so that without this the first tile of each panel waits for memory: GFLOP/s for
 * 128 × 768 × 3072 in the midst of other products, medians of three runs: 83 to 87 without, 89 to 94 with.
 */
function emitReadAhead(f: FunctionBuilder): void {
  f.get("linesAhead").set("line");
  f.get("ahead")
    .get("aheadEnd")
    .op("i32.lt_u")
    .if(() =>
      f.loop((next) => {
        f.get("ahead").memory("i32.load").op("drop");
        advance(f, "ahead", () => f.i32(PANEL_ROW));
        f.get("line")
          .i32(1)
          .op("i32.sub")
          .tee("line")
          .get("ahead")
          .get("aheadEnd")
          .op("i32.lt_u")
          .op("i32.mul")
          .brIf(next);
      }),
    );
}

/** to[r, j] = from[r, j] + scale · sum[r, j] */
function emitStores(f: FunctionBuilder, { rows, columns }: Tiling, fused: boolean): void {
  for (const r of count(rows)) {
    for (const j of count(columns / 4)) {
      const scale = () => f.get("scale").op("f32x4.splat");
      const init = () => f.get("from").memory("v128.load", 16 * j);
      emitMultiplyAdd(f, fused, () => f.get(sumName(r, j)), scale, init);
      f.set(sumName(r, j));
    }
    for (const j of count(columns / 4))
      f.get("to")
        .get(sumName(r, j))
        .memory("v128.store", 16 * j);
    advance(f, "to", () => f.get("toStride"));
    advance(f, "from", () => f.get("fromStride"));
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
