import type { BackendInfo } from "../../tensor/backend.ts";
import type { LogEntry } from "../run/log.ts";
import type { Identity } from "../run/resolvedOptions.ts";
import type { PredictionExample } from "../run/result.ts";
import { escapeXml } from "./chart.ts";
import { curvesSvg } from "./curves.ts";

/** What a report tells. */
export interface Report {
  readonly title: string;
  readonly options: Identity;
  readonly backend: BackendInfo;
  readonly machine: string;
  readonly log: readonly LogEntry[];
  readonly steps: number;
  readonly parameters: number;
  readonly tokensPerSecond: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly examples: readonly PredictionExample[];
}

/** One page that needs nothing else: no script, no font, no picture from elsewhere. */
export function reportHtml(report: Report): string {
  const { title, backend, log, examples, metrics } = report;
  const machine: Readonly<Record<string, string>> = {
    machine: report.machine,
    backend: `${backend.name}, ${backend.width}-bit${backend.fused ? ", fused multiply-add" : ""}, ${backend.threads} threads`,
    ...(Number.isFinite(report.tokensPerSecond) && {
      speed: `${count(Math.round(report.tokensPerSecond))} tokens per second`,
    }),
  };
  const last = log.findLast((entry) => "loss" in entry);
  const sizes: Readonly<Record<string, string>> = {
    updates: count(report.steps),
    parameters: count(report.parameters),
    ...(last && { "training loss at the end": figure(last.loss) }),
  };
  const figures = Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, figure(value)]));
  const hidden = new Set(["examples", "model's config"]); // digests
  const options = Object.entries(report.options).filter(([name, value]) => value !== null && !hidden.has(name));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>plainbert ${escapeXml(title)}</title>
<style>
body { font: 15px/1.5 sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .25rem 1.2rem .25rem 0; vertical-align: top; }
th { font-weight: normal; color: #555; } .examples { width: 100%; } .examples th { color: #222; font-weight: bold; }
.examples tr { border-bottom: 1px solid #ddd; } td { overflow-wrap: anywhere; } .wrong { color: #b00020; } svg { max-width: 100%; height: auto; }
</style>
<h1>plainbert ${escapeXml(title)}</h1>
<h2>Result</h2>
${table({ ...figures, ...sizes })}
<h2>Curves</h2>
${curvesSvg(log)}
${examples.length > 0 ? `<h2>Predictions</h2>\n${predictions(examples)}` : ""}
<h2>Options</h2>
${table(Object.fromEntries(options.map(([name, value]) => [name, String(value)])))}
<h2>Machine</h2>
${table(machine)}
</html>
`;
}

function table(rows: Readonly<Record<string, string>>): string {
  const lines = Object.entries(rows).map(([name, value]) => `<tr><th>${escapeXml(name)}<td>${escapeXml(value)}`);
  return `<table>\n${lines.join("\n")}\n</table>`;
}

function predictions(examples: readonly PredictionExample[]): string {
  const lines = examples.map(({ input, expected, predicted }) => {
    const mark = expected === predicted ? "" : ` class="wrong"`;
    return `<tr><td>${escapeXml(input)}<td>${escapeXml(expected)}<td${mark}>${escapeXml(predicted)}`;
  });
  return `<table class="examples">\n<tr><th>input<th>expected<th>predicted\n${lines.join("\n")}\n</table>`;
}

function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "undefined";
}

function count(n: number): string {
  return n.toLocaleString("en-US");
}
