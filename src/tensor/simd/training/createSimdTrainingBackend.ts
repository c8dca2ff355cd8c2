import { BertError } from "../../../errors.ts";
import { messageOf } from "../../../realm.ts";
import { createPool } from "../../threads/pool.ts";
import { createSimdBackend } from "../createSimdBackend.ts";
import { helpersWith } from "../helpers.ts";
import type { SimdOptions } from "../simdOptions.ts";
import { findV8 } from "../v8Flags.ts";
import { type CompiledTraining, compileTraining } from "./compileTraining.ts";
import { SimdTrainingBackend } from "./simdTrainingBackend.ts";
import { trainingMismatch } from "./trainingCheck.ts";
import { trainingRanges } from "./trainingRanges.ts";

/** A function that compiles the kernels for training. */
export type CompileTraining = typeof compileTraining;

/**
 * `createSimdBackend` with the kernels for training. The first variant is taken whose every kernel agrees with `plain`
 * on a small case, those for training too: of 256 bits, then of 128, then of 128 with two roundings.
 *
 * @throws BertError ERR_BACKEND with the reasons, where no variant is left
 * @example
 * const kernels = createSimdTrainingBackend();
 */
export function createSimdTrainingBackend(
  options: SimdOptions = {},
  compile: CompileTraining = compileTraining,
): SimdTrainingBackend {
  const refused: string[] = [];
  for (const restriction of [{}, { wide: false }, { wide: false, deterministic: true }]) {
    const { core } = createSimdBackend({ ...options, ...restriction });
    let compiled: CompiledTraining;
    try {
      compiled = compile(core.memory, core.variant, findV8());
    } catch (error) {
      refused.push(`training, ${core.variant.width}-bit: ${messageOf(error)}`);
      continue;
    }
    const { kernels: training, module } = compiled;
    const ranges = { ...core.ranges, ...trainingRanges(core.kernels, training, core.memory) };
    const reason = [...refused, core.reason].join("; ");
    const alone = { ...core, ranges, training, reason, pool: null };
    const wrong = trainingMismatch(new SimdTrainingBackend(alone));
    if (wrong !== null) {
      refused.push(`training, ${core.variant.width}-bit: ${wrong}`);
      continue;
    }
    const source = { module: core.module, training: module, memory: core.memory.memory, limits: core.memory.limits };
    const pool =
      core.pool && createPool(ranges, helpersWith(source), { threads: core.pool.threads, assets: options.assets });
    return new SimdTrainingBackend({ ...alone, pool });
  }
  throw new BertError("ERR_BACKEND", `simd: the kernels for training must agree with plain: ${refused.join("; ")}`);
}
