import { ACTIVATIONS_BACKWARD } from "../../kernels/activations.ts";
import { ModuleBuilder } from "../assembler.ts";
import { compileModule, type Variant } from "../compile.ts";
import { type TrainingKernels, tableOf } from "../kernelNames.ts";
import { type TensorMemory, TRAINING_CONSTANTS_AT } from "../memory.ts";
import type { V8 } from "../v8Flags.ts";
import { emitActivationsBackward } from "./emitActivationsBackward.ts";
import { DROPOUT_NUMBERS, emitDropout } from "./emitDropout.ts";
import { emitAdamw, emitCrossEntropy, emitSums } from "./emitOptimizer.ts";
import { emitLayerNormBackward, emitSoftmaxBackward, emitTranspose } from "./emitRowsBackward.ts";

/** The kernels on a memory, and the module that other threads make theirs from. */
export interface CompiledTraining {
  readonly kernels: TrainingKernels;
  readonly module: WebAssembly.Module;
}

/**
 * Compiles the kernels for training in the way that a variant says, as `compileKernels` does the others. They are a
 * module of their own, so that a program which trains nothing neither loads nor compiles them.
 *
 * @throws WebAssembly.CompileError the engine does not know its instructions
 */
export function compileTraining(memory: TensorMemory, variant: Variant, v8: V8 | null): CompiledTraining {
  const build = () => {
    const m = new ModuleBuilder(memory.limits, TRAINING_CONSTANTS_AT);
    emitActivationsBackward(m, variant.fused);
    emitDropout(m);
    emitSoftmaxBackward(m, variant.fused);
    emitLayerNormBackward(m);
    emitTranspose(m);
    emitAdamw(m);
    emitSums(m);
    emitCrossEntropy(m, variant.fused);
    return m.toBytes();
  };
  return compileModule("training", build, warmUpTraining, memory, variant, v8);
}

/** Rows and row length of the numbers. */
const [R, N] = [32, 256];

/** The warm-up: calls each kernel once, on made-up numbers, and V8 optimises it then (warmUp.ts). */
function warmUpTraining(kernels: TrainingKernels, memory: TensorMemory): void {
  const array = memory.allocate(2 * R * N + 8 * N);
  array.fill(0.5);
  const x = array.byteOffset;
  const y = x + R * N * 4;
  const row = y + R * N * 4;
  const stride = N * 4;
  const uses: Readonly<Record<keyof TrainingKernels, () => unknown>> = {
    ...tableOf(ACTIVATIONS_BACKWARD, (name) => () => kernels[name](y, y, x, R * N)),
    dropout: () => kernels.dropout(y, x, stride, R, N, 0, N / DROPOUT_NUMBERS, 1, 2, 3, 4, 1),
    dropoutTwo: () => kernels.dropoutTwo(y, x, y, x, stride, R, N, 0, N / DROPOUT_NUMBERS, 1, 2, 3, 4, 1),
    softmaxRowsBackward: () => kernels.softmaxRowsBackward(y, x, stride, R, N),
    layerNormBackward: () => kernels.layerNormBackward(y, row, y, x, row + 2 * stride, R, N, 1),
    transpose: () => kernels.transpose(y, x, R * 4, stride, R, N),
    columnSums: () => kernels.columnSums(row, x, stride, R, N),
    scaleBy: () => kernels.scaleBy(x, R * N, 1),
    adamw: () => kernels.adamw(x, y, y, y, R * N, 1, 0.5, 0.5, 0.5, 0.5, 1, 0, 1, 0),
    squares: () => kernels.squares(x, R * N),
    largest: () => kernels.largest(x, R * N),
    exponentials: () => kernels.exponentials(y, x, R * N, 1),
  };
  for (const use of Object.values(uses)) use();
  memory.release(array);
}
