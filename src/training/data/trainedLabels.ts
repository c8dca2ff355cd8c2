import { listed } from "../../errors.ts";
import { kindConflict, labelNames, oneLabel, orderOf } from "./labels.ts";
import type { LabelAt } from "./modelLabels.ts";
import { recordError, shown } from "./numberedLines.ts";

/**
 * The labels that a model learns where nobody lists them: those of the examples to train with, in the order of
 * `labelNames`, or as a classifier has them that training begins with and that has the same. As in Hugging Face's
 * run_glue.py and run_ner.py, evaluation adds none: a misspelt label would otherwise become a class without examples.
 *
 * @param what  what errors call one: "label", "tag"
 * @param start the labels of the classifier that training begins with; null: it is none of this kind
 * @throws BertError ERR_INPUT, naming file and line: labels of two kinds, such as a name and a number; one label alone,
 *   unless several may hold at once; a label that evaluation alone has
 */
export function trainedLabels(
  what: "label" | "tag",
  train: readonly LabelAt[],
  evaluation: readonly LabelAt[],
  { start, several = false }: { readonly start: readonly string[] | null; readonly several?: boolean },
): readonly string[] {
  const all = [...train, ...evaluation];
  expectOneKind(what, all);
  const names = (some: readonly LabelAt[]) => orderOf(start, labelNames(some.map(({ label }) => label)));
  const ofBoth = names(all);
  if (ofBoth === start) return start;
  const labels = names(train);
  if (labels.length === 1 && !several) throw oneLabel(labels[0], train[0].where);
  const isKnown = new Set(labels);
  const unknown = labels === start ? undefined : evaluation.find(({ label }) => !isKnown.has(String(label)));
  if (unknown === undefined) return labels;
  const expected = `one of those to train with, ${listed(labels.map(shown))}, unless labels lists it`;
  throw recordError(unknown.where, what, expected, shown(unknown.label));
}

/** @throws BertError ERR_INPUT, naming file and line: a label that `labelNames` would not take among the others */
function expectOneKind(what: "label" | "tag", labels: readonly LabelAt[]): void {
  const conflict = kindConflict(labels.map(({ label }) => label));
  const odd = labels.find(({ label }) => label === conflict);
  if (odd !== undefined) {
    const { label, where } = labels[0];
    throw recordError(odd.where, what, `${KINDS[typeof label]}, as ${shown(label)} of ${where} is`, shown(odd.label));
  }
  const long = labels.find(({ label }) => Number.isInteger(label) && !Number.isSafeInteger(label));
  if (long === undefined) return;
  throw recordError(long.where, what, "a string where it has more digits than a number holds", shown(long.label));
}

const KINDS: Readonly<Record<string, string>> = { string: "a name", number: "a number", boolean: "true or false" };
