/** An output of a forward pass as answers: names, probabilities, and the numbers that they are made of. */
import type { BertModel, BertTokenizer, HeadOutput, Tensor } from "../../index.ts";
import { outputsOf } from "../explorerResult.ts";
import { ranked } from "../ranked.ts";
import type { NumberRef } from "../scene.ts";
import type { ChangedInput } from "./changedInput.ts";
import { type Subject, scoring } from "./subjects.ts";

/** An answer. */
export interface EffectAnswer {
  /** Of a piece of the vocabulary its id; of a label its place; of a part of the text first token · T + last token. */
  readonly id: number;
  readonly name: string;
  /** The numbers of `forward` that it is made of, and their places in its outputs. */
  readonly numbers: readonly { readonly value: number; readonly ref: NumberRef }[];
  /** null: the answer is a number, and not one of several. */
  readonly probability: number | null;
  /** What an effect is the change of: ln of the probability; else the number. */
  readonly score: number;
  /** Its place among all answers, from 1. */
  readonly rank: number;
}

/** What a model answers. */
export interface Effect {
  /** The likeliest, and those that were asked for; the likeliest first. */
  readonly answers: readonly EffectAnswer[];
  /** [H], the mean of the tokens' vectors, where the subject is the vector. */
  readonly vector: Float64Array | null;
}

/** How many answers are told, and how many tokens an answering part of the text has at most, as in the pipeline. */
const [TOP, MOST_TOKENS] = [8, 15];

/** An output, and what was asked. */
interface Answered {
  readonly model: BertModel;
  readonly tokenizer: BertTokenizer;
  readonly input: ChangedInput;
  readonly subject: Subject;
  readonly ids: readonly number[];
  readonly output: HeadOutput & { readonly lastHiddenState?: Tensor };
  readonly vector: Float64Array | null;
  readonly targets: readonly string[];
}

/** The answers of an output. */
export function answersOf(answered: Answered): Effect {
  switch (answered.subject.kind) {
    case "gap":
      return { answers: piecesOf(answered), vector: null };
    case "vector":
      return vectorOf(answered);
    case "span":
      return { answers: chosen(answered, spansOf(answered)), vector: null };
    default:
      return { answers: chosen(answered, labelsOf(answered)), vector: null };
  }
}

/** The first of all answers, and those that are asked for. */
function chosen<One extends { readonly id: number }>({ ids }: Answered, all: readonly One[]): One[] {
  return all.filter(({ id }, n) => n < TOP || ids.includes(id));
}

/** Answers without their places, in the order of their scores. */
const ranks = (answers: readonly Omit<EffectAnswer, "rank">[]): EffectAnswer[] =>
  answers.toSorted((a, b) => b.score - a.score || a.id - b.id).map((answer, n) => ({ ...answer, rank: n + 1 }));

/** What fits in the gap: of the targets, where the vocabulary has any of them. */
function piecesOf({ model, tokenizer, input, subject, ids, output, targets }: Answered): EffectAnswer[] {
  const name = outputsOf(model.config.architecture).gaps as "logits";
  const place = input.placeOf(subject.position as number);
  const { ids: all, answerOf } = ranked((output[name] as Tensor).data, tokenizer);
  const asked = targets.map((target) => tokenizer.tokenToId(target)).filter((id) => id !== undefined);
  const own = input.tokens[subject.position as number].hidden?.id; // what is hidden there
  const best = asked.length > 0 ? asked : all.slice(0, TOP);
  const told = new Set([...best, ...ids, ...(own === undefined ? [] : [own])]);
  const first = answerOf(all[0]);
  const logSum = first.logit - Math.log(first.probability);
  return all
    .filter((id) => told.has(id))
    .map((id) => {
      const { piece, logit, probability, rank } = answerOf(id);
      const numbers = [{ value: logit, ref: { tap: name, at: [place, id] } }];
      return { id, name: piece, numbers, probability, score: logit - logSum, rank };
    });
}

/** Whether the second text follows; or the labels of the text or of the token. */
function labelsOf({ model: { config }, input, subject, output }: Answered): EffectAnswer[] {
  const isNext = subject.kind === "next";
  const tap = isNext ? (outputsOf(config.architecture).nextSentence as "logits") : "logits";
  const { data, shape } = output[tap] as Tensor;
  const N = shape[shape.length - 1];
  const row = subject.position === null ? 0 : input.placeOf(subject.position);
  const logits = data.subarray(row * N, (row + 1) * N);
  const how = isNext ? "softmax" : scoring(config);
  const names = isNext ? ["It follows", "It does not"] : how === "number" && N === 1 ? ["score"] : config.labels;
  const logSum = logSumOf(logits);
  return ranks(
    Array.from(logits, (value, id) => {
      const score = { softmax: value - logSum, sigmoid: -Math.log1p(Math.exp(-value)), number: value }[how];
      const probability = how === "number" ? null : Math.exp(score);
      return { id, name: names[id], numbers: [{ value, ref: { tap, at: [row, id] } }], probability, score };
    }),
  );
}

/**
 * Every part of the text that can answer, of the second where there are two. Its probability is that of its first token
 * times that of its last; each is a softmax over the tokens of that text and [CLS].
 */
function spansOf({ input, output }: Answered): EffectAnswer[] {
  const { tokens, placeOf } = input;
  const T = tokens.length;
  const segment = tokens[T - 1].segment;
  const positions = [...tokens.keys()].filter(
    (t) => tokens[t].segment === segment && !tokens[t].isSpecial && placeOf(t) >= 0,
  );
  const [starts, ends] = [output.startLogits, output.endLogits].map((tensor) => (tensor as Tensor).data);
  const logSums = [starts, ends].map((logits) => logSumOf([0, ...positions.map(placeOf)].map((t) => logits[t])));
  const spans = positions.flatMap((first, i) =>
    positions.slice(i, i + MOST_TOKENS).map((last): Omit<EffectAnswer, "rank"> => {
      const [from, to] = [placeOf(first), placeOf(last)];
      const score = starts[from] - logSums[0] + (ends[to] - logSums[1]);
      return {
        ...{ id: first * T + last, name: nameOf(tokens.slice(first, last + 1)), probability: Math.exp(score), score },
        numbers: [
          { value: starts[from], ref: { tap: "startLogits", at: [from] } },
          { value: ends[to], ref: { tap: "endLogits", at: [to] } },
        ],
      };
    }),
  );
  return ranks(spans);
}

/** Pieces as words: those that continue one without a space before them. */
const nameOf = (tokens: readonly { readonly piece: string }[]): string =>
  tokens.map(({ piece }, n) => (piece.startsWith("##") ? piece.slice(2) : n === 0 ? piece : ` ${piece}`)).join("");

/** The mean of the tokens' vectors, [CLS] and [SEP] counted, and its cosine to the untouched one. */
function vectorOf({ model, output, vector }: Answered): Effect {
  const H = model.config.hiddenSize;
  const { data } = output.lastHiddenState as Tensor;
  const T = data.length / H;
  const own = new Float64Array(H);
  for (let t = 0; t < T; t++) for (let h = 0; h < H; h++) own[h] += data[t * H + h];
  for (let h = 0; h < H; h++) own[h] /= T;
  const score = cosine(own, vector ?? own);
  const name = "cosine";
  const numbers = [{ value: score, ref: { tap: "cosine", at: [0] } }];
  return { answers: [{ id: 0, name, numbers, probability: null, score, rank: 1 }], vector: own };
}

function cosine(a: Float64Array, b: Float64Array): number {
  let [products, ofA, ofB] = [0, 0, 0];
  for (let h = 0; h < a.length; h++) {
    products += a[h] * b[h];
    ofA += a[h] * a[h];
    ofB += b[h] * b[h];
  }
  return products / Math.sqrt(ofA * ofB);
}

/** ln Σ eˣ */
function logSumOf(logits: ArrayLike<number>): number {
  const all = Array.from(logits);
  const most = all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return most + Math.log(all.reduce((sum, x) => sum + Math.exp(x - most), 0));
}
