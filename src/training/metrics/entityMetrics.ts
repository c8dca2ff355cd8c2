import { BertError, shown } from "../../errors.ts";
import { countOf, type Pairs, ratio } from "./pairs.ts";

/** An entity: words start … end of a sentence, both included. */
export interface EntitySpan {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The entities that tags mean, read as seqeval's `get_entities` reads them, and conlleval before it: in IOB2, where
 * each begins with B, in IOB1, where B stands only between neighbours of one type, and in IOBES, where S stands alone
 * and E ends. An entity begins at B, at S, at I or E after O, S or E, and where the type changes. It ends before O, B
 * or S, after E and S, and where the type changes. So an I without a beginning begins one, and no tags are wrong.
 *
 * @param tags "O", or one of B, I, E, S with a type after "-", as "B-PER". A letter alone has the type "_".
 * @throws BertError ERR_INPUT another tag
 * @example
 * const tags = ["B-PER", "I-PER", "O", "I-LOC"];
 * entitiesOf(tags); // [{ type: "PER", start: 0, end: 1 }, { type: "LOC", start: 3, end: 3 }]
 */
export function entitiesOf(tags: readonly string[]): EntitySpan[] {
  const entities: EntitySpan[] = [];
  let open: { type: string; start: number } | undefined;
  const close = (end: number) => {
    if (open) entities.push({ ...open, end });
    open = undefined;
  };
  for (const [i, tag] of tags.entries()) {
    const { letter, type } = partsOf(tag, i);
    if (letter === "O" || letter === "B" || letter === "S" || open?.type !== type) close(i - 1);
    if (letter !== "O") open ??= { type, start: i };
    if (letter === "E" || letter === "S") close(i);
  }
  close(tags.length - 1);
  return entities;
}

const TAG = /^(?:(O)|([BIES])(?:-(.*))?)$/s;

/** Whether a tag is one that `entitiesOf` takes. */
export function isEntityTag(tag: string): boolean {
  return TAG.test(tag);
}

function partsOf(tag: string, i: number): { letter: string; type: string } {
  const found = TAG.exec(tag);
  if (found) return { letter: found[1] ?? found[2], type: found[3] || "_" };
  const expected = '"O" or one of B, I, E, S with "-" and a type';
  throw new BertError("ERR_INPUT", `entitiesOf: tags[${i}] must be ${expected}, got ${shown(tag)}`);
}

/** How well entities were found. */
export interface EntityScores {
  /** Of the entities predicted, the share that is right. 0 if none were predicted. */
  readonly precision: number;
  /** Of the entities in the references, the share that was found. 0 if there are none. */
  readonly recall: number;
  /** 2 · precision · recall / (precision + recall), and 0 if both are. */
  readonly f1: number;
  /** How many entities the references have. */
  readonly support: number;
}

export interface EntityMetrics {
  /** The scores of each type that occurs, sorted by name. */
  readonly perType: ReadonlyMap<string, EntityScores>;
  /** The scores of all entities together: the figure that papers on CoNLL-2003 give. */
  readonly micro: EntityScores;
  /** The mean over the types. */
  readonly macro: EntityScores;
  /** The mean over the types, each with its support as weight. */
  readonly weighted: EntityScores;
  /** The share of words whose tag is right, O included. */
  readonly accuracy: number;
}

/**
 * Precision, recall and F1 of entities: a predicted one is right if its type, first and last word are those of one in
 * the references. As seqeval 1.2 has it in its default mode, `classification_report(zero_division=0)`; where no entity
 * occurs at all every score is 0.
 *
 * @param pairs for each sentence its tags, as many predicted as in the reference
 * @throws BertError ERR_INPUT not as many sentences or tags predicted as in the references, no sentence, a tag that is
 *   none
 * @example
 * const { micro } = entityMetrics({ predictions: [["B-PER", "O", "B-LOC"]], references: [["B-PER", "O", "O"]] });
 * micro; // { precision: 0.5, recall: 1, f1: 0.6666666666666666, support: 1 }
 */
export function entityMetrics(pairs: Pairs<readonly string[]>): EntityMetrics {
  const sentences = countOf("entityMetrics", pairs);
  const counts = new Map<string, Counts>();
  const of = (type: string) => counts.get(type) ?? counts.set(type, { right: 0, predicted: 0, actual: 0 }).get(type)!;
  let words = 0;
  let rightWords = 0;
  for (let i = 0; i < sentences; i++) {
    const predicted = pairs.predictions[i];
    const reference = pairs.references[i];
    if (predicted.length !== reference.length) {
      const got = `${predicted.length} and ${reference.length}`;
      throw new BertError(
        "ERR_INPUT",
        `entityMetrics: predictions[${i}] must have as many tags as references[${i}], got ${got}`,
      );
    }
    words += reference.length;
    rightWords += reference.filter((tag, j) => tag === predicted[j]).length;
    const wanted = entitiesOf(reference);
    const keys = new Set(wanted.map(keyOf));
    for (const { type } of wanted) of(type).actual++;
    for (const entity of entitiesOf(predicted)) {
      of(entity.type).predicted++;
      if (keys.has(keyOf(entity))) of(entity.type).right++;
    }
  }
  const types = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const perType = new Map(types.map(([type, c]) => [type, scoresOf(c)]));
  const each = [...perType.values()];
  return {
    perType,
    micro: scoresOf(types.reduce((sum, [, c]) => plus(sum, c), { right: 0, predicted: 0, actual: 0 })),
    macro: meanOf(each, () => 1),
    weighted: meanOf(each, ({ support }) => support),
    accuracy: ratio(rightWords, words),
  };
}

/** How often a class was right, predicted, and in the references. */
export interface Counts {
  right: number;
  predicted: number;
  actual: number;
}

function plus(a: Counts, b: Counts): Counts {
  return { right: a.right + b.right, predicted: a.predicted + b.predicted, actual: a.actual + b.actual };
}

function keyOf({ type, start, end }: EntitySpan): string {
  return `${start} ${end} ${type}`;
}

/** The scores of a class that was predicted, is in the references, and both, so many times. */
export function scoresOf({ right, predicted, actual }: Counts): EntityScores {
  const precision = ratio(right, predicted);
  const recall = ratio(right, actual);
  return { precision, recall, f1: ratio(2 * precision * recall, precision + recall), support: actual };
}

function meanOf(scores: readonly EntityScores[], weight: (scores: EntityScores) => number): EntityScores {
  const total = scores.reduce((sum, s) => sum + weight(s), 0);
  const mean = (name: "precision" | "recall" | "f1") =>
    ratio(
      scores.reduce((sum, s) => sum + s[name] * weight(s), 0),
      total,
    );
  const support = scores.reduce((sum, s) => sum + s.support, 0);
  return { precision: mean("precision"), recall: mean("recall"), f1: mean("f1"), support };
}
