import type { BackendInfo } from "../../tensor/backend.ts";
import type { LogEntry } from "../run/log.ts";
import type { PredictionExample } from "../run/result.ts";
import type { Evaluation } from "../tasks/task.ts";
import { curvesHtml } from "./curves.ts";
import { mistakesTitle } from "./mistakesTitle.ts";
import { answers, classTable, facts, matrixTable } from "./sections.ts";
import { STYLE } from "./style.ts";

/** What a report tells. What is empty is left out. */
export interface Report {
  /** The function: "finetune", "pretrain", "evaluate". */
  readonly title: string;
  /** Task, model, data and the like, by name. */
  readonly about: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, string>>;
  readonly log: readonly LogEntry[];
  /** Whether numbers were evaluated, no classes. */
  readonly isRegression?: boolean;
  readonly evaluation: Omit<Evaluation, "metrics" | "examples"> | null;
  readonly examples: readonly PredictionExample[];
  readonly settings: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string>>;
}

/**
 * One page that needs nothing else: no script, no font, no picture from elsewhere. It follows the reader's choice of a
 * light or a dark screen.
 */
export function reportHtml(report: Report): string {
  const { title, about, metrics, log, evaluation, examples, settings, machine } = report;
  const curves = curvesHtml(log);
  const parts = [
    facts(about),
    section("Result", facts(metrics)),
    section("Curves", curves.length > 0 ? `<div class="curves">\n${curves.join("\n")}\n</div>` : ""),
    ...(evaluation ? evaluated(evaluation, report.isRegression ?? false) : []),
    section("Predictions", answers(examples)),
    section("Settings", facts(settings)),
    section("Machine", facts(machine)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>plainbert ${title}</title>
<style>
${STYLE}</style>
</head>
<body>
<h1>plainbert ${title}</h1>
${parts.filter(Boolean).join("\n")}
</body>
</html>
`;
}

function section(title: string, body: string): string {
  return body === "" ? "" : `<h2>${title}</h2>\n${body}`;
}

function evaluated(evaluation: Report["evaluation"] & object, isRegression: boolean): string[] {
  const { classes, confusionMatrix, mistakes, mistakeCount, errorName } = evaluation;
  return [
    section("Classes", classes ? classTable(classes) : ""),
    section("Confusion matrix", confusionMatrix ? matrixTable(confusionMatrix) : ""),
    section(mistakesTitle(mistakes.length, mistakeCount, isRegression), answers(mistakes, errorName)),
  ];
}

/** How it was computed, for the last part of a report. */
export function machineFacts(machine: string, backend: BackendInfo): Record<string, string> {
  const { name, width, fused, threads } = backend;
  const how = `${name}, ${width}-bit${fused ? ", fused multiply-add" : ""}, ${threads} threads`;
  return { ...(machine !== "" && { machine }), backend: how };
}

/** Metrics as they are shown. */
export function figures(metrics: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, figure(value)]));
}

function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "undefined";
}

/** 1234567 → "1,234,567" */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}
