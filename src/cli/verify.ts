import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readText } from "../disk/files.ts";
import { BertError } from "../errors.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { ENGINE_OPTIONS, embeddingModel, HUB_OPTIONS, MODEL_NAME } from "./modelOptions.ts";
import { flag, text, UsageError } from "./option.ts";
import { jsonLine, print, shown, styled } from "./output.ts";
import { type ExpectedOutput, parseOutputs } from "./outputs.ts";
import { PUBLISHED_OUTPUTS } from "./publishedOutputs.ts";
import { type Verdict, verifyModel } from "./verifyModel.ts";

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… [MODEL]", "--list"],
  description: `Computes outputs that were published for a model, and says how far they are from those. The exit status is 1 if one differs by more than is allowed.

MODEL is ${MODEL_NAME}; the folder's name, or --as, says which model it is. Default: both small models that come with plainbert, and what Hugging Face's libraries made of them; with --outputs the small model alone.

The FILE of --outputs is a JSON array of outputs. Each has "task", "atol", the largest difference that is allowed, and, for fill-mask, "text" and "top": [{ "token_str", "score" }, …]; for next-sentence-prediction, "text", "text_pair" and "is_next"; for token-classification, "text" and "entities": [{ "entity_group", "score", "word", "start", "end" }, …]; for embeddings, "text", "embedding", its numbers, and if need be "prompt" or "prompt_name"; for forward, "architecture", "output", "input_ids", "values", and if need be "attention_mask", "token_type_ids", and "start", the index of the first value on each axis. A text may have "input_ids" too, which the tokenizer must give.`,
  options: {
    as: text("ID", "The model that it is, if the folder's name does not say so."),
    outputs: text("FILE", "Compare with the outputs in this file, whatever the model.", "file"),
    list: flag("Print the models whose published outputs are known."),
    json: flag('Print a line of JSON for each output: { "passed", "what", "difference", "allowed", "where" }.'),
    ...HUB_OPTIONS,
    ...ENGINE_OPTIONS,
  },
  positional: "file",
  examples: ["plainbert verify", "plainbert verify --list"],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 1, "one model");
    if (values.list) return print(`${knownModels().join("\n")}\n`);
    const [model] = positionals;
    let count = 0;
    let failed = 0;
    for (const { model: name, outputs } of await expectedOf(model, values)) {
      for await (const verdict of verifyModel(name, outputs, values)) {
        count++;
        if (!verdict.passed) failed++;
        await print(values.json ? jsonLine(verdict) : line(verdict));
      }
    }
    if (failed > 0) throw new BertError("ERR_CHECKPOINT", `verify: ${failed} of ${count} outputs differ`);
  },
});

function line({ passed, what, difference, allowed, where }: Verdict): string {
  const verdict = passed ? styled("green", "pass") : styled("red", "FAIL");
  const by =
    difference === null
      ? where
      : `largest difference ${difference.toExponential(1)}, allowed ${allowed.toExponential(0)}`;
  return `${verdict}  ${shown(what)}\n      ${shown(by)}${passed || difference === null ? "" : `\n      ${shown(where)}`}\n`;
}

/** A model, and what is expected of it; undefined: the small model. */
interface ExpectedOfModel {
  readonly model: string | undefined;
  readonly outputs: readonly ExpectedOutput[];
}

async function expectedOf(
  model: string | undefined,
  { outputs: file, as }: { readonly outputs: string | undefined; readonly as: string | undefined },
): Promise<readonly ExpectedOfModel[]> {
  if (file !== undefined) return [{ model, outputs: parseOutputs(await readText(file), file) }];
  if (model === undefined) {
    const path = join(embeddingModel(), "expected.json");
    const ofEmbeddings = { model: embeddingModel(), outputs: parseOutputs(await readText(path), path) };
    return [{ model, outputs: await bundledOutputs() }, ofEmbeddings];
  }
  const name = nameOf(as ?? model);
  const outputs = PUBLISHED_OUTPUTS.filter((output) => nameOf(output.model as string) === name);
  if (outputs.length > 0) return [{ model, outputs }];
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
  const text = await readText(fileURLToPath(new URL("../../weights/expected.json", import.meta.url)));
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
