import type { ModuleBuilder } from "./assembler.ts";
import { advance } from "./emitLoops.ts";
import { PANEL, PANEL_ROW } from "./panels.ts";

/**
 * Adds the two functions that make a panel [K, 16] of a matrix in rows:
 *
 *     packRows:    panel[k, j] = source[j, k]     for the rows of a factor that is transposed
 *     packColumns: panel[k, j] = source[k, j]
 *
 * Parameters: the addresses panel and source, the bytes from row to row of the source stride, K ≥ 1, and `width`, 1 …
 * 16: the columns of the panel that there are. The others become 0.
 */
export function emitPack(m: ModuleBuilder): void {
  const params = { panel: "i32", source: "i32", stride: "i32", K: "i32", width: "i32" } as const;

  m.function("packRows", { params }, (f) => {
    f.local("i32", "k", "from", "to", "lane").local("v128", "r0", "r1", "r2", "r3", "t0", "t1", "t2", "t3");
    /** Rows lane … lane + 3 in blocks of 4 × 4, which shuffles transpose; then what is left of K, number by number. */
    f.get("width")
      .i32(PANEL)
      .op("i32.eq")
      .if(
        () =>
          f.loop((nextRows) => {
            f.get("source").set("from").get("panel").set("to").get("K").i32(2).op("i32.shr_u").tee("k");
            f.if(() =>
              f.loop((nextBlock) => {
                for (const i of [0, 1, 2, 3]) {
                  f.get("from").get("stride").i32(i).op("i32.mul").op("i32.add").memory("v128.load").set(`r${i}`);
                }
                f.get("r0").get("r1").shuffle(0, 4, 1, 5).set("t0").get("r2").get("r3").shuffle(0, 4, 1, 5).set("t1");
                f.get("r0").get("r1").shuffle(2, 6, 3, 7).set("t2").get("r2").get("r3").shuffle(2, 6, 3, 7).set("t3");
                f.get("to").get("t0").get("t1").shuffle(0, 1, 4, 5).memory("v128.store", 0);
                f.get("to").get("t0").get("t1").shuffle(2, 3, 6, 7).memory("v128.store", PANEL_ROW);
                f.get("to")
                  .get("t2")
                  .get("t3")
                  .shuffle(0, 1, 4, 5)
                  .memory("v128.store", 2 * PANEL_ROW);
                f.get("to")
                  .get("t2")
                  .get("t3")
                  .shuffle(2, 3, 6, 7)
                  .memory("v128.store", 3 * PANEL_ROW);
                advance(f, "from", () => f.i32(16));
                advance(f, "to", () => f.i32(4 * PANEL_ROW));
                f.get("k").i32(1).op("i32.sub").tee("k").brIf(nextBlock);
              }),
            );
            f.get("K").i32(3).op("i32.and").tee("k");
            f.if(() =>
              f.loop((nextColumn) => {
                for (const i of [0, 1, 2, 3]) {
                  f.get("to").get("from").get("stride").i32(i).op("i32.mul").op("i32.add");
                  f.memory("f32.load").memory("f32.store", 4 * i);
                }
                advance(f, "from", () => f.i32(4));
                advance(f, "to", () => f.i32(PANEL_ROW));
                f.get("k").i32(1).op("i32.sub").tee("k").brIf(nextColumn);
              }),
            );
            advance(f, "source", () => f.get("stride").i32(4).op("i32.mul"));
            advance(f, "panel", () => f.i32(16));
            advance(f, "lane", () => f.i32(4));
            f.get("lane").i32(PANEL).op("i32.lt_u").brIf(nextRows);
          }),
        () =>
          f.loop((nextColumn) => {
            for (let i = 0; i < PANEL; i += 4)
              f.get("panel")
                .f32x4(0)
                .memory("v128.store", 4 * i);
            f.get("source").set("from").get("panel").set("to").get("width").set("lane");
            f.loop((nextRow) => {
              f.get("to").get("from").memory("f32.load").memory("f32.store");
              advance(f, "from", () => f.get("stride"));
              advance(f, "to", () => f.i32(4));
              f.get("lane").i32(1).op("i32.sub").tee("lane").brIf(nextRow);
            });
            advance(f, "source", () => f.i32(4));
            advance(f, "panel", () => f.i32(PANEL_ROW));
            f.get("K").i32(1).op("i32.sub").tee("K").brIf(nextColumn);
          }),
      );
  });

  m.function("packColumns", { params }, (f) => {
    f.local("i32", "from", "to", "lane");
    f.loop((nextRow) => {
      f.get("width")
        .i32(PANEL)
        .op("i32.eq")
        .if(
          () => {
            for (let i = 0; i < PANEL; i += 4) {
              f.get("panel")
                .get("source")
                .memory("v128.load", 4 * i)
                .memory("v128.store", 4 * i);
            }
          },
          () => {
            for (let i = 0; i < PANEL; i += 4)
              f.get("panel")
                .f32x4(0)
                .memory("v128.store", 4 * i);
            f.get("source").set("from").get("panel").set("to").get("width").set("lane");
            f.loop((nextColumn) => {
              f.get("to").get("from").memory("f32.load").memory("f32.store");
              advance(f, "from", () => f.i32(4));
              advance(f, "to", () => f.i32(4));
              f.get("lane").i32(1).op("i32.sub").tee("lane").brIf(nextColumn);
            });
          },
        );
      advance(f, "source", () => f.get("stride"));
      advance(f, "panel", () => f.i32(PANEL_ROW));
      f.get("K").i32(1).op("i32.sub").tee("K").brIf(nextRow);
    });
  });
}
