import { type BenchCase, type BenchResult, bestOfEach, fractionOfPeak, OURS, type Run, timesOurs } from "./results.ts";

/** The results as text: for each case every side, how many times plainbert's figure it needs, and the share of the peak. */
export function formatTable(result: BenchResult): string {
  const { rounds, turnMs } = result.settings;
  const head = [
    result.machine,
    Object.entries(result.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", "),
    `${rounds} turns each of at least ${turnMs} ms; × = how many times plainbert's median; spread = middle half / median`,
  ];
  return [...head, ...result.runs.map(formatRun)].join("\n");
}

function formatRun(run: Run): string {
  const { threads, peak, backend } = run;
  const rate = `${peak.gflops.toFixed(0)} GFLOP/s on one core, ${peak.width}-bit`;
  const title = `\n${threads} thread${threads === 1 ? "" : "s"} — plainbert: ${backend} — peak ${rate}`;
  return [title, ...run.cases.map((one) => formatCase(one, run))].join("\n");
}

function formatCase(one: BenchCase, run: Run): string {
  const work = one.flops === undefined ? "" : `, ${(one.flops / 1e9).toFixed(1)} GFLOP`;
  const width = Math.max(...one.sides.map(({ name }) => name.length));
  const best = new Set(bestOfEach(one.sides));
  const lines = one.sides.map((side) => {
    const times = timesOurs(side, one.sides);
    const fraction = fractionOfPeak(side, one, run);
    return [
      `  ${side.name.padEnd(width)}`,
      figure(side.median, one.unit),
      `min ${figure(side.min, one.unit)}`,
      `spread ${percent(side.spread)}`,
      times === null ? "" : `${times.toFixed(2).padStart(7)} ×`,
      fraction === null ? "" : `${percent(fraction)} of peak`,
      side.name !== OURS && best.has(side) ? " ← its best" : "",
    ].join("  ");
  });
  return [`\n${one.id}: ${one.title}${work}`, ...lines.map((line) => line.trimEnd())].join("\n");
}

/** What changed since an earlier result: the median of every side that both have, as a factor. */
export function formatChange(now: BenchResult, before: BenchResult): string {
  const lines = now.runs.flatMap(({ threads, cases }) =>
    cases.flatMap(({ id, unit, sides }) =>
      sides.flatMap(({ name, median, spread }) => {
        const earlierRun = before.runs.find((run) => run.threads === threads);
        const earlier = earlierRun?.cases.find((one) => one.id === id)?.sides.find((side) => side.name === name);
        if (!earlier) return [];
        const factor = median / earlier.median;
        // Beyond both spreads it is more than noise.
        const mark = Math.abs(factor - 1) > spread + earlier.spread ? (factor < 1 ? " better" : " WORSE") : "";
        const what = `${threads} thr  ${id}  ${name}`.padEnd(60);
        return [`${what} ${figure(earlier.median, unit)} → ${figure(median, unit)}  × ${factor.toFixed(3)}${mark}`];
      }),
    ),
  );
  return [`change since ${before.date} (${before.machine})`, ...lines].join("\n");
}

function figure(value: number, unit: string): string {
  const digits = value < 10 ? 2 : value < 1000 ? 1 : 0;
  return `${value.toFixed(digits).padStart(8)} ${unit}`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0).padStart(3)} %`;
}
