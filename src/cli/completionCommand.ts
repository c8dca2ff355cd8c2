import { quote } from "../errors.ts";
import { type Command, type CommandEntry, defineCommand, expectCount } from "./command.ts";
import { type Completable, completionScript, SHELLS } from "./completion.ts";
import { HELP, UsageError } from "./option.ts";
import { print } from "./output.ts";

/** The command that completes all these, and itself. */
export function completionOf(commands: Readonly<Record<string, CommandEntry>>): Command {
  return defineCommand({
    synopsis: ["bash|zsh|fish"],
    description: `Prints a script that teaches a shell to complete plainbert's commands, options and their values.

bash: add “source <(plainbert completion bash)” to ~/.bashrc. zsh: save it as _plainbert in a folder of $fpath, or source it after compinit. fish: save it as ~/.config/fish/completions/plainbert.fish.`,
    options: {},
    positional: SHELLS,
    examples: ["plainbert completion bash", "plainbert completion fish > plainbert.fish"],
    async run({ positionals }) {
      expectCount(positionals, 1, 1, `a shell, ${SHELLS.join(", ")}`);
      const shell = SHELLS.find((name) => name === positionals[0]);
      if (!shell)
        throw new UsageError(`the shell must be one of ${SHELLS.join(", ")}, got ${quote(String(positionals[0]))}`);
      await print(completionScript(shell, await completables(commands)));
    },
  });
}

function completables(commands: Readonly<Record<string, CommandEntry>>): Promise<Completable[]> {
  return Promise.all(
    Object.entries(commands).map(async ([name, { summary, load }]) => {
      const { options, positional } = (await load()).command;
      return { name, summary, options: { ...options, ...HELP }, ...(positional && { positional }) };
    }),
  );
}
