import { BertError, listed, shown } from "../../errors.ts";
import { recordError } from "../data/numberedLines.ts";
import type { SentenceGroup } from "../data/sentenceExamples.ts";
import type { VectorLossName, VectorLossSettings } from "./vectorLosses.ts";

/** What a run says of its loss. */
export interface VectorLossOptions {
  /**
   * sentence-embedding: which loss, by its name in sentence-transformers. Default: MultipleNegativesRankingLoss of
   * pairs, CoSENTLoss of scored pairs.
   */
  readonly loss?: VectorLossName | undefined;
  /** sentence-embedding: what MultipleNegativesRankingLoss and CoSENTLoss multiply cosines by. Default 20. */
  readonly scale?: number | undefined;
  /**
   * sentence-embedding: the sum of the loss of vectors cut to their first so many numbers, of each of these
   * (MatryoshkaLoss). Default: of whole vectors alone.
   */
  readonly matryoshkaDims?: readonly number[] | undefined;
  /** sentence-embedding: what each of these losses is multiplied by. Default 1. */
  readonly matryoshkaWeights?: readonly number[] | undefined;
}

/** What examples say of two texts: that they belong together, or how alike they are. */
export type SentenceKind = "pairs" | "scored pairs";

export function kindOf([first]: readonly SentenceGroup[]): SentenceKind {
  return first.score === null ? "pairs" : "scored pairs";
}

/** The losses of each kind, the default first. */
const LOSSES_OF: Readonly<Record<SentenceKind, readonly [VectorLossName, ...VectorLossName[]]>> = {
  pairs: ["MultipleNegativesRankingLoss"],
  "scored pairs": ["CoSENTLoss", "CosineSimilarityLoss"],
};

/**
 * The loss of examples.
 *
 * @param where the function that errors name
 * @param D     how many numbers a vector has
 * @throws BertError ERR_INPUT a loss of other examples, a scale of a loss that has none, or dimensions and weights that
 *   are none
 */
export function lossSettings(
  where: string,
  kind: SentenceKind,
  options: VectorLossOptions,
  D: number,
): VectorLossSettings {
  const wrong = (name: string, expected: string, got: unknown) =>
    new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(got)}`);
  const names = LOSSES_OF[kind];
  const { loss: name = names[0], scale } = options;
  if (!names.includes(name)) throw wrong("loss", `${names.join(" or ")} for ${kind}`, name);
  if (scale !== undefined && name === "CosineSimilarityLoss") throw wrong("scale", `left out for ${name}, which has none`, scale); // biome-ignore format: one line
  return { name, scale: scale ?? 20, matryoshka: matryoshkaOf(options, D, wrong) };
}

/** The largest first, as `MatryoshkaLoss` adds them up. */
function matryoshkaOf(
  { matryoshkaDims: dims, matryoshkaWeights: weights }: VectorLossOptions,
  D: number,
  wrong: (name: string, expected: string, got: unknown) => BertError,
): VectorLossSettings["matryoshka"] {
  if (dims === undefined) {
    if (weights === undefined) return null;
    throw wrong("matryoshkaWeights", "left out without matryoshkaDims", weights);
  }
  const areDims =
    Array.isArray(dims) &&
    dims.length > 0 &&
    dims.every((dim) => Number.isInteger(dim) && dim >= 1 && dim <= D) &&
    new Set(dims).size === dims.length;
  if (!areDims) throw wrong("matryoshkaDims", `different whole numbers from 1 to ${D}, what a vector has`, dims);
  const areWeights =
    weights === undefined ||
    (Array.isArray(weights) && weights.length === dims.length && weights.every((w) => w > 0 && w < Infinity));
  if (!areWeights) throw wrong("matryoshkaWeights", `${dims.length} numbers above 0, one for each of matryoshkaDims`, weights); // biome-ignore format: one line
  const both = dims.map((dim, i) => ({ dim, weight: weights?.[i] ?? 1 }));
  return both.sort((a, b) => b.dim - a.dim);
}

/** @throws BertError ERR_INPUT, naming file and line, a score that no cosine has, where cosines are to be scores */
export function expectCosines({ name }: VectorLossSettings, examples: readonly SentenceGroup[]): void {
  if (name !== "CosineSimilarityLoss") return;
  const odd = examples.find(({ score }) => Math.abs(score as number) > 1);
  if (odd) throw recordError(odd.where, "score", `from -1 to 1 for ${name}, as a cosine is`, shown(odd.score));
}

/** What a run's report and its resume call the loss. */
export function lossFacts({ name, scale, matryoshka }: VectorLossSettings): Readonly<Record<string, string | number>> {
  return {
    loss: name,
    ...(name !== "CosineSimilarityLoss" && { scale }),
    ...(matryoshka && {
      matryoshkaDims: matryoshka.map(({ dim }) => dim).join(", "),
      matryoshkaWeights: matryoshka.map(({ weight }) => weight).join(", "),
    }),
  };
}

/** What the examples have decided, in sentences for the log. @param examples what they are called */
export function lossNotes(examples: string, settings: VectorLossSettings, D: number): string[] {
  const { name, matryoshka } = settings;
  const facts = Object.entries(lossFacts(settings)).slice(1).map(([fact, value]) => `${fact} ${value}`); // biome-ignore format: one line
  const notes = [`the examples are ${examples}: the loss is ${listed([name, ...facts])}`];
  if (matryoshka && matryoshka[0].dim < D) {
    notes.push(
      `matryoshkaDims leaves out ${D}, the whole vector: only its first ${matryoshka[0].dim} numbers are trained`,
    );
  }
  return notes;
}
