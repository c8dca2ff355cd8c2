import { appendText, digestOfFile, type FileDigest, removeFile, textOrNone, writeTexts } from "../../disk/runFolder.ts";
import { BertError } from "../../errors.ts";
import { parseJson } from "../../json.ts";

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

export const METRICS_LOG = "metrics.jsonl";

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
   * Opens the log of a run. What was written after the last checkpoint is taken out: a killed run had made these
   * updates, and makes them again.
   *
   * @param saved as it was at the last checkpoint; null: there is none. A log that is not there begins anew
   * @throws BertError ERR_CHECKPOINT it does not begin as it did at the checkpoint
   */
  static async open(folder: string, saved: FileDigest | null, tell: (entry: LogEntry) => void): Promise<MetricsLog> {
    const path = `${folder}/${METRICS_LOG}`;
    const text = await textOrNone(path);
    const end = text === "" ? 0 : (saved?.bytes ?? 0);
    if (end > 0 && (await digestOfFile(path, end)).sha256 !== saved?.sha256) {
      throw new BertError(
        "ERR_CHECKPOINT",
        `${path}: is damaged or was changed: its first ${end} bytes are not those that it had at the last checkpoint; if it is deleted, the run goes on without them`,
      );
    }
    const kept = new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, end));
    const lines = kept.split("\n").slice(0, -1);
    const entries = lines.map((line, i) => entryIn(line, `${path}, line ${i + 1}`));
    if (kept !== text) await writeTexts(folder, { [METRICS_LOG]: kept });
    return new MetricsLog(folder, entries, tell);
  }

  /** The file as it is, for a checkpoint. */
  digest(): Promise<FileDigest> {
    return digestOfFile(`${this.folder}/${METRICS_LOG}`);
  }

  /** Removes the file of a run that ends without a checkpoint, so that the folder is free again. */
  async remove(): Promise<void> {
    await removeFile(`${this.folder}/${METRICS_LOG}`).catch(() => {}); // why the run ends is to be reported
  }

  async add(entry: LogEntry): Promise<void> {
    await appendText(`${this.folder}/${METRICS_LOG}`, lineOf(entry));
    this.entries.push(entry);
    this.tell(entry);
  }
}

function lineOf(entry: LogEntry): string {
  return `${JSON.stringify(entry)}\n`;
}

/** A line. NaN and infinite numbers are null there, and NaN here. */
function entryIn(line: string, place: string): LogEntry {
  const json = parseJson(line, place, "ERR_CHECKPOINT");
  const numbers = json.entries().map(([name, value]) => [name, value.or(Number.NaN, (number) => number.asNumber())]);
  return { ...Object.fromEntries(numbers), step: json.get("step").asInteger(), epoch: json.get("epoch").asNumber() };
}
