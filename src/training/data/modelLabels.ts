import { BertError, listed, quote } from "../../errors.ts";
import type { TaggedSentence } from "./conll.ts";
import type { Located } from "./located.ts";
import type { Label, TextExample } from "./textExamples.ts";

/** The labels of a model, and those of examples by their names there. */
export interface ModelLabels {
  /** By index. */
  readonly names: readonly string[];
  /** @throws BertError ERR_INPUT, naming file and line: the model has no such label */
  nameOf(label: string | number, where: string): string;
}

/** What Hugging Face's libraries call labels that nobody has named. */
const UNNAMED = /^LABEL_\d+$/;
const WHOLE_NUMBER = /^(0|[1-9]\d*)$/;

/**
 * Finds the labels of examples among those of a model. Either all of them are names of the model, or all are but for
 * capitals, or all are indices; so a label is never taken for another by chance.
 *
 * @param model the names of config.json's id2label, by index
 * @param found the labels that the examples have
 * @param given what the examples call the model's labels, by index
 * @throws BertError ERR_INPUT not as many given as the model has
 */
export function modelLabels(
  model: readonly string[],
  found: Iterable<string | number>,
  given: readonly string[] | undefined,
): ModelLabels {
  if (given !== undefined && given.length !== model.length) {
    const names = `${listed(model.map(quote))}`;
    throw new BertError(
      "ERR_INPUT",
      `evaluate: labels must be ${model.length}, one for each of the model's, ${names}; got ${given.length}`,
    );
  }
  const names = given ?? model;
  const labels = [...new Set(Array.from(found, String))];
  const same = new Map(names.map((name) => [name, name]));
  const lower = new Map(names.map((name) => [name.toLowerCase(), name]));
  const isIndex = (label: string) => WHOLE_NUMBER.test(label) && Number(label) < names.length;
  const mayBeIndices = !names.some((name) => WHOLE_NUMBER.test(name));
  let nameOf = (label: string) => same.get(label);
  if (!labels.every((label) => same.has(label))) {
    if (lower.size === names.length && labels.every((label) => lower.has(label.toLowerCase())))
      nameOf = (label) => lower.get(label.toLowerCase());
    else if (mayBeIndices && labels.every(isIndex)) nameOf = (label) => names[Number(label)];
  }
  return {
    names,
    nameOf(label, where) {
      const name = nameOf(String(label));
      if (name !== undefined) return name;
      const expected = `one of the model's, ${listed(names.map(quote))}`;
      const advice = areUnnamed(names)
        ? "; labels says what the examples call them, in the order of their indices"
        : "";
      throw new BertError("ERR_INPUT", `${where}: label must be ${expected}, got ${quote(String(label))}${advice}`);
    },
  };
}

/** Whether nobody has named the labels of a model. */
export function areUnnamed(labels: readonly string[]): boolean {
  return labels.every((label) => UNNAMED.test(label));
}

/** The example with the model's name for its label, or for each of its labels. */
export function relabelled(example: Located<TextExample>, { nameOf }: ModelLabels): Located<TextExample> {
  const { label, where } = example;
  if (label === undefined) return example;
  return {
    ...example,
    label: typeof label === "object" ? label.map((one) => nameOf(one, where)) : nameOf(label, where),
  };
}

/** The sentence with the model's names for its tags. */
export function retagged(sentence: Located<TaggedSentence>, { nameOf }: ModelLabels): Located<TaggedSentence> {
  return { ...sentence, tags: sentence.tags.map((tag) => nameOf(tag, sentence.where)) };
}

/** The labels of an example, none if it has none. */
export function labelsIn(label: Label | undefined): readonly (string | number)[] {
  return label === undefined ? [] : typeof label === "object" ? label : [label];
}
