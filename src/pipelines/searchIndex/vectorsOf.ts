import { sentenceFingerprint } from "../../load/fingerprint.ts";
import type { Bert } from "../../load/loadBert.ts";
import type { SentenceModules } from "../../load/sentenceModules.ts";
import { expectChoice } from "../../options.ts";
import { tokenLimit } from "../answerAll.ts";
import { flagOf, type NamedText, wrongArgument } from "../arguments.ts";
import { expectToFit, featureExtraction } from "../featureExtraction.ts";
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

/** What an index has its vectors of, all of length 1. */
export interface VectorSource {
  readonly model: Bert;
  readonly pooling: IndexPooling;
  /** How many numbers a vector has. */
  readonly size: number;
  /** Tells apart what gives other vectors. */
  readonly fingerprint: string;
  /**
   * The vectors of a stream, in order, and how many of the texts were cut. As a stream: the model answers one to its
   * end where the call that reads it was made before `dispose`, and would refuse another call after it.
   */
  vectors(
    texts: Iterable<string> | AsyncIterable<string>,
    role: Role,
    options: VectorOptions,
  ): AsyncIterable<{ readonly data: Float32Array; readonly truncated: number }>;
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
    ...{ model, pooling, size: model.config.hiddenSize, fingerprint: model.fingerprint },
    vectors: (texts, _, { truncation = isCut, signal }) =>
      extract(texts, { pooling, normalize: true, truncation, ...(signal && { signal }) }),
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
    ...{ model, pooling, size: embeddingSize(model), fingerprint },
    vectors(texts, role, { truncation = true, signal }) {
      const encode = role === "query" ? embed.encodeQuery : embed.encodeDocument;
      return encode(texts, { normalize: true, truncation, ...(signal && { signal }) });
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

/** The vectors of texts, end to end, and how many of these were cut. */
export async function vectorsOf(
  source: VectorSource,
  texts: readonly string[],
  role: Role,
  options: VectorOptions,
): Promise<{ readonly data: Float32Array; readonly truncated: number }> {
  const all = { data: new Float32Array(texts.length * source.size), truncated: 0 };
  let at = 0;
  for await (const { data, truncated } of source.vectors(texts.values(), role, options)) {
    all.data.set(data, at);
    at += source.size;
    all.truncated += truncated;
  }
  return all;
}
