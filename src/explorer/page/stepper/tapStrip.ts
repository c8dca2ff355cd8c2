/** The strip of a tap's numbers, to point at one and to pick it. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ExplorerToken } from "../../explorerResult.ts";
import type { MatrixShape, Scene } from "../../scene.ts";
import { digits, sizeOfTap } from "../../scenes/tapMatrix.ts";
import type { TapNumbers } from "../../steps/tapAnswers.ts";
import { canvasOf, cellAt, placeOn } from "../picture.ts";
import type { View } from "../view.ts";
import { exact } from "./termsView.ts";

type Place = readonly [row: number, column: number];

/** What the strip shows. */
export interface Strip {
  readonly view: View;
  readonly numbers: TapNumbers;
  readonly tokens: readonly Pick<ExplorerToken, "piece">[];
  readonly picked: Place | null;
  readonly scene: Scene;
}

/** The number that is pointed at, in which tap. */
let pointed: { readonly tap: string; readonly place: Place } | null = null;
/** The one that keys have pointed at last, which stays in sight until another is picked. */
let reached: { readonly tap: string; readonly place: Place; readonly picked: string } | null = null;

/** A place where the tap has one; else null. */
export function pickedIn(numbers: TapNumbers, place: Place | null): Place | null {
  const [rows, columns] = sizeOfTap(numbers);
  return place && place[0] < rows && place[1] < columns ? place : null;
}

/** A place that is remembered of a tap, where it is this one. */
const ofTap = (numbers: TapNumbers, at: typeof pointed): Place | null =>
  at?.tap === numbers.tap ? pickedIn(numbers, at.place) : null;

/** The number that the strip must have in sight; null: any. */
export function inSight(numbers: TapNumbers, place: Place | null): Place | null {
  const picked = pickedIn(numbers, place);
  return reached?.picked === String(picked) ? (ofTap(numbers, reached) ?? picked) : picked;
}

/** The strip with what is pointed at in words. */
export function strip(shown: Strip): TemplateResult {
  const { numbers, picked, scene } = shown;
  const place = ofTap(numbers, pointed) ?? picked;
  return html`<p class="readout">${place ? sentenceOf(shown, place) : html`<span class="quiet">Point at a number to read it.</span>`}</p>
    <div class="scroll"><div class="picture" tabindex="0" role="application" aria-roledescription="strip"
      aria-label="${scene.title}. Arrow keys point at a number, Enter shows its terms, Escape lets go."
      @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && point(shown, under(event, scene))}
      @pointerleave=${() => point(shown, null)}
      @click=${(event: PointerEvent) => pick(shown, under(event, scene))}
      @keydown=${(event: KeyboardEvent) => keyDown(event, shown)}>
      ${canvasOf("tap")}${place ? mark(scene, place) : nothing}</div></div>`;
}

function sentenceOf({ numbers, tokens, view }: Strip, [row, column]: Place): TemplateResult {
  const number = numberAt(numbers, view.state.head, [row, column]);
  const position = numbers.positions[row];
  const key = numbers.shape.length === 4 ? ` → “${tokens[column].piece}”, ${column}` : `, column ${column}`;
  return html`“${tokens[position].piece}”, ${position}${key} <b><data value=${number}>${exact(number)}</data></b>`;
}

/** A number of a tap, of attention probabilities one of a head. */
function numberAt({ data, shape }: TapNumbers, head: number, [row, column]: Place): number {
  const [rows, columns] = [shape.at(-2) as number, shape.at(-1) as number];
  return data[((shape.length === 4 ? head * rows : 0) + row) * columns + column];
}

/** The numbers of the strip. */
export const matrixOf = ({ shapes }: Scene): MatrixShape =>
  shapes.find((shape) => shape.kind === "matrix") as MatrixShape;

/** What is below the pointer; null: no number. */
function under(event: MouseEvent, scene: Scene): Place | null {
  const matrix = matrixOf(scene);
  const cell = cellAt(matrix, placeOn(event, event.currentTarget, scene));
  if (!cell) return null;
  const [row, column] = matrix.ref(...cell).at.slice(-2);
  return [row, column];
}

function point({ numbers: { tap }, view }: Strip, place: Place | null): void {
  if (String(place) === String(pointed?.place ?? null) && (place === null || pointed?.tap === tap)) return;
  pointed = place && { tap, place };
  view.redraw();
}

/** Shows the terms of a number; a second time lets go of it. */
function pick({ view, picked }: Strip, place: Place | null): void {
  if (place) view.change({ place: String(place) === String(picked) ? null : place }, true);
}

/** Arrow keys point at the numbers: up and down another row, left and right another column. */
function keyDown(event: KeyboardEvent, shown: Strip): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { view, numbers, tokens, picked } = shown;
  const [rows, columns] = sizeOfTap(numbers);
  const from = ofTap(numbers, pointed) ?? picked;
  const [row, column] = from ?? [0, 0];
  const to: Readonly<Record<string, Place>> = {
    ...{ ArrowUp: [row - 1, column], ArrowDown: [row + 1, column] },
    ...{ ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1] },
    ...{ Home: [row, 0], End: [row, columns - 1] },
  };
  if (to[event.key]) {
    const [i, j] = from ? to[event.key] : [0, 0];
    const place: Place = [Math.min(rows - 1, Math.max(0, i)), Math.min(columns - 1, Math.max(0, j))];
    reached = { tap: numbers.tap, place, picked: String(picked) };
    point(shown, place);
    const position = numbers.positions[place[0]];
    view.say(`${tokens[position].piece}, column ${place[1]}: ${digits(numberAt(numbers, view.state.head, place))}`);
  } else if (event.key === "Enter") pick(shown, from ?? [0, 0]);
  else if (event.key === "Escape") {
    [pointed, reached] = [null, null];
    view.change({ place: null }, true);
  } else return;
  event.preventDefault();
}

/** A frame around a number, where it is in sight. */
function mark(scene: Scene, [row, column]: Place): TemplateResult | typeof nothing {
  const { x, y, cell, height = cell, rows, columns, ref } = matrixOf(scene);
  const [top, left] = ref(0, 0).at.slice(-2);
  const [i, j] = [row - top, column - left];
  if (i < 0 || j < 0 || i >= rows || j >= columns) return nothing;
  return html`<div class="cross" .style=${`left:${x + j * cell}px;top:${y + i * height}px;width:${cell}px;height:${height}px`}></div>`;
}
