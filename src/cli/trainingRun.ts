import { BertError } from "../errors.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import type { FinetuneResult, LogEntry, RunOptions, RunProgress, RunResult } from "../training/index.ts";
import type { Command } from "./command.ts";
import { beforeInterrupt } from "./interrupt.ts";
import { BACKEND_OPTIONS, downloading, type HUB_OPTIONS } from "./modelOptions.ts";
import { choice, count, flag, type Option, text, type ValuesOf } from "./option.ts";
import { inCommandWords } from "./optionWords.ts";
import { columns, print } from "./output.ts";
import { clock, grouped, isWatched } from "./progressBar.ts";
import { streams } from "./streams.ts";
import { trainingNumber } from "./trainingNumber.ts";

/** What every run of training has; names are those of Hugging Face's Trainer, defaults those of the command. */
export const RUN_OPTIONS: {
  readonly "learning-rate": Option<number>;
  readonly "batch-size": Option<number>;
  readonly "gradient-accumulation-steps": Option<number>;
  readonly "warmup-steps": Option<number>;
  readonly "warmup-ratio": Option<number>;
  readonly optimizer: Option<"adamw" | "bert">;
  readonly "weight-decay": Option<number>;
  readonly "adam-beta1": Option<number>;
  readonly "adam-beta2": Option<number>;
  readonly "adam-epsilon": Option<number>;
  readonly "max-grad-norm": Option<number>;
  readonly "layerwise-decay": Option<number>;
  readonly "freeze-embeddings": Option<boolean>;
  readonly "freeze-layers": Option<number>;
  readonly "gradient-checkpointing": Option<boolean>;
  readonly seed: Option<number>;
  readonly "logging-steps": Option<number>;
  readonly "eval-steps": Option<number>;
  readonly "eval-batch-size": Option<number>;
  readonly "save-steps": Option<number>;
  readonly "save-total-limit": Option<number>;
  readonly "load-best-model-at-end": Option<boolean>;
  readonly "metric-for-best-model": Option<string>;
  readonly "early-stopping-patience": Option<number>;
  readonly report: Option<boolean>;
} & typeof BACKEND_OPTIONS = {
  "learning-rate": trainingNumber("The largest; it rises during warm-up and falls to 0."),
  "batch-size": count("Sequences in a batch."),
  "gradient-accumulation-steps": count("Batches of an update. Default 1."),
  "warmup-steps": count("Updates in which the learning rate rises. Default: --warmup-ratio of all.", 0),
  "warmup-ratio": trainingNumber("The share of updates in which the learning rate rises."),
  optimizer: choice(["adamw", "bert"], "PyTorch's AdamW, or that of Google's BERT: without bias correction."),
  "weight-decay": trainingNumber("Of matrices; biases and LayerNorm have none."),
  "adam-beta1": trainingNumber("Default 0.9."),
  "adam-beta2": trainingNumber("Default 0.999."),
  "adam-epsilon": trainingNumber("Default 1e-8; 1e-6 with --optimizer bert."),
  "max-grad-norm": trainingNumber("The norm that gradients are clipped to. Default 1."),
  "layerwise-decay": trainingNumber("Each layer's learning rate is so many times that of the layer above. Default 1."),
  "freeze-embeddings": flag("The embeddings keep their values."),
  "freeze-layers": count("So many of the lowest layers, and the embeddings, keep their values. Default 0.", 0),
  "gradient-checkpointing": flag("Compute layers again on the way back: less memory, more time, the same bits."),
  seed: count("Of initial weights, order, masks and dropout. Default 42.", 0),
  "logging-steps": count("Updates between two lines of metrics.jsonl. Default 10."),
  "eval-steps": count("Updates between two evaluations."),
  "eval-batch-size": count("Sequences in a batch of evaluation. Default: as --batch-size."),
  "save-steps": count("Updates between two checkpoints. Default 500."),
  "save-total-limit": count("How many checkpoints are kept, beside the best. Default 2."),
  "load-best-model-at-end": flag("The result is the model of the best evaluation, not of the last step."),
  "metric-for-best-model": text("NAME", "Which metric says what is best. Default loss."),
  "early-stopping-patience": count("Stop after so many evaluations without a better one."),
  report: flag("Write report.html: one page with options, machine, curves, metrics and predictions."),
  ...BACKEND_OPTIONS,
};

/** The options of every run that say where its files go. */
export const OUTPUT_OPTIONS: {
  readonly output: Option<string>;
  readonly resume: Option<boolean>;
  readonly json: Option<boolean>;
} = {
  output: text("FOLDER", "New or empty; gets the model, checkpoints, metrics.jsonl and curves.svg.", "folder"),
  resume: flag("Go on with the run in --output, from its last checkpoint, if there is one."),
  json: flag("Say what came out as one line of JSON."),
};

/** `  42 %  update 420 of 1,000  loss 0.4213  1,234 tokens/s  3:21 left` */
export function trainingLine(progress: RunProgress): string {
  const { step, totalSteps, loss, tokensPerSecond, secondsLeft, evaluating } = progress;
  const percent = `${String(Math.floor((100 * step) / totalSteps)).padStart(3)} %  update ${grouped(step)} of ${grouped(totalSteps)}`;
  if (evaluating) return `${percent}  evaluating`;
  return `${percent}  loss ${loss.toFixed(4)}  ${grouped(Math.round(tokensPerSecond))} tokens/s  ${clock(secondsLeft)} left`;
}

/** A bar is drawn anew so often; a log gets a line so often. In milliseconds. */
const REDRAW_MS = 100;
const LOG_MS = 10_000;

/**
 * Shows how far a run is: on a terminal one line that changes; in a log, which is whatever standard error is otherwise,
 * lines of their own after the first update, then after the first update in each ten seconds, and for each evaluation.
 */
export class TrainingLine {
  private readonly isWatched: boolean = isWatched();
  private last: number = Number.NEGATIVE_INFINITY;
  private forget: () => void = () => {};

  show(progress: RunProgress, now: number = performance.now()): void {
    this.draw(trainingLine(progress), now, progress.evaluating);
  }

  /** How many of the texts have a vector of the teacher's. */
  readonly teacher = (done: number, total: number, now: number = performance.now()): void => {
    const percent = String(Math.floor((100 * done) / total)).padStart(3);
    this.draw(`${percent} %  teacher's vectors  ${grouped(done)} of ${grouped(total)} texts`, now, false);
  };

  private draw(line: string, now: number, isUrgent: boolean): void {
    const pause = this.isWatched ? REDRAW_MS : LOG_MS;
    if (now - this.last < pause && !isUrgent) return;
    if (this.isWatched) {
      if (this.last < 0) this.forget = beforeInterrupt(async () => this.clear());
      streams.stderr.write(`\r${line.slice(0, (streams.stderr.columns || 80) - 1)}\u001b[K`);
    } else {
      streams.stderr.write(`${line}\n`);
    }
    this.last = now;
  }

  /** What an evaluation found, in a log. */
  tell(entry: LogEntry): void {
    if (this.isWatched || !("eval_loss" in entry)) return;
    const { step, epoch: _, ...metrics } = entry;
    const figures = Object.entries(metrics).map(([name, value]) => `${name} ${figure(value)}`);
    streams.stderr.write(`       update ${grouped(step)}  ${figures.join("  ")}\n`);
  }

  clear(): void {
    if (this.isWatched && this.last > 0) streams.stderr.write("\r\u001b[K");
    this.last = Number.NEGATIVE_INFINITY;
    this.forget();
  }
}

/**
 * Runs a training until it ends or is interrupted; then its checkpoint is written first.
 *
 * @param command in whose words the user is told
 * @param train   gets the options by which models are found, and the run is shown and stopped; and the line that
 *   shows it
 */
export async function runTraining(
  command: Command,
  values: ValuesOf<typeof HUB_OPTIONS & typeof OUTPUT_OPTIONS>,
  train: (
    how: HubOptions & Required<Pick<RunOptions, "onProgress" | "onLog">>,
    line: TrainingLine,
  ) => Promise<RunResult | FinetuneResult>,
): Promise<void> {
  const line = new TrainingLine();
  const start = performance.now();
  const result = await downloading(values, async (hub) => {
    try {
      const onLog = (entry: LogEntry) => line.tell(entry);
      return await train({ ...hub, onProgress: (progress) => line.show(progress), onLog }, line);
    } catch (error) {
      line.clear();
      if (error instanceof BertError && error.code === "ERR_ABORTED")
        streams.stderr.write(`${(inCommandWords(error, command) as BertError).message}\n`);
      throw error;
    }
  });
  line.clear();
  const { output, globalStep, bestStep, metrics } = result;
  const seconds = (performance.now() - start) / 1000;
  const skipped = "skippedExamples" in result ? { skippedExamples: result.skippedExamples } : {};
  if (values.json) return print(`${JSON.stringify({ output, globalStep, bestStep, seconds, ...skipped, metrics })}\n`);
  const last = result.log.findLast((entry) => "loss" in entry);
  const figures = { ...(last && { loss: last.loss }), ...metrics };
  const rows = Object.entries(figures).map(([name, value]) => [name, figure(value)]);
  const count = skipped.skippedExamples ?? 0;
  const leftOut =
    count === 1
      ? "1 question left out, whose answer does not stand"
      : `${grouped(count)} questions left out, whose answers do not stand`;
  const told = count === 0 ? "" : `${leftOut} where the file says\n`;
  await print(
    `${grouped(globalStep)} ${globalStep === 1 ? "update" : "updates"} in ${clock(seconds)}: ${output}\n${told}${columns(rows, [false, true])}`,
  );
}

/** A metric as it is shown. */
export function figure(value: number): string {
  return Number.isFinite(value) ? value.toFixed(4) : "-";
}
