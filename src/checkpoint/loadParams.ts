import { listed, printable } from "../errors.ts";
import type { BertConfig } from "../model/config.ts";
import { FAMILIES } from "../model/family.ts";
import { type ModelParams, modelParams, type ParamsVariant } from "../model/params.ts";
import type { Backend } from "../tensor/backend.ts";
import { formatShape, type StorageType, sizeOf, type Tensor, type Weight } from "../tensor/tensor.ts";
import { hasDecoder, isOptional, ofOtherFamily, tiedPair, variantInFile, variantOf } from "./families.ts";
import { type NamedWeights, withOurNames } from "./names.ts";
import { readMatrix } from "./readMatrix.ts";
import { expectFinite, SCALE } from "./rowScales.ts";
import { TensorSample } from "./samples.ts";
import { type WeightSource, wrongWeights } from "./weightSource.ts";

/**
 * A model's parameters, in the backend's own layout: as the tree that the layers read, and by name in the checkpoint.
 */
export interface LoadedParams {
  readonly tree: ModelParams;
  readonly byName: ReadonlyMap<string, Weight>;
  /** How matrices are held. */
  readonly dtype: StorageType;
  /** The file's own names of the tensors that the model does not need. */
  readonly ignored: readonly string[];
  /** A few numbers of each tensor as the checkpoint has them, by name, in the order of `byName`. */
  readonly samples: ReadonlyMap<string, Float32Array>;
}

/**
 * Tensors that are asked for at the same time. The system reads them on threads of its own, so there must be enough of
 * them for the time in which this thread does something else: loadBert compiles the kernels meanwhile.
 */
const READS = 64;
/** The matrix with a row for each label. */
const CLASSIFIER = "classifier.weight";
/** How many reads are under way where matrices are held in reduced precision: each decodes 1 MB at a time. */
const REDUCED_READS = 8;

/**
 * Reads the tensors that a model needs into the backend's memory and packs those that `linear` reads. All matrices are
 * held in the type `dtype`, vectors in float32.
 *
 * A decoder of its own beside the word embeddings is taken as transformers 5 does: where both hold the same numbers
 * they are tied and kept once, where they differ, or config.json has `tie_word_embeddings: false`, both are kept.
 *
 * Tensors beside the model's are left alone, as in transformers: heads of other architectures, or what a program has
 * saved with them.
 *
 * @param strict whether left-over tensors are an error, but for the pooler and other heads of BERT
 * @throws BertError ERR_CHECKPOINT with every missing and mis-shaped tensor, or the first number that is not finite
 */
export async function loadParams(
  source: WeightSource,
  c: BertConfig,
  k: Backend,
  dtype: StorageType = "float32",
  strict = false,
): Promise<LoadedParams> {
  return loadParamsInto(k, Promise.resolve(k), source, c, dtype, strict);
}

/**
 * `loadParams` into the memory of a backend that is still being made. What is held in float32 is being read when this
 * returns, what is held in reduced precision once there are kernels to convert it.
 *
 * @param room    gives the backend's memory
 * @param backend is made meanwhile
 */
export async function loadParamsInto(
  room: Pick<Backend, "empty">,
  backend: Promise<Backend>,
  source: WeightSource,
  c: BertConfig,
  dtype: StorageType,
  strict: boolean,
): Promise<LoadedParams> {
  const weights = withOurNames(source, c);
  const expected = expectedTensors(weights, c, strict);
  const { decoder, words } = tiedPair(c.modelType);

  const read = new Map<string, Weight>(); // in the order in which they arrive
  const samples = new Map(Array.from(expected, ([name, shape]) => [name, new TensorSample(sizeOf(shape))]));
  const queue = expected.entries();
  let failed = false;
  const readSome = async (): Promise<void> => {
    // One iterator for all that read: each takes the next tensor.
    for (const [name, shape] of queue) {
      if (failed) return;
      try {
        const sample = samples.get(name) as TensorSample;
        const isReduced = shape.length === 2 && dtype !== "float32";
        const weight = isReduced
          ? await readMatrix(weights, name, dtype, await backend, sample)
          : await readFloat32(weights, name, room.empty(shape), backend, sample, name === decoder);
        read.set(name, weight);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const reads = dtype === "float32" ? READS : REDUCED_READS;
  const ends = await Promise.allSettled(Array.from({ length: reads }, readSome));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  const byName = new Map(Array.from(expected.keys(), (name) => [name, read.get(name) as Weight]));
  if (expected.has(decoder) && c.tieWordEmbeddings) {
    if (sameNumbers(byName.get(words) as Weight, byName.get(decoder) as Weight)) byName.delete(decoder);
  }
  packDecoder(c, byName, await backend);
  const values = new Map(Array.from(byName.keys(), (name) => [name, (samples.get(name) as TensorSample).values]));
  return {
    tree: paramsTree(c, byName),
    byName,
    dtype,
    ignored: ignoredTensors(source, weights, expected),
    samples: values,
  };
}

/**
 * Packs the weight of the decoder, which may be that of the word embeddings, once it is known whether they are tied.
 */
function packDecoder(c: BertConfig, byName: Map<string, Weight>, k: Backend): void {
  if (!hasDecoder(c)) return;
  const { decoder, words } = tiedPair(c.modelType);
  const name = byName.has(decoder) ? decoder : words;
  const weight = byName.get(name) as Weight;
  if (!weight.dtype) byName.set(name, k.packWeight(weight));
}

async function readFloat32(
  weights: NamedWeights,
  name: string,
  tensor: Tensor,
  backend: Promise<Backend>,
  sample: TensorSample,
  isDecoder: boolean,
): Promise<Weight> {
  await weights.readInto(name, tensor.data, backend);
  const k = await backend;
  if (!k.allFinite(tensor.data)) expectFinite(weights, name, tensor.data, 0);
  sample.take(tensor.data, 0);
  // Embeddings are looked up row by row; only if they serve as the decoder too are they packed.
  const mayBeTied = isDecoder || name.endsWith("embeddings.weight");
  return tensor.shape.length === 2 && !mayBeTied ? k.packWeight(tensor) : tensor; // now, while other reads are pending
}

/**
 * The parameter tree of a model that has these tensors.
 *
 * @param take what stands in the place of a name; the tensor of that name if left out
 */
export function paramsTree(
  c: BertConfig,
  byName: ReadonlyMap<string, Weight>,
  take: (name: string) => Weight = (name) => byName.get(name) as Weight,
): ModelParams {
  return modelParams(
    c,
    variantOf((name) => byName.has(name), c.modelType),
    take,
  );
}

/**
 * The names and shapes that a model's parameters have, given what the checkpoint leaves open.
 *
 * @param strict whether left-over tensors are an error
 * @throws BertError ERR_CHECKPOINT with the tensors that are missing, left over or mis-shaped: how many, and the first
 *   ten
 */
export function expectedTensors(weights: NamedWeights, c: BertConfig, strict = false): Map<string, readonly number[]> {
  const expected = expectedShapes(
    c,
    variantInFile((name) => weights.tensors.has(name), c),
  );
  expectSameTensors(weights, expected, c, strict);
  return expected;
}

/** The tensors of a file that a model does not need, by their names in the file, in its order. */
export function ignoredTensors(
  { tensors }: WeightSource,
  { ourNames }: NamedWeights,
  expected: ReadonlyMap<string, unknown>,
): string[] {
  const isUsed = (name: string) =>
    expected.has(name) || (name.endsWith(SCALE) && expected.has(name.slice(0, -SCALE.length)));
  return [...tensors.keys()].filter((name) => !isUsed(ourNames.get(name) ?? ""));
}

/** Every tensor that a model needs, by its name in the checkpoint, in the order of the forward pass. */
export function expectedShapes(c: BertConfig, variant: ParamsVariant): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  modelParams(c, variant, (name, shape) => {
    shapes.set(name, shape);
    return { data: new Float32Array(0), shape };
  });
  return shapes;
}

function expectSameTensors(
  source: NamedWeights,
  expected: ReadonlyMap<string, readonly number[]>,
  c: BertConfig,
  strict: boolean,
): void {
  const { tensors, fileNames } = source;
  const [missing, wrong, leftOver]: string[][] = [[], [], []];
  const inFile = (name: string) => printable(String(fileNames.get(name)), 200);
  const other = ofOtherFamily([...tensors.keys()], c.modelType);
  if (other) {
    const [own, found] = [c.modelType, other.family].map((family) => FAMILIES[family].title);
    const must = `must be a ${own}'s by config.json, are a ${found}'s by their names, such as ${inFile(other.name)}`;
    throw wrongWeights(source, `the weights ${must}: model_type must be "${other.family}"`);
  }
  for (const [name, shape] of expected) {
    const got = tensors.get(name)?.shape;
    if (!got) missing.push(`${name}: missing, must be ${formatShape(shape)}`);
    else if (formatShape(got) !== formatShape(shape)) {
      wrong.push(`${inFile(name)}: must be ${formatShape(shape)} by config.json, is ${formatShape(got)}`);
    }
  }
  for (const [name, { shape }] of tensors) {
    // Scales of no matrix of theirs would leave the integers as they are.
    if ((strict || name.endsWith(SCALE)) && !expected.has(name) && !isOptional(name)) {
      leftOver.push(`${inFile(name)}: left over, ${formatShape(shape)}`);
    }
  }
  const lists = [missing, wrong, leftOver].filter(({ length }) => length > 0);
  if (lists.length === 0) return;
  const list = `\n  ${lists.map((list) => listed(list, "\n  ")).join("\n  ")}`;
  const isHeadless = lists.length === 1 && missing.length > 0 && !missing.some((m) => m.startsWith(`${c.modelType}.`));
  if (isHeadless) {
    const head = `must have the head of a ${c.architecture}, ${missing.length} of its tensors are missing`;
    throw wrongWeights(source, `the weights ${head}:${list}`);
  }
  const count = lists.flat().length;
  const must = `must be those of config.json's model, ${count} of them ${count === 1 ? "is" : "are"} not`;
  throw wrongWeights(source, `the weights ${must}:${list}${labelsRemedy(source, expected, c)}`);
}

/** What to do where config.json has another number of labels than the classifier; "" where it has the same. */
function labelsRemedy(
  { tensors }: NamedWeights,
  expected: ReadonlyMap<string, readonly number[]>,
  { labels }: BertConfig,
): string {
  const [rows] = tensors.get(CLASSIFIER)?.shape ?? [];
  const [classes] = expected.get(CLASSIFIER) ?? [];
  if (rows === undefined || rows === classes || classes !== labels.length) return ""; // or it is of multiple choice
  return `\nid2label or num_labels of config.json must say ${rows} labels, as many as the classifier has rows: they say ${labels.length}`;
}

/** Of weights that are not packed. */
function sameNumbers(a: Weight, b: Weight): boolean {
  const same = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.prototype.every.call(x, (value, i) => value === y[i]);
  if ("scale" in a && "scale" in b && !same(a.scale, b.scale)) return false;
  return same(a.data, b.data);
}
