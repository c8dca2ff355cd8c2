import { formatMachine } from "./machine.ts";
import { type BenchCase, type BenchResult, bestOfEach, isOurs, OURS, type Run, type SideResult } from "./results.ts";

/** Pixels. The smallest letters are 12, so that they are at least that in a page that shows the picture 900 wide. */
const WIDTH = 900;
const MARGIN = 10;
const ROW = 18;
const LABEL = 300;
const BAR = 400;
const CASE_GAP = 32;
const RUN_GAP = 44;

/** Colours of one brightness on light and dark ground; plainbert's is the strong one, with a pale one for its other ways of use. */
const OUR_COLOUR = "#d9480f";
const OUR_OTHER_COLOUR = "#d58a6d";
const THEIR_COLOUR = "#8a94a3";

const TITLE = "plainbert beside its peers: median, shorter is better";

/**
 * The results as an SVG picture: for each case with a peer one bar for each library's best use, as long as its median is beside the
 * slowest's.
 */
export function drawChart(result: BenchResult): string {
  const parts: string[] = [];
  let y = 30;
  const text = (x: number, content: string, attributes = "") =>
    parts.push(`<text x="${x}" y="${y}" ${attributes}>${escapeXml(content)}</text>`);
  const quietLine = (content: string) => {
    y += ROW;
    text(MARGIN, content, 'class="quiet"');
  };
  text(MARGIN, TITLE, 'font-size="17" font-weight="600"');
  quietLine(`${formatMachine(result.machine)}; Node ${result.versions.node}; ${result.date.slice(0, 10)}`);
  for (const run of result.runs) {
    y += RUN_GAP;
    text(MARGIN, `${run.threads} thread${run.threads === 1 ? "" : "s"}`, 'font-size="15" font-weight="600"');
    quietLine(`plainbert: ${run.backend}`);
    quietLine(peakLine(run));
    for (const one of run.cases) {
      const sides = bestOfEach(one.sides);
      if (sides.length < 2) continue;
      y += CASE_GAP;
      text(MARGIN, one.title, 'font-weight="600"');
      const longest = Math.max(...sides.map(({ median }) => median));
      for (const side of sides) {
        y += ROW;
        text(MARGIN + 10, side.name);
        const length = Math.max((BAR * side.median) / longest, 1).toFixed(1);
        parts.push(`<rect x="${LABEL}" y="${y - 11}" width="${length}" height="13" rx="2" fill="${colourOf(side)}"/>`);
        text(LABEL + Number(length) + 8, figures(side, one, sides[0]));
      }
    }
  }
  const height = y + 20;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="13" role="img">`,
    `<title>${escapeXml(TITLE)}</title>`,
    "<style>text{fill:#24292f}.quiet{fill:#57606a;font-size:12px}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}}</style>",
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function peakLine({ peak: { alone, together, threads, width } }: Run): string {
  const one = `${alone.toFixed(0)} GFLOP/s, ${width}-bit`;
  return `peak of one thread ${one}${threads === 1 ? "" : `; of ${threads} at once ${together.toFixed(0)} GFLOP/s`}`;
}

function colourOf(side: SideResult): string {
  if (side.library === OURS) return OUR_COLOUR;
  return isOurs(side) ? OUR_OTHER_COLOUR : THEIR_COLOUR;
}

/** A side's median, and for a peer how many times plainbert's it is. */
function figures(side: SideResult, { unit }: BenchCase, first: SideResult): string {
  const digits = side.median < 10 ? 2 : side.median < 1000 ? 1 : 0;
  const figure = `${side.median.toFixed(digits)} ${unit}`;
  if (first.library !== OURS || side === first) return figure;
  return `${figure}  (× ${(side.median / first.median).toFixed(2)})`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
