import { BertError, listed } from "../../errors.ts";
import type { SentenceModules } from "../../load/sentenceModules.ts";
import { denseTexts } from "../../load/sentenceToSave.ts";
import { sentenceSize } from "../../load/sentenceVector.ts";
import type { Dataset } from "../data/dataset.ts";
import { checkedSentences, isText } from "../data/sentenceExamples.ts";
import { TASK_MODELS } from "../data/taskModels.ts";
import { type DistillationSettings, type DistillationTargets, distillationLoss } from "../distillation/distillationLoss.ts"; // biome-ignore format: one line
import { type DistillationOptions, distillationFacts, distillationSettings } from "../distillation/distillationOptions.ts"; // biome-ignore format: one line
import { type DistilledText, distilledTexts, keyOf } from "../distillation/distilledTexts.ts";
import { initialProjection, type Projection, projectedBy } from "../distillation/projection.ts";
import { contentsOf, type Teacher } from "../distillation/teacherVectors.ts";
import { Random } from "../random.ts";
import { type EncodedSentence, sentenceEncoder } from "../sentence/encodeSentences.ts";
import { textVectors } from "../sentence/textVectors.ts";
import { modulesText } from "../sentence/trainedModules.ts";
import { cosineOf } from "../sentence/vectorLosses.ts";
import { evaluationOf, finite } from "./outcomes.ts";
import { type SentenceEmbeddingOptions, sentenceEmbedding } from "./sentenceEmbedding.ts";
import type { Evaluation, EvaluationOptions, PreparedTask, TaskModel } from "./task.ts";

type StudentModel = TaskModel & { readonly sentence: SentenceModules };

export interface DistillationTaskOptions extends DistillationOptions, SentenceEmbeddingOptions {
  readonly batchSize: number;
  readonly seed: number;
  /** Loads the teacher. */
  openTeacher(): Promise<Teacher>;
}

/** A task, and what the student has for it. */
export interface DistillationTask extends PreparedTask {
  /** The modules that are trained, with the projection as the last where it is kept. */
  readonly sentence: SentenceModules;
  /** The map to the teacher's vectors that is thrown away in the end; null: there is none. */
  readonly projection: Projection | null;
}

/** Texts as the student takes them, and what the teacher says of them. */
interface Lesson {
  readonly texts: readonly DistilledText[];
  readonly features: readonly EncodedSentence[];
  /** Of text i, once the teacher has computed. */
  vectorAt(i: number): Float32Array;
}

/**
 * Distillation of sentence embeddings: a student's vectors follow those of a larger teacher (`distillationLoss`). Each
 * text of the examples counts once; an epoch is a random order of them, cut into batches.
 *
 * All that can be wrong with the student and the texts is found before the teacher is loaded, and all else before it
 * computes, which `teach` has it do.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT options or examples that do not fit, naming file and line; as `openTeacher`
 */
export async function distillation(
  where: string,
  model: StudentModel,
  train: Dataset,
  evaluation: Dataset | null,
  options: DistillationTaskOptions,
): Promise<DistillationTask> {
  const encode = sentenceEncoder(model, model.sentence, options.maxLength);
  const texts = distilledTexts(train);
  const areHeldOut = evaluation !== null && isText(evaluation.examples[0]);
  const heldOut = areHeldOut ? distilledTexts(evaluation) : [];
  const features = [...texts, ...heldOut].map(({ text, role, where: place }) => encode(text, role, place));
  const examples = evaluation === null || areHeldOut ? null : checkedSentences(evaluation.name, evaluation.examples);
  if (texts.length === 1 && options.similarityLossWeight !== 0)
    throw new BertError("ERR_INPUT", `${where}: trainDataset must have 2 texts or more where similarities are learned, has 1`); // biome-ignore format: one line

  const ownSize = sentenceSize(model.sentence, model.config.hiddenSize);
  if (!options.keepProjection) distillationSettings(where, options, ownSize);

  const all = new Map([...texts, ...heldOut].map((one) => [keyOf(one), one]));
  const teacher = await options.openTeacher();
  const { size } = teacher;
  const toTeacher = teacher.encode([...all.values()]);
  const vectorOf = new Map<string, Float32Array>();
  const lessonOf = (chosen: readonly DistilledText[], from: number): Lesson => ({
    texts: chosen,
    features: features.slice(from, from + chosen.length),
    vectorAt: (i) => vectorOf.get(keyOf(chosen[i])) as Float32Array,
  });
  const learned = lessonOf(texts, 0);
  const asked = areHeldOut ? lessonOf(heldOut, texts.length) : null;

  const { sentence, projection } = studentOf(where, model, size, options);
  const D = sentenceSize(sentence, model.config.hiddenSize);
  const settings = distillationSettings(where, options, D);
  const student = { ...model, sentence };
  const areComparable = D === size || projection !== null;
  const other = examples && sentenceEmbedding(where, student, [], examples, { maxLength: options.maxLength });
  return {
    ...{ architecture: TASK_MODELS["sentence-embedding"], labels: null, problemType: null, sentence, projection },
    tellsErrors: asked !== null || other?.tellsErrors === true,
    identity: {
      ...{ teacher: teacher.fingerprint, "teacher's numbers": size, keepProjection: options.keepProjection ?? false },
      ...{ ...distillationFacts(settings), modules: modulesText(sentence.modules) },
      projection: projection && `${D} to ${size}`,
    },
    ...(options.maxLength !== undefined && { settings: { maxLength: options.maxLength } }),
    notes: notesOf(train, texts, { settings, D, size, isKept: sentence !== model.sentence }),
    lengths: learned.features.map(({ sequence }) => sequence.inputIds.length),
    batches({ batchSize, seed, epoch }) {
      const order = new Random(seed, epoch).shuffle(Array.from(texts.keys()));
      return Array.from({ length: Math.ceil(order.length / batchSize) }, (_, i) => order.slice(i * batchSize, (i + 1) * batchSize)); // biome-ignore format: one line
    },
    batch(indices) {
      const chosen = indices.map((i) => learned.features[i]);
      const loss: DistillationTargets = { ...settings, teacher: indices.map((i) => learned.vectorAt(i)) };
      const promptLengths = chosen.map(({ promptLength }) => promptLength);
      return {
        input: chosen.map(({ sequence }) => sequence),
        labels: { vectors: { loss, groups: indices.map(() => 1), scores: null, promptLengths } },
        name: listed(indices.map((i) => texts[i].where)),
      };
    },
    async teach() {
      const vectors = await teacher.vectorsOf([...all.values()], toTeacher);
      for (const [i, key] of [...all.keys()].entries()) vectorOf.set(key, vectors[i]);
      await teacher.dispose(); // its memory is free while the student learns
    },
    metricNames: asked ? ["loss", ...(areComparable ? ["teacher_cosine"] : [])] : (other?.metricNames ?? []),
    evaluate: asked
      ? (bert, how) => evaluateTexts(bert, how, { ...asked, settings, sentence })
      : (other?.evaluate ?? null),
    *contents() {
      for (const { sequence } of features) yield sequence.inputIds;
      yield* contentsOf(toTeacher);
      if (other) yield* other.contents();
    },
  };
}

/** The student's modules, and what maps its vectors to the teacher's where sizes differ. */
function studentOf(
  where: string,
  { sentence, config }: StudentModel,
  size: number,
  { keepProjection = false, vectorLossWeight, seed }: DistillationTaskOptions,
): Pick<DistillationTask, "sentence" | "projection"> {
  const D = sentenceSize(sentence, config.hiddenSize);
  if (D === size) {
    if (!keepProjection) return { sentence, projection: null };
    throw new BertError("ERR_INPUT", `${where}: keepProjection must be left out where the vectors of both models have ${size} numbers, as there is no projection`); // biome-ignore format: one line
  }
  if (vectorLossWeight === 0) return { sentence, projection: null };
  const projection = initialProjection(D, size, seed);
  if (!keepProjection) return { sentence, projection };
  const kept = {
    ...sentence,
    modules: [...sentence.modules, projection],
    texts: denseTexts(sentence.texts, projection),
  };
  return { sentence: kept, projection: null };
}

/** What the examples and the teacher have decided, in sentences for the log. */
function notesOf(
  { examples }: Dataset,
  texts: readonly DistilledText[],
  { settings, D, size, isKept }: { settings: DistillationSettings; D: number; size: number; isKept: boolean },
): string[] {
  const { loss: _, ...facts } = distillationFacts(settings);
  const told = Object.entries(facts).map(([fact, value]) => `${fact} ${value}`);
  const notes = [`${texts.length} different texts of ${examples.length} examples learn the teacher's vectors: ${listed(told)}`]; // biome-ignore format: one line
  if (isKept) notes.push(`a projection to the teacher's ${size} numbers is trained, and kept as the last module`);
  else if (D !== size && settings.vectorWeight > 0)
    notes.push(`a projection from ${D} numbers to the teacher's ${size} is trained, and thrown away in the end`);
  return notes;
}

/**
 * How near a student is to its teacher on texts: the mean loss of batches in their order, and the mean cosine of both
 * vectors of a text, the student's after the projection; not where nothing makes the two comparable.
 */
async function evaluateTexts(
  model: Parameters<NonNullable<PreparedTask["evaluate"]>>[0],
  how: EvaluationOptions,
  { texts, features, vectorAt, settings, sentence }: Lesson & { settings: DistillationSettings; sentence: SentenceModules }, // biome-ignore format: one line
): Promise<Evaluation> {
  const vectors = await textVectors(model, features, { ...how, sentence: { ...sentence, truncateDim: null } });
  const taught = texts.map((_, i) => vectorAt(i));
  const projected = projectedBy(how.projection ?? null, vectors);
  const losses: number[] = [];
  for (let from = 0; from < texts.length; from += how.batchSize) {
    const cut = <T>(rows: readonly T[]) => rows.slice(from, from + how.batchSize);
    const { terms } = distillationLoss({ ...settings, teacher: cut(taught) }, { vectors: cut(vectors), projected: cut(projected) }); // biome-ignore format: one line
    for (const [i, term] of terms.entries()) losses.push(finite(term, texts[from + i].where));
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const areComparable = projected[0].length === taught[0].length;
  const cosines = areComparable ? projected.map((vector, i) => cosineOf(vector, taught[i])) : null;
  const outcomes = {
    metrics: { loss: mean(losses), ...(cosines && { teacher_cosine: mean(cosines) }) },
    losses,
    where: (i: number) => texts[i].where,
    isWrong: (i: number) => losses[i] > 0,
    tell: (i: number) => ({
      input: texts[i].text,
      expected: cosines ? "1.000" : "0.000",
      predicted: (cosines ?? losses)[i].toPrecision(4),
    }),
  };
  return evaluationOf(outcomes, how);
}
