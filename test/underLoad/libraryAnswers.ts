import { type Bert, pipeline } from "../../src/pipelines/index.ts";
import { textPool } from "./textPool.ts";

/** What the library answers, kept without the model. */
export interface LibraryAnswers {
  readonly texts: readonly KnownText[];
  /** Those of few tokens, with the vector of each token. */
  readonly short: readonly (KnownText & { readonly hiddenStates: readonly Float32Array[] })[];
  readonly similarities: readonly Similarity[];
}

export interface KnownText {
  readonly text: string;
  /** Of length 1. */
  readonly vector: Float32Array;
  /** [CLS] and [SEP] too, nothing cut. */
  readonly tokens: readonly Token[];
}

/** Where a token stands in the text; of those that the tokenizer has added, nowhere. */
export interface Token {
  readonly id: number;
  readonly start: number | null;
  readonly stop: number | null;
}

/** A sentence, others, and the cosines of their vectors. */
export interface Similarity {
  readonly source_sentence: string;
  readonly sentences: readonly string[];
  readonly scores: readonly number[];
}

/** An answer of /embed_all has some hundred kilobytes for so many tokens. */
const SHORT = 32;

/** The model's answers for so many texts, by the library's own calls. */
export async function libraryAnswers(
  bert: Bert,
  count: number,
  random: (n: number) => number,
): Promise<LibraryAnswers> {
  const embed = await pipeline("embeddings", bert);
  const extract = await pipeline("feature-extraction", bert);
  const compare = await pipeline("sentence-similarity", bert);
  const pool = textPool(bert.tokenizer, count, random);
  const { data, dims } = await embed(pool, { normalize: true });
  const texts = pool.map((text, i) => {
    const vector = data.slice(i * dims[1], (i + 1) * dims[1]);
    return { text, vector, tokens: tokensOf(bert, text) };
  });
  const short = await Promise.all(
    texts
      .filter(({ tokens }) => tokens.length <= SHORT)
      .map(async (known) => ({ ...known, hiddenStates: rowsOf(await extract(known.text)) })),
  );
  const similarities = await Promise.all(
    Array.from({ length: Math.ceil(count / 10) }, async (_, i) => {
      const [source_sentence, ...sentences] = Array.from({ length: 2 + (i % 7) }, () => pool[random(count)]);
      return { source_sentence, sentences, scores: await compare({ source_sentence, sentences }) };
    }),
  );
  return { texts, short, similarities };
}

function tokensOf({ tokenizer }: Bert, text: string): Token[] {
  const { inputIds, offsets, specialTokensMask } = tokenizer.encode(text);
  return Array.from(inputIds, (id, t) => {
    const [start, stop] = specialTokensMask[t] === 1 ? [null, null] : offsets[t];
    return { id, start, stop };
  });
}

function rowsOf({ data, dims }: { readonly data: Float32Array; readonly dims: readonly number[] }): Float32Array[] {
  const [, T, H] = dims;
  return Array.from({ length: T }, (_, t) => data.slice(t * H, (t + 1) * H));
}
