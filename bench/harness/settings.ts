import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { Planned } from "./schedule.ts";

/** What the command line decides. */
export interface Settings {
  readonly threads: readonly number[];
  readonly backend: string;
  /** Only cases whose id starts with one of these; all if empty. */
  readonly cases: readonly string[];
  readonly rounds: number;
  readonly turnMs: number;
  /** The time that all of it may take. */
  readonly minutes: number;
  /** A side whose work takes longer than this is left out. */
  readonly limitMs: number;
  readonly quick: boolean;
  /** Where to write the results as JSON. */
  readonly output: string | null;
  readonly save: boolean;
  readonly compare: string | null;
  readonly strict: boolean;
}

/** loadBert's default is as many threads as the machine can run at the same time, but at most so many. */
const MOST_THREADS = 8;

/** The most that a backend takes. */
const MOST_THREADS_AT_ALL = 64;

const BACKENDS = ["auto", "simd", "plain"];

export const HELP: string = `npm run bench -- [options]

  --threads n,m    numbers of threads, each a run of its own, which have the time in equal parts (default: as many as loadBert takes, here ${defaultThreads()})
  --case id        cases whose id begins so; may be repeated
  --backend name   plainbert's backend: auto, simd or plain (default: auto)
  --rounds n       turns of each side, if there is time (default: 7)
  --turn ms        measured time of a turn at least (default: 300)
  --minutes n      time for all of it, building not counted (default: 11; with --quick 1.8)
  --quick          to see whether everything runs: one turn of one run, none longer than 4 s, and one case of each kind
  --output file    write the results as JSON, for --compare
  --save           write the results to bench/results, as JSON and as a picture, and their tables into README.md and
                   docs/performance.md; of a run of all cases
  --compare file   say of each row whether it is better or worse than in earlier results
  --strict         with --compare: exit with 1 if a row of plainbert's is worse, or was left out`;

/** @throws Error an option that does not exist, or whose value cannot be meant */
export function parseSettings(args: readonly string[]): Settings | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      threads: { type: "string" },
      case: { type: "string", multiple: true },
      backend: { type: "string", default: "auto" },
      rounds: { type: "string" },
      turn: { type: "string" },
      minutes: { type: "string" },
      quick: { type: "boolean", default: false },
      output: { type: "string" },
      save: { type: "boolean", default: false },
      compare: { type: "string" },
      strict: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  if (values.strict && values.compare === undefined) throw new Error("--strict must come with --compare FILE");
  if (values.save && (values.quick || values.case)) throw new Error("--save must come without --case and --quick");
  if (values.case?.includes("")) throw new Error("--case must be the beginning of a case's id, got nothing");
  if (!BACKENDS.includes(values.backend)) {
    throw new Error(`--backend must be one of ${BACKENDS.join(", ")}, got ${JSON.stringify(values.backend)}`);
  }
  const { quick } = values;
  return {
    threads: threadCounts(values.threads ?? String(defaultThreads())),
    backend: values.backend,
    cases: values.case ?? [],
    rounds: wholeNumber("rounds", values.rounds ?? (quick ? "1" : "7"), 1),
    turnMs: wholeNumber("turn", values.turn ?? (quick ? "0" : "300"), 0),
    minutes: minutes(values.minutes ?? (quick ? "1.8" : "11")),
    limitMs: quick ? 4000 : 20_000,
    quick,
    output: values.output ?? null,
    save: values.save,
    compare: values.compare ?? null,
    strict: values.strict,
  };
}

function threadCounts(text: string): number[] {
  const counts = text.split(",").map((n) => wholeNumber("threads", n, 1));
  if (new Set(counts).size < counts.length || Math.max(...counts) > MOST_THREADS_AT_ALL)
    throw new Error(`--threads must be different numbers up to ${MOST_THREADS_AT_ALL}, got ${JSON.stringify(text)}`);
  return counts;
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} must be a whole number from ${least}, got ${JSON.stringify(text)}`);
}

function minutes(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--minutes must be a number above 0, got ${JSON.stringify(text)}`);
}

function defaultThreads(): number {
  return Math.min(availableParallelism(), MOST_THREADS);
}

/** Whether the command line asks for a case. */
export function wanted({ cases, quick }: Settings, { id, gives = [], notQuick = false }: Planned): boolean {
  if (cases.length > 0) return cases.some((prefix) => [id, ...gives].some((one) => one.startsWith(prefix)));
  return !(quick && notQuick);
}
