import type { ModuleBuilder } from "../assembler.ts";
import { advance, declareLoopLocals, emitChunks, emitPair } from "../emitLoops.ts";
import { emitAcrossLanes, emitMean } from "../emitRows.ts";
import { emitMultiplyAdd } from "../emitTile.ts";
import type { FunctionBuilder } from "../functionBuilder.ts";

/**
 * Adds `softmaxRowsBackward`, see kernels/softmax.ts. Parameters: the addresses gradient and probs, the bytes from row
 * to row of both stride, rows ≥ 1 and cols ≥ 1.
 */
export function emitSoftmaxBackward(m: ModuleBuilder, fused: boolean): void {
  const params = { gradient: "i32", probs: "i32", stride: "i32", rows: "i32", cols: "i32" } as const;
  m.function("softmaxRowsBackward", { params }, (f) => {
    f.local("v128", "s0", "s1", "d0", "d1", "p0", "p1", "mean").local("i32", "d", "p").local("f32", "total");
    declareLoopLocals(f);
    f.loop((nextRow) => {
      f.f32x4(0).tee("s0").set("s1").f32(0).set("total").get("gradient").set("d").get("probs").set("p");
      const sumEight = () => {
        emitPair(f, "d", "d");
        emitPair(f, "p", "p");
        for (const i of [0, 1]) {
          emitMultiplyAdd(f, fused, () => f.get(`d${i}`), () => f.get(`p${i}`), () => f.get(`s${i}`)); // biome-ignore format: x y z
          f.set(`s${i}`);
        }
      };
      const sumOne = () =>
        f.get("total").get("d").memory("f32.load").get("p").memory("f32.load").op("f32.mul").op("f32.add").set("total");
      emitChunks(f, "cols", ["d", "p"], sumEight, sumOne);
      emitAcrossLanes(f, "s0", "s1", "f32x4.add");
      f.get("total").op("f32.add").op("f32x4.splat").set("mean").get("gradient").set("d").get("probs").set("p");
      const eight = () => {
        emitPair(f, "d", "d");
        emitPair(f, "p", "p");
        for (const i of [0, 1]) f.get(`d${i}`).get("mean").op("f32x4.sub").get(`p${i}`).op("f32x4.mul").set(`d${i}`); // biome-ignore format: a formula
        f.get("d").get("d0").memory("v128.store", 0).get("d").get("d1").memory("v128.store", 16);
      };
      const one = () => {
        f.get("d").get("d").memory("v128.load32_splat").get("mean").op("f32x4.sub");
        f.get("p").memory("v128.load32_splat").op("f32x4.mul").lane(0).memory("f32.store");
      };
      emitChunks(f, "cols", ["d", "p"], eight, one);
      for (const pointer of ["gradient", "probs"]) advance(f, pointer, () => f.get("stride"));
      f.get("rows").i32(1).op("i32.sub").tee("rows").brIf(nextRow);
    });
  });
}

/**
 * Adds `layerNormBackward`, see kernels/layerNorm.ts. Parameters: the addresses dx, sums [2, H] (Σ dy ⊙ x̂ and Σ dy are
 * added to it), dy, x, gamma; R ≥ 1, H ≥ 1, eps. dx may be dy. Sums over a row as in `layerNorm`.
 */
export function emitLayerNormBackward(m: ModuleBuilder): void {
  const names = ["dx", "sums", "dy", "x", "gamma", "R", "H"].map((name) => [name, "i32" as const]);
  m.function("layerNormBackward", { params: { ...Object.fromEntries(names), eps: "f64" } }, (f) => {
    f.local("v128", "x0", "x1", "s0", "s1", "t0", "t1", "d0", "d1", "mean", "rstd", "meanG", "meanGX").local(
      "f64",
      "value",
    );
    f.local("i32", "row", "xAt", "dyAt", "dxAt", "gammaAt", "dgammaAt", "dbetaAt").local("f32", "total", "totalGX");
    f.local("v128", "gamma0", "gamma1", "dgamma0", "dgamma1", "dbeta0", "dbeta1");
    declareLoopLocals(f);
    f.loop((nextRow) => {
      f.get("x").set("row");
      emitMean(f, () => {});
      f.op("f32.demote_f64").op("f32x4.splat").set("mean");
      emitMean(f, () => f.get("mean").op("f32x4.sub").tee("x0").get("x0").op("f32x4.mul"));
      f.get("eps").op("f64.add").op("f64.sqrt").set("value");
      f.f64(1).get("value").op("f64.div").op("f32.demote_f64").op("f32x4.splat").set("rstd");
      emitRowSums(f);
      emitRowGradient(f);
      for (const pointer of ["x", "dy", "dx"]) advance(f, pointer, () => f.get("H").i32(4).op("i32.mul"));
      f.get("R").i32(1).op("i32.sub").tee("R").brIf(nextRow);
    });
  });
}

/** x̂ of the local x`i`, in its place. */
function emitNormalized(f: FunctionBuilder, i: number): void {
  f.get(`x${i}`).get("mean").op("f32x4.sub").get("rstd").op("f32x4.mul").set(`x${i}`);
}

/** One number of each array, in the locals that `emitPair` fills. */
function emitOne(f: FunctionBuilder, pointer: string, name: string): void {
  f.get(pointer).memory("v128.load32_splat").set(`${name}0`);
}

/** The means of g = dy ⊙ γ and of g ⊙ x̂ over the row; dy ⊙ x̂ and dy are added to the sums. */
function emitRowSums(f: FunctionBuilder): void {
  f.f32x4(0).tee("s0").tee("s1").tee("t0").set("t1").f32(0).tee("total").set("totalGX");
  emitStarts(f);
  f.get("sums").tee("dgammaAt").get("H").i32(4).op("i32.mul").op("i32.add").set("dbetaAt");
  const arrays = [["xAt", "x"], ["dyAt", "d"], ["gammaAt", "gamma"], ["dgammaAt", "dgamma"], ["dbetaAt", "dbeta"]]; // biome-ignore format: one line
  /** Adds dy ⊙ x̂ and dy to their sums; leaves g in d`i`, x̂ in x`i`. */
  const vector = (i: number) => {
    emitNormalized(f, i);
    f.get(`dgamma${i}`).get(`d${i}`).get(`x${i}`).op("f32x4.mul").op("f32x4.add").set(`dgamma${i}`);
    f.get(`dbeta${i}`).get(`d${i}`).op("f32x4.add").set(`dbeta${i}`);
    f.get(`d${i}`).get(`gamma${i}`).op("f32x4.mul").set(`d${i}`);
  };
  const eight = () => {
    for (const [pointer, name] of arrays) emitPair(f, pointer, name);
    for (const i of [0, 1]) {
      vector(i);
      f.get(`d${i}`).get(`s${i}`).op("f32x4.add").set(`s${i}`);
      f.get(`d${i}`).get(`x${i}`).op("f32x4.mul").get(`t${i}`).op("f32x4.add").set(`t${i}`);
    }
    for (const [pointer, name] of arrays.slice(3)) {
      for (const i of [0, 1]) f.get(pointer).get(`${name}${i}`).memory("v128.store", 16 * i); // biome-ignore format: one line
    }
  };
  const one = () => {
    for (const [pointer, name] of arrays) emitOne(f, pointer, name);
    vector(0);
    for (const [pointer, name] of arrays.slice(3)) f.get(pointer).get(`${name}0`).lane(0).memory("f32.store");
    f.get("d0").lane(0).get("total").op("f32.add").set("total");
    f.get("d0").get("x0").op("f32x4.mul").lane(0).get("totalGX").op("f32.add").set("totalGX");
  };
  emitChunks(f, "H", ["xAt", "dyAt", "gammaAt", "dgammaAt", "dbetaAt"], eight, one);
  for (const [v0, v1, rest, mean] of [
    ["s0", "s1", "total", "meanG"],
    ["t0", "t1", "totalGX", "meanGX"],
  ]) {
    emitAcrossLanes(f, v0, v1, "f32x4.add");
    f.get(rest).op("f32.add").op("f64.promote_f32").get("H").op("f64.convert_i32_u").op("f64.div");
    f.op("f32.demote_f64").op("f32x4.splat").set(mean);
  }
}

/** dx = (g − mean(g) − x̂ ⊙ mean(g ⊙ x̂)) · rstd for the row. */
function emitRowGradient(f: FunctionBuilder): void {
  emitStarts(f);
  const arrays = [["xAt", "x"], ["dyAt", "d"], ["gammaAt", "gamma"]]; // biome-ignore format: one line
  const gradient = (i: number) => {
    emitNormalized(f, i);
    f.get(`d${i}`).get(`gamma${i}`).op("f32x4.mul").get("meanG").op("f32x4.sub");
    f.get(`x${i}`).get("meanGX").op("f32x4.mul").op("f32x4.sub").get("rstd").op("f32x4.mul").set(`d${i}`);
  };
  const eight = () => {
    for (const [pointer, name] of arrays) emitPair(f, pointer, name);
    gradient(0);
    gradient(1);
    f.get("dxAt").get("d0").memory("v128.store", 0).get("dxAt").get("d1").memory("v128.store", 16);
  };
  const one = () => {
    for (const [pointer, name] of arrays) emitOne(f, pointer, name);
    gradient(0);
    f.get("dxAt").get("d0").lane(0).memory("f32.store");
  };
  emitChunks(f, "H", ["xAt", "dyAt", "dxAt", "gammaAt"], eight, one);
}

function emitStarts(f: FunctionBuilder): void {
  f.get("x").set("xAt").get("dy").set("dyAt").get("dx").set("dxAt").get("gamma").set("gammaAt");
}

/**
 * Adds `transpose`, to[c, r] = from[r, c]. Parameters: the addresses to and from, the bytes from row to row toStride
 * and fromStride, rows and cols ≥ 1 of `from`. Sixteen rows at a time, so that whole cache lines are written.
 */
export function emitTranspose(m: ModuleBuilder): void {
  const names = ["to", "from", "toStride", "fromStride", "rows", "cols"].map((name) => [name, "i32" as const]);
  m.function("transpose", { params: Object.fromEntries(names) }, (f) => {
    f.local("i32", "source", "target", "left").local("v128", "r0", "r1", "r2", "r3", "t0", "t1", "t2", "t3");
    for (const height of [16, 4, 1]) {
      const more = () =>
        f
          .get("rows")
          .i32(height - 1)
          .op("i32.gt_u");
      more().if(() =>
        f.loop((nextRows) => {
          emitTransposeRows(f, height);
          advance(f, "to", () => f.i32(4 * height));
          advance(f, "from", () => f.get("fromStride").i32(height).op("i32.mul"));
          f.get("rows").i32(height).op("i32.sub").set("rows");
          more().brIf(nextRows);
        }),
      );
    }
  });
}

/** All columns of the first `height` rows. */
function emitTransposeRows(f: FunctionBuilder, height: number): void {
  f.get("from").set("source").get("to").set("target").get("cols").set("left");
  const row = (pointer: string, stride: string, i: number) =>
    f.get(pointer).get(stride).i32(i).op("i32.mul").op("i32.add");
  const step = (cols: number, next: Parameters<FunctionBuilder["brIf"]>[0]) => {
    advance(f, "source", () => f.i32(4 * cols));
    advance(f, "target", () => f.get("toStride").i32(cols).op("i32.mul"));
    f.get("left").i32(cols).op("i32.sub").tee("left");
    f.i32(cols - 1)
      .op("i32.gt_u")
      .brIf(next);
  };
  if (height > 1) {
    f.get("left").i32(3).op("i32.gt_u");
    f.if(() =>
      f.loop((next) => {
        for (let r = 0; r < height; r += 4) {
          for (const i of [0, 1, 2, 3]) row("source", "fromStride", r + i).memory("v128.load").set(`r${i}`); // biome-ignore format: one line
          f.get("r0").get("r1").shuffle(0, 4, 1, 5).set("t0").get("r2").get("r3").shuffle(0, 4, 1, 5).set("t1");
          f.get("r0").get("r1").shuffle(2, 6, 3, 7).set("t2").get("r2").get("r3").shuffle(2, 6, 3, 7).set("t3");
          for (const [i, low, high] of [
            [0, "t0", "t1"],
            [2, "t2", "t3"],
          ] as const) {
            // biome-ignore format: one line
            row("target", "toStride", i)
              .get(low)
              .get(high)
              .shuffle(0, 1, 4, 5)
              .memory("v128.store", 4 * r);
            row("target", "toStride", i + 1)
              .get(low)
              .get(high)
              .shuffle(2, 3, 6, 7)
              .memory("v128.store", 4 * r);
          }
        }
        step(4, next);
      }),
    );
  }
  f.get("left").if(() =>
    f.loop((next) => {
      for (let r = 0; r < height; r++) {
        f.get("target");
        row("source", "fromStride", r)
          .memory("f32.load")
          .memory("f32.store", 4 * r);
      }
      step(1, next);
    }),
  );
}
