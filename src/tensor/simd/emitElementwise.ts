import type { Activation } from "../kernels/activations.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { declareLoopLocals, emitChunks } from "./emitLoops.ts";
import { declareMathLocals, emitGelu, emitGeluNew, emitRelu, emitSilu, emitTanh } from "./emitMath.ts";
import { emitAcrossLanes } from "./emitRows.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/** The activation functions: the name of the kernel, and what it does to a vector on the stack. */
const EMITTERS: Readonly<Record<Activation, (f: FunctionBuilder, fused: boolean) => unknown>> = {
  gelu: emitGelu,
  geluNew: emitGeluNew,
  relu: emitRelu,
  silu: emitSilu,
  tanh: emitTanh,
};

/**
 * Adds one function for each activation, y[i] = act(x[i]), and `add`, y[i] = x[i] + z[i]. Parameters: the addresses y,
 * x (and z), and the number of elements n. y may be x or z. And `finiteness` of x and n: Σ 0 · x[i], which is 0, or NaN
 * if one of them is NaN or infinite.
 */
export function emitElementwise(m: ModuleBuilder, fused: boolean): void {
  for (const [name, emit] of Object.entries(EMITTERS)) {
    m.function(name, { params: { y: "i32", x: "i32", n: "i32" } }, (f) => {
      f.local("v128", "y0", "y1");
      declareMathLocals(f);
      declareLoopLocals(f);
      emitChunks(
        f,
        "n",
        ["x", "y"],
        () => {
          f.get("x").memory("v128.load", 0);
          emit(f, fused);
          f.set("y0").get("x").memory("v128.load", 16);
          emit(f, fused);
          f.set("y1").get("y").get("y0").memory("v128.store", 0).get("y").get("y1").memory("v128.store", 16);
        },
        () => {
          f.get("y").get("x").memory("v128.load32_splat");
          emit(f, fused);
          f.lane(0).memory("f32.store");
        },
      );
    });
  }

  m.function("finiteness", { params: { x: "i32", n: "i32" }, result: "f32" }, (f) => {
    f.local("v128", "s0", "s1").local("f32", "total");
    declareLoopLocals(f);
    emitChunks(
      f,
      "n",
      ["x"],
      () => {
        for (const i of [0, 1]) {
          f.get(`s${i}`)
            .get("x")
            .memory("v128.load", 16 * i);
          f.f32x4(0).op("f32x4.mul").op("f32x4.add").set(`s${i}`);
        }
      },
      () => f.get("total").get("x").memory("f32.load").f32(0).op("f32.mul").op("f32.add").set("total"),
    );
    emitAcrossLanes(f, "s0", "s1", "f32x4.add");
    f.get("total").op("f32.add");
  });

  m.function("add", { params: { y: "i32", x: "i32", z: "i32", n: "i32" } }, (f) => {
    f.local("v128", "y0", "y1");
    declareLoopLocals(f);
    const sum = (at: number) => f.get("x").memory("v128.load", at).get("z").memory("v128.load", at).op("f32x4.add");
    emitChunks(
      f,
      "n",
      ["x", "z", "y"],
      () => {
        sum(0).set("y0");
        sum(16).set("y1");
        f.get("y").get("y0").memory("v128.store", 0).get("y").get("y1").memory("v128.store", 16);
      },
      () => f.get("y").get("x").memory("f32.load").get("z").memory("f32.load").op("f32.add").memory("f32.store"),
    );
  });
}
