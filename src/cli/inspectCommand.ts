import { fileURLToPath } from "node:url";
import { openWeights } from "../hub/files.ts";
import { BUNDLED_MODEL } from "../pipelines/index.ts";
import { type Arguments, type Command, expectCount } from "./command.ts";
import { inspectJson, inspectTable } from "./inspect.ts";
import { print } from "./output.ts";

export const command: Command = {
  help: `Lists the tensors of a checkpoint: name, type, shape, size. Reads the file's header alone.

Usage: plainbert inspect [options] [FILE|DIR]

  FILE             a .safetensors file, one of PyTorch's (.bin, .pt, .pth), or the .index.json of several
  DIR              a model's folder (default: the small model that comes with plainbert)
  --json           the same as one line of JSON
  -h, --help       this text

Examples:
  $ plainbert inspect
  $ plainbert inspect --json
`,
  options: { json: { type: "boolean" } },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 0, 1, "one file or folder");
  const weights = await openWeights(positionals[0] ?? fileURLToPath(BUNDLED_MODEL));
  try {
    await print(values.json ? `${inspectJson(weights)}\n` : inspectTable(weights));
  } finally {
    await weights.close();
  }
}
