/**
 * All cases with one thread count, in one process: onnxruntime-web and tfjs take theirs once for a process.
 * Started by bench.ts: node bench/run.ts <result file> <settings as JSON> <milliseconds for all>
 */
import { writeFile } from "node:fs/promises";
import { caseGroups } from "./cases/index.ts";
import type { CaseGroup } from "./harness/case.ts";
import { measurePeak } from "./harness/peak.ts";
import { progressBar } from "./harness/progressBar.ts";
import type { BenchCase, Run } from "./harness/results.ts";
import { Schedule } from "./harness/schedule.ts";
import { type Settings, wanted } from "./harness/settings.ts";
import { loadPlainbert } from "./sides/plainbert.ts";

const [resultFile, settingsText, budgetMs] = process.argv.slice(2);
const settings: Settings = JSON.parse(settingsText);
const { backend } = settings;
const [threads] = settings.threads;
const cases: BenchCase[] = [];
const versions: Record<string, string> = {};
const notMeasured: string[] = [];

/** Work that takes no longer than this is measured, however short the time is. */
const MOMENT_MS = 2000;

const wantedOf = (group: CaseGroup) => group.planned.filter((planned) => wanted(settings, planned));
const groups = caseGroups(threads).filter((group) => wantedOf(group).length > 0);
const schedule = new Schedule(groups.flatMap(wantedOf), Number(budgetMs));
const bar = progressBar(threads === 1 ? "1 thread" : `${threads} threads`, () => schedule.standing());

bar.begin("peak");
const peak = await measurePeak(threads);
const { tokenizer, config, description } = await loadPlainbert(backend, threads);
const input = {
  threads,
  backend,
  tokenizer,
  config,
  noteVersion(name: string, version: string): void {
    versions[name] = version;
  },
};
for (const group of groups) {
  const ids = wantedOf(group).map(({ id }) => id);
  if (schedule.standing().leftMs === 0) {
    notMeasured.push(...ids);
    continue;
  }
  bar.begin(`loading for ${ids[0]}`);
  const open = await group.open(input);
  for (const { id, measure } of open.cases) {
    if (!ids.includes(id)) continue;
    if (schedule.standing().leftMs === 0) {
      notMeasured.push(id);
      continue;
    }
    bar.begin(id);
    const caseMs = schedule.share(id);
    // So that no side takes the time of all others.
    const limitMs = Math.min(settings.limitMs, Math.max(MOMENT_MS, caseMs / 2));
    cases.push(...(await measure({ rounds: settings.rounds, turnMs: settings.turnMs, caseMs, limitMs })));
    schedule.finish(id);
  }
  await open.dispose?.();
}
bar.end();
const run: Run = { threads, peak, backend: description, cases, ...(notMeasured.length > 0 && { notMeasured }) };
await writeFile(resultFile, JSON.stringify({ run, versions }));
process.exit(); // onnxruntime-web's threads would keep the process
