import type { ModuleBuilder } from "./assembler.ts";
import { advance } from "./emitLoops.ts";
import { declareTileLocals, emitTile, PANEL, PANEL_ROW, type Tiling } from "./emitTile.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/**
 * Adds the function `multiply`, a matrix product over b in panels:
 *
 *     c[m, n] = init[m, n] + scale · Σₖ a[m, k] b[k, n]        m < M, n < 16 · panels
 *
 * Parameters: the addresses c, init, a, b; the bytes from row to row cStride, initStride, aStride and from panel to
 * panel bStride; M ≥ 1, K ≥ 1, panels ≥ 1, kBlock ≥ 1; scale. Where c and init are not the same they must not overlap.
 *
 * The sum over k is cut after every kBlock steps and the partial sums are added up in order, which keeps the error
 * small. Rows are spread evenly over as few tiles as they need: 128 are 18 tiles of 6 and 4 of 5 rows, not 21 of 6 and
 * one of 2, which would run at half the rate. In which tile an element is computed does not change how.
 *
 * There is one function and no call: V8 compiles without a first tier here (platform.ts), and its inliner, which relies
 * on what that tier records about calls, ends the process when the record is missing (seen in Node 26.10).
 */
export function emitMultiply(m: ModuleBuilder, tiling: Tiling, fused: boolean): void {
  const params = [...ADDRESSES, "cStride", "initStride", "aStride", "bStride", "M", "K", "panels", "kBlock"];
  const signature = {
    params: { ...Object.fromEntries(params.map((name) => [name, "i32" as const])), scale: "f32" as const },
  };
  m.function("multiply", signature, (f) => {
    f.local(
      "i32",
      "k",
      "steps",
      "panel",
      "tiles",
      "tile",
      "rows",
      "cRow",
      "initRow",
      "aRow",
      "cPanel",
      "initPanel",
      "bPanel",
    );
    declareTileLocals(f, tiling);
    f.get("M")
      .i32(tiling.rows - 1)
      .op("i32.add")
      .i32(tiling.rows)
      .op("i32.div_u")
      .set("tiles");
    f.loop((nextBlock) => {
      f.get("K").get("k").op("i32.sub").tee("steps").get("kBlock").op("i32.gt_u");
      f.if(() => f.get("kBlock").set("steps"));
      f.get("c").set("cPanel").get("init").set("initPanel").get("b").set("bPanel").get("panels").set("panel");
      f.loop((nextPanel) => {
        emitPanel(f, tiling, fused);
        for (const name of ["cPanel", "initPanel"]) advance(f, name, () => f.i32(PANEL_ROW));
        advance(f, "bPanel", () => f.get("bStride"));
        f.get("panel").i32(1).op("i32.sub").tee("panel").brIf(nextPanel);
      });
      f.get("c").set("init").get("cStride").set("initStride"); // from the second block on, the sums so far are in c
      advance(f, "a", () => f.get("steps").i32(4).op("i32.mul"));
      advance(f, "b", () => f.get("steps").i32(PANEL_ROW).op("i32.mul"));
      advance(f, "k", () => f.get("steps"));
      f.get("k").get("K").op("i32.lt_u").brIf(nextBlock);
    });
  });
}

const ADDRESSES = ["c", "init", "a", "b"] as const;

/** All rows of one panel. */
function emitPanel(f: FunctionBuilder, tiling: Tiling, fused: boolean): void {
  f.get("cPanel").set("cRow").get("initPanel").set("initRow").get("a").set("aRow").i32(0).set("tile");
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
function emitTileOfRows(f: FunctionBuilder, { rows, columns }: Tiling, fused: boolean): void {
  const tile = () => {
    for (let column = 0; column < PANEL; column += columns) {
      for (const [from, to] of [
        ["cRow", "tileC"],
        ["initRow", "tileInit"],
        ["bPanel", "tileB"],
      ] as const)
        f.get(from)
          .i32(4 * column)
          .op("i32.add")
          .set(to);
      f.get("aRow").set("a0");
      emitTile(f, { rows, columns }, fused, "steps");
    }
  };
  if (rows === 1) {
    tile();
    return;
  }
  f.get("rows").i32(rows).op("i32.eq");
  f.if(tile, () => emitTileOfRows(f, { rows: rows - 1, columns }, fused));
}
