/** What the model answers with something taken away: asked of the worker one after the other, and stopped at will. */
import type { Change } from "../effects/changedInput.ts";
import type { Effect } from "../effects/outputAnswers.ts";
import type { Subject } from "../effects/subjects.ts";
import type { ExplorerResult } from "../explorerResult.ts";
import type { View } from "./view.ts";

/** What is taken away in turn, from which answer to which text. */
interface Asked {
  readonly result: ExplorerResult;
  readonly subject: Subject;
  readonly changes: readonly Change[];
}

/** What has come of it. */
export interface Runs {
  /** With nothing taken away; null: it has not come. */
  readonly untouched: Effect | null;
  /** Of each change; null: it has not come. */
  readonly effects: readonly (Effect | null)[];
  readonly isRunning: boolean;
  /** Why there is no more; null: nothing is wrong. */
  readonly problem: string | null;
}

interface Job extends Runs {
  readonly key: string;
  readonly asked: Asked;
  untouched: Effect | null;
  readonly effects: (Effect | null)[];
  isRunning: boolean;
  problem: string | null;
  /** Grows with every start and stop, so that a run knows that it is not the last. */
  turn: number;
}

/** The answers to what was asked last. */
export class EffectRuns {
  private job: Job | null = null;

  /**
   * What there is. What is no longer asked for is computed no further.
   *
   * @param starts whether it is computed without being told to
   */
  get(view: View, asked: Asked, starts: boolean): Runs {
    const { further: _, ...text } = asked.result.request; // a result of the same text may come again for another view
    const key = JSON.stringify([view.model.fingerprint, text, asked.subject, asked.changes]);
    if (this.job?.key === key) return this.job;
    this.stop();
    const effects = asked.changes.map(() => null);
    this.job = { key, asked, untouched: null, effects, isRunning: false, problem: null, turn: 0 };
    if (starts) this.start(view);
    return this.job;
  }

  /** Computes what has not come. */
  start(view: View): void {
    const { job } = this;
    if (!job || job.isRunning) return;
    [job.isRunning, job.problem] = [true, null];
    this.run(job, ++job.turn, view);
  }

  /** Computes no more; what has come stays. */
  stop(): void {
    if (!this.job) return;
    this.job.isRunning = false;
    this.job.turn++;
  }

  private async run(job: Job, turn: number, view: View): Promise<void> {
    const { asked, effects } = job;
    const { result, subject, changes } = asked;
    const ask = (change: Change | null, known: Effect | null, vector: Effect["vector"]) =>
      view.look({
        ...{ request: result.request, change, subject, vector },
        ids: known?.answers.map(({ id }) => id) ?? [],
      });
    const isLast = () => job.turn === turn;
    try {
      job.untouched ??= await ask(null, null, null);
      const { vector } = job.untouched;
      for (const [n, change] of changes.entries()) {
        if (!isLast()) return;
        if (effects[n]) continue;
        effects[n] = await ask(change, job.untouched, vector);
        view.redraw();
      }
      // So that answers which only the change brings up are known without it too.
      if (isLast() && changes.length === 1) job.untouched = { ...(await ask(null, effects[0], vector)), vector };
    } catch (error) {
      if (isLast()) job.problem = (error as Error).message;
    }
    if (!isLast()) return;
    job.isRunning = false;
    view.redraw();
  }
}

/** Multiplications that are done without being asked for: about a second of a processor's 128-bit instructions. */
const MOST_WORK = 1e10;

/** Whether so many forward passes take no longer than one waits for without being asked. */
export function areQuick({ model, result }: Pick<View, "model" | "result">, count: number): boolean {
  const { layers, hiddenSize } = model;
  return 12 * layers * hiddenSize * hiddenSize * result.tokens.length * count <= MOST_WORK;
}
