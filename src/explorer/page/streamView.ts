/** The residual stream: a measure of each layer and token, and the largest dimensions of one. */
import { html, nothing, type TemplateResult } from "lit-html";
import { type Residual, STREAM_MEASURES } from "../further/residual.ts";
import type { MatrixShape, Scene } from "../scene.ts";
import { stateName } from "../scenes/layerLens.ts";
import { largestDimensions, STREAM_NAMES, streamMatrix, streamRows } from "../scenes/residualStream.ts";
import { signed } from "../scenes/signed.ts";
import { choice } from "./controls.ts";
import { type Cell, numbersButton, numbersTable } from "./numbersTable.ts";
import { canvasOf, captionOf, cellAt, placeOn } from "./picture.ts";
import type { View } from "./view.ts";

/** The cell that is pointed at: its row, and the token; null: none. */
let pointed: readonly [row: number, token: number] | null = null;

/** The token whose dimensions are told: the picked one, or the first gap, or the first token. */
const tokenOf = ({ state, result }: View): number => state.query ?? result.gaps[0]?.position ?? 0;

/** The pictures that there are. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const { result, layout, pictures: made, state } = view;
  const residual = result.further?.residual;
  if (!residual) return [];
  const { stream, without } = state;
  const [width, token, T] = [layout.whole, tokenOf(view), result.tokens.length];
  const matrix = made.scene("stream", [residual, stream, without, token, width], () =>
    streamMatrix(result, residual, { stream, without, picked: token }, width),
  );
  const narrow = Math.min(width, 1120);
  const dimensions = made.scene("dimensions", [residual, token, without, narrow], () =>
    largestDimensions(residual, T, token, without, narrow),
  );
  return [
    [matrix.title, `stream-${stream}`, matrix],
    [dimensions.title, `dimensions-position-${token}`, dimensions],
  ];
}

/** The stream with its controls. */
export function content(view: View): TemplateResult {
  const { result, state, change } = view;
  const residual = result.further?.residual;
  if (!residual) return html`<p class="quiet">The residual stream is coming.</p>`;
  const [matrix, dimensions] = pictures(view).map(([, , scene]) => scene);
  const { stream, without, numbers } = state;
  return html`
    <div class="heading"><h2>${matrix.title}</h2>
      ${numbersButton(numbers, (next) => change({ numbers: next }, true))}</div>
    <div class="controls">
      ${choice(
        "Measure",
        STREAM_MEASURES.map((one) => [one, STREAM_NAMES[one]]),
        stream,
        (next) => change({ stream: next }, true),
      )}
      <button aria-pressed=${without} @click=${() => change({ without: !without }, true)}>Without outliers</button>
    </div>
    <p class="readout">${readingOf(view, residual)}</p>
    <figure>
      <div class="scroll">
        <div class="picture" tabindex="0" role="application" aria-roledescription="matrix"
          aria-label="${matrix.title}. Arrow keys point at a number, Enter picks its token, Escape lets go."
          @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && point(view, under(event, matrix))}
          @pointerleave=${() => point(view, null)} @click=${(event: PointerEvent) => pick(view, under(event, matrix))}
          @keydown=${(event: KeyboardEvent) => keyDown(event, view, residual)}>${canvasOf("stream")}</div>
      </div>
      ${captionOf(matrix)}
    </figure>
    <h3>${dimensions.title}: “${result.tokens[tokenOf(view)].piece}”</h3>
    <figure>${canvasOf("dimensions", dimensions.title)}${captionOf(dimensions)}</figure>
    ${numbers ? html`${streamTable(view, residual)}${dimensionTable(view, residual)}` : nothing}`;
}

function under(event: MouseEvent, scene: Scene): typeof pointed {
  const matrix = scene.shapes.find((shape): shape is MatrixShape => shape.kind === "matrix");
  return matrix ? cellAt(matrix, placeOn(event, event.currentTarget, scene)) : null;
}

function point(view: View, cell: typeof pointed, isSaid = false): void {
  if (JSON.stringify(cell) === JSON.stringify(pointed)) return;
  pointed = cell;
  const residual = view.result.further?.residual;
  if (isSaid && residual) view.say(readingOf(view, residual));
  view.redraw();
}

function pick(view: View, cell: typeof pointed): void {
  if (cell) view.change({ query: view.state.query === cell[1] ? null : cell[1] }, true);
}

/** What is pointed at, in words. */
function readingOf({ state, result }: View, residual: Residual): string {
  const T = result.tokens.length;
  const { values, rows, first } = streamRows(residual, state.stream, state.without, T);
  if (!pointed || pointed[0] >= rows || pointed[1] >= T) return "Point at a cell to read its number.";
  const [n, t] = pointed;
  return `“${result.tokens[t].piece}” at position ${t}, ${stateName(first + n)}: ${signed(values[n * T + t], 4)}`;
}

function keyDown(event: KeyboardEvent, view: View, residual: Residual): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const T = view.result.tokens.length;
  const { rows } = streamRows(residual, view.state.stream, view.state.without, T);
  const [row, token] = pointed ?? [0, tokenOf(view)];
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  const within = (place: number, count: number) => Math.min(count - 1, Math.max(0, place));
  if (step) point(view, pointed ? [within(row + step[0], rows), within(token + step[1], T)] : [row, token], true);
  else if (event.key === "Enter") pick(view, pointed);
  else if (event.key === "Escape") {
    point(view, null);
    view.change({ query: null, key: null }, true);
  } else return;
  event.preventDefault();
}

function streamTable({ result, state }: View, residual: Residual): TemplateResult {
  const { tokens } = result;
  const T = tokens.length;
  const { values, rows, first } = streamRows(residual, state.stream, state.without, T);
  const names = Array.from({ length: rows }, (_, n) => stateName(first + n));
  return numbersTable(
    `${STREAM_NAMES[state.stream]}${state.without ? ", without outliers" : ""}: a row is a token.`,
    names,
    tokens.map(({ piece }, t): [string, ...Cell[]] => [piece, ...names.map((_, n): Cell => [values[n * T + t], 4])]),
  );
}

function dimensionTable(view: View, { taps, dimensions, values }: Residual): TemplateResult {
  const [T, token] = [view.result.tokens.length, tokenOf(view)];
  const N = dimensions.length / (taps.length * T);
  const rows = taps.flatMap((_, n) =>
    Array.from({ length: N }, (_none, m): [string, ...Cell[]] => {
      const at = (n * T + token) * N + m;
      return [stateName(n), [dimensions[at], 0], [values[at], 4]];
    }),
  );
  return numbersTable(`The ${N} largest dimensions at position ${token}`, ["dimension", "number"], rows);
}
