import { BertError } from "../../errors.ts";
import { sentenceFingerprint } from "../../load/fingerprint.ts";
import { type Bert, type LoadOptions, loadBert } from "../../load/loadBert.ts";
import { sentenceSize } from "../../load/sentenceVector.ts";
import { digestOf } from "../run/digest.ts";
import { type EncodedSentence, sentenceEncoder } from "../sentence/encodeSentences.ts";
import { textVectors } from "../sentence/textVectors.ts";
import type { DistilledText } from "./distilledTexts.ts";
import { PART, TeacherCache } from "./teacherCache.ts";

/** What a teacher says of texts. */
export interface TaughtTexts {
  /** Tells teachers apart: 16 hexadecimal digits. */
  readonly teacher: string;
  /** E_t */
  readonly size: number;
  /** [texts][E_t] */
  readonly vectors: readonly Float32Array[];
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

/**
 * The vectors of texts, as `pipeline("embeddings")` of the teacher makes them, with its prompts, lengths and modules.
 * What the run's folder has of them is read; the rest is computed and written, 256 texts at a time, so that a run that
 * was killed computes no more than these again. Vectors depend on no other text, so the bits are the same.
 *
 * @throws BertError ERR_INPUT the folder has vectors of another teacher or other texts; ERR_CHECKPOINT a part is
 *   damaged, or a vector is not finite; ERR_ABORTED the signal fired; ERR_FILE; as `loadBert`
 */
export async function taughtTexts(texts: readonly DistilledText[], how: TeachingOptions): Promise<TaughtTexts> {
  const bert = await loadBert(how.teacher, how.loading);
  try {
    return await taughtBy(bert, texts, how);
  } finally {
    await bert.dispose();
  }
}

async function taughtBy(bert: Bert, texts: readonly DistilledText[], how: TeachingOptions): Promise<TaughtTexts> {
  const sentence = bert.sentenceModules;
  const D = sentenceSize(sentence, bert.config.hiddenSize);
  const size = Math.min(sentence.truncateDim ?? D, D);
  const encode = sentenceEncoder(bert, sentence, undefined);
  const encoded = texts.map(({ text, role, where }) => encode(text, role, where));
  const { name, fused } = bert.backend;
  const identity = {
    teacher: sentenceFingerprint(bert.fingerprint, sentence),
    texts: await digestOf(contentsOf(encoded)),
    backend: `${name}${fused ? ", fused" : ""}`,
  };
  const cache = new TeacherCache(how.where, how.output, identity, size);
  const known = await cache.parts();
  const vectors: Float32Array[] = [];
  for (let from = 0; from < texts.length; from += PART) {
    const part = encoded.slice(from, from + PART);
    const data = new Float32Array(part.length * size);
    if (known.has(from / PART)) {
      await cache.read(from / PART, data);
    } else {
      await compute(bert, part, data, { ...how, onTeacher: (done) => how.onTeacher?.(from + done, texts.length) });
      const odd = data.findIndex((value) => !Number.isFinite(value));
      if (odd >= 0) throw notFinite(texts[from + Math.floor(odd / size)]);
      await cache.write(from / PART, data);
    }
    for (let i = 0; i < part.length; i++) vectors.push(data.subarray(i * size, (i + 1) * size));
  }
  return { teacher: identity.teacher, size, vectors };
}

/** Tokens and lengths of prompts: what the texts are to the teacher. */
function* contentsOf(texts: readonly EncodedSentence[]): Generator<ArrayLike<number>> {
  for (const { sequence, promptLength } of texts) {
    yield sequence.inputIds;
    yield [promptLength];
  }
}

/** @param data out [texts, E_t] */
async function compute(
  bert: Bert,
  texts: readonly EncodedSentence[],
  data: Float32Array,
  { where, batchSize, signal, onTeacher }: TeachingOptions,
): Promise<void> {
  try {
    signal?.throwIfAborted();
    const options = { sentence: bert.sentenceModules, batchSize, signal, onProgress: onTeacher };
    const vectors = await textVectors(bert, texts, options);
    for (const [i, vector] of vectors.entries()) data.set(vector, i * (data.length / texts.length));
  } catch (cause) {
    if (!signal?.aborted) throw cause;
    const message = `${where}: stopped while the teacher's vectors were computed; resume goes on from there`;
    throw new BertError("ERR_ABORTED", message, { cause });
  }
}

function notFinite({ where }: DistilledText): BertError {
  return new BertError("ERR_CHECKPOINT", `${where}: the teacher's vector must be finite numbers, has others`);
}
