import type { BackendInfo } from "../../tensor/backend.ts";
import type { LogEntry } from "../run/log.ts";
import type { Identity } from "../run/resolvedOptions.ts";
import type { Evaluation } from "../tasks/task.ts";
import { count, figures, machineFacts, reportHtml } from "./html.ts";

/** What the report of a run tells. */
export interface RunFacts {
  readonly title: string;
  readonly about: Readonly<Record<string, string>>;
  readonly settings: Identity;
  readonly log: readonly LogEntry[];
  readonly steps: number;
  readonly parameters: number;
  readonly tokensPerSecond: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly evaluation: Evaluation | null;
  /** Whether it learned numbers, no classes. */
  readonly isRegression?: boolean;
  readonly backend: BackendInfo;
  readonly machine: string;
}

/** Settings that are digests tell a reader nothing, and others are told about the run. */
const UNTOLD = new Set(["examples", "model's config", "task", "trainDataset", "evalDataset", "evalExamples"]);

/** A training run as a page. */
export function runReport(run: RunFacts): string {
  const { title, log, metrics, evaluation, isRegression = false, tokensPerSecond } = run;
  const settings = Object.entries(run.settings).filter(([name, value]) => value !== null && !UNTOLD.has(name));
  const last = log.findLast((entry) => "loss" in entry);
  return reportHtml({
    ...{ title, log, evaluation, isRegression },
    about: { ...run.about, updates: count(run.steps), parameters: count(run.parameters) },
    metrics: figures({ ...metrics, ...(last && { "training loss at the end": last.loss }) }),
    examples: evaluation?.examples ?? [],
    settings: Object.fromEntries(settings.map(([name, value]) => [name, String(value)])),
    machine: {
      ...machineFacts(run.machine, run.backend),
      ...(Number.isFinite(tokensPerSecond) && { speed: `${count(Math.round(tokensPerSecond))} tokens per second` }),
    },
  });
}
