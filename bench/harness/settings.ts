import { parseArgs } from "node:util";

/** What the command line decides. */
export interface Settings {
  readonly threads: readonly number[];
  readonly backend: string;
  /** Only cases whose id starts with one of these; all if empty. */
  readonly cases: readonly string[];
  readonly rounds: number;
  readonly turnMs: number;
  /** How many sentences `encode-sentences` has. */
  readonly sentences: number;
  /** Cases of more work are left out. */
  readonly maxGflop: number;
  readonly json: boolean;
  readonly compare: string | null;
}

export const HELP = `npm run bench -- [options]

  --threads n      this thread count only (default: 1 and 2)
  --case id        cases whose id begins so; may be repeated
  --backend name   plainbert's backend (default: auto)
  --rounds n       turns of each side (default: 7)
  --turn ms        measured time of a turn at least (default: 300)
  --sentences n    sentences in encode-sentences (default: 2000)
  --max-gflop n    leave out cases of more work
  --quick          to see whether everything runs: one turn of one call, 20 sentences, no case above 200 GFLOP
  --json           print the results as JSON, and write no file
  --compare file   print the change against earlier results

Without --case, --json and --quick it writes bench/results/bench.json and bench/results/bench.svg.`;

/** @throws Error an option that does not exist or is no number */
export function parseSettings(args: readonly string[]): Settings | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      threads: { type: "string" },
      case: { type: "string", multiple: true },
      backend: { type: "string", default: "auto" },
      rounds: { type: "string" },
      turn: { type: "string" },
      sentences: { type: "string" },
      "max-gflop": { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      compare: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { quick } = values;
  const number = (
    name: "threads" | "rounds" | "turn" | "sentences" | "max-gflop",
    fallback: number,
    min = 1,
  ): number => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (value >= min && (Number.isInteger(value) || value === fallback)) return value;
    throw new Error(`--${name} must be a whole number from ${min}, got ${JSON.stringify(values[name])}`);
  };
  return {
    threads: values.threads === undefined ? [1, 2] : [number("threads", 1)],
    backend: values.backend,
    cases: values.case ?? [],
    rounds: number("rounds", quick ? 1 : 7),
    turnMs: number("turn", quick ? 0 : 300, 0),
    sentences: number("sentences", quick ? 20 : 2000),
    maxGflop: number("max-gflop", quick ? 200 : Number.MAX_VALUE),
    json: values.json,
    compare: values.compare ?? null,
  };
}

/** Whether the command line asks for a case. */
export function wanted(settings: Settings, id: string): boolean {
  return settings.cases.length === 0 || settings.cases.some((prefix) => id.startsWith(prefix));
}
