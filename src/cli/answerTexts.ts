import { BertError } from "../errors.ts";
import { linesOf } from "./lines.ts";
import { jsonLine, print, shown, styled } from "./output.ts";

/** Nothing to answer: separators, controls and format characters, which the tokenizer removes. */
const BLANK = /^[\p{Z}\p{C}]*$/u;

/** How the texts of a command line, or the lines of standard input, are answered. */
export interface TextAnswers<Result> {
  /** The texts of the command line; none: the lines of standard input. */
  readonly texts: readonly string[];
  readonly json: boolean;
  answer(texts: Iterable<string> | AsyncIterable<string>): AsyncGenerator<Result>;
  /** An answer for people. */
  table(result: Result): string;
}

/**
 * Prints what texts are answered with, each as soon as it is known: a table below each text, or with `json` a line of JSON. For
 * lines it is always JSON, one line out for each line in; a blank one gives null.
 *
 * @throws BertError ERR_INPUT a text that the model cannot take, after the answers before it; its line is named
 */
export async function answerTexts<Result>({ texts, json, answer, table }: TextAnswers<Result>): Promise<void> {
  if (texts.length === 0) return answerLines(answer);
  let i = 0;
  for await (const result of answer(texts.values())) {
    const heading = texts.length === 1 ? "" : `${i === 0 ? "" : "\n"}${styled("bold", shown(texts[i]))}\n\n`;
    await print(json ? jsonLine(result) : `${heading}${table(result)}`);
    i++;
  }
}

async function answerLines<Result>(answer: TextAnswers<Result>["answer"]): Promise<void> {
  /** Of each line that was read and not yet answered, whether it is blank. */
  const open: boolean[] = [];
  let line = 0;
  async function* texts() {
    for await (const group of linesOf("-")) {
      for (const text of group) {
        const blank = BLANK.test(text);
        open.push(blank);
        if (!blank) yield text;
      }
    }
  }
  async function printBlanks() {
    for (; open[0] === true; open.shift(), line++) await print("null\n");
  }
  try {
    for await (const result of answer(texts())) {
      await printBlanks();
      await print(jsonLine(result));
      open.shift();
      line++;
    }
    await printBlanks();
  } catch (error) {
    if (!(error instanceof BertError) || error.code !== "ERR_INPUT") throw error;
    await printBlanks();
    const message = error.message.replace(/texts\[\d+\]/, "text");
    throw new BertError(error.code, `standard input, line ${line + 1}: ${message}`, { cause: error });
  }
}
