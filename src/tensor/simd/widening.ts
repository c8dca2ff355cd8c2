import type { Backend } from "../backend.ts";
import type { HalfWeight } from "../tensor.ts";
import { ModuleBuilder } from "./assembler.ts";
import { instanceOf } from "./compile.ts";
import { emitWiden } from "./emitWiden.ts";
import type { TensorMemory } from "./memory.ts";

/** The functions of emitWiden.ts. */
type Kernels = Readonly<Record<HalfWeight["dtype"], (to: number, from: number, n: number) => void>>;

/** Room for the constants of the module, in numbers. */
const CONSTANTS = 16;

/**
 * `decodeHalves` of the interface `Backend` by kernels. They are a module of their own, which is compiled when a
 * checkpoint has such numbers, in 1 ms; V8 optimises it when it has run for a while. A base model's first answer from a
 * file of bfloat16 comes after 215 ms, from one of float16 after 230; with the loops of numberFormats.ts both take 265.
 */
export function wideningKernels(memory: TensorMemory): Backend["decodeHalves"] {
  let kernels: Kernels | null = null;
  return (target, source, dtype) => {
    kernels ??= compile(memory);
    kernels[dtype](target.byteOffset, source.byteOffset, source.length);
  };
}

function compile(memory: TensorMemory): Kernels {
  const m = new ModuleBuilder(memory.limits, memory.allocate(CONSTANTS).byteOffset);
  emitWiden(m, "float16");
  emitWiden(m, "bfloat16");
  return instanceOf<Kernels>(new WebAssembly.Module(m.toBytes()), memory);
}
