import { openPython, type PythonChild } from "./pythonChild.ts";
import type { Trained } from "./training.ts";

/** What is asked of bench/peers/training.py: forward and backward of [B, T], or an update. */
export type PytorchWork =
  | { readonly step: readonly [B: number, T: number]; readonly model?: Trained }
  | { readonly update: string };

/** PyTorch in a process of its own. */
export interface Pytorch extends PythonChild {
  run(work: PytorchWork): Promise<number>;
}

/** PyTorch by the interpreter that the environment names in PYTHON; null where that has neither torch nor transformers. */
export function openPytorch(threads: number): Promise<Pytorch | null> {
  return openPython("training.py", String(threads));
}
