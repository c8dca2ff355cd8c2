import { formatMachine } from "./machine.ts";
import { formatPeak } from "./peak.ts";
import { clock } from "./progressBar.ts";
import { type BenchCase, type BenchResult, bestOfEach, fractionOfPeak, OURS, type Run, timesOurs } from "./results.ts";

/** The results as text: for each case every side, how many times plainbert's figure it needs, and the share of the peak. */
export function formatTable(result: BenchResult): string {
  const { rounds, turnMs } = result.settings;
  const head = [
    formatMachine(result.machine),
    Object.entries(result.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
    `measured in ${clock(result.seconds * 1000)}; ${rounds === 1 ? "one turn" : `up to ${rounds} turns`} for each side${turnMs > 0 ? `, each of ${turnMs} ms at least` : ""}`,
    "× = how many times plainbert's median; spread = middle half / median; ← = the best of a library's ways",
  ];
  return [...head, ...result.runs.map(formatRun)].join("\n");
}

/** The same of one number of threads. */
export function formatRun(run: Run): string {
  const { threads, peak, backend } = run;
  const title = `\n${threads} thread${threads === 1 ? "" : "s"} — plainbert: ${backend}`;
  const without = run.notMeasured
    ? [`\nnot measured, as the time was up (--minutes gives more): ${run.notMeasured.join(", ")}`]
    : [];
  return [title, formatPeak(peak), ...run.cases.map((one) => formatCase(one, run)), ...without].join("\n");
}

function formatCase(one: BenchCase, run: Run): string {
  const work = one.flops === undefined ? "" : `, ${(one.flops / 1e9).toFixed(1)} GFLOP`;
  const leftOut = one.leftOut ?? [];
  const width = Math.max(...[...one.sides, ...leftOut].map(({ name }) => name.length));
  const best = new Set(bestOfEach(one.sides));
  const lines = one.sides.map((side) => {
    const times = timesOurs(side, one.sides);
    const fraction = fractionOfPeak(side, one, run);
    const isOneOfSeveral = one.sides.filter(({ library }) => library === side.library).length > 1;
    return [
      `  ${side.name.padEnd(width)}`,
      figure(side.median, one.unit),
      `min ${figure(side.min, one.unit)}`,
      `spread ${percent(side.spread)}`,
      times === null ? "" : `${times.toFixed(2).padStart(7)} ×`,
      fraction === null ? "" : `${percent(fraction)} of peak`,
      isOneOfSeveral && side.library !== OURS && best.has(side) ? " ←" : "",
    ].join("  ");
  });
  const without = leftOut.map(({ name, reason }) => `  ${name.padEnd(width)}  left out: ${reason}`);
  return [`\n${one.id}: ${one.title}${work}`, ...lines.map((line) => line.trimEnd()), ...without].join("\n");
}

/** A median with its unit, right-aligned. */
export function figure(value: number, unit: string): string {
  const digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 1000 ? 1 : 0;
  return `${value.toFixed(digits).padStart(8)} ${unit}`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0).padStart(3)} %`;
}
