import type { ModuleBuilder } from "./assembler.ts";
import { advance } from "./emitLoops.ts";
import { type Arithmetic, declareTileLocals, emitTile, isHalf, type Tiling } from "./emitTile.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";
import { PANEL, PANEL_ROW, PART, STEP_BYTES } from "./panels.ts";

/**
 * Adds a function, a matrix product over some panels of one group of b (panels.ts):
 *
 *     c[m, n] = init[m, n] + scale · Σₖ a[m, k] b[k, n]        m < M, n < 16 · count
 *
 * Parameters: the addresses c and init, both at the first of these panels, a, and b, the group; the bytes from row to
 * row cStride, initStride and aStride; M ≥ 1 and K; `panels` of the group, `first` and `count` ≥ 1 of those to compute;
 * scale. c must not overlap the others. Between two parts of k the sums wait in c.
 *
 * Rows are spread evenly over as few tiles as they need: 128 are 18 tiles of 6 and 4 of 5 rows, not 21 of 6 and one of
 * 2, which would run at half the rate. In which tile an element is computed does not change how.
 *
 * The first tile goes through all panels of a part before the others do, as it is the one for which b comes from
 * memory. A processor that reads on and on without a turn fetches ahead, so that computing six rows hides the way from
 * memory altogether; every turn makes it begin anew, and so do factors a that are longer than the first cache. GFLOP/s
 * on one core whose peak is 112, weights of 768 × 768 in memory, for 6, 16 and 128 rows: 64, 86 and 104; with the tiles
 * of one panel after the other 64, 57 and 90; with whole columns, not parts, at a time 37, 65 and 94.
 *
 * Where the arithmetic keeps b, there is one parameter more, `kept`, and M is at most a tile's rows, K a part's steps:
 * the panels are written there in float32, one after the other, for a product with other rows.
 *
 * There is one function and no call, as V8 does not inline here without the records of its first compiler.
 */
export function emitMultiply(m: ModuleBuilder, name: string, tiling: Tiling, arithmetic: Arithmetic): void {
  const stepBytes = STEP_BYTES[arithmetic.storage];
  const names = "c init a b cStride initStride aStride M K panels first count".split(" ");
  const numbers = Object.fromEntries(names.map((name) => [name, "i32" as const]));
  const params = { ...numbers, scale: "f32" as const, ...(arithmetic.keeps && { kept: "i32" as const }) };
  m.function(name, { params }, (f) => {
    f.local("i32", "steps", "tiles", "tile", "firstTile", "tilesEnd", "rows", "left", "firstB");
    f.local("i32", "tilesC", "tilesInit", "tilesA", "panelC", "panelInit", "panelB", "rowC", "rowInit", "rowA");
    declareTileLocals(f, tiling);
    f.get("M")
      .i32(tiling.rows - 1)
      .op("i32.add")
      .i32(tiling.rows)
      .op("i32.div_u")
      .set("tiles");
    f.loop((nextPart) => {
      f.get("K")
        .set("steps")
        .get("K")
        .i32(PART)
        .op("i32.gt_u")
        .if(() => f.i32(PART).set("steps"));
      f.get("b");
      f.get("first").get("steps").op("i32.mul").i32(stepBytes).op("i32.mul").op("i32.add").set("firstB");
      emitPart(f, tiling, arithmetic);
      advance(f, "a", () => f.get("steps").i32(4).op("i32.mul"));
      advance(f, "b", () => f.get("panels").get("steps").op("i32.mul").i32(stepBytes).op("i32.mul"));
      f.get("c").set("init").get("cStride").set("initStride");
      f.get("K").get("steps").op("i32.sub").tee("K").brIf(nextPart);
    });
  });
}

/** One part of k: the first tile, then the others. */
function emitPart(f: FunctionBuilder, tiling: Tiling, arithmetic: Arithmetic): void {
  f.get("c").set("tilesC").get("init").set("tilesInit").get("a").set("tilesA");
  f.i32(0).set("tile").i32(1).set("tilesEnd");
  f.loop((nextTiles) => {
    f.get("tilesC")
      .set("panelC")
      .get("tilesInit")
      .set("panelInit")
      .get("firstB")
      .set("panelB")
      .get("count")
      .set("left");
    f.loop((nextPanel) => {
      emitPanel(f, tiling, arithmetic);
      for (const name of ["panelC", "panelInit"]) advance(f, name, () => f.i32(PANEL_ROW));
      advance(f, "panelB", () => f.get("steps").i32(STEP_BYTES[arithmetic.storage]).op("i32.mul"));
      if (arithmetic.keeps) advance(f, "kept", () => f.get("steps").i32(PANEL_ROW).op("i32.mul"));
      f.get("left").i32(1).op("i32.sub").tee("left").brIf(nextPanel);
    });
    for (const [name, stride] of ROW_STRIDES) advance(f, `tiles${name}`, () => f.get("rows").get(stride).op("i32.mul"));
    f.get("tilesEnd").set("tile").get("tiles").set("tilesEnd");
    f.get("tile").get("tilesEnd").op("i32.lt_u").brIf(nextTiles);
  });
}

const ROW_STRIDES = [
  ["C", "cStride"],
  ["Init", "initStride"],
  ["A", "aStride"],
] as const;

/** Tiles `tile` … `tilesEnd` − 1 of one panel. Leaves in `rows` how many rows the last one has. */
function emitPanel(f: FunctionBuilder, tiling: Tiling, arithmetic: Arithmetic): void {
  f.get("panelC").set("rowC").get("panelInit").set("rowInit").get("tilesA").set("rowA");
  f.get("tile").set("firstTile");
  f.loop((nextTile) => {
    // ⌊M / tiles⌋ rows, and one more in the first M mod tiles of them.
    f.get("M").get("tiles").op("i32.div_u");
    f.get("tile").get("M").get("tiles").op("i32.rem_u").op("i32.lt_u");
    f.op("i32.add").set("rows");
    emitTileOfRows(f, tiling, arithmetic);
    for (const [name, stride] of ROW_STRIDES) advance(f, `row${name}`, () => f.get("rows").get(stride).op("i32.mul"));
    f.get("tile").i32(1).op("i32.add").tee("tile").get("tilesEnd").op("i32.lt_u").brIf(nextTile);
  });
  f.get("firstTile").set("tile");
}

/** The tile at rowC with `rows` rows, one of 1 … tiling.rows: each has its own code. */
function emitTileOfRows(f: FunctionBuilder, tiling: Tiling, arithmetic: Arithmetic): void {
  const { rows, columns } = tiling;
  const tile = () => {
    for (let column = 0; column < PANEL; column += columns) {
      for (const [from, to, bytes] of [
        ["rowC", "tileC", PANEL_ROW],
        ["rowInit", "tileInit", PANEL_ROW],
        ["panelB", "tileB", isHalf(arithmetic.storage) ? 0 : STEP_BYTES[arithmetic.storage]],
        ...(arithmetic.keeps ? ([["kept", "tileKept", PANEL_ROW]] as const) : []),
      ] as const)
        f.get(from)
          .i32((column * bytes) / PANEL)
          .op("i32.add")
          .set(to);
      f.get("rowA").set("a0");
      emitTile(f, tiling, arithmetic, column);
    }
  };
  if (rows === 1) {
    tile();
    return;
  }
  f.get("rows").i32(rows).op("i32.eq");
  f.if(tile, () => emitTileOfRows(f, { ...tiling, rows: rows - 1 }, arithmetic));
}
