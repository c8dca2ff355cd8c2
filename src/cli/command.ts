import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** What stands after the command's name. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** A sub-command. Its file is loaded only when it is called. */
export interface Command {
  /** What `--help` prints. */
  readonly help: string;
  /** Beside `--help`, which every command has. */
  readonly options: Options;
  run(args: Arguments): Promise<void>;
}

/** The command line is not one that the command understands: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What every command has. */
const HELP: Options = { help: { type: "boolean", short: "h" } };

/** What most commands have. */
export const MODEL_AND_JSON: Options = { model: { type: "string" }, json: { type: "boolean" } };

/**
 * Reads the arguments that stand after the command's name.
 *
 * @throws UsageError an option that the command does not have, or one without its value
 */
export function parseArguments(argv: readonly string[], options: Options): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { ...options, ...HELP },
      allowPositionals: true,
    });
    return { values: values as Arguments["values"], positionals };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!code.startsWith("ERR_PARSE_ARGS_")) throw error;
    // Node's sentence; what follows it is advice about "--".
    const [sentence] = (error as Error).message.split(/\. |\n/);
    const names = Object.keys({ ...options, ...HELP }).map((name) => `--${name}`);
    throw new UsageError(`${sentence}; the options are ${names.join(", ")}`);
  }
}

/** @throws UsageError fewer or more arguments than the command takes */
export function expectCount(positionals: readonly string[], least: number, most: number, what: string): void {
  if (positionals.length >= least && positionals.length <= most) return;
  throw new UsageError(`expected ${what}, got ${positionals.length} arguments; a text with spaces needs quotes`);
}

/** @throws UsageError no --model, where the small one cannot answer */
export function requiredModel({ model }: Arguments["values"]): string {
  if (typeof model === "string") return model;
  throw new UsageError("expected --model DIR: the small model that comes with plainbert was not trained for this");
}

/** @throws UsageError the option is no whole number from 1 */
export function wholeNumber(name: string, value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new UsageError(`--${name} must be a whole number from 1, got ${JSON.stringify(value)}`);
}
