import type { WeightSource } from "../checkpoint/weightSource.ts";
import { onAbort } from "../onAbort.ts";
import type { HalfDecoder, Weights } from "../safetensors/safetensorsReader.ts";

/** The same weights; reading rejects with the signal's reason after it has aborted. */
export function stoppable(weights: Weights, signal: AbortSignal | undefined): WeightSource {
  return {
    tensors: weights.tensors,
    files: weights.files,
    readInto(name, target, decoder) {
      signal?.throwIfAborted();
      return weights.readInto(name, target, decoder);
    },
    ...(weights.readPart && {
      readPart: async (name: string, target: Float32Array, from: number, decoder?: HalfDecoder): Promise<void> => {
        signal?.throwIfAborted();
        await weights.readPart?.(name, target, from, decoder);
      },
    }),
  };
}

/** Waits for a promise, or rejects with the signal's reason as soon as it aborts. */
export async function orAborted<T>(work: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const end = onAbort(signal, () => reject(signal.reason));
    Promise.resolve(work).then(resolve, reject).finally(end);
  });
}

/**
 * Does some work that needs no file while others are read; if it fails, reading ends first, as files must not be closed
 * before.
 */
export async function whileReading<T>(reading: Promise<unknown>, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    await reading.catch(() => {});
    throw error;
  }
}
