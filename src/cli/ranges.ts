import { BertError } from "../errors.ts";
import { openWeights } from "../load/weightFiles.ts";
import { rangesOf } from "../pipelines/quantize.ts";

/** Numbers that are read at a time: 4 MB. */
const BLOCK = 1 << 20;

/**
 * The ranges that int8 and uint8 divide, from a file that `embed` has written: its `ranges`, or the least and the
 * largest number in each place of its `embeddings`; rows of NaN, which stand for blank lines, have none.
 *
 * @returns [2, size], all low numbers and then all high ones
 * @throws BertError ERR_INPUT it has neither, or of another size; ERR_FILE, ERR_CHECKPOINT as `openWeights`
 */
export async function readRanges(path: string, size: number): Promise<Float32Array> {
  const file = await openWeights(path);
  const refusal = (rule: string) => new BertError("ERR_INPUT", `embed: --ranges ${path} must have ${rule}`);
  try {
    const [ranges, embeddings] = ["ranges", "embeddings"].map((name) => file.tensors.get(name));
    const found = ranges ?? embeddings;
    if (!found || !/^B?F\d+$/.test(found.dtype) || !file.readPart)
      throw refusal("a tensor ranges, or one embeddings that is not quantized");
    const [rows, columns] = found.shape;
    if (found.shape.length !== 2 || columns !== size || (ranges && rows !== 2))
      throw refusal(`${found.name} of ${size} numbers, has [${found.shape.join(",")}]`);
    if (ranges) {
      const both = new Float32Array(2 * size);
      await file.readInto("ranges", both);
      return both;
    }
    let known: Float32Array = new Float32Array(0);
    const block = Math.max(1, Math.floor(BLOCK / size));
    for (let row = 0; row < rows; row += block) {
      const read = new Float32Array(Math.min(block, rows - row) * size);
      await file.readPart("embeddings", read, row * size);
      const filled = read.filter((_, i) => !Number.isNaN(read[i - (i % size)]));
      if (filled.length > 0) known = rangesOf(joined(known, filled), size); // lows and highs are rows like others
    }
    if (known.length === 0) throw refusal("a row of numbers, has none");
    return known;
  } finally {
    await file.close();
  }
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
