import type { BertTokenizer } from "../../src/tokenizer/index.ts";
import type { Engine } from "../sides/engine.ts";
import type { TextEngine } from "../sides/text.ts";
import { rms } from "./statistics.ts";

/** The most that float32 results of the same weights may differ; hidden states are of the order of 1. */
export const MAX_RMS: number = 1e-4;

/**
 * The same for storage types of 16 and 8 bits: the bench's weights are random and large, and errors grow from layer to layer. Measured:
 * float16 0.0065, bfloat16 0.051, int8 0.10, ONNX Runtime's int8 0.23.
 */
export const MAX_REDUCED_RMS: number = 0.3;

const TEXTS = [
  "The Mole had been working very hard all the morning, spring-cleaning his little home.",
  "Never in his life had he seen a river before.",
  "He thought his happiness was complete when, as he meandered aimlessly along, suddenly he stood by the edge of it.",
];

/**
 * Compares what every engine makes of the tokens, the last hidden states, with what the first makes, on one batch of sentences of different lengths.
 *
 * @param most the largest root mean square of the differences
 * @returns each engine's
 * @throws Error one is above: what does not compute the same is not to be timed
 */
export async function expectEqualOutputs(
  engines: readonly Engine[],
  tokenizer: BertTokenizer,
  most: number = MAX_RMS,
): Promise<Map<string, number>> {
  const sequences = tokenizer.encodeBatch(TEXTS).map(({ inputIds }) => [...inputIds]);
  const T = Math.max(...sequences.map(({ length }) => length));
  /** The rows of real tokens. */
  const tokens = (states: Float32Array): number[] => {
    const H = states.length / (sequences.length * T);
    return sequences.flatMap(({ length }, b) => [...states.subarray(b * T * H, (b * T + length) * H)]);
  };
  const expected = tokens(await engines[0].encode(sequences));
  const differences = new Map<string, number>();
  for (const engine of engines.slice(1)) {
    const difference = rms(tokens(await engine.encode(sequences)), expected);
    if (!(difference <= most)) {
      throw new Error(
        `${engine.name}: its results must equal ${engines[0].name}'s within ${most} (rms), differ by ${difference}`,
      );
    }
    differences.set(engine.name, difference);
  }
  return differences;
}

const MASKED = "He opened the [MASK] and went into the room.";

/**
 * Compares the vectors of the same sentences, and the token at a mask, with those of the first.
 *
 * @returns each engine's root mean square of the differences between vectors
 * @throws Error a vector is further off than `MAX_RMS`, or a token is another
 */
export async function expectEqualTexts(engines: readonly TextEngine[]): Promise<Map<string, number>> {
  const [first, ...others] = engines;
  const [vectors, token] = [await first.embed(TEXTS), await first.fillMask(MASKED)];
  const differences = new Map<string, number>();
  for (const engine of others) {
    const difference = rms(await engine.embed(TEXTS), vectors);
    const filled = await engine.fillMask(MASKED);
    if (!(difference <= MAX_RMS) || filled !== token) {
      throw new Error(
        `${engine.name}: vectors must equal ${first.name}'s within ${MAX_RMS} (rms) and the mask be "${token}", differ by ${difference} and is "${filled}"`,
      );
    }
    differences.set(engine.name, difference);
  }
  return differences;
}
