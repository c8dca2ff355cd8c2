import { withOutput } from "../disk/outputLock.ts";
import { quote } from "../errors.ts";
import { openModelFiles } from "../load/readModel.ts";
import { STORAGE_TYPES } from "../tensor/storage.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { convertModel } from "./convertModel.ts";
import { interruptible } from "./interrupt.ts";
import { downloading, HUB_OPTIONS, MODEL_NAME } from "./modelOptions.ts";
import { choice, flag, libraryValues, type Option, UsageError } from "./option.ts";
import { print, shown } from "./output.ts";
import { Progress } from "./progressBar.ts";

const OPTIONS = {
  dtype: choice(
    STORAGE_TYPES,
    "How numbers are stored; int8 is for matrices, with a scale for each row, and for plainbert alone. Default: the two types of 16 bits stay, all else becomes float32.",
  ),
  "max-shard-size": size("Split the weights into files of at most that size: 500MB, 2GiB. Default: one file."),
  names: choice(
    ["huggingface", "google"],
    "Whose names the tensors get; google also transposes matrices. Default huggingface.",
  ),
  force: flag("Replace TO, with everything in it, if it holds a model."),
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… FROM TO"],
  description: `Writes a model's folder as Hugging Face's libraries save one, from whatever its weights are in: safetensors, pytorch_model.bin, shards of either; with Hugging Face's names of tensors or with Google's.

FROM is ${MODEL_NAME}; it has config.json, or Google's bert_config.json. TO is the new folder; it must not be there, or be empty. It appears when all is in it. The tokenizer's files are copied as they are. Nothing in a pytorch_model.bin is run.`,
  options: { ...OPTIONS, ...HUB_OPTIONS },
  libraryNames: {
    "must be empty or not there, is neither": "must be empty or not there, is neither; --force replaces a model",
  },
  positional: "file",
  examples: [
    "plainbert convert downloaded converted",
    "plainbert convert --dtype bfloat16 --max-shard-size 500MB downloaded half",
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 2, 2, "a model and a folder");
    if (values.dtype === "int8" && values.names === "google") throw new UsageError("--names google has no int8");
    const [from, to] = positionals;
    const progress = new Progress({ verb: "writing", unit: "MB", total: null });
    const { files, tensors, parameters, dtypes, leftOut } = await withOutput(to, { parents: true }, async () => {
      const { root, release } = await downloading(values, (hub) => openModelFiles(from, hub, true, true));
      return interruptible((signal) =>
        convertModel(root, to, {
          ...libraryValues(OPTIONS, values),
          onWrite: (done, total) => progress.to(done, done, total),
          signal,
        }).finally(() => {
          progress.clear();
          return release();
        }),
      );
    });
    const grouped = (n: number) => n.toLocaleString("en-US");
    await print(
      `${shown(to)}: ${grouped(tensors)} tensors, ${grouped(parameters)} parameters, ${dtypes.join(" and ")}\n`,
    );
    for (const file of files) await print(`  ${shown(file)}\n`);
    if (leftOut.length > 0) await print(`left out, being no weights or tied to others: ${shown(leftOut.join(", "))}\n`);
  },
});

/**
 * An option with a size in bytes, KB, MB, GB or TB (powers of 1000), or KiB, MiB, GiB or TiB (of 1024), as Hugging
 * Face's libraries write it.
 */
function size(description: string): Option<number> {
  const units = ["", "K", "M", "G", "T"];
  return {
    placeholder: "SIZE",
    description,
    parse(given, name) {
      const value = given.at(-1)!;
      const [, number, unit, binary] = /^(\d+(?:\.\d+)?)\s*(?:([KMGT]?)(i?)B)?$/i.exec(value) ?? [];
      const bytes = Math.floor(Number(number) * (binary ? 1024 : 1000) ** units.indexOf((unit ?? "").toUpperCase()));
      if (bytes >= 1) return bytes;
      throw new UsageError(`--${name} must be a size such as 500MB or 2GiB, got ${quote(String(value))}`);
    },
  };
}
