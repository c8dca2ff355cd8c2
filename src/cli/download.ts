import { downloadModel } from "../pipelines/index.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { downloading, HUB_OPTIONS } from "./modelOptions.ts";
import { print } from "./output.ts";

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… MODEL"],
  description: `Downloads a model into the cache, and prints its folder. MODEL is its id on the hub, such as google-bert/bert-base-cased. Every command that takes a model does the same; this one is for a machine that will have no network, or for a quiet moment before the work.

What is in the cache is not downloaded again, unless its hash is not the hub's: this command hashes every file. What was interrupted goes on where it stopped.`,
  options: HUB_OPTIONS,
  examples: [
    "plainbert download google-bert/bert-base-cased",
    `plainbert fill-mask --model "$(plainbert download google-bert/bert-base-cased)" "Hello I'm a [MASK] model."`,
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 1, 1, "one model, such as google-bert/bert-base-cased");
    await print(`${await downloading(values, (hub) => downloadModel(positionals[0], hub))}\n`);
  },
});
