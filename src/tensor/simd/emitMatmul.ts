import type { ModuleBuilder } from "./assembler.ts";
import { advance } from "./emitLoops.ts";
import { declareTileLocals, emitTile, PANEL, PANEL_ROW, PART, type Tiling } from "./emitTile.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/**
 * Adds the function `multiply`, a matrix product over b in panels:
 *
 *     c[m, n] = init[m, n] + scale · Σₖ a[m, k] b[k, n]        m < M, n < 16 · panels
 *
 * Parameters: the addresses c, init, a, b and side (emitTile.ts); the bytes from row to row cStride, initStride,
 * aStride and from panel to panel bStride; M ≥ 1, K, panels ≥ 1; scale. c must not overlap the others.
 *
 * Rows are spread evenly over as few tiles as they need: 128 are 18 tiles of 6 and 4 of 5 rows, not 21 of 6 and one of
 * 2, which would run at half the rate. In which tile an element is computed does not change how. Blocking K for the
 * caches as well does not pay: 128 × 3072 × 768 ran at 97 to 104 GFLOP/s in blocks of 256 to 768, at 105 without.
 *
 * There is one function and no call: V8 compiles without a first tier here (platform.ts), and its inliner, which relies
 * on what that tier records about calls, ends the process when the record is missing (seen in Node 26.10).
 */
export function emitMultiply(m: ModuleBuilder, tiling: Tiling, fused: boolean): void {
  const names = ["c", "init", "a", "b", "side", "cStride", "initStride", "aStride", "bStride", "M", "K", "panels"];
  const params = { ...Object.fromEntries(names.map((name) => [name, "i32" as const])), scale: "f32" as const };
  m.function("multiply", { params }, (f) => {
    f.local("i32", "tiles", "tile", "rows", "cRow", "initRow", "aRow");
    declareTileLocals(f, tiling);
    f.get("M")
      .i32(tiling.rows - 1)
      .op("i32.add")
      .i32(tiling.rows)
      .op("i32.div_u")
      .set("tiles");
    f.get("tiles")
      .i32(PART - 1)
      .op("i32.add")
      .get("tiles")
      .op("i32.div_u")
      .set("linesAhead");
    f.loop((nextPanel) => {
      f.get("b").tee("ahead").set("aheadEnd").get("panels").i32(1).op("i32.gt_u");
      f.get("tiles").i32(FEWEST_TILES_TO_READ_AHEAD).op("i32.lt_u").op("i32.eqz").op("i32.and");
      f.if(() => {
        advance(f, "ahead", () => f.get("bStride"));
        f.get("ahead").get("bStride").op("i32.add").set("aheadEnd");
      });
      emitPanel(f, tiling, fused);
      for (const name of ["c", "init"]) advance(f, name, () => f.i32(PANEL_ROW));
      advance(f, "b", () => f.get("bStride"));
      f.get("panels").i32(1).op("i32.sub").tee("panels").brIf(nextPanel);
    });
  });
}

/** With fewer the reads come too close together: 16 rows, 3 tiles, ran at 43 GFLOP/s with them and at 48 without. */
const FEWEST_TILES_TO_READ_AHEAD = 8;

/** All rows of one panel. */
function emitPanel(f: FunctionBuilder, tiling: Tiling, fused: boolean): void {
  f.get("c").set("cRow").get("init").set("initRow").get("a").set("aRow").i32(0).set("tile");
  f.loop((nextTile) => {
    // ⌊M / tiles⌋ rows, and one more in the first M mod tiles of them.
    f.get("M").get("tiles").op("i32.div_u");
    f.get("tile").get("M").get("tiles").op("i32.rem_u").op("i32.lt_u");
    f.op("i32.add").set("rows");
    emitTileOfRows(f, tiling, fused);
    for (const name of ["c", "init", "a"])
      advance(f, `${name}Row`, () => f.get("rows").get(`${name}Stride`).op("i32.mul"));
    f.get("tile").i32(1).op("i32.add").tee("tile").get("tiles").op("i32.lt_u").brIf(nextTile);
  });
}

/** The tile at cRow with `rows` rows, one of 1 … tiling.rows: each has its own code. */
function emitTileOfRows(f: FunctionBuilder, tiling: Tiling, fused: boolean): void {
  const { rows, columns } = tiling;
  const tile = () => {
    for (let column = 0; column < PANEL; column += columns) {
      for (const [from, to] of [
        ["cRow", "tileC"],
        ["initRow", "tileInit"],
        ["b", "tileB"],
      ] as const)
        f.get(from)
          .i32(4 * column)
          .op("i32.add")
          .set(to);
      f.get("aRow").set("a0");
      emitTile(f, tiling, fused);
    }
  };
  if (rows === 1) {
    tile();
    return;
  }
  f.get("rows").i32(rows).op("i32.eq");
  f.if(tile, () => emitTileOfRows(f, { ...tiling, rows: rows - 1 }, fused));
}
