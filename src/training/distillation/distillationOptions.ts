import { BertError, shown } from "../../errors.ts";
import { lossSettings, type VectorLossOptions } from "../sentence/lossSettings.ts";
import type { DistillationSettings } from "./distillationLoss.ts";

/** What a run says of a teacher. */
export interface DistillationOptions {
  /**
   * sentence-embedding: a larger model whose vectors are to be learned, a folder or an id on the hub (there its branch
   * main). Examples may then be texts alone.
   */
  readonly teacher?: string | undefined;
  /** With `teacher`: what the mean squared error of vectors is multiplied by. Default 1. */
  readonly vectorLossWeight?: number | undefined;
  /** With `teacher`: what the mean squared error of cosines within a batch is multiplied by. Default 1. */
  readonly similarityLossWeight?: number | undefined;
  /**
   * With `teacher`: keep the linear map from the model's vectors to those of the teacher, where sizes differ, as the
   * folder's last module, so that its vectors have the teacher's size. Default false: it is thrown away after training.
   */
  readonly keepProjection?: boolean | undefined;
}

/** Options that mean nothing without a teacher. */
const OF_TEACHER = ["vectorLossWeight", "similarityLossWeight", "keepProjection", "onTeacher"];

/**
 * Checks that options of a teacher have one, and that none stands beside it whose place it takes.
 *
 * @throws BertError ERR_INPUT naming the option
 */
export function expectTeacherOptions(where: string, options: object): void {
  const given = options as Readonly<Record<string, unknown>>;
  const wrong = (name: string, expected: string) =>
    new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(given[name])}`);
  if (given.teacher === undefined) {
    const name = OF_TEACHER.find((option) => given[option] !== undefined && given[option] !== false);
    if (name !== undefined) throw wrong(name, "left out without teacher");
    return;
  }
  for (const name of ["loss", "scale"])
    if (given[name] !== undefined) throw wrong(name, "left out where teacher is given, whose vectors are learned");
  const { vectorLossWeight: vectors = 1, similarityLossWeight: similarities = 1 }: DistillationOptions = options;
  if (vectors === 0 && similarities === 0)
    throw wrong("similarityLossWeight", "above 0 where vectorLossWeight is 0, as nothing is learned else");
  if (vectors === 0 && given.keepProjection === true)
    throw wrong("keepProjection", "left out where vectorLossWeight is 0, as nothing trains a projection");
  if (similarities === 0 && given.matryoshkaDims !== undefined)
    throw wrong("matryoshkaDims", "left out where similarityLossWeight is 0, as similarities alone are those of cut vectors"); // biome-ignore format: one line
  if (given.batchSize === 1 && similarities > 0)
    throw wrong("batchSize", "2 or more where similarities within a batch are learned, or similarityLossWeight 0");
}

/**
 * What is learned of a teacher.
 *
 * @param D how many numbers a vector of the student has
 * @throws BertError ERR_INPUT dimensions and weights of Matryoshka that are none
 */
export function distillationSettings(
  where: string,
  {
    vectorLossWeight,
    similarityLossWeight,
    matryoshkaDims,
    matryoshkaWeights,
  }: DistillationOptions & VectorLossOptions,
  D: number,
): DistillationSettings {
  return {
    vectorWeight: vectorLossWeight ?? 1,
    similarityWeight: similarityLossWeight ?? 1,
    matryoshka: lossSettings(where, "pairs", { matryoshkaDims, matryoshkaWeights }, D).matryoshka,
  };
}

/** What a run's report and its resume call it. */
export function distillationFacts(settings: DistillationSettings): Readonly<Record<string, string | number>> {
  const { vectorWeight, similarityWeight, matryoshka } = settings;
  return {
    ...{ loss: "distillation", vectorLossWeight: vectorWeight, similarityLossWeight: similarityWeight },
    ...(matryoshka && {
      matryoshkaDims: matryoshka.map(({ dim }) => dim).join(", "),
      matryoshkaWeights: matryoshka.map(({ weight }) => weight).join(", "),
    }),
  };
}
