import { SHORTEST } from "../../load/sentenceVector.ts";
import { exp, log } from "../../tensor/kernels/transcendental.ts";

/** The losses of texts' vectors, by the names of sentence-transformers. */
export const VECTOR_LOSSES = ["MultipleNegativesRankingLoss", "CoSENTLoss", "CosineSimilarityLoss"] as const;
/** One of these losses. */
export type VectorLossName = (typeof VECTOR_LOSSES)[number];

/** A loss, and what it has to know. */
export interface VectorLossSettings {
  readonly name: VectorLossName;
  /** What similarities are multiplied by, the inverse of a temperature; CosineSimilarityLoss has none. */
  readonly scale: number;
  /** Matryoshka: the loss is that of the first d numbers of each vector, for each d, times its weight; null: of all. */
  readonly matryoshka: readonly { readonly dim: number; readonly weight: number }[] | null;
}

/** The vectors of a batch, and which of them belong together. */
export interface VectorBatch {
  /** [N][D], the texts of an example after those of the one before; the first two are those that belong together. */
  readonly vectors: readonly Float64Array[];
  /** [examples], how many texts each has: 2, and more where it has negatives. */
  readonly groups: ArrayLike<number>;
  /** [examples], how alike the two texts are; null for examples without. */
  readonly scores: ArrayLike<number> | null;
}

/** What a loss says of a batch. */
export interface VectorLossResult {
  readonly loss: number;
  /** [examples], the part of each, of which the loss is the mean; null where it is none. */
  readonly terms: Float64Array | null;
  /** [N][D] */
  readonly dvectors: readonly Float64Array[];
}

/**
 * A loss and its gradients, in float64 throughout.
 *
 * Matryoshka (Kusupati et al. 2022, eq. 1; `MatryoshkaLoss`) adds up the loss of vectors cut to their first d numbers:
 *
 *     L = Σ_d w_d · L(v[:d])
 *
 * The library divides what it has cut by its length; as all three losses compare directions, that changes nothing.
 */
export function vectorLoss(settings: VectorLossSettings, batch: VectorBatch): VectorLossResult {
  const { matryoshka } = settings;
  if (matryoshka === null) return LOSSES[settings.name](batch, settings.scale);
  const dvectors = batch.vectors.map(({ length }) => new Float64Array(length));
  let loss = 0;
  let terms: Float64Array | null = null;
  for (const { dim, weight } of matryoshka) {
    const cut = { ...batch, vectors: batch.vectors.map((vector) => vector.subarray(0, dim)) };
    const part = LOSSES[settings.name](cut, settings.scale);
    loss += weight * part.loss;
    if (part.terms) {
      terms ??= new Float64Array(part.terms.length);
      for (const [i, term] of part.terms.entries()) terms[i] += weight * term;
    }
    for (const [n, d] of part.dvectors.entries()) addScaled(dvectors[n], d, weight);
  }
  return { loss, terms, dvectors };
}

const LOSSES: Readonly<Record<VectorLossName, (batch: VectorBatch, scale: number) => VectorLossResult>> = {
  MultipleNegativesRankingLoss: multipleNegativesRanking,
  CoSENTLoss: cosent,
  CosineSimilarityLoss: cosineSimilarity,
};

/**
 * The positive of each anchor against all other positives and all negatives of the batch (Henderson et al. 2017, §4.4;
 * InfoNCE of van den Oord et al. 2018, eq. 4; `MultipleNegativesRankingLoss`): the cross-entropy of cosines s times
 * `scale`. a_i is the anchor of example i, p_i its positive, d runs over the positives and negatives of all examples:
 *
 *     L = −1/n Σ_i ln (e^(s(a_i, p_i)) / Σ_d e^(s(a_i, d)))        ∂L/∂s(a_i, d) = (softmax_d − [d = p_i]) / n
 */
function multipleNegativesRanking({ vectors, groups }: VectorBatch, scale: number): VectorLossResult {
  const units = vectors.map(unitOf);
  const dunits = units.map(({ unit }) => new Float64Array(unit.length));
  const anchors = firstOf(groups);
  const isAnchor = new Set(anchors);
  const documents = Array.from(units.keys()).filter((n) => !isAnchor.has(n));
  const n = anchors.length;
  const terms = new Float64Array(n);
  for (const [i, anchor] of anchors.entries()) {
    const scores = documents.map((d) => scale * dot(units[anchor].unit, units[d].unit)); // [documents]
    const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const powers = scores.map((score) => exp(score - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    for (const [j, d] of documents.entries()) {
      const isPositive = d === anchor + 1;
      if (isPositive) terms[i] = log(sum) + most - scores[j];
      const dscore = ((powers[j] / sum - (isPositive ? 1 : 0)) * scale) / n;
      addScaled(dunits[anchor], units[d].unit, dscore);
      addScaled(dunits[d], units[anchor].unit, dscore);
    }
  }
  return { loss: mean(terms), terms, dvectors: dunits.map((dunit, at) => unitBackward(units[at], dunit)) };
}

/**
 * Pairs in the order of their scores y (Su 2022, "CoSENT"; `CoSENTLoss`): for each two of the batch of which one has
 * the larger score, its cosine s, times `scale`, should be the larger one too:
 *
 *     L = ln (1 + Σ_(y_i < y_j) e^(s_i − s_j))        ∂L/∂s_i gets e^(s_i − s_j − L), ∂L/∂s_j the same with −
 */
function cosent(batch: VectorBatch, scale: number): VectorLossResult {
  const pairs = cosines(batch);
  const y = batch.scores as ArrayLike<number>;
  const s = pairs.cosines.map((cosine) => scale * cosine);
  const wrong: (readonly [i: number, j: number])[] = [];
  for (let i = 0; i < s.length; i++) for (let j = 0; j < s.length; j++) if (y[i] < y[j]) wrong.push([i, j]);
  const most = wrong.reduce((a, [i, j]) => Math.max(a, s[i] - s[j]), 0);
  const sum = wrong.reduce((a, [i, j]) => a + exp(s[i] - s[j] - most), exp(-most));
  const ds = new Float64Array(s.length);
  for (const [i, j] of wrong) {
    const share = (exp(s[i] - s[j] - most) / sum) * scale;
    ds[i] += share;
    ds[j] -= share;
  }
  return { loss: log(sum) + most, terms: null, dvectors: pairs.backward(ds) };
}

/**
 * The squared error of cosines (Reimers & Gurevych 2019, §3; `CosineSimilarityLoss`):
 *
 *     L = 1/n Σ (cos − y)²        ∂L/∂cos = 2 (cos − y) / n
 */
function cosineSimilarity(batch: VectorBatch): VectorLossResult {
  const pairs = cosines(batch);
  const differences = pairs.cosines.map((cosine, i) => cosine - (batch.scores as ArrayLike<number>)[i]);
  const terms = differences.map((difference) => difference * difference);
  const dvectors = pairs.backward(differences.map((difference) => (2 * difference) / differences.length));
  return { loss: mean(terms), terms, dvectors };
}

/** The cosine of the two vectors of each example, and its gradients. */
function cosines({ vectors, groups }: VectorBatch) {
  const units = vectors.map(unitOf);
  const firsts = firstOf(groups);
  return {
    /** [examples] */
    cosines: Float64Array.from(firsts, (n) => dot(units[n].unit, units[n + 1].unit)),
    /** @param dcosines [examples] @returns [N][D] */
    backward(dcosines: Float64Array): Float64Array[] {
      return firsts.flatMap((n, i) => {
        const [a, b] = [units[n], units[n + 1]];
        return [unitBackward(a, scaled(b.unit, dcosines[i])), unitBackward(b, scaled(a.unit, dcosines[i]))];
      });
    },
  };
}

/** cos(a, b), 0 where one of them has no direction. */
export function cosineOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return dot(unitOf(a).unit, unitOf(b).unit);
}

/** A vector's direction. */
interface Unit {
  readonly unit: Float64Array;
  /** What the vector was divided by. */
  readonly length: number;
  /** Whether it was shorter than that. */
  readonly isShort: boolean;
}

/** u = v / max(‖v‖, 1e-12) */
export function unitOf(vector: ArrayLike<number>): Unit {
  const norm = Math.sqrt(dot(vector, vector));
  const length = Math.max(norm, SHORTEST);
  return { unit: Float64Array.from(vector, (x) => x / length), length, isShort: norm < SHORTEST };
}

/** dv = (du − u (u · du)) / ‖v‖: what points along v changes no direction. */
export function unitBackward({ unit, length, isShort }: Unit, dunit: Float64Array): Float64Array {
  const along = isShort ? 0 : dot(unit, dunit);
  return dunit.map((d, i) => (d - unit[i] * along) / length);
}

function firstOf(groups: ArrayLike<number>): number[] {
  let at = 0;
  return Array.from(groups, (size) => {
    at += size;
    return at - size;
  });
}

/** Σ a_i b_i */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** y += w x, of as many numbers as x has. */
function addScaled(y: Float64Array, x: Float64Array, w: number): void {
  for (let i = 0; i < x.length; i++) y[i] += w * x[i];
}

function scaled(x: Float64Array, w: number): Float64Array {
  return x.map((value) => value * w);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
