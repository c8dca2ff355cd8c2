import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensors } from "plainbert/safetensors";

/** The distinct texts of a file, in its order: those that a teacher has vectors of. */
export function distinctTexts(path) {
  return [...new Set(readFileSync(path, "utf8").trimEnd().split("\n"))];
}

/** The teacher's vectors of the first texts that a run of distillation has kept, [texts, E]: those to learn from, then those of its validation file. */
export function taughtVectors(run, texts) {
  const folder = join(run, "teacher");
  const parts = readdirSync(folder).filter((name) => name.endsWith(".safetensors")).sort(); // biome-ignore format: one line
  let data;
  let at = 0;
  for (const name of parts) {
    const file = readSafetensors(readFileSync(join(folder, name)));
    const [tensor] = file.tensors.keys();
    data ??= new Float32Array(texts * file.tensors.get(tensor).shape[1]);
    const part = file.toFloat32(tensor).subarray(0, data.length - at);
    data.set(part, at);
    at += part.length;
  }
  if (at !== data?.length) throw new Error(`${folder}: has ${at} numbers of ${data?.length}`);
  return { data, E: data.length / texts };
}
