import { sentenceFingerprint } from "../../load/fingerprint.ts";
import type { Bert } from "../../load/loadBert.ts";
import type { SentenceModules } from "../../load/sentenceModules.ts";
import { expectChoice } from "../../options.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { tokenLimit } from "../answerAll.ts";
import { flagOf, type NamedText, wrongArgument } from "../arguments.ts";
import { expectToFit, featureExtraction } from "../featureExtraction.ts";
import type { Truncated } from "../featureTensor.ts";
import type { Pipeline } from "../pipeline.ts";
import { TEXT_POOLINGS, type TextPooling } from "../pooling.ts";
import {
  type Embeddings,
  embeddingLimit,
  embeddingSize,
  embeddings,
  embeddingTokenizer,
  promptOf,
  whoseLimit,
} from "../textEmbeddings.ts";
import { inTurns } from "../turns.ts";
import { knownPieces } from "../unknown.ts";

/** A pipeline that gives vectors. */
export type Extract = Pipeline<"feature-extraction"> | Pipeline<"embeddings">;

/** How the vectors of an index are made, as its file says it: a pooling, or what the model's modules.json says. */
export type IndexPooling = TextPooling | "modules";

/** What a text is to an index: it is searched with, or in. */
export type Role = "query" | "document";

/** Options of a call. */
export interface VectorOptions {
  readonly truncation?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A vector, and what is told of its text. */
export interface ToldVector extends Truncated {
  /** Of length 1, or zeros: the text has no meaning for the model. */
  readonly data: Float32Array;
}

/** What an index has its vectors of. */
export interface VectorSource {
  readonly model: Bert;
  readonly pooling: IndexPooling;
  /** How many numbers a vector has. */
  readonly size: number;
  /** Tells apart what gives other vectors. */
  readonly fingerprint: string;
  /** What the model is called; null: that is not known. */
  readonly name: string | null;
  /**
   * The vectors of a stream, in order, of length 1; zeros for a text of which the model knows nothing. As a stream: the
   * model answers one to its end where the call that reads it was made before `dispose`, and would refuse another call
   * after it.
   */
  vectors(
    texts: Iterable<string> | AsyncIterable<string>,
    role: Role,
    options: VectorOptions,
  ): AsyncIterable<ToldVector>;
  /** @throws BertError ERR_INPUT about all texts that are too long, unless they are to be cut */
  expectToFit(where: string, texts: readonly NamedText[], role: Role, options: VectorOptions): Promise<void>;
}

/**
 * What gives a new index its vectors: what the pipeline does.
 *
 * @param pooling of "feature-extraction"; left out: "mean". With "embeddings" the model says it itself
 * @throws BertError ERR_INPUT a pooling beside the model's own, or none that there is
 */
export function newVectorSource(where: string, extract: Extract, pooling?: TextPooling): VectorSource {
  if (extract.task === "feature-extraction") {
    const named = pooling === undefined ? "mean" : pooling;
    return vectorSource(extract, expectChoice(where, "pooling", named, TEXT_POOLINGS));
  }
  if (pooling === undefined) return vectorSource(extract, "modules");
  throw wrongArgument(where, "pooling", 'left out for what pipeline("embeddings") gives, whose model says it', pooling);
}

/**
 * What gives an index of this pooling its vectors, whichever pipeline the model comes with.
 *
 * @throws BertError ERR_CHECKPOINT, ERR_FILE modules cannot be read
 */
export function vectorSource(given: Extract, pooling: IndexPooling): VectorSource {
  const { model } = given;
  if (pooling === "modules") return modulesSource(model, given.task === "embeddings" ? given : embeddings(model));
  const extract = given.task === "feature-extraction" ? given : featureExtraction(model);
  const isCut = given.task === "embeddings"; // unless a call says otherwise
  return {
    ...{ model, pooling, size: model.config.hiddenSize, fingerprint: model.fingerprint, name: model.name },
    vectors: (texts, _, { truncation = isCut, signal }) =>
      zerosWhereUnknown(
        texts,
        (texts) => extract(texts, { pooling, normalize: true, truncation, ...(signal && { signal }) }),
        { tokenizer: model.tokenizer, limit: tokenLimit(model), signal },
      ),
    async expectToFit(where, texts, _, { truncation = isCut, signal }) {
      if (!flagOf(where, "truncation", truncation)) {
        await expectToFit(where, texts, signal, model.tokenizer, { limit: tokenLimit(model) });
      }
    },
  };
}

function modulesSource(model: Bert, embed: Embeddings): VectorSource {
  const modules = model.sentenceModules;
  const pooling = plainPooling(model, modules) ?? "modules";
  const fingerprint = pooling === "modules" ? sentenceFingerprint(model.fingerprint, modules) : model.fingerprint;
  return {
    ...{ model, pooling, size: embeddingSize(model), fingerprint, name: model.name },
    vectors(texts, role, { truncation = true, signal }) {
      const encode = role === "query" ? embed.encodeQuery : embed.encodeDocument;
      return zerosWhereUnknown(
        texts,
        (texts) => encode(texts, { normalize: true, truncation, ...(signal && { signal }) }),
        { tokenizer: embeddingTokenizer(model), limit: embeddingLimit(model, role), signal },
      );
    },
    async expectToFit(where, texts, role, { truncation, signal }) {
      if (truncation === undefined || flagOf(where, "truncation", truncation)) return;
      const prompt = promptOf(modules, { prompt_name: role });
      const named = texts.map(({ name, text }) => ({ name, text: prompt + text }));
      const limits = { limit: embeddingLimit(model, role), limitIs: whoseLimit(model, role) };
      await expectToFit(where, named, signal, embeddingTokenizer(model), limits);
    },
  };
}

/** Whether `pipeline("embeddings")` of the model gives the vectors that an index of this pooling has. */
export function isOfModules(model: Bert, pooling: IndexPooling): boolean {
  if (pooling === "modules") return true;
  try {
    return plainPooling(model, model.sentenceModules) === pooling;
  } catch {
    return false; // of modules that cannot be read nobody has made an index
  }
}

/** The pooling of "feature-extraction" that gives the same vectors of length 1; null: there is none. */
function plainPooling(model: Bert, modules: SentenceModules): TextPooling | null {
  const [first, ...others] = modules.modules;
  const isPlain =
    first.type === "Pooling" &&
    first.modes.length === 1 &&
    others.every(({ type }) => type === "Normalize") &&
    modules.prompts.get("query") === "" &&
    modules.prompts.get("document") === "" &&
    modules.truncateDim === null &&
    modules.hiddenState === null &&
    modules.queryLength === null &&
    modules.documentLength === null &&
    embeddingTokenizer(model) === model.tokenizer &&
    embeddingLimit(model) === tokenLimit(model);
  if (!isPlain) return null;
  const [mode] = first.modes;
  if (mode === "lasttoken") return "last_token";
  if (mode === "mean_sqrt_len_tokens") return "mean_sqrt_len";
  return mode === "weightedmean" ? null : mode;
}

/** How a text is read. */
interface Reading {
  readonly tokenizer: BertTokenizer;
  /** The most tokens. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The vectors of a stream, with zeros for texts without meaning. Else all texts in a script that the model does not
 * know would have the vector of [UNK], and each would be the best answer to every query in such a script.
 */
async function* zerosWhereUnknown(
  texts: Iterable<string> | AsyncIterable<string>,
  vectors: (texts: AsyncGenerator<string>) => AsyncIterable<ToldVector>,
  reading: Reading,
): AsyncGenerator<ToldVector> {
  const open: string[] = []; // whose vectors have not come yet
  async function* read() {
    for await (const text of texts) {
      open.push(text);
      yield text;
    }
  }
  for await (const { data, truncated, unknown } of vectors(read())) {
    const hasMeaning = await isKnown(open.shift() as string, unknown, reading);
    yield { data: hasMeaning ? data : new Float32Array(data.length), truncated, unknown };
  }
}

/**
 * Whether a text means something to the model: some piece of it that is no punctuation is known, or it is punctuation
 * alone. A blank text means nothing, and one whose words are all [UNK].
 *
 * @param unknown whether it is mostly unknown: 1 or 0
 */
async function isKnown(text: string, unknown: number, { tokenizer, limit, signal }: Reading): Promise<boolean> {
  if (unknown === 0 && /[\p{L}\p{N}]/u.test(text)) return true; // so that texts need not be tokenized twice
  const parts = tokenizer.encodeInParts(text, { truncation: true, maxLength: limit });
  const encoding = await inTurns(parts, signal);
  const [known, notKnown] = knownPieces({ encoding, text, unkTokenId: tokenizer.unkTokenId });
  return notKnown > 0 ? known > 0 : encoding.specialTokensMask.includes(0);
}

/** The vectors of texts, end to end, and what is told of the texts. */
export async function vectorsOf(
  source: VectorSource,
  texts: readonly string[],
  role: Role,
  options: VectorOptions,
): Promise<ToldVector> {
  const all = { data: new Float32Array(texts.length * source.size), truncated: 0, unknown: 0 };
  let at = 0;
  for await (const { data, truncated, unknown } of source.vectors(texts.values(), role, options)) {
    all.data.set(data, at);
    at += source.size;
    all.truncated += truncated;
    all.unknown += unknown;
  }
  return all;
}
