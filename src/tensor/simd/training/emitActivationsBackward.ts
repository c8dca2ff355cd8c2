import type { ActivationBackward } from "../../kernels/activations.ts";
import type { ModuleBuilder } from "../assembler.ts";
import { declareLoopLocals, emitChunks, emitPair } from "../emitLoops.ts";
import {
  declareMathLocals,
  emitExp,
  emitGeluNewArgument,
  emitNormalTail,
  TWICE_SQRT_TWO_OVER_PI,
} from "../emitMath.ts";
import type { FunctionBuilder } from "../functionBuilder.ts";

/** 1/√(2π) */
const ONE_OVER_SQRT_TWO_PI = 0.3989422804014327;

/** The derivatives: name of the kernel, and what it makes of a vector x (for tanh y) on the stack. */
const SLOPES: Readonly<
  Record<Exclude<ActivationBackward, "reluBackward">, (f: FunctionBuilder, fused: boolean) => unknown>
> = {
  geluBackward: emitGeluSlope,
  geluNewBackward: emitGeluNewSlope,
  siluBackward: emitSiluSlope,
  tanhBackward: emitTanhSlope,
};

/**
 * Adds one function for each activation, dx[i] = dy[i] · act′(x[i]), see kernels/activations.ts. Parameters: the
 * addresses dx, dy, x, and the number of elements n. dx may be dy.
 */
export function emitActivationsBackward(m: ModuleBuilder, fused: boolean): void {
  const emitters = Object.entries(SLOPES).map(([name, emitSlope]) => {
    const times = (f: FunctionBuilder, dy: () => unknown, x: () => unknown) => {
      x();
      emitSlope(f, fused);
      dy();
      f.op("f32x4.mul");
    };
    return [name, times] as const;
  });
  const relu = (f: FunctionBuilder, dy: () => unknown, x: () => unknown) => {
    dy();
    x();
    f.splat(0).op("f32x4.le").op("v128.andnot"); // `<=`: where x is NaN, dx = dy
  };
  for (const [name, emit] of [...emitters, ["reluBackward", relu] as const]) {
    m.function(name, { params: { dx: "i32", dy: "i32", x: "i32", n: "i32" } }, (f) => {
      f.local("v128", "d0", "d1", "x0", "x1");
      declareMathLocals(f);
      declareLoopLocals(f);
      const eight = () => {
        emitPair(f, "dy", "d");
        emitPair(f, "x", "x");
        for (const i of [0, 1]) {
          emit(f, () => f.get(`d${i}`), () => f.get(`x${i}`)); // biome-ignore format: one line
          f.set(`d${i}`);
        }
        f.get("dx").get("d0").memory("v128.store", 0).get("dx").get("d1").memory("v128.store", 16);
      };
      const splat = (pointer: string) => () => f.get(pointer).memory("v128.load32_splat");
      const one = () => {
        f.get("dx");
        emit(f, splat("dy"), splat("x"));
        f.lane(0).memory("f32.store");
      };
      emitChunks(f, "n", ["x", "dy", "dx"], eight, one);
    });
  }
}

/** Φ(x) + x φ(x), φ(x) = e^(−x²/2) / √(2π): with s = Φ(−a) − a φ(a) for a = |x| it is s for negative x, 1 − s else. */
function emitGeluSlope(f: FunctionBuilder, fused: boolean): void {
  emitNormalTail(f, fused);
  f.get("a").get("e").op("f32x4.mul").splat(ONE_OVER_SQRT_TWO_PI).op("f32x4.mul").op("f32x4.sub").tee("w");
  f.splat(1).get("w").op("f32x4.sub").get("v").splat(0).op("f32x4.lt").op("v128.bitselect");
}

/** s + x s (1 − s) 2u′, s = σ(2u), 2u′ = 2√(2/π) (1 + 3 · 0.044715 x²) */
function emitGeluNewSlope(f: FunctionBuilder, fused: boolean): void {
  emitGeluNewArgument(f);
  emitSigmoid(f, fused);
  f.get("v").get("high").op("f32x4.mul");
  f.get("v")
    .get("v")
    .op("f32x4.mul")
    .splat(3 * 0.044715 * TWICE_SQRT_TWO_OVER_PI)
    .op("f32x4.mul");
  f.splat(TWICE_SQRT_TWO_OVER_PI).op("f32x4.add").op("f32x4.mul").op("f32x4.add");
}

/** s + x s (1 − s), s = σ(x) */
function emitSiluSlope(f: FunctionBuilder, fused: boolean): void {
  f.tee("v");
  emitSigmoid(f, fused);
  f.get("v").get("high").op("f32x4.mul").op("f32x4.add");
}

/** 1 − y² */
function emitTanhSlope(f: FunctionBuilder): void {
  f.set("v").splat(1).get("v").get("v").op("f32x4.mul").op("f32x4.sub");
}

/** s = σ(w) of w on the stack; leaves s (1 − s) = e / (1 + e)², e = e^(−|w|), in the local `high`: nothing cancels. */
function emitSigmoid(f: FunctionBuilder, fused: boolean): void {
  f.tee("square").op("f32x4.abs").op("f32x4.neg");
  emitExp(f, fused);
  f.set("e").splat(1).splat(1).get("e").op("f32x4.add").op("f32x4.div").set("r"); // 1 / (1 + e)
  f.get("e").get("r").op("f32x4.mul").tee("a").get("r").op("f32x4.mul").set("high");
  f.get("a").get("r").get("square").splat(0).op("f32x4.lt").op("v128.bitselect");
}
