import { type EntityScores, entitiesOf, scoresOf } from "./entityMetrics.ts";
import { countOf, type Pairs } from "./pairs.ts";

/** How often each class was predicted for each class: scikit-learn's `confusion_matrix`. */
export interface ConfusionMatrix {
  /** The classes that occur, in the order of their indices. */
  readonly labels: readonly string[];
  /** A row for each class of the references, in it a count for each class that was predicted. */
  readonly counts: readonly (readonly number[])[];
}

/** How well a class, or a type of entity, was recognized. */
export interface ClassScores extends EntityScores {
  readonly label: string;
}

/** What stands for a place without an entity, as in tags. */
const NO_ENTITY = "O";

/**
 * The confusion matrix of indices of classes. Classes that neither predictions nor references have are left out.
 *
 * @param names of the classes, by index
 */
export function confusionMatrix(pairs: Pairs<number>, names: readonly string[]): ConfusionMatrix {
  const count = countOf("confusionMatrix", pairs);
  const { predictions, references } = pairs;
  const present = [...new Set([...Array.from(predictions), ...Array.from(references)])].sort((a, b) => a - b);
  const places = new Map(present.map((index, place) => [index, place]));
  const counts = present.map(() => present.map(() => 0));
  for (let i = 0; i < count; i++) counts[places.get(references[i])!][places.get(predictions[i])!]++;
  return { labels: present.map((index) => names[index]), counts };
}

/**
 * The confusion matrix of entities by their types. An entity is compared with the one of the same words on the other
 * side; "O" stands where there is none.
 *
 * @param pairs for each sentence its tags, see `entitiesOf`
 * @returns     null where no entity occurs
 */
export function entityConfusion({ predictions, references }: Pairs<readonly string[]>): ConfusionMatrix | null {
  const found: [reference: string | null, predicted: string | null][] = [];
  for (let i = 0; i < references.length; i++) {
    const predicted = new Map(entitiesOf(predictions[i]).map((entity) => [placeOf(entity), entity.type]));
    for (const entity of entitiesOf(references[i])) {
      found.push([entity.type, predicted.get(placeOf(entity)) ?? null]);
      predicted.delete(placeOf(entity));
    }
    for (const type of predicted.values()) found.push([null, type]);
  }
  if (found.length === 0) return null;
  const types = [...new Set(found.flat().filter((type) => type !== null))].sort((a, b) => (a < b ? -1 : 1));
  const ids = new Map<string | null, number>([...types, null].map((type, id) => [type, id]));
  const pairs = {
    references: found.map(([type]) => ids.get(type)!),
    predictions: found.map(([, type]) => ids.get(type)!),
  };
  return confusionMatrix(pairs, [...types, NO_ENTITY]);
}

function placeOf({ start, end }: { readonly start: number; readonly end: number }): string {
  return `${start} ${end}`;
}

/** The scores of each class: its column is what was predicted of it, its row what there is. */
export function classScores({ labels, counts }: ConfusionMatrix): ClassScores[] {
  return labels.map((label, c) => {
    const predicted = counts.reduce((sum, row) => sum + row[c], 0);
    const actual = counts[c].reduce((sum, count) => sum + count, 0);
    return { label, ...scoresOf({ right: counts[c][c], predicted, actual }) };
  });
}
