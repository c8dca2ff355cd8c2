import { appendText, textOrNone, writeTexts } from "../../disk/runFolder.ts";

/**
 * A line of metrics.jsonl, named as Hugging Face's Trainer logs: of training `loss`, …; of an evaluation `eval_loss`,
 * ….
 */
export type LogEntry = { readonly step: number; readonly epoch: number } & Readonly<Record<string, number>>;

/** How far a run is. */
export interface RunProgress {
  /** Updates made. */
  readonly step: number;
  readonly totalSteps: number;
  /** Updates made by an earlier process. */
  readonly firstStep: number;
  /** The loss of the last update; NaN before the first. */
  readonly loss: number;
  /** Since the process began training, evaluation left out. */
  readonly tokensPerSecond: number;
  /**
   * How long the rest will take if it goes on as in this process, evaluations and checkpoints included; NaN before the
   * first update.
   */
  readonly secondsLeft: number;
  /** Whether the model is being evaluated. */
  readonly evaluating: boolean;
}

const FILE = "metrics.jsonl";

/** metrics.jsonl of a run. */
export class MetricsLog {
  readonly entries: LogEntry[];
  private readonly folder: string;
  private readonly tell: (entry: LogEntry) => void;

  private constructor(folder: string, entries: LogEntry[], tell: (entry: LogEntry) => void) {
    this.folder = folder;
    this.entries = entries;
    this.tell = tell;
  }

  /**
   * Opens the log of a run that is at `step` and was evaluated last at step `evaluated`: later entries, which a killed
   * run had still written, and a line that it did not finish are taken out.
   */
  static async open(
    folder: string,
    step: number,
    evaluated: number,
    tell: (entry: LogEntry) => void,
  ): Promise<MetricsLog> {
    const text = await textOrNone(`${folder}/${FILE}`);
    const entries = text.split("\n").flatMap((line) => {
      const entry = parsed(line);
      return entry && entry.step <= ("eval_loss" in entry ? evaluated : step) ? [entry] : [];
    });
    const kept = entries.map(lineOf).join("");
    if (kept !== text) await writeTexts(folder, { [FILE]: kept });
    return new MetricsLog(folder, entries, tell);
  }

  async add(entry: LogEntry): Promise<void> {
    await appendText(`${this.folder}/${FILE}`, lineOf(entry));
    this.entries.push(entry);
    this.tell(entry);
  }
}

function lineOf(entry: LogEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

function parsed(line: string): LogEntry | null {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === "object" && entry !== null && "step" in entry ? (entry as LogEntry) : null;
  } catch {
    return null;
  }
}
