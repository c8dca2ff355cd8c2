import { BertError, listed, quote } from "../../errors.ts";
import type { ClassName } from "./labels.ts";
import { recordError } from "./numberedLines.ts";

/** The label of an example, or one of its labels. */
export interface LabelAt {
  readonly label: ClassName;
  readonly where: string;
}

/** Labels of a model, by index, under the names that examples have for them. */
export interface ModelLabels {
  readonly names: readonly string[];
  /** A label of an example as one of the names, if it is one but for capitals. */
  nameOf<Name extends ClassName>(label: Name): Name | string;
}

/** Whether nobody has named the labels of a model: Hugging Face's libraries then call them so. */
export function areUnnamed(labels: readonly string[]): boolean {
  return labels.every((label, i) => label === `LABEL_${i}`);
}

/**
 * Names for the labels of a model by which `labelId` finds those of the examples: config.json's, or what the examples
 * call them, by index. Capitals make no difference where all names of the examples are names of the model without them.
 *
 * @param model the names of config.json's id2label, by index
 * @param found the labels of the examples
 * @param given what the examples call the model's labels, by index
 * @throws BertError ERR_INPUT not as many given as the model has; naming file and line, a name where the model has none
 */
export function modelLabels(
  model: readonly string[],
  found: readonly LabelAt[],
  given: readonly string[] | undefined,
): ModelLabels {
  if (given !== undefined && given.length !== model.length) {
    const names = listed(model.map(quote));
    throw new BertError(
      "ERR_INPUT",
      `evaluate: labels must be ${model.length}, one for each of the model's, ${names}; got ${given.length}`,
    );
  }
  const names = given ?? model;
  const isName = ({ label }: LabelAt) => typeof label === "string" && !/^\d+$/.test(label);
  const stranger = found.find((one) => isName(one) && !names.includes(String(one.label)));
  const byLower = new Map(names.map((name) => [name.toLowerCase(), name]));
  const lower = (label: ClassName) => byLower.get(String(label).toLowerCase());
  const fits = byLower.size === names.length && found.every((one) => !isName(one) || lower(one.label) !== undefined);
  if (stranger && !fits && areUnnamed(names)) {
    const expected = `${listed(names.map(quote))} or an index, unless labels says what the examples call them`;
    throw recordError(stranger.where, "label", expected, quote(String(stranger.label)));
  }
  return {
    names,
    nameOf: (label) => (stranger && fits && typeof label === "string" ? (lower(label) ?? label) : label),
  };
}
