import { BertError } from "../errors.ts";
import type { BertConfig } from "../model/config.ts";
import type { HalfDecoder } from "../safetensors/safetensorsReader.ts";
import { DECODER_BIAS, isBare, isIgnored, isTransposed, ourName, tiedPair, unwrapped, wrapperOf } from "./families.ts";
import { isScaleOf, readScales, SCALE, scaleRows } from "./rowScales.ts";
import { type WeightSource, wrongWeights } from "./weightSource.ts";

/**
 * A source of weights whose tensors have the names and the orientation that params.ts gives them. Int8 matrices are
 * read as the numbers that they stand for, the integers times their rows' scales.
 */
export interface NamedWeights extends WeightSource {
  /** The file's own name of each tensor. */
  readonly fileNames: ReadonlyMap<string, string>;
  /** Our name of each tensor of the file, of vectors under two names for both. */
  readonly ourNames: ReadonlyMap<string, string>;
  /** The scales [O] of an int8 matrix; null of all other tensors. */
  scalesOf(name: string): Promise<Float32Array | null>;
  /** The same tensors, of int8 matrices the integers. */
  readonly unscaled: Pick<WeightSource, "readInto" | "readPart">;
}

/**
 * The same weights under our names, whichever of the known spellings the file has: PyTorch's of any year, with and
 * without `bert.`, or Google's, and whatever a program has put before all of them. A matrix that TensorFlow keeps as
 * [in, out] is transposed while it is read. Of word embeddings and decoder that are tied the file may have either.
 *
 * @param c says which family they are of, and whether the two are tied
 * @throws BertError ERR_CHECKPOINT one tensor under two names, or two models
 */
export function withOurNames(
  source: WeightSource,
  c: Pick<BertConfig, "modelType" | "tieWordEmbeddings">,
): NamedWeights {
  const names = [...source.tensors.keys()].filter((name) => !isIgnored(name));
  const wrapper = wrapperOf(names, source);
  const bare = isBare(names.map((name) => unwrapped(name, wrapper)));
  const tensors = new Map<string, { readonly shape: readonly number[] }>();
  const fileNames = new Map<string, string>();
  const ourNames = new Map<string, string>();
  for (const name of names) {
    const ours = ourName(unwrapped(name, wrapper), bare, c.modelType);
    ourNames.set(name, ours);
    const twin = fileNames.get(ours);
    if (twin !== undefined && ours !== DECODER_BIAS) {
      throw wrongWeights(source, `${twin} and ${name} must not both be there: they are one tensor`);
    }
    if (twin === ours) continue;
    const { shape } = source.tensors.get(name) as { shape: readonly number[] };
    tensors.set(ours, { shape: isTransposed(name) ? shape.toReversed() : shape });
    fileNames.set(ours, name);
  }
  const { decoder, words } = tiedPair(c.modelType);
  if (c.tieWordEmbeddings && !tensors.has(words) && tensors.has(decoder)) {
    tensors.set(words, tensors.get(decoder) as { readonly shape: readonly number[] });
    const stored = fileNames.get(decoder) as string;
    fileNames.set(words, stored);
    ourNames.set(stored, words);
    tensors.delete(decoder);
    fileNames.delete(decoder);
  }
  const scaleNames = new Map<string, string>(); // from our name of a matrix to the file's name of its scales
  for (const [name, { shape }] of tensors) {
    const matrix = name.slice(0, -SCALE.length);
    if (!name.endsWith(SCALE) || !isScaleOf(shape, tensors.get(matrix)?.shape)) continue;
    scaleNames.set(matrix, fileNames.get(name) as string);
    tensors.delete(name);
  }
  const unscaled = reorientedSource(source, tensors, fileNames);
  const scales = new Map<string, Promise<Float32Array>>();
  const scalesOf = async (name: string): Promise<Float32Array | null> => {
    const stored = scaleNames.get(name);
    if (stored === undefined) return null;
    const known = scales.get(name) ?? readScales(source, stored, (tensors.get(name) as { shape: number[] }).shape[0]);
    scales.set(name, known);
    return known;
  };
  const { readPart } = unscaled;
  return {
    tensors,
    ...(source.files && { files: source.files }),
    fileNames,
    ourNames,
    scalesOf,
    unscaled,
    async readInto(name, target, decoder) {
      await unscaled.readInto(name, target, decoder);
      const scale = await scalesOf(name);
      if (scale) scaleRows(target, scale);
    },
    ...(readPart && {
      async readPart(name: string, target: Float32Array, from: number, decoder?: HalfDecoder) {
        await readPart(name, target, from, decoder);
        const scale = await scalesOf(name);
        if (!scale) return;
        const I = tensors.get(name)?.shape[1] as number;
        for (let i = 0; i < target.length; i++) target[i] *= scale[Math.floor((from + i) / I)];
      },
    }),
  };
}

/** The tensors of a source by our names, those of TensorFlow transposed while they are read. */
function reorientedSource(
  source: WeightSource,
  tensors: WeightSource["tensors"],
  fileNames: ReadonlyMap<string, string>,
): Pick<WeightSource, "readInto" | "readPart"> {
  const storedName = (name: string): string => {
    const stored = fileNames.get(name);
    if (stored !== undefined) return stored;
    throw new BertError("ERR_CHECKPOINT", `readInto: no tensor is named ${name}`);
  };
  const { readPart } = source;
  const inOrder = [...fileNames.values()].every((name) => !isTransposed(name)); // else rows of ours are columns there
  return {
    async readInto(name, target, decoder) {
      const stored = storedName(name);
      await source.readInto(stored, target, decoder);
      const { shape } = tensors.get(name) as { shape: readonly number[] };
      if (isTransposed(stored) && shape.length === 2) transpose(target, shape[0], shape[1]);
    },
    ...(readPart &&
      inOrder && {
        readPart: async (name, target, from, decoder) => readPart(storedName(name), target, from, decoder),
      }),
  };
}

/** In place: [columns, rows] becomes [rows, columns]. */
export function transpose(data: Float32Array, rows: number, columns: number): void {
  const source = data.slice();
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[r * columns + c] = source[c * rows + r];
}
