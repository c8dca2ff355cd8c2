import type { KnownText, LibraryAnswers } from "./libraryAnswers.ts";

/** A request, and what its answer must be. */
export interface Asked {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** One of these, or 429 where more is asked than the service takes at once. */
  readonly statuses: readonly number[];
  /** Whether this is the library's answer, bit by bit. May throw where it is none at all. */
  readonly isRight: (body: string) => boolean;
}

type Random = (n: number) => number;

const JSON_TYPE = { "content-type": "application/json" };

/** What is drawn of a hundred requests, beside one that is malformed. */
const SHARES = { single: 32, batch: 20, float: 9, base64: 9, all: 6, similarity: 8, tokenize: 10, info: 5 };

/** The service's answer to GET /info, which all later ones must equal. */
export interface Info {
  readonly text: string;
  /** The most tokens of a text; what is longer is cut. */
  readonly limit: number;
}

/** Draws requests of every kind. */
export function requestMixture(answers: LibraryAnswers, info: Info, random: Random): () => Asked {
  const one = <T>(list: readonly T[]): T => list[random(list.length)];
  const several = (most: number) => Array.from({ length: 1 + random(most) }, () => one(answers.texts));
  // The client puts the answer's text together piece by piece, each decoded alone: only ASCII survives that.
  const ascii = answers.texts.filter(({ text }) => Buffer.byteLength(text) === text.length);
  const kinds: Readonly<Record<keyof typeof SHARES, () => Asked>> = {
    single: () => embed([one(answers.texts)], true),
    batch: () => embed(several(one([4, 8, 32])), false),
    float: () => openai(several(4), "float", info),
    base64: () => openai(several(4), "base64", info),
    all: () => {
      const { text, hiddenStates } = one(answers.short);
      return post("/embed_all", { inputs: text }, ([rows]: number[][][]) => areVectors(rows, hiddenStates));
    },
    similarity: () => {
      const { scores, ...inputs } = one(answers.similarities);
      const isRight = (body: number[]) => body.length === scores.length && body.every((x, i) => x === scores[i]);
      return post("/similarity", { inputs }, isRight);
    },
    tokenize: () => tokenize(one(ascii)),
    info: () => ({ method: "GET", path: "/info", headers: {}, statuses: [200], isRight: (body) => body === info.text }),
  };
  const drawn = Object.entries(SHARES).flatMap(([kind, share]) => Array<string>(share).fill(kind));
  return () => (random(100) === 0 ? one(MALFORMED) : kinds[one(drawn) as keyof typeof SHARES]());
}

function post<Body>(path: string, body: object, isRight: (body: Body) => boolean): Asked {
  const request = { method: "POST", path, headers: JSON_TYPE, body: JSON.stringify(body), statuses: [200] } as const;
  return { ...request, isRight: (text) => isRight(JSON.parse(text)) };
}

function embed(texts: readonly KnownText[], alone: boolean): Asked {
  const inputs = texts.map(({ text }) => text);
  const vectors = texts.map(({ vector }) => vector);
  return post("/embed", { inputs: alone ? inputs[0] : inputs }, (body: number[][]) => areVectors(body, vectors));
}

interface OpenaiAnswer {
  readonly data: readonly { readonly index: number; readonly embedding: number[] | string }[];
  readonly usage: { readonly prompt_tokens: number };
}

function openai(texts: readonly KnownText[], encoding_format: "float" | "base64", { limit }: Info): Asked {
  const used = texts.reduce((sum, { tokens }) => sum + Math.min(tokens.length, limit), 0);
  const isVector = (embedding: number[] | string, vector: Float32Array) =>
    typeof embedding === "string"
      ? Buffer.from(embedding, "base64").equals(bytesOf(vector))
      : areVectors([embedding], [vector]);
  const input = texts.map(({ text }) => text);
  return post("/v1/embeddings", { input, encoding_format }, ({ data, usage }: OpenaiAnswer) => {
    const isForm = data.every(({ embedding }) => (typeof embedding === "string") === (encoding_format === "base64"));
    const isAll = data.length === texts.length && usage.prompt_tokens === used;
    return (
      isForm && isAll && data.every(({ index, embedding }, i) => index === i && isVector(embedding, texts[i].vector))
    );
  });
}

interface TokenAnswer {
  readonly id: number;
  readonly start: number | null;
  readonly stop: number | null;
}

function tokenize({ text, tokens }: KnownText): Asked {
  return post("/tokenize", { inputs: text }, ([got]: TokenAnswer[][]) => {
    const isToken = ({ id, start, stop }: TokenAnswer, t: number) =>
      id === tokens[t].id && start === tokens[t].start && stop === tokens[t].stop;
    return got.length === tokens.length && got.every(isToken);
  });
}

function areVectors(got: readonly (readonly number[])[], expected: readonly Float32Array[]): boolean {
  if (got.length !== expected.length) return false;
  return got.every(
    (vector, i) =>
      vector.length === expected[i].length && bytesOf(Float32Array.from(vector)).equals(bytesOf(expected[i])),
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function malformed(body: string, status: number, more: Partial<Asked> = {}): Asked {
  const request = { method: "POST", path: "/embed", headers: JSON_TYPE, body, statuses: [status] } as const;
  return { ...request, isRight: () => true, ...more };
}

const MALFORMED: readonly Asked[] = [
  malformed('{"inputs": "a', 400),
  malformed('{"inputs": ""}', 400),
  malformed('{"inputs": 5}', 422),
  malformed('{"inputs": ["a", {}]}', 422),
  malformed('{"inputs": "a", "normalize": "yes"}', 422),
  malformed("[1, 2]", 422),
  malformed(JSON.stringify({ inputs: Array(33).fill("a") }), 413),
  malformed(JSON.stringify({ inputs: "a ".repeat(1_100_000) }), 413),
  malformed('{"inputs": "a"}', 415, { headers: { "content-type": "text/plain" } }),
  malformed('{"inputs": "a"}', 404, { path: "/embeds" }),
  malformed('{"input": 5}', 422, { path: "/v1/embeddings" }),
];
