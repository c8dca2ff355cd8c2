import { createHash } from "node:crypto";
import type { Bert } from "../pipelines/index.ts";

/** How many numbers of each tensor are looked at: training changes all of them. */
const SAMPLE = 16;

/**
 * What tells a model from others, whatever its folder is called: the SHA-256 of its configuration and of the first
 * numbers of each of its tensors. Types of matrices, backends, and whether they add products with one rounding are
 * told apart too, as the last bits differ. They do not differ with the width of vectors, which is chosen by its speed,
 * or the number of threads: so a process that goes on may have others.
 */
export function modelMark({ config, dtype, parameters, backend: { name, fused } }: Bert): string {
  const hash = createHash("sha256").update(JSON.stringify([config, dtype, name, fused]));
  for (const [parameter, { data }] of parameters) {
    hash.update(parameter).update(Float32Array.from(data.subarray(0, SAMPLE)));
  }
  return hash.digest("hex");
}
