import { expect, test } from "vitest";
import { command as evaluate } from "../../src/cli/evaluateCommand.ts";
import { command as finetune } from "../../src/cli/finetuneCommand.ts";
import { inCommandWords } from "../../src/cli/optionWords.ts";
import { command as pretrain } from "../../src/cli/pretrainCommand.ts";
import type { BertError } from "../../src/errors.ts";
import { expectValues } from "../../src/training/run/resolvedOptions.ts";

/** What is thrown. */
function thrown(work: () => unknown): Error | null {
  try {
    work();
    return null;
  } catch (error) {
    return error as Error;
  }
}

test.each([
  ["finetune", finetune, 15],
  ["pretrain", pretrain, 8],
  ["evaluate", evaluate, 2],
] as const)("%s says of each number the same, from the command line and from the library", (where, command, least) => {
  let found = 0;
  for (const [name, option] of Object.entries(command.options)) {
    if (option.placeholder !== "X") continue;
    found++;
    const library = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    for (const value of ["-1", "-0.001", "0", "0.5", "1", "1.5", "1e300"]) {
      const error = thrown(() => expectValues(where, { [library]: Number(value) }));
      const inWords = error && (inCommandWords(error, command) as BertError).message.replace(/, got .*$/s, "");
      const got = thrown(() => option.parse([value], name));
      expect(got && `${where}: ${got.message.replace(/, got .*$/s, "")}`, `--${name} ${value}`).toBe(inWords);
    }
  }
  expect(found).toBeGreaterThanOrEqual(least);
});
