import { BertError } from "../../errors.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { splitSentences } from "./sentences.ts";

/** Token ids, as narrow as the vocabulary allows. */
export type IdArray = Uint16Array | Int32Array;

/** Room for token ids of a vocabulary of V tokens. */
export function idArray(length: number, V: number): IdArray {
  return V <= 0x10000 ? new Uint16Array(length) : new Int32Array(length);
}

/** A document as sentences of tokens, without special tokens around them. */
export interface Document {
  /** The ids of all its sentences, one after the other. */
  readonly tokens: IdArray;
  /** Where each sentence ends in `tokens`; none is empty. */
  readonly ends: Int32Array;
}

export interface DocumentOptions {
  /** Whether a line is a paragraph, to be split into its sentences (`splitSentences`), or one sentence as it stands. */
  readonly splitSentences: boolean;
  /** Most tokens of a document. */
  readonly maxTokens: number;
}

/**
 * Reads the documents of a text: a line is a sentence or a paragraph, a blank line ends a document, and so does the end
 * of the text. (Google's script lets a document go on into the next file.) Lines without tokens are left out.
 *
 * @param name for messages: the file's path, say
 * @param groups the text's lines, in groups of any size
 * @throws BertError ERR_INPUT a document has more than `maxTokens` tokens
 */
export async function* readDocuments(
  name: string,
  groups: AsyncIterable<readonly string[]> | Iterable<readonly string[]>,
  tokenizer: BertTokenizer,
  options: DocumentOptions,
): AsyncGenerator<Document> {
  let tokens: number[] = [];
  let ends: number[] = [];
  let line = 0;
  const document = (): Document => {
    const ids = idArray(tokens.length, tokenizer.size);
    ids.set(tokens);
    const found = { tokens: ids, ends: Int32Array.from(ends) };
    tokens = [];
    ends = [];
    return found;
  };
  for await (const lines of groups) {
    for (const text of lines) {
      line++;
      if (text.trim() === "" && ends.length > 0) yield document();
      for (const sentence of options.splitSentences ? splitSentences(text) : [text]) {
        for (const id of tokenizer.encode(sentence, { addSpecialTokens: false }).inputIds) tokens.push(id);
        if (tokens.length > (ends.at(-1) ?? 0)) ends.push(tokens.length);
      }
      if (tokens.length > options.maxTokens) {
        throw new BertError(
          "ERR_INPUT",
          `${name}, line ${line}: a document must have at most ${options.maxTokens} tokens, this one has ${tokens.length} so far; blank lines separate documents`,
        );
      }
    }
  }
  if (ends.length > 0) yield document();
}
