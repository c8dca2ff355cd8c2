import { BertError, otherThanMeant, quote } from "../errors.ts";
import type { AddedToken, ResolvedAddedToken } from "./addedTokens.ts";
import { checkAddedToken } from "./settings.ts";

/** Tokens and their ids, and which of them were added on top of the WordPiece vocabulary. */
export class Vocabulary {
  /** The WordPiece vocabulary. Words are matched against this, never against the added tokens. */
  readonly wordPieces: ReadonlyMap<string, number>;
  /** Added tokens by content, in the order they were added. */
  readonly added: Map<string, ResolvedAddedToken> = new Map();
  private readonly tokens: (string | undefined)[] = [];
  private readonly addedById: Map<number, ResolvedAddedToken> = new Map();

  /**
   * @param tokens token → id; ids need not be contiguous
   * @throws BertError ERR_VOCABULARY if it is empty, an id is no index, or two tokens share an id
   */
  constructor(tokens: ReadonlyMap<string, number>) {
    if (tokens.size === 0) throw new BertError("ERR_VOCABULARY", "vocabulary: must have at least one token, got none");
    const byId = this.tokens;
    tokens.forEach((id, token) => {
      if (!Number.isInteger(id) || id < 0 || id > MAX_ID) {
        throw new BertError("ERR_VOCABULARY", `vocabulary: id of ${quote(token)} must be an integer from 0, got ${id}`);
      }
      if (byId[id] !== undefined) {
        throw new BertError(
          "ERR_VOCABULARY",
          `vocabulary: id ${id} must have one token, got ${quote(byId[id])} and ${quote(token)}`,
        );
      }
      byId[id] = token;
    });
    this.wordPieces = tokens;
  }

  /** One more than the highest id: the rows that a model's word embeddings need. */
  get size(): number {
    return this.tokens.length;
  }

  tokenToId(token: string): number | undefined {
    return this.added.get(token)?.id ?? this.wordPieces.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.tokens[id];
  }

  /** The added token with this id, if it is one. */
  addedToken(id: number): ResolvedAddedToken | undefined {
    return this.addedById.get(id);
  }

  /**
   * Adds a token, under its old id if the vocabulary has it, else under the next free one. Adding it again replaces its
   * properties.
   *
   * @returns true if anything changed
   * @throws BertError ERR_VOCABULARY it is empty or wrongly described
   */
  add(token: AddedToken): boolean {
    checkAddedToken(token);
    const special = token.special ?? false;
    const resolved: ResolvedAddedToken = {
      content: token.content,
      singleWord: token.singleWord ?? false,
      lstrip: token.lstrip ?? false,
      rstrip: token.rstrip ?? false,
      normalized: token.normalized ?? !special,
      special,
      id: this.tokenToId(token.content) ?? this.tokens.length,
    };
    const old = this.added.get(token.content);
    if (old !== undefined && JSON.stringify(old) === JSON.stringify(resolved)) return false;
    this.added.set(token.content, resolved);
    this.addedById.set(resolved.id, resolved);
    this.tokens[resolved.id] = token.content;
    return true;
  }

  /** The WordPiece tokens by id, for vocab.txt; an id without a token is undefined. */
  wordPieceList(): (string | undefined)[] {
    const list: (string | undefined)[] = [];
    for (const [token, id] of this.wordPieces) list[id] = token;
    return Array.from(list);
  }
}

/**
 * Token → id from a list whose order gives the ids.
 *
 * @throws BertError ERR_VOCABULARY if a token appears twice
 */
export function numberTokens(tokens: readonly string[]): Map<string, number> {
  const ids = new Map<string, number>();
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    ids.set(token, id);
    if (ids.size === id) {
      const earlier = tokens.indexOf(token);
      throw new BertError(
        "ERR_VOCABULARY",
        `vocabulary: tokens must be distinct, got ${quote(token)} as ${earlier} and as ${id}`,
      );
    }
  }
  return ids;
}

/** White space as Unicode has it, at the end of a line. */
const END_SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/;

function withoutEndSpace(line: string): string {
  const last = line.charCodeAt(line.length - 1);
  return last > 0x20 && last < 0x7f ? line : line.replace(END_SPACE, ""); // most lines end in a letter or a digit
}

/**
 * The lines of a vocab.txt, line number = id; the line end of the last line may be missing. As in transformers 5, white
 * space at the end of a line is no part of its token, and of a token that is there twice the last line counts: the id
 * of the first then stands for nothing.
 *
 * @throws BertError ERR_VOCABULARY a pointer of git-lfs, or a web page, in its place
 */
export function parseVocabTxt(text: string): Map<string, number> {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
  while (lines.length > 0 && lines.at(-1) === "") lines.pop();
  const other = otherThanMeant(text);
  if (other) throw new BertError("ERR_VOCABULARY", `vocab.txt: must have a token in each line, is ${other}`);
  const ids = new Map<string, number>();
  for (let id = 0; id < lines.length; id++) {
    const token = withoutEndSpace(lines[id]);
    if (ids.has(token)) ids.delete(token); // so that tokens stand in the order of their ids
    ids.set(token, id);
  }
  return ids;
}

// 2^24 rows of embeddings would be 48 GB of float32 in BERT-base: a higher id is a damaged file, and an array of that
// length too.
const MAX_ID = 2 ** 24;

/** ERR_VOCABULARY: a token with a role that is not in the vocabulary; to be thrown. */
export function missingToken(token: string): BertError {
  return new BertError(
    "ERR_VOCABULARY",
    `BertTokenizer: vocabulary must have the token ${quote(token)}, got one without it`,
  );
}
