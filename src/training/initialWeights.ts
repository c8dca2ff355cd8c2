import { isBare, ourName, unwrapped, wrapperOf } from "../checkpoint/families.ts";
import { expectedShapes } from "../checkpoint/loadParams.ts";
import type { WeightSource } from "../checkpoint/weightSource.ts";
import type { BertConfig } from "../model/config.ts";
import { depthOf, LAYER_NORM } from "../model/family.ts";
import { log } from "../tensor/kernels/transcendental.ts";
import { threefry2x32 } from "../tensor/threefry.ts";

/**
 * The weights of a model that was never trained, as in Google's modeling.py: matrices from a normal distribution with
 * deviation `initializer_range`, 0.02, cut off at twice that; biases 0; LayerNorm 1 and 0. A function of seed and name,
 * so the same on every machine.
 *
 * @param seed a whole number below 2³²
 * @example
 * const params = await loadParams(initialWeights(config, 42), config, plainTraining);
 */
export function initialWeights(config: BertConfig, seed: number): WeightSource {
  const shapes = expectedShapes(config, { hasPooler: true, ownDecoder: !config.tieWordEmbeddings });
  return {
    tensors: new Map(Array.from(shapes, ([name, shape]) => [name, { shape }])),
    readInto: async (name, target) => initialize(name, target, config.initializerRange, seed),
  };
}

/**
 * A checkpoint of the encoder with initial weights for what the model needs and the checkpoint lacks of its heads: for
 * fine-tuning. Missing weights of the encoder stay missing, and `loadParams` names them.
 *
 * @param seed a whole number below 2³²
 */
export function withInitialHead(source: WeightSource, config: BertConfig, seed: number): WeightSource {
  const initial = initialWeights(config, seed);
  const wrapper = wrapperOf([...source.tensors.keys()], source);
  const names = Array.from(source.tensors.keys(), (name) => unwrapped(name, wrapper));
  const bare = isBare(names);
  const prefix = `${config.modelType}.`;
  const present = new Set(names.map((name) => ourName(name, bare, config.modelType)));
  const missing = new Map<string, string>();
  for (const name of initial.tensors.keys()) {
    const stored = bare && name.startsWith(prefix) ? name.slice(prefix.length) : name;
    if (depthOf(name) === null && !present.has(name)) missing.set(stored, name);
  }
  const shapeOf = (name: string) => initial.tensors.get(name) ?? { shape: [] };
  return {
    files: source.files ?? [],
    tensors: new Map([...source.tensors, ...Array.from(missing, ([as, name]) => [as, shapeOf(name)] as const)]),
    readInto: (name, target, decoder) => {
      const ours = missing.get(name);
      return ours === undefined ? source.readInto(name, target, decoder) : initial.readInto(ours, target);
    },
  };
}

function initialize(name: string, target: Float32Array, range: number, seed: number): void {
  if (name.endsWith("bias")) target.fill(0);
  else if (LAYER_NORM.test(name)) target.fill(1);
  else fillNormal(target, range, seed, name);
}

/**
 * Normally distributed numbers, two at a time, by the polar method of Marsaglia & Bray 1964: a point (u, v) in the unit
 * circle gives u √(−2 ln s / s) and v √(−2 ln s / s) with s = u² + v². Points outside, and numbers beyond two
 * deviations, are drawn again.
 *
 * @param name each has numbers of its own
 */
export function fillNormal(target: Float32Array, deviation: number, seed: number, name: string): void {
  const key = hashOf(name);
  const words = new Uint32Array(2);
  for (let i = 0; i < target.length; i += 2) {
    for (let draw = 0; ; draw++) {
      threefry2x32(words, i / 2, draw, seed, key);
      const [u, v] = [words[0] / 0x80000000 - 1, words[1] / 0x80000000 - 1]; // [−1, 1)
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const scale = Math.sqrt((-2 * log(s)) / s);
      if (Math.max(Math.abs(u), Math.abs(v)) * scale > 2) continue;
      target[i] = u * scale * deviation;
      if (i + 1 < target.length) target[i + 1] = v * scale * deviation;
      break;
    }
  }
}

/** FNV-1a in 32 bits. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
