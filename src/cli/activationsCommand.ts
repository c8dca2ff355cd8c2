import { withOutput } from "../disk/outputLock.ts";
import { saveSafetensors } from "../load/weightFiles.ts";
import { type Bert, loadBert } from "../pipelines/index.ts";
import { type Activations, collectActivations } from "../testing/index.ts";
import { type Command, defineCommand, expectCount, missing } from "./command.ts";
import { expectUnread, weightsOf } from "./expectUnread.ts";
import { endingOf } from "./format.ts";
import { beforeInterrupt, interruptible } from "./interrupt.ts";
import { downloading, engineOptions, MODEL_OPTIONS } from "./modelOptions.ts";
import { choice, flag, libraryValues, list, text } from "./option.ts";
import { jsonLine, print, shown } from "./output.ts";

/** The library's. */
const OPTIONS = {
  "text-pair": text("TEXT", "The second text of a pair."),
  truncation: flag("Cut what is too long for the model instead of refusing it."),
  taps: list(
    "Only these steps, where * stands for any characters: 'bert.encoder.layer.*.output'. Default: all, as the --json of a first run lists them.",
  ),
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… TEXT --output FILE.safetensors"],
  description: `Writes what each step of the model makes of a text, under the names of PyTorch's modules, for plainbert compare: the first step where another engine, machine or version gives other numbers is where to look. Python's safetensors reads the file.

Beside the steps, of float32, it has input_ids and token_type_ids, of int64. Its metadata say text, model and backend.`,
  options: {
    output: text("FILE", "The file, .safetensors. It appears when it is whole, and replaces one of that name.", "file"),
    ...OPTIONS,
    json: flag('Print a line of JSON: { "file", "metadata", "tensors": [{ "name", "shape" }, …] }.'),
    ...MODEL_OPTIONS,
    backend: choice(
      ["auto", "simd", "plain"],
      "What computes: plain gives the same bits on every machine, simd is fast, auto is simd where it can run. Default plain.",
    ),
  },
  examples: [
    'plainbert activations "The door is open." --output door.safetensors',
    `plainbert activations "Is it open?" --text-pair "It is." --taps 'bert.embeddings,bert.pooler.*' --output pair.safetensors`,
  ],
  async run({ values, positionals }) {
    const { output, backend = "plain" } = values;
    if (positionals.length === 0 || output === undefined)
      throw missing({ "a text": positionals[0], "--output FILE.safetensors": output });
    expectCount(positionals, 1, 1, "a text");
    endingOf(output, ["safetensors"]);
    expectUnread([output], weightsOf(values.model));
    await withOutput(output, {}, async () => {
      const options = engineOptions({ ...values, backend });
      const bert = await downloading(values, (hub) => loadBert(values.model, { ...hub, ...options }));
      try {
        const activations = await interruptible((signal) =>
          collectActivations(bert, positionals[0], { ...libraryValues(OPTIONS, values), signal }),
        );
        await save(output, activations);
        await print(values.json ? asJson(output, activations) : summary(output, activations, bert));
      } finally {
        await bert.dispose();
      }
    });
  },
});

async function save(output: string, { tensors, metadata }: Activations): Promise<void> {
  const saving = saveSafetensors(output, tensors, metadata);
  const forget = beforeInterrupt(() => saving);
  await saving.finally(forget);
}

function asJson(file: string, { tensors, metadata }: Activations): string {
  const list = Array.from(tensors, ([name, { shape }]) => ({ name, shape }));
  return jsonLine({ file, metadata: Object.fromEntries(metadata), tensors: list });
}

function summary(file: string, { tensors, metadata }: Activations, bert: Bert): string {
  const tokens = tensors.get("input_ids")?.shape[1];
  const cut = metadata.get("truncated") === "true" ? ", cut" : "";
  return `${shown(file)}: ${tensors.size - 2} of ${bert.taps.length} steps, ${tokens} tokens${cut}; model ${metadata.get("fingerprint")}, ${metadata.get("backend")}, ${metadata.get("dtype")}\n`;
}
