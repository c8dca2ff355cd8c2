import { createHash } from "node:crypto";
import type { Bert } from "../pipelines/index.ts";

/** How many numbers of each tensor are looked at: training changes all of them. */
const SAMPLE = 16;

/**
 * What tells a model from others, whatever its folder is called: the SHA-256 of its configuration and of the first
 * numbers of each of its tensors. Backends and types of matrices are told apart too, as their last bits differ.
 */
export function modelMark({ config, dtype, parameters, backend: { name, width, fused } }: Bert): string {
  const hash = createHash("sha256").update(JSON.stringify([config, dtype, name, width, fused]));
  for (const [parameter, { data }] of parameters) {
    hash.update(parameter).update(Float32Array.from(data.subarray(0, SAMPLE)));
  }
  return hash.digest("hex");
}
