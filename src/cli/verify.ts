import { BertError } from "../errors.ts";
import { openModelFolder, readText } from "../hub/files.ts";
import { BUNDLED_MODEL } from "../pipelines/index.ts";
import { type Arguments, type Command, expectCount, UsageError } from "./command.ts";
import { jsonLine, print, shown, styled } from "./output.ts";
import { type ExpectedOutput, parseOutputs } from "./outputs.ts";
import { PUBLISHED_OUTPUTS } from "./publishedOutputs.ts";
import { type Verdict, verifyModel } from "./verifyModel.ts";

export const command: Command = {
  help: `Computes outputs that were published for a model, and says how far they are from those.

Usage: plainbert verify [options] [MODEL]

  MODEL            a folder whose name is that of a model with published outputs, such as bert-base-cased
                   (default: the small model that comes with plainbert, and what Hugging Face's library made of it)
  --as ID          the model that it is, if the folder's name does not say so
  --outputs FILE   compare with the outputs in this file, whatever the model
  --list           the models whose published outputs are known
  --json           one line of JSON for each output: { "passed", "what", "difference", "allowed", "where" }
  -h, --help       this text

FILE is a JSON array. Each output has a "task", "atol", the largest difference that is allowed, and
  fill-mask                  "text", "top": [{ "token_str", "score" }, …]
  next-sentence-prediction   "text", "text_pair", "is_next"
  token-classification       "text", "entities": [{ "entity_group", "score", "word", "start", "end" }, …]
  forward                    "architecture", "output", "input_ids", "values", and if need be "attention_mask",
                             "token_type_ids", and "start", the index of the first value on each axis
A text may have "input_ids" too, which the tokenizer must give. Exit code 1: an output differs by more.

Examples:
  $ plainbert verify
  $ plainbert verify --list
`,
  options: {
    as: { type: "string" },
    outputs: { type: "string" },
    list: { type: "boolean" },
    json: { type: "boolean" },
  },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 0, 1, "one model");
  if (values.list) return print(`${knownModels().join("\n")}\n`);
  const [model] = positionals;
  const outputs = await outputsFor(model, values);
  let failed = 0;
  for await (const verdict of verifyModel(model, outputs)) {
    if (!verdict.passed) failed++;
    await print(values.json ? jsonLine(verdict) : line(verdict));
  }
  if (failed > 0) throw new BertError("ERR_CHECKPOINT", `verify: ${failed} of ${outputs.length} outputs differ`);
}

function line({ passed, what, difference, allowed, where }: Verdict): string {
  const verdict = passed ? styled("green", "pass") : styled("red", "FAIL");
  const by =
    difference === null
      ? where
      : `largest difference ${difference.toExponential(1)}, allowed ${allowed.toExponential(0)}`;
  return `${verdict}  ${shown(what)}\n      ${shown(by)}${passed || difference === null ? "" : `\n      ${shown(where)}`}\n`;
}

async function outputsFor(model: string | undefined, values: Arguments["values"]): Promise<readonly ExpectedOutput[]> {
  if (typeof values.outputs === "string") {
    return parseOutputs(await readText(values.outputs), values.outputs);
  }
  if (model === undefined) return bundledOutputs();
  const name = nameOf(typeof values.as === "string" ? values.as : model);
  const outputs = PUBLISHED_OUTPUTS.filter((output) => nameOf(output.model as string) === name);
  if (outputs.length > 0) return outputs;
  throw new UsageError(
    `no published outputs of ${JSON.stringify(name)} are known, only of ${knownModels().join(", ")}; --as says which it is`,
  );
}

/** `bert-base-cased` from an id, from a folder, and from a folder in Hugging Face's cache. */
function nameOf(model: string): string {
  const cached = /(?:^|[\\/])models--(?:[^\\/]+--)?([^\\/]+)[\\/]snapshots[\\/]/.exec(model);
  return cached?.[1] ?? model.split(/[\\/]/).filter(Boolean).at(-1) ?? model;
}

function knownModels(): string[] {
  return [...new Set(PUBLISHED_OUTPUTS.map((output) => output.model as string))];
}

/** What expected.json of the small model says; `atol` covers the rounding of float32, as in the tests. */
async function bundledOutputs(): Promise<ExpectedOutput[]> {
  const text = (await (await openModelFolder(BUNDLED_MODEL)).readText("expected.json")) as string;
  const { fill_mask, next_sentence } = JSON.parse(text) as BundledOutputs;
  const atol = 1e-5;
  return [
    ...fill_mask
      .filter(({ top5 }) => top5.length === 1) // several masks are several lists
      .map(({ text, ids, top5 }) => ({ task: "fill-mask" as const, text, input_ids: ids, top: top5[0], atol })),
    ...next_sentence.map(({ a, b, ids, is_next }) => ({
      ...{ task: "next-sentence-prediction" as const, text: a, text_pair: b },
      ...{ input_ids: ids, is_next, atol },
    })),
  ];
}

interface BundledOutputs {
  readonly fill_mask: readonly { text: string; ids: number[]; top5: { token_str: string; score: number }[][] }[];
  readonly next_sentence: readonly { a: string; b: string; ids: number[]; is_next: number }[];
}
