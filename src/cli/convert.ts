import { type Arguments, type Command, expectCount, UsageError } from "./command.ts";
import { type ConvertOptions, convertModel, DTYPES, type FloatName } from "./convertModel.ts";
import { print, shown } from "./output.ts";

export const command: Command = {
  help: `Writes a model's folder as Hugging Face's libraries save one, from whatever its weights are in.

Usage: plainbert convert [options] FROM TO

  FROM                   a folder with config.json (or Google's bert_config.json) and the weights: safetensors,
                         pytorch_model.bin, shards of either; with Hugging Face's names of tensors or with Google's
  TO                     the new folder; it must not be there, or be empty
  --dtype DTYPE          float32, float16 or bfloat16 (default: the two of 16 bits stay, all else becomes float32)
  --max-shard-size SIZE  split the weights into files of at most that size: 500MB, 2GiB (default: one file)
  --names NAMES          huggingface (default) or google, whose matrices are transposed
  --force                replace TO, with everything in it, if it holds a model
  -h, --help             this text

Nothing in a pytorch_model.bin is run. The tokenizer's files are copied as they are. TO appears when all is there.

Examples:
  $ plainbert convert downloaded converted
  $ plainbert convert --dtype bfloat16 --max-shard-size 500MB downloaded half
`,
  options: {
    dtype: { type: "string" },
    "max-shard-size": { type: "string" },
    names: { type: "string" },
    force: { type: "boolean" },
  },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 2, 2, "two folders");
  const [from, to] = positionals;
  const size = values["max-shard-size"];
  const options: ConvertOptions = {
    ...(values.dtype !== undefined && { dtype: oneOf("dtype", values.dtype, Object.keys(DTYPES) as FloatName[]) }),
    ...(values.names !== undefined && { names: oneOf("names", values.names, ["huggingface", "google"]) }),
    ...(size !== undefined && { maxShardSize: bytesOf("max-shard-size", String(size)) }),
    force: values.force === true,
  };
  const { files, tensors, parameters, dtypes, leftOut } = await convertModel(from, to, options);
  const count = (n: number) => n.toLocaleString("en-US");
  await print(`${shown(to)}: ${count(tensors)} tensors, ${count(parameters)} parameters, ${dtypes.join(" and ")}\n`);
  for (const file of files) await print(`  ${shown(file)}\n`);
  if (leftOut.length > 0) await print(`left out, being no weights or tied to others: ${shown(leftOut.join(", "))}\n`);
}

/** @throws UsageError */
function oneOf<const Name extends string>(option: string, value: unknown, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} must be one of ${names.join(", ")}, got ${JSON.stringify(value)}`);
}

const UNITS = ["", "K", "M", "G", "T"];

/**
 * A size as Hugging Face's libraries write it: a number of bytes, of KB, MB, GB or TB (powers of 1000), or of KiB, MiB, GiB or
 * TiB (powers of 1024).
 *
 * @throws UsageError
 */
function bytesOf(option: string, value: string): number {
  const [, number, unit, binary] = /^(\d+(?:\.\d+)?)\s*(?:([KMGT]?)(i?)B)?$/i.exec(value) ?? [];
  const size = Math.floor(Number(number) * (binary ? 1024 : 1000) ** UNITS.indexOf((unit ?? "").toUpperCase()));
  if (size >= 1) return size;
  throw new UsageError(`--${option} must be a size such as 500MB or 2GiB, got ${JSON.stringify(value)}`);
}
