/** Which of a model's answers is looked at when something is taken from it. */
import type { BertConfig } from "../../index.ts";
import { type ExplorerResult, outputsOf } from "../explorerResult.ts";
import { SUBJECTS, type SubjectKind } from "./choices.ts";

/** A model, as far as it says which answers it has. */
interface Configured {
  readonly config: BertConfig;
}

/** An answer of a model. */
export interface Subject {
  readonly kind: SubjectKind;
  /** Of the gap, or of the token; null of the others. */
  readonly position: number | null;
}

/** The subjects in a word or two. */
export const SUBJECT_NAMES: Readonly<Record<SubjectKind, string>> = {
  gap: "what fits",
  next: "whether B follows",
  label: "the text's label",
  token: "the token's label",
  span: "the part that answers",
  vector: "the text's vector",
};

/** The subjects that a model has of a text; the vector, which every model has, is the last. */
export function subjectsOf({ config }: Configured, result: ExplorerResult): SubjectKind[] {
  const { architecture } = config;
  const has: Readonly<Record<SubjectKind, boolean>> = {
    gap: outputsOf(architecture).gaps !== undefined && result.gaps.length > 0,
    next: result.nextSentence !== null,
    label: /SequenceClassification$|MultipleChoice$/.test(architecture),
    token: architecture.endsWith("TokenClassification") && firstWord(result) >= 0,
    span: architecture.endsWith("QuestionAnswering"),
    vector: true,
  };
  return SUBJECTS.filter((kind) => has[kind]);
}

/**
 * The subject that is looked at: the chosen one or, where there is none of its kind, the first.
 *
 * @param picked the position that is picked; null: none
 */
export function subjectOf(
  model: Configured,
  result: ExplorerResult,
  chosen: SubjectKind | "first",
  picked: number | null,
): Subject {
  const kinds = subjectsOf(model, result);
  const kind = kinds.find((one) => one === chosen) ?? kinds[0];
  if (kind === "gap") return { kind, position: gapAt(result, picked) };
  if (kind !== "token") return { kind, position: null };
  const isWord = picked !== null && result.tokens[picked]?.isSpecial === false;
  return { kind, position: isWord ? picked : firstWord(result) };
}

/** The picked gap or, where none is, the first. */
const gapAt = ({ gaps }: ExplorerResult, picked: number | null): number =>
  (gaps.find(({ position }) => position === picked) ?? gaps[0]).position;

const firstWord = ({ tokens }: ExplorerResult): number => tokens.findIndex(({ isSpecial }) => !isSpecial);

/** What an effect is the change of: its name, which is not broken into two lines, and what it is in a sentence. */
export interface Measure {
  readonly name: string;
  readonly legend: string;
  /** Whether it is never above 0. */
  readonly isLoss: boolean;
  /** Where in the text the answer is, such as " at position 4"; "" where it is of all of it. */
  readonly where: string;
}

/** What an effect on a subject is the change of. */
export function measureOf({ config }: Configured, { kind, position }: Subject): Measure {
  const where = position === null ? "" : ` at position ${position}`;
  if (kind === "vector")
    return {
      name: "Δ\u00a0cosine",
      legend: "Δ\u00a0cosine is the cosine of the text's vector to the untouched one, less 1: it is never above 0.",
      ...{ isLoss: true, where },
    };
  return kind === "label" && scoring(config) === "number"
    ? { name: "Δ\u00a0score", legend: "Δ\u00a0score is how much the score changes.", isLoss: false, where }
    : {
        name: "Δ\u00a0log\u00a0p",
        legend: "Δ\u00a0log\u00a0p is how much the natural logarithm of the probability changes.",
        ...{ isLoss: false, where },
      };
}

/** How a classifier's logits become scores: as the pipelines do it, by config.json. */
export function scoring({ architecture, problemType, labels }: BertConfig): "softmax" | "sigmoid" | "number" {
  if (architecture.endsWith("MultipleChoice") || problemType === "regression") return "number";
  if (architecture.endsWith("TokenClassification")) return "softmax";
  return problemType === "multi_label_classification" || labels.length === 1 ? "sigmoid" : "softmax";
}
