import type { ModuleBuilder } from "./assembler.ts";
import { advance, declareLoopLocals, emitChunks } from "./emitLoops.ts";
import { declareMathLocals, emitExp } from "./emitMath.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/**
 * Adds `softmaxRows`, see kernels/softmax.ts. Parameters: the address scores, the bytes from row to row stride, rows ≥
 * 1 and cols ≥ 1. A row's sum is taken in eight lanes, by column modulo 8.
 */
export function emitSoftmax(m: ModuleBuilder, fused: boolean): void {
  m.function("softmaxRows", { params: { scores: "i32", stride: "i32", rows: "i32", cols: "i32" } }, (f) => {
    f.local("v128", "x0", "x1", "s0", "s1", "m0", "m1", "factor").local("f32", "total").local("i32", "at");
    declareMathLocals(f);
    declareLoopLocals(f);
    f.loop((nextRow) => {
      f.f32x4(Number.NEGATIVE_INFINITY).tee("m0").set("m1").get("scores").set("at");
      emitChunks(
        f,
        "cols",
        ["at"],
        () => {
          f.get("m0").get("at").memory("v128.load", 0).op("f32x4.max").set("m0");
          f.get("m1").get("at").memory("v128.load", 16).op("f32x4.max").set("m1");
        },
        () => f.get("m0").get("at").memory("v128.load32_splat").op("f32x4.max").set("m0"),
      );
      emitAcrossLanes(f, "m0", "m1", "f32x4.max");
      f.op("f32x4.splat").set("m0");

      f.f32x4(0).tee("s0").set("s1").f32(0).set("total").get("scores").set("at");
      const exponential = () => {
        f.get("m0").op("f32x4.sub");
        emitExp(f, fused);
      };
      emitChunks(
        f,
        "cols",
        ["at"],
        () => {
          f.get("at").memory("v128.load", 0);
          exponential();
          f.set("x0").get("at").memory("v128.load", 16);
          exponential();
          f.set("x1").get("at").get("x0").memory("v128.store", 0).get("at").get("x1").memory("v128.store", 16);
          f.get("s0").get("x0").op("f32x4.add").set("s0").get("s1").get("x1").op("f32x4.add").set("s1");
        },
        () => {
          f.get("at").memory("v128.load32_splat");
          exponential();
          f.set("x0").get("at").get("x0").lane(0).memory("f32.store");
          f.get("total").get("x0").lane(0).op("f32.add").set("total");
        },
      );
      emitAcrossLanes(f, "s0", "s1", "f32x4.add");
      f.get("total").op("f32.add").set("total");
      f.f32(1).get("total").op("f32.div").op("f32x4.splat").set("factor").get("scores").set("at");
      emitChunks(
        f,
        "cols",
        ["at"],
        () => {
          for (const offset of [0, 16])
            f.get("at")
              .memory("v128.load", offset)
              .get("factor")
              .op("f32x4.mul")
              .set(`x${offset / 16}`);
          f.get("at").get("x0").memory("v128.store", 0).get("at").get("x1").memory("v128.store", 16);
        },
        () => f.get("at").get("at").memory("f32.load").get("factor").lane(0).op("f32.mul").memory("f32.store"),
      );
      advance(f, "scores", () => f.get("stride"));
      f.get("rows").i32(1).op("i32.sub").tee("rows").brIf(nextRow);
    });
  });
}

/** Leaves the sum or maximum of the eight lanes of two locals on the stack, as an f32. */
export function emitAcrossLanes(f: FunctionBuilder, v0: string, v1: string, op: "f32x4.add" | "f32x4.max"): void {
  f.get(v0).get(v1).op(op).tee(v0).get(v0).get(v0).shuffle(2, 3, 2, 3).op(op).set(v0);
  f.get(v0).get(v0).get(v0).shuffle(1, 1, 1, 1).op(op).lane(0);
}

/**
 * Adds `layerNorm`, see kernels/layerNorm.ts. Parameters: the addresses y, x, gamma, beta
 * and residual, or 0, then R ≥ 1, H ≥ 1, eps. With a residual, y first holds the sums. Sums
 * are taken in float32 in eight lanes, by column modulo 8, and the variance in a second pass. The rest is float64: its
 * four roundings in float32 gave the embeddings of the base model 1.15 times the rms error of PyTorch, and 0.84 without
 * them.
 */
export function emitLayerNorm(m: ModuleBuilder): void {
  const params = {
    y: "i32",
    x: "i32",
    gamma: "i32",
    beta: "i32",
    residual: "i32",
    R: "i32",
    H: "i32",
    eps: "f64",
  } as const;
  m.function("layerNorm", { params }, (f) => {
    f.local("v128", "x0", "x1", "s0", "s1", "mean", "mean64", "rstd64").local("f32", "total").local("f64", "value");
    f.local("i32", "row", "xAt", "yAt", "gammaAt", "betaAt");
    declareLoopLocals(f);
    f.loop((nextRow) => {
      f.get("x").set("row");
      f.get("residual").if(() => {
        emitSumOfRows(f);
        f.get("y").set("row");
      });
      emitMean(f, () => {});
      f.tee("value").op("f64x2.splat").set("mean64");
      f.get("value").op("f32.demote_f64").op("f32x4.splat").set("mean");
      emitMean(f, () => f.get("mean").op("f32x4.sub").tee("x0").get("x0").op("f32x4.mul"));
      f.get("eps").op("f64.add").op("f64.sqrt").set("value");
      f.f64(1).get("value").op("f64.div").op("f64x2.splat").set("rstd64");

      f.get("row").set("xAt").get("y").set("yAt").get("gamma").set("gammaAt").get("beta").set("betaAt");
      const eight = () => {
        for (const i of [0, 1]) {
          emitNormalized(f, "v128.load", 16 * i, "low");
          emitNormalized(f, "v128.load", 16 * i, "high");
          f.shuffle(0, 1, 4, 5).set(`x${i}`);
        }
        f.get("yAt").get("x0").memory("v128.store", 0).get("yAt").get("x1").memory("v128.store", 16);
      };
      const one = () => {
        f.get("yAt");
        emitNormalized(f, "v128.load32_splat", 0, "low");
        f.lane(0).memory("f32.store");
      };
      emitChunks(f, "H", ["xAt", "yAt", "gammaAt", "betaAt"], eight, one);
      for (const pointer of ["x", "y"]) advance(f, pointer, () => f.get("H").i32(4).op("i32.mul"));
      f.get("R").i32(1).op("i32.sub").tee("R").brIf(nextRow);
    });
  });
}

/** y = x + residual for one row, and the residual's address moves on to the next. */
function emitSumOfRows(f: FunctionBuilder): void {
  f.get("x").set("xAt").get("y").set("yAt");
  const eight = () => {
    for (const i of [0, 1]) {
      f.get("xAt")
        .memory("v128.load", 16 * i)
        .get("residual")
        .memory("v128.load", 16 * i);
      f.op("f32x4.add").set(`x${i}`);
    }
    f.get("yAt").get("x0").memory("v128.store", 0).get("yAt").get("x1").memory("v128.store", 16);
  };
  const one = () => {
    f.get("yAt").get("xAt").memory("f32.load").get("residual").memory("f32.load");
    f.op("f32.add").memory("f32.store");
  };
  emitChunks(f, "H", ["xAt", "yAt", "residual"], eight, one);
}

/** Leaves the mean, over the row at `row`, of what `emit` makes of each vector, as an f64. */
export function emitMean(f: FunctionBuilder, emit: () => unknown): void {
  f.f32x4(0).tee("s0").set("s1").f32(0).set("total").get("row").set("xAt");
  const eight = () => {
    for (const i of [0, 1]) {
      f.get(`s${i}`)
        .get("xAt")
        .memory("v128.load", 16 * i);
      emit();
      f.op("f32x4.add").set(`s${i}`);
    }
  };
  const one = () => {
    f.get("total").get("xAt").memory("v128.load32_splat");
    emit();
    f.lane(0).op("f32.add").set("total");
  };
  emitChunks(f, "H", ["xAt"], eight, one);
  emitAcrossLanes(f, "s0", "s1", "f32x4.add");
  f.get("total").op("f32.add").op("f64.promote_f32").get("H").op("f64.convert_i32_u").op("f64.div");
}

/**
 * Leaves two results in the lower lanes, for the two lower or upper lanes of the vectors `at` bytes past the pointers.
 */
function emitNormalized(
  f: FunctionBuilder,
  load: "v128.load" | "v128.load32_splat",
  at: number,
  half: "low" | "high",
): void {
  const promoted = (pointer: string) => {
    f.get(pointer).memory(load, at);
    if (half === "high") f.get(pointer).memory(load, at).shuffle(2, 3, 2, 3);
    return f.op("f64x2.promote_low_f32x4");
  };
  promoted("xAt").get("mean64").op("f64x2.sub").get("rstd64").op("f64x2.mul");
  promoted("gammaAt").op("f64x2.mul");
  promoted("betaAt").op("f64x2.add").op("f32x4.demote_f64x2_zero");
}
