import type { Loss } from "../losses.ts";
import { dot, unitBackward, unitOf, type VectorLossSettings } from "../sentence/vectorLosses.ts";

/** What a student learns of its teacher's vectors. */
export interface DistillationSettings {
  /** What the error of vectors is multiplied by. */
  readonly vectorWeight: number;
  /** What the error of similarities is multiplied by. */
  readonly similarityWeight: number;
  /** Similarities of the first d numbers of the student's vectors, for each d, times its weight; null: of all. */
  readonly matryoshka: VectorLossSettings["matryoshka"];
}

/** What is to be learned of a batch of n texts. */
export interface DistillationTargets extends DistillationSettings {
  /** [n][E_t], the teacher's vectors. */
  readonly teacher: readonly Float32Array[];
}

/** A student's vectors of n texts. */
export interface StudentVectors {
  /** [n][E_s] */
  readonly vectors: readonly Float64Array[];
  /** [n][E_t], the same after the projection; without one `vectors`. Not read where `vectorWeight` is 0. */
  readonly projected: readonly Float64Array[];
}

/** The loss of a batch, and its gradients. */
export interface DistillationLoss {
  readonly loss: number;
  /** The mean squared errors before their weights; without that whose weight is 0. */
  readonly parts: { readonly vectors?: Loss; readonly similarities?: Loss };
  /** [n], the part of each text, of which the loss is the mean. */
  readonly terms: Float64Array;
  /** [n][E_s], by the similarities. */
  readonly dvectors: readonly Float64Array[];
  /** [n][E_t], by the vectors; null where `vectorWeight` is 0. */
  readonly dprojected: readonly Float64Array[] | null;
}

/**
 * Distillation of vectors u of n texts from a teacher's t, in float64 throughout: the vectors follow the teacher's,
 * where sizes differ after a linear map P, and the similarities within the batch follow those of the teacher.
 *
 *     L = w_v · 1/(n E_t) Σ_i ‖P u_i − t_i‖²  +  w_s · 1/n² Σ_ij (cos(u_i, u_j) − cos(t_i, t_j))²
 *
 * The first part is `MSELoss` and `EmbedDistillLoss` of sentence-transformers (Reimers & Gurevych 2020, eq. 1; Kim et
 * al. 2023, eq. 7), the second that of Tung & Mori 2019, "Similarity-Preserving Knowledge Distillation", eq. 4, of
 * cosines, and of the relations of Park et al. 2019, "Relational Knowledge Distillation", eq. 1. It needs no map: what
 * it compares has the size of the batch.
 */
export function distillationLoss(
  settings: DistillationTargets,
  { vectors, projected }: StudentVectors,
): DistillationLoss {
  const { vectorWeight, similarityWeight, teacher } = settings;
  const terms = new Float64Array(vectors.length);
  const add = (part: Float64Array, w: number) => {
    for (const [i, term] of part.entries()) terms[i] += w * term;
    return part.reduce((sum, term) => sum + term, 0) / part.length;
  };
  const parts: { vectors?: Loss; similarities?: Loss } = {};
  const dvectors = vectors.map(({ length }) => new Float64Array(length));
  let dprojected: Float64Array[] | null = null;
  if (vectorWeight > 0) {
    const part = vectorError(projected, teacher);
    parts.vectors = { loss: add(part.terms, vectorWeight), count: vectors.length };
    dprojected = part.dvectors.map((row) => row.map((d) => vectorWeight * d));
  }
  if (similarityWeight > 0) {
    const wanted = cosines(teacher.map((vector) => unitOf(vector).unit));
    let error = 0;
    for (const { dim, weight } of settings.matryoshka ?? [{ dim: vectors[0].length, weight: 1 }]) {
      const part = similarityError(vectors.map((vector) => vector.subarray(0, dim)), wanted); // biome-ignore format: one line
      const w = similarityWeight * weight;
      error += weight * add(part.terms, w);
      for (const [i, row] of part.dvectors.entries()) for (let d = 0; d < dim; d++) dvectors[i][d] += w * row[d];
    }
    parts.similarities = { loss: error, count: vectors.length };
  }
  const { vectors: ofVectors, similarities } = parts;
  const loss = vectorWeight * (ofVectors?.loss ?? 0) + similarityWeight * (similarities?.loss ?? 0);
  return { loss, parts, terms, dvectors, dprojected };
}

/** The first part, of p = P u: ∂L/∂p_i = 2 (p_i − t_i) / (n E_t). @param p, t [n][E_t] */
function vectorError(p: readonly Float64Array[], t: readonly Float32Array[]) {
  const E = t[0].length;
  const terms = new Float64Array(p.length);
  const dvectors = p.map((row, i) =>
    row.map((value, d) => {
      const difference = value - t[i][d];
      terms[i] += (difference * difference) / E;
      return (2 * difference) / (p.length * E);
    }),
  );
  return { terms, dvectors };
}

/**
 * The second part. With û = u/‖u‖ and e_ij = cos(u_i, u_j) − cos(t_i, t_j), each of which stands in the sum twice:
 *
 *     ∂L/∂û_i = 4/n² Σ_j e_ij û_j
 *
 * @param u      [n][E] @param wanted [n][n]
 */
function similarityError(u: readonly Float64Array[], wanted: readonly Float64Array[]) {
  const n = u.length;
  const units = u.map(unitOf);
  const errors = cosines(units.map(({ unit }) => unit)).map((row, i) => row.map((cosine, j) => cosine - wanted[i][j]));
  const terms = Float64Array.from(errors, (row) => row.reduce((sum, e) => sum + e * e, 0) / n);
  const dvectors = units.map((one, i) => {
    const dunit = new Float64Array(one.unit.length);
    for (const [j, { unit }] of units.entries()) {
      const w = (4 * errors[i][j]) / (n * n);
      for (let d = 0; d < dunit.length; d++) dunit[d] += w * unit[d];
    }
    return unitBackward(one, dunit);
  });
  return { terms, dvectors };
}

/** [n][n] of [n][E], each of length 1. */
function cosines(units: readonly Float64Array[]): Float64Array[] {
  return units.map((a) => Float64Array.from(units, (b) => dot(a, b)));
}
