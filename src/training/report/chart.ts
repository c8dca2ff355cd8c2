/** A chart of lines. */
export interface Chart {
  readonly title: string;
  /** What the axes show. */
  readonly x: string;
  readonly y: string;
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
}

/** Colours that people with any colour vision can tell apart (Okabe & Ito 2008), the darkest first. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

const MARGIN = { left: 76, right: 16, top: 34, bottom: 44 };

/** The names of lines stand to the right of the axes, or below them, a row for each. */
const LEGEND = { width: 224, row: 18 };

/** Where a chart goes. */
export interface ChartSize {
  readonly width: number;
  readonly height: number;
  readonly legend: "right" | "below";
}

/** More points than this on one line look the same as fewer: every n-th is drawn. */
const MAX_POINTS = 1000;

/**
 * A chart as elements of SVG: axes with ticks and titles, a line for each series with a dot where it has few points, a
 * legend. Ink has the current colour; a page may give the n-th line another by the class `line-n`.
 */
export function chart({ title, x, y, lines }: Chart, { width, height, legend }: ChartSize): string {
  const all = lines.flatMap(({ points }) => points);
  const xTicks = ticks(0, extent(all.map(([at]) => at))[1], 6);
  const [least, most] = extent(all.map(([, at]) => at));
  const yTicks = ticks(least, most, 5);
  const isBelow = legend === "below";
  const [left, right] = [MARGIN.left, width - MARGIN.right - (isBelow ? 0 : LEGEND.width)];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom - (isBelow ? legendHeight(lines.length) : 0)];
  const [x0, x1] = [xTicks[0], xTicks[xTicks.length - 1]];
  const [y0, y1] = [yTicks[0], yTicks[yTicks.length - 1]];
  const toX = (value: number) => round(left + ((value - x0) / (x1 - x0)) * (right - left));
  const toY = (value: number) => round(bottom - ((value - y0) / (y1 - y0)) * (bottom - top));
  const parts = [`<text x="${left}" y="20" font-size="14" font-weight="bold">${escapeXml(title)}</text>`];
  for (const tick of yTicks) {
    parts.push(
      `<line x1="${left}" x2="${right}" y1="${toY(tick)}" y2="${toY(tick)}" stroke="currentColor" stroke-opacity=".15"/>`,
    );
    parts.push(`<text x="${left - 8}" y="${toY(tick) + 4}" text-anchor="end">${tickText(tick, yTicks)}</text>`);
  }
  for (const tick of xTicks) {
    parts.push(`<line x1="${toX(tick)}" x2="${toX(tick)}" y1="${bottom}" y2="${bottom + 4}" stroke="currentColor"/>`);
    parts.push(`<text x="${toX(tick)}" y="${bottom + 18}" text-anchor="middle">${tickText(tick, xTicks)}</text>`);
  }
  parts.push(`<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="currentColor"/>`);
  parts.push(`<text x="${(left + right) / 2}" y="${bottom + 36}" text-anchor="middle">${escapeXml(x)}</text>`);
  const middle = (top + bottom) / 2;
  parts.push(
    `<text x="14" y="${middle}" text-anchor="middle" transform="rotate(-90 14 ${middle})">${escapeXml(y)}</text>`,
  );
  for (const [i, { name, points }] of lines.entries()) {
    const colour = COLOURS[i % COLOURS.length];
    const dashes = i < COLOURS.length ? "" : ` stroke-dasharray="6 3"`;
    const look = `class="line-${i % COLOURS.length}" stroke="${colour}"${dashes}`;
    const step = Math.ceil(points.length / MAX_POINTS);
    const shown = points.filter((_, n) => n % step === 0 || n === points.length - 1);
    const path = shown.map(([at, value]) => `${toX(at)},${toY(value)}`).join(" ");
    parts.push(`<polyline points="${path}" fill="none" ${look} stroke-width="1.8"/>`);
    if (shown.length <= 30) {
      for (const [at, value] of shown)
        parts.push(`<circle cx="${toX(at)}" cy="${toY(value)}" r="1" ${look} stroke-width="3.2"/>`);
    }
    const from = isBelow ? left : right + 14;
    const row = (isBelow ? bottom + 54 : top + 10) + i * LEGEND.row;
    parts.push(`<line x1="${from}" x2="${from + 20}" y1="${row}" y2="${row}" ${look} stroke-width="3"/>`);
    parts.push(`<text x="${from + 26}" y="${row + 4}">${escapeXml(name)}</text>`);
  }
  return `${parts.join("\n")}\n`;
}

/** What the names of so many lines take below the axes. */
export function legendHeight(lines: number): number {
  return 8 + lines * LEGEND.row;
}

/**
 * About `count` round numbers, 1, 2 or 5 times a power of ten apart, that hold both ends between them.
 *
 * @example
 * ticks(0.13, 0.92, 5); // [0, 0.2, 0.4, 0.6, 0.8, 1]
 */
export function ticks(least: number, most: number, count: number): number[] {
  if (most === 0 && least === 0) return [0, 1];
  // What differs by a rounding is one value: steps that small would be lost in the ticks' own roundings.
  const isOne = most - least <= 1e-9 * Math.max(Math.abs(least), Math.abs(most));
  if (isOne) return ticks(Math.min(0, least), Math.max(0, most), count);
  const rough = (most - least) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.floor(least / step);
  const last = Math.ceil(most / step);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** The text of a tick, with as many digits as tell neighbours apart. */
function tickText(tick: number, all: readonly number[]): string {
  const step = all[1] - all[0];
  const most = Math.max(...all.map(Math.abs));
  if (most >= 1e6 || (most > 0 && most < 1e-3)) {
    return tick === 0
      ? "0"
      : tick.toExponential(
          Math.max(0, Math.floor(Math.log10(Math.abs(tick)) + 1e-9) - Math.floor(Math.log10(step) + 1e-9)),
        );
  }
  return tick.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** The least and the largest value. They are not spread into arguments, of which there may not be a million. */
function extent(values: readonly number[]): [number, number] {
  return values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]); // biome-ignore format: one line
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}

/** A text as XML and HTML have it. */
export function escapeXml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => names[character]);
}
