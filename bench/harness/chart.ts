import { type BenchCase, type BenchResult, bestOfEach, library, OURS, type SideResult } from "./results.ts";

const ROW = 18;
const LABEL = 270;
const BAR = 420;
const FIGURES = 190;
const CASE_GAP = 34;

/** Colours of one brightness on light and dark ground; plainbert's is the strong one. */
const OUR_COLOUR = "#d9480f";
const THEIR_COLOUR = "#8a94a3";

const TITLE = "plainbert beside its peers: median, shorter is better";

/**
 * The results as an SVG picture: for each case one bar for each library's best use, as long as its median is beside the
 * slowest's. Shorter is better.
 */
export function drawChart(result: BenchResult): string {
  const parts: string[] = [];
  let y = 30;
  const text = (x: number, content: string, attributes = "") =>
    parts.push(`<text x="${x}" y="${y}" ${attributes}>${escapeXml(content)}</text>`);
  text(10, TITLE, 'font-size="16" font-weight="600"');
  y += 20;
  text(10, `${result.machine}; Node ${result.versions.node}; ${result.date.slice(0, 10)}`, 'class="quiet"');
  for (const run of result.runs) {
    y += CASE_GAP;
    text(10, `${run.threads} thread${run.threads === 1 ? "" : "s"}`, 'font-size="14" font-weight="600"');
    text(110, `plainbert: ${run.backend}; peak of a core ${run.peak.gflops.toFixed(0)} GFLOP/s`, 'class="quiet"');
    for (const one of run.cases) {
      y += CASE_GAP;
      text(10, one.title, 'font-weight="600"');
      const sides = bestOfEach(one.sides);
      const longest = Math.max(...sides.map(({ median }) => median));
      for (const side of sides) {
        y += ROW;
        text(20, side.name);
        const length = Math.max((BAR * side.median) / longest, 1).toFixed(1);
        const colour = library(side) === OURS ? OUR_COLOUR : THEIR_COLOUR;
        parts.push(`<rect x="${LABEL}" y="${y - 11}" width="${length}" height="13" rx="2" fill="${colour}"/>`);
        text(LABEL + Number(length) + 8, figures(side, one, sides[0]));
      }
    }
  }
  const [width, height] = [LABEL + BAR + FIGURES, y + 20];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    `<title>${escapeXml(TITLE)}</title>`,
    "<style>text{fill:#24292f}.quiet{fill:#57606a}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}}</style>",
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** A side's median, and for a peer how many times plainbert's it is. */
function figures(side: SideResult, { unit }: BenchCase, first: SideResult): string {
  const digits = side.median < 10 ? 2 : side.median < 1000 ? 1 : 0;
  const figure = `${side.median.toFixed(digits)} ${unit}`;
  if (library(first) !== OURS || side === first) return figure;
  return `${figure}  (× ${(side.median / first.median).toFixed(2)})`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
