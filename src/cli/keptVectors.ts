import type { ToldVector, VectorSource } from "../pipelines/searchIndex/vectorsOf.ts";
import { LITTLE_ENDIAN, swapBytes } from "../safetensors/numbers.ts";
import type { Counts } from "./embeddingOptions.ts";
import type { PartialFile } from "./partialFile.ts";

/**
 * A source of vectors that takes those of an earlier run from its file, and writes behind them what it computes: so the
 * work on an index goes on where it stopped.
 *
 * @param file  that has begun; of each line it gets the vector's numbers and what is told of the line, in float32
 * @param lines the lines of the texts that were read, in order; each is taken from there when its vector is known
 * @param counts what has come so far
 */
export function keptVectors(file: PartialFile, source: VectorSource, lines: string[], counts: Counts): VectorSource {
  async function* known(texts: AsyncIterator<string>) {
    for await (const entry of file.answersBefore(4 * (source.size + 1))) {
      if ((await texts.next()).done) return; // fewer lines than there were, which the file refuses at its end
      file.skip(lines.shift() as string);
      yield vectorOf(entry);
    }
  }
  async function* vectors(...[texts, role, options]: Parameters<VectorSource["vectors"]>) {
    const rest = oneByOne(texts);
    yield* known(rest);
    for await (const vector of source.vectors(rest, role, options)) {
      await file.write(lines.shift() as string, entryOf(vector));
      yield vector;
    }
  }
  return {
    ...source,
    async *vectors(...call) {
      for await (const vector of vectors(...call)) {
        counts.count++;
        counts.truncated += vector.truncated;
        counts.unknown += vector.unknown;
        yield vector;
      }
    },
  };
}

async function* oneByOne(texts: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  yield* texts;
}

/** A vector in the file: its numbers, and one for what is told. */
function entryOf({ data, truncated, unknown }: ToldVector): Uint8Array {
  const bytes = new Uint8Array(Float32Array.of(...data, truncated + 2 * unknown).buffer);
  if (!LITTLE_ENDIAN) swapBytes(bytes, 4);
  return bytes;
}

function vectorOf(bytes: Uint8Array): ToldVector {
  if (!LITTLE_ENDIAN) swapBytes(bytes, 4);
  const numbers = new Float32Array(bytes.buffer);
  const told = numbers.at(-1) as number;
  return { data: numbers.subarray(0, -1), truncated: told % 2, unknown: told >> 1 };
}
