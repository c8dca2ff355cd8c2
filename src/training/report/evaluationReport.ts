import { BertError, shown } from "../../errors.ts";
import { has } from "../../realm.ts";
import type { EvaluationResult } from "../evaluateOptions.ts";
import { examplesText, modelText } from "./about.ts";
import { figures, machineFacts, reportHtml } from "./html.ts";

const FIELDS = ["task", "model", "file", "examples", "metrics", "settings", "backend", "seconds", "mistakes"] as const;

/**
 * What `evaluate` found as one page of HTML that needs nothing else: result, classes, confusion matrix, mistakes,
 * settings. Of many classes it shows those most often confused, and says how many it leaves out.
 *
 * @param machine what it was computed on, if the page is to say so
 * @throws BertError ERR_INPUT a result that is none
 * @example
 * await writeFile("report.html", evaluationReport(await evaluate({ model: "my-classifier", dataset: "test.jsonl" })));
 */
export function evaluationReport(result: EvaluationResult, machine = ""): string {
  if (!FIELDS.every((name) => has(result, name))) {
    throw new BertError("ERR_INPUT", `evaluationReport: result must be what evaluate gives, got ${shown(result)}`);
  }
  const { task, model, file, examples, metrics, settings, backend, seconds } = result;
  return reportHtml({
    title: "evaluate",
    about: {
      task,
      model: modelText(model),
      examples: examplesText(file, examples),
    },
    metrics: figures(metrics),
    log: [],
    evaluation: result,
    isRegression: settings.problemType === "regression",
    examples: [],
    settings: Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])),
    machine: { ...machineFacts(machine, backend), seconds: seconds.toFixed(1) },
  });
}
