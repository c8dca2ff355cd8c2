import { openWeights } from "../../src/load/weightFiles.ts";

/** Every tensor of a folder's weights, or of a file, by its name there. */
export async function weightsIn(path: string): Promise<Map<string, Float32Array>> {
  const weights = await openWeights(path);
  const read = new Map<string, Float32Array>();
  for (const [name, { shape }] of weights.tensors) {
    read.set(name, new Float32Array(shape.reduce((a, b) => a * b, 1)));
    await weights.readInto(name, read.get(name) as Float32Array);
  }
  await weights.close();
  return read;
}
