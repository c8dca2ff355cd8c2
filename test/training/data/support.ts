import { BertError } from "../../../src/errors.ts";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";
import { collect } from "../../../src/training/data/numberedLines.ts";

/** A text as a stream would give it: in pieces of `size` UTF-16 units. */
export async function* pieces(text: string, size: number): AsyncGenerator<string> {
  for (let i = 0; i < text.length; i += size) yield text.slice(i, i + size);
}

/** The message of the ERR_INPUT that reading ends with. */
export async function messageOf(reading: AsyncIterable<unknown>): Promise<string> {
  try {
    await collect(reading);
  } catch (error) {
    if (error instanceof BertError && error.code === "ERR_INPUT") return error.message;
    throw error;
  }
  return "no error";
}

/** Letters and a few words: "abc" is a ##b ##c. Ids: [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, a … e 4–8, ##a … ##e 9–13, "," 14, "." 15. */
export const letters: BertTokenizer = BertTokenizer.fromVocabulary(
  ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ..."abcde", ...Array.from("abcde", (c) => `##${c}`), ",", "."],
  { doLowerCase: false },
);
