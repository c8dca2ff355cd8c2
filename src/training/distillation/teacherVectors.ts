import { BertError } from "../../errors.ts";
import { sentenceFingerprint } from "../../load/fingerprint.ts";
import { type Bert, type LoadOptions, loadBert } from "../../load/loadBert.ts";
import { sentenceSize } from "../../load/sentenceVector.ts";
import { digestOf } from "../run/digest.ts";
import { type EncodedSentence, sentenceEncoder } from "../sentence/encodeSentences.ts";
import { textVectors } from "../sentence/textVectors.ts";
import type { DistilledText } from "./distilledTexts.ts";
import { PART, TeacherCache } from "./teacherCache.ts";

/** A model whose vectors are learned, before it has computed any. */
export interface Teacher {
  /** Tells teachers apart: 16 hexadecimal digits. */
  readonly fingerprint: string;
  /** E_t */
  readonly size: number;
  /** Texts as it takes them. */
  encode(texts: readonly DistilledText[]): EncodedSentence[];
  /**
   * The vectors of texts, [texts][E_t], as `pipeline("embeddings")` makes them, with its prompts, lengths and modules.
   * What the run's folder has of them is read first; then the rest is computed and written, 256 texts at a time, so
   * that a run that was killed computes no more than these again. Vectors depend on no other text, so the bits are the
   * same.
   *
   * @param encoded what `encode` says of them
   * @throws BertError ERR_INPUT the folder has vectors of another teacher or other texts; ERR_CHECKPOINT a part is
   *   damaged, or a vector is not finite; ERR_ABORTED the signal fired; ERR_FILE
   */
  vectorsOf(texts: readonly DistilledText[], encoded: readonly EncodedSentence[]): Promise<readonly Float32Array[]>;
  /** Frees its memory; again: nothing happens. */
  dispose(): Promise<void>;
}

/** How a teacher's vectors are computed. */
export interface TeachingOptions {
  /** The function that errors name. */
  readonly where: string;
  /** The teacher: a folder, or an id on the hub. */
  readonly teacher: string;
  /** The folder of the run. */
  readonly output: string;
  readonly loading: LoadOptions;
  /** Texts in a forward pass; their number changes no bit. */
  readonly batchSize: number;
  readonly signal?: AbortSignal | undefined;
  /** Called after each pass: so many texts of so many. */
  readonly onTeacher?: ((done: number, total: number) => void) | undefined;
}

/** Loads a teacher. @throws BertError as `loadBert` */
export async function openTeacher(how: TeachingOptions): Promise<Teacher> {
  const loaded = await loadBert(how.teacher, how.loading);
  let bert: Bert | null = loaded; // none once it is disposed of, so that nothing holds its weights
  const { config, tokenizer, sentenceModules: sentence } = loaded;
  const D = sentenceSize(sentence, config.hiddenSize);
  const size = Math.min(sentence.truncateDim ?? D, D);
  const fingerprint = sentenceFingerprint(loaded.fingerprint, sentence);
  const { name, fused } = loaded.backend;
  const backend = `${name}${fused ? ", fused" : ""}`;
  return {
    ...{ fingerprint, size },
    encode(texts) {
      const encode = sentenceEncoder({ config, tokenizer }, sentence, undefined);
      return texts.map(({ text, role, where }) => encode(text, role, where));
    },
    async vectorsOf(texts, encoded) {
      const identity = { teacher: fingerprint, texts: await digestOf(contentsOf(encoded)), backend };
      const cache = new TeacherCache(how.where, how.output, identity, size);
      return vectorsBy(bert as Bert, cache, { texts, encoded, size }, how);
    },
    async dispose() {
      await bert?.dispose();
      bert = null;
    },
  };
}

/** What a teacher is asked. */
interface Asked {
  readonly texts: readonly DistilledText[];
  readonly encoded: readonly EncodedSentence[];
  /** E_t */
  readonly size: number;
}

async function vectorsBy(
  bert: Bert,
  cache: TeacherCache,
  { texts, encoded, size }: Asked,
  how: TeachingOptions,
): Promise<readonly Float32Array[]> {
  const parts = Array.from({ length: Math.ceil(texts.length / PART) }, (_, part) => {
    const count = Math.min(PART, texts.length - part * PART);
    return new Float32Array(count * size);
  });
  const known = await cache.parts();
  for (const part of known) await cache.read(part, parts[part] ?? new Float32Array(0));
  let isNone = known.size === 0;
  for (const [part, data] of parts.entries()) {
    if (known.has(part)) continue;
    const from = part * PART;
    const onTeacher = (done: number) => how.onTeacher?.(from + done, texts.length);
    await compute(bert, encoded.slice(from, from + PART), data, { ...how, onTeacher, isNone });
    const odd = data.findIndex((value) => !Number.isFinite(value));
    if (odd >= 0) throw notFinite(texts[from + Math.floor(odd / size)]);
    await cache.write(part, data);
    isNone = false;
  }
  return texts.map((_, i) => parts[Math.floor(i / PART)].subarray((i % PART) * size, ((i % PART) + 1) * size));
}

/** Tokens and lengths of prompts: what the texts are to the teacher. */
export function* contentsOf(texts: readonly EncodedSentence[]): Generator<ArrayLike<number>> {
  for (const { sequence, promptLength } of texts) {
    yield sequence.inputIds;
    yield [promptLength];
  }
}

/** @param data out [texts, E_t] @param how with whether no vector is on the disk yet */
async function compute(
  bert: Bert,
  texts: readonly EncodedSentence[],
  data: Float32Array,
  { where, batchSize, signal, onTeacher, isNone }: TeachingOptions & { readonly isNone: boolean },
): Promise<void> {
  try {
    signal?.throwIfAborted();
    const options = { sentence: bert.sentenceModules, batchSize, signal, onProgress: onTeacher };
    const vectors = await textVectors(bert, texts, options);
    for (const [i, vector] of vectors.entries()) data.set(vector, i * (data.length / texts.length));
  } catch (cause) {
    if (!signal?.aborted) throw cause;
    const what = isNone ? "none is written yet, and they begin anew" : "resume goes on from there";
    throw new BertError("ERR_ABORTED", `${where}: stopped while the teacher's vectors were computed; ${what}`, { cause }); // biome-ignore format: one line
  }
}

function notFinite({ where }: DistilledText): BertError {
  return new BertError("ERR_CHECKPOINT", `${where}: the teacher's vector must be finite numbers, has others`);
}
