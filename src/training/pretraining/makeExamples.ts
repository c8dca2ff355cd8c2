import { BertError } from "../../errors.ts";
import { expectKnownOptions, type OptionNames } from "../../options.ts";
import type { TensorToWrite } from "../../safetensors/index.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { Random } from "../random.ts";
import type { Document } from "./documents.ts";
import { maskTokens, maskVocabulary } from "./maskTokens.ts";
import { PackedExamples } from "./packedExamples.ts";
import { sentencePairs } from "./sentencePairs.ts";

/** Flags of Google's create_pretraining_data.py, with its defaults, in camelCase; and `bufferTokens`. */
export interface MakeExamplesOptions {
  /** Most tokens of an example, [CLS] and [SEP] included. Default 128. */
  readonly maxSeqLength?: number;
  /** Most tokens chosen in an example. Default 20; for 512 tokens Google takes 80. */
  readonly maxPredictionsPerSeq?: number;
  /** How many times each text is used, with other masks and other pairs. Default 10. */
  readonly dupeFactor?: number;
  /** How many documents are cut into shorter examples. Default 0.1. */
  readonly shortSeqProb?: number;
  /** How many tokens are chosen. Default 0.15. */
  readonly maskedLmProb?: number;
  /** Whether all tokens of a word are chosen together. Default false. */
  readonly doWholeWordMask?: boolean;
  /** Default 12345. */
  readonly randomSeed?: number;
  /**
   * How many tokens of text are in memory at a time, see `makeExamples`. Default 2^24: about 70 MB of English, for 460
   * MB of memory in all.
   */
  readonly bufferTokens?: number;
}

/** A file's worth of examples. */
export interface ExampleShard {
  readonly tensors: [string, TensorToWrite][];
  /** All flags, and what is in the shard. */
  readonly metadata: [string, string][];
  readonly totals: ExampleTotals;
}

export interface ExampleTotals {
  readonly examples: number;
  /** Tokens of all examples, special ones included. */
  readonly tokens: number;
  /** Tokens chosen for the masked language model. */
  readonly predictions: number;
  /** Examples whose second segment comes from another document … */
  readonly randomNext: number;
  /** … and how many of those had no choice, their first segment being a single sentence. */
  readonly forcedNext: number;
}

/**
 * Makes the examples of BERT's pretraining (Devlin et al. 2018, appendix A.1–A.2) as Google's
 * create_pretraining_data.py does: `sentencePairs`, `maskTokens`. That script holds all documents and examples in
 * memory. Here a buffer is filled with documents until it has `bufferTokens` tokens; it is shuffled, and used
 * `dupeFactor` times; each time gives one shard, whose examples are shuffled. Random next sentences come from the same
 * buffer. The two last documents of a full buffer go to the next, so that every buffer has two.
 *
 * The result depends on the documents, the vocabulary and the options alone, and is the same on every machine.
 *
 * @param documents at least two, at most `bufferTokens` tokens each
 * @param signal    stops it between two documents
 * @throws BertError ERR_INPUT an option is wrong, there are fewer than two documents, or the vocabulary has no [MASK];
 *   ERR_ABORTED
 */
export async function* makeExamples(
  documents: AsyncIterable<Document> | Iterable<Document>,
  tokenizer: BertTokenizer,
  options: MakeExamplesOptions = {},
  signal?: AbortSignal,
): AsyncGenerator<ExampleShard> {
  const o = resolveMakeExamplesOptions(options);
  const { maskTokenId } = tokenizer;
  if (maskTokenId === undefined) throw fail("the vocabulary must have [MASK], has none");
  const vocabulary = maskVocabulary(tokenizer, maskTokenId);
  const random = new Random(o.randomSeed);
  let shard = 0;
  for await (const buffer of buffers(documents, o.bufferTokens)) {
    random.shuffle(buffer);
    for (let pass = 0; pass < o.dupeFactor; pass++) {
      const examples = new PackedExamples(tokenizer.size);
      let forcedNext = 0;
      for (const [index] of buffer.entries()) {
        if (index % 64 === 0) await new Promise((resolve) => setTimeout(resolve)); // a turn for the event loop
        if (signal?.aborted) throw new BertError("ERR_ABORTED", "makeExamples: aborted");
        for (const { first, second, isRandomNext, isForced } of sentencePairs(buffer, index, o, random)) {
          const [a, b] = [first, second].map(({ document, start, end }) =>
            buffer[document].tokens.subarray(start, end),
          );
          const ids = Int32Array.of(tokenizer.clsTokenId, ...a, tokenizer.sepTokenId, ...b, tokenizer.sepTokenId);
          const { positions, labels } = maskTokens(ids, o, vocabulary, random);
          if (positions.length === 0) continue; // [UNK] alone: nothing to predict
          examples.push(ids, a.length + 2, positions, labels, isRandomNext);
          if (isForced) forcedNext++;
        }
      }
      const order = random.shuffle(Uint32Array.from({ length: examples.length }, (_, i) => i));
      const totals = { ...examples.totals(), forcedNext };
      yield { tensors: examples.tensors(order), metadata: metadataOf(o, tokenizer.size, shard++, totals), totals };
    }
  }
}

const MAKE_OPTIONS: OptionNames<MakeExamplesOptions> = {
  maxSeqLength: true,
  maxPredictionsPerSeq: true,
  dupeFactor: true,
  shortSeqProb: true,
  maskedLmProb: true,
  doWholeWordMask: true,
  randomSeed: true,
  bufferTokens: true,
};

/** @throws BertError ERR_INPUT an option is wrong */
export function resolveMakeExamplesOptions(options: MakeExamplesOptions): Required<MakeExamplesOptions> {
  expectKnownOptions("makeExamples", options, MAKE_OPTIONS);
  return {
    maxSeqLength: whole("maxSeqLength", options.maxSeqLength ?? 128, 5, 65_535),
    maxPredictionsPerSeq: whole("maxPredictionsPerSeq", options.maxPredictionsPerSeq ?? 20, 1, 65_535),
    dupeFactor: whole("dupeFactor", options.dupeFactor ?? 10, 1, 10_000),
    shortSeqProb: probability("shortSeqProb", options.shortSeqProb ?? 0.1),
    maskedLmProb: probability("maskedLmProb", options.maskedLmProb ?? 0.15),
    doWholeWordMask: options.doWholeWordMask ?? false,
    randomSeed: whole("randomSeed", options.randomSeed ?? 12345, 0, 2 ** 32 - 1),
    bufferTokens: whole("bufferTokens", options.bufferTokens ?? 2 ** 24, 1, 2 ** 30),
  };
}

async function* buffers(
  documents: AsyncIterable<Document> | Iterable<Document>,
  bufferTokens: number,
): AsyncGenerator<Document[]> {
  let buffer: Document[] = [];
  let tokens = 0; // of all but the last two
  for await (const document of documents) {
    buffer.push(document);
    tokens += buffer.at(-3)?.tokens.length ?? 0;
    if (tokens >= bufferTokens && buffer.length > 3) {
      yield buffer.slice(0, -2);
      buffer = buffer.slice(-2);
      tokens = 0;
    }
  }
  if (buffer.length < 2)
    throw fail(`there must be at least two documents, got ${buffer.length}; blank lines separate them`);
  yield buffer;
}

function metadataOf(
  options: Required<MakeExamplesOptions>,
  vocabSize: number,
  shard: number,
  totals: ExampleTotals,
): [string, string][] {
  const values = { format: FORMAT, ...options, vocabSize, shard, ...totals };
  return Object.entries(values).map(([name, value]) => [snakeCase(name), String(value)]);
}

/** What the metadata's `format` says. */
export const FORMAT = "bert-pretraining-examples-1";

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw fail(`${name} must be a whole number from ${least} to ${most}, got ${value}`);
}

function probability(name: string, value: number): number {
  if (value >= 0 && value <= 1) return value;
  throw fail(`${name} must be a number from 0 to 1, got ${value}`);
}

function fail(message: string): BertError {
  return new BertError("ERR_INPUT", `makeExamples: ${message}`);
}
