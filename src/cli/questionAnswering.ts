import type { Answer, QuestionAndContext } from "../pipelines/index.ts";
import { type Command, expectCount } from "./command.ts";
import type { InputForm, Source } from "./input.ts";
import { linesOf } from "./lines.ts";
import { count, flag } from "./option.ts";
import { scoreTable, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

const QUESTION: InputForm<QuestionAndContext> = {
  fromArguments(texts) {
    expectCount(texts, 1, 2, "a question and a text");
    return [{ question: texts[0], context: texts[1] }];
  },
  fromJson: (value) => value as QuestionAndContext,
};

export const command: Command = taskCommand({
  task: "question-answering",
  synopsis: ["--model DIR [OPTION]… QUESTION [TEXT]", "--model DIR [OPTION]… [--input FILE]"],
  description: `Finds the part of a text that answers a question. Without TEXT, all of standard input is the text.

Without QUESTION, each line of the input is a JSON object { "question", "context" }, and gives a line of JSON: its answers, the best first.`,
  options: {
    "top-k": count("How many answers. Default 3."),
    "max-answer-len": count("The most tokens of an answer. Default 15."),
    "max-seq-len": count(
      "The most tokens of question and text together; a longer text is read in windows. Default 384, or what the model takes.",
    ),
    "doc-stride": count(
      "Tokens that neighbouring windows share. Default 128, or half of --max-seq-len if that is less.",
      0,
    ),
    "max-question-len": count("Tokens of a question beyond these are cut off. Default 64."),
    "handle-impossible-answer": flag("The empty text is an answer too: that there is none."),
    "no-align-to-words": flag("Do not widen answers to whole words."),
  },
  examples: [
    'plainbert question-answering --model squad "Who was rich?" "Emma was rich."',
    'plainbert question-answering --model squad --json "Who is rich?" < emma.txt',
    `echo '{"question":"Who?","context":"She was."}' | plainbert question-answering --model squad`,
  ],
  needsModel: true,
  form: QUESTION,
  source: (positionals) =>
    positionals.length === 1 && positionals[0] !== "-" ? aboutStandardInput(positionals[0]) : undefined,
  async *answer(ask, inputs, options) {
    const { top_k = 3 } = options;
    // For one answer the pipeline gives it alone; here it is always a list.
    for await (const answers of ask(inputs, { ...options, top_k }) as AsyncIterable<Answer | Answer[]>) {
      yield [answers].flat();
    }
  },
  heading: ({ question }) => shown(question),
  table: (answers) => scoreTable(answers.map(({ answer, score }) => ({ label: answer || "no answer", score }))),
  columns: ["answer", "score", "start", "end"],
  rows: (answers) => answers.map(({ answer, score, start, end }) => [answer, score, start, end]),
});

/** One question about all lines of standard input together. */
function aboutStandardInput(question: string): Source<QuestionAndContext> {
  async function* lines() {
    const read: string[] = [];
    for await (const group of linesOf("-")) read.push(...group);
    const context = read.join("\n");
    yield { number: 1, text: `${question}\n${context}`, input: { question, context } };
  }
  return { lines: lines(), given: true, count: 1, place: () => "", path: "-", size: null };
}
