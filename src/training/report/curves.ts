import type { LogEntry } from "../run/log.ts";
import { type Chart, chart, escapeXml, legendHeight } from "./chart.ts";

/** Which metrics share a chart; the first that takes a name has it. */
const CHARTS: readonly { readonly title: string; readonly y: string; readonly takes: RegExp }[] = [
  { title: "Loss", y: "mean loss", takes: /loss$/ },
  { title: "SQuAD", y: "percent", takes: /^eval_(.*_)?(exact|exact_match|squad_f1)$/ },
  { title: "Ranking", y: "mean over queries", takes: /^eval_(.*_)?(map$|(map|mrr|ndcg)@)/ },
  {
    title: "Scores",
    y: "score",
    takes: /^(?!.*_threshold$).*(accuracy|f1|precision|recall|matthews|pearson|spearman|combined_score|teacher_cosine)/,
  },
  { title: "Learning rate", y: "per update", takes: /^learning_rate$/ },
  { title: "Norm of the gradient", y: "before clipping", takes: /^grad_norm$/ },
];

const WIDTH = 760;
const NARROW = 420;
const HEIGHT = 260;

/**
 * The curves of a run as one picture: losses, scores, learning rate and the gradient's norm, each by the number of
 * updates.
 */
export function curvesSvg(entries: readonly LogEntry[]): string {
  const charts = chartsOf(entries);
  const height = Math.max(1, charts.length) * HEIGHT;
  const size = { width: WIDTH, height: HEIGHT, legend: "right" } as const;
  const bodies = charts.map((one, i) => `<g transform="translate(0 ${i * HEIGHT})">\n${chart(one, size)}</g>\n`);
  const body = bodies.join("") || `<text x="20" y="40">No update has been logged yet.</text>\n`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12" color="#222" fill="currentColor" role="img">
<title>Curves of a training run, by updates</title>
<rect width="100%" height="100%" fill="#fff"/>
${body}</svg>
`;
}

/** The same curves for a page: a picture for each chart, narrow enough for a telephone, in the colours of the page. */
export function curvesHtml(entries: readonly LogEntry[]): string[] {
  return chartsOf(entries).map((one) => {
    const size = { width: NARROW, height: HEIGHT + legendHeight(one.lines.length), legend: "below" } as const;
    return `<svg viewBox="0 0 ${size.width} ${size.height}" fill="currentColor" role="img" aria-label="${escapeXml(`${one.title}, by updates`)}">\n${chart(one, size)}</svg>`;
  });
}

function chartsOf(entries: readonly LogEntry[]): Chart[] {
  const names = [...new Set(entries.flatMap((entry) => Object.keys(entry)))];
  const chartOf = new Map(names.map((name) => [name, CHARTS.find(({ takes }) => takes.test(name))]));
  // SQuAD's F1 is in percent, as its exact match: it goes there, not to scores from 0 to 1.
  if (names.some((name) => CHARTS[1].takes.test(name))) {
    for (const name of names) if (/f1$/.test(name)) chartOf.set(name, CHARTS[1]);
  }
  return CHARTS.flatMap((kind) => {
    const lines = names.flatMap((name) => {
      if (chartOf.get(name) !== kind) return [];
      const points = entries.flatMap((entry): [number, number][] =>
        typeof entry[name] === "number" && Number.isFinite(entry[name]) ? [[entry.step, entry[name]]] : [],
      );
      return points.length > 0 ? [{ name, points }] : [];
    });
    return lines.length > 0 ? [{ title: kind.title, x: "updates", y: kind.y, lines }] : [];
  });
}
