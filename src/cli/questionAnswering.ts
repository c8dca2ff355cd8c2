import { pipeline } from "../pipelines/index.ts";
import { type Arguments, type Command, expectCount, MODEL_AND_JSON, requiredModel, wholeNumber } from "./command.ts";
import { linesOf } from "./lines.ts";
import { jsonLine, print, scoreTable } from "./output.ts";

export const command: Command = {
  help: `Finds the part of a text that answers a question.

Usage: plainbert question-answering --model DIR [options] QUESTION [TEXT]

  TEXT             where the answer stands; left out, all of standard input
  --model DIR      a folder with config.json, model.safetensors and vocab.txt or tokenizer.json
  --top-k N        how many answers (default 3)
  --impossible     "" is an answer too: that there is none
  --json           the answers as one line of JSON
  -h, --help       this text

Examples:
  $ plainbert question-answering --model squad "Where did Emma live?" "Emma lived at Hartfield."
  $ plainbert question-answering --model squad --json "Who is rich?" < emma.txt
`,
  options: { ...MODEL_AND_JSON, "top-k": { type: "string" }, impossible: { type: "boolean" } },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 1, 2, "a question and a text");
  const top_k = wholeNumber("top-k", (values["top-k"] as string | undefined) ?? "3");
  const model = requiredModel(values);
  const [question, context = await standardInput()] = positionals;
  const ask = await pipeline("question-answering", model);
  const answers = await ask(question, context, { top_k, handle_impossible_answer: values.impossible === true });
  if (values.json) return print(jsonLine(answers));
  return print(scoreTable(answers.map(({ answer, score }) => ({ label: answer || "no answer", score }))));
}

async function standardInput(): Promise<string> {
  const lines: string[] = [];
  for await (const group of linesOf("-")) lines.push(...group);
  return lines.join("\n");
}
