import { fileURLToPath } from "node:url";
import { openWeights } from "../hub/files.ts";
import { BUNDLED_MODEL } from "../pipelines/index.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { inspectJson, inspectTable } from "./inspect.ts";
import { flag } from "./option.ts";
import { print } from "./output.ts";

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… [FILE|DIR]"],
  description: `Lists the tensors of a checkpoint: name, type, shape, size. Reads the file's header alone.

FILE is a .safetensors file, or the .safetensors.index.json of several; DIR a model's folder. Default: the small model that comes with plainbert.`,
  options: { json: flag("Print the same as one line of JSON.") },
  positional: "file",
  examples: ["plainbert inspect", "plainbert inspect --json"],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 1, "one file or folder");
    const weights = await openWeights(positionals[0] ?? fileURLToPath(BUNDLED_MODEL));
    try {
      await print(values.json ? `${inspectJson(weights)}\n` : inspectTable(weights));
    } finally {
      await weights.close();
    }
  },
});
