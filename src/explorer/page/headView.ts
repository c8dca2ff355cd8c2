/** One head: lines or a matrix to point at, and its numbers as a table. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { MatrixShape, Scene } from "../scene.ts";
import { headLines, headMatrix, lineOf, PAIR_NAMES, tokenAt } from "../scenes/head.ts";
import { SCALE_NAMES } from "../scenes/scale.ts";
import { PAIRS, SCALES, WEIGHTS } from "../state.ts";
import { choice, segments } from "./controls.ts";
import { canvasOf, captionOf, cellAt, placeOn } from "./picture.ts";
import { readout } from "./readout.ts";
import { type Pointer, seen, type View } from "./view.ts";

/** What the number of an edge is, in a word or two. */
const WEIGHT_NAMES: Readonly<Record<(typeof WEIGHTS)[number], string>> = {
  weight: "α, attention",
  norm: "‖α f(x)‖, weight × norm",
};

/** The scene of the head. */
export function headScene(view: View): Scene {
  const { drawn: result, layout, pictures } = view;
  const state = seen(view);
  const { layer, head, scale, pairs, query, key } = state;
  const picked = [result, state.view, layout.head, layer, head, query, key, scale];
  return pictures.scene("head", state.view === "lines" ? [...picked, pairs] : picked, () =>
    state.view === "lines" ? headLines(result, state, layout.head) : headMatrix(result, state, layout.head),
  );
}

/** The head with its controls. */
export function headView(view: View): TemplateResult {
  const { state, result, change } = view;
  const scene = headScene(view);
  const isLines = state.view === "lines";
  return html`
    <div class="heading"><h2>${scene.title}</h2>
      ${segments(
        "Drawn as",
        [
          ["lines", "Lines"],
          ["matrix", "Matrix"],
        ],
        state.view,
        (next) => change({ view: next }, true),
      )}
      <button aria-pressed=${state.numbers} @click=${() => change({ numbers: !state.numbers }, true)}>Numbers</button>
    </div>
    <div class="controls">
      ${choice(
        "Number",
        WEIGHTS.map((weights) => [weights, WEIGHT_NAMES[weights]]),
        state.weights,
        (weights) => change({ weights }, true),
      )}
      ${choice(
        "Strength",
        SCALES.map((scale) => [
          scale,
          scale === "linear" && state.weights === "norm" ? "the number" : SCALE_NAMES[scale],
        ]),
        state.scale,
        (scale) => change({ scale }, true),
      )}
      ${
        isLines && result.request.pair !== ""
          ? choice(
              "Between",
              PAIRS.map((pairs) => [pairs, PAIR_NAMES[pairs]]),
              state.pairs,
              (pairs) => change({ pairs }, true),
            )
          : nothing
      }
    </div>
    ${readout(view)}
    <figure>
      <div class="scroll">
        <div class="picture" tabindex="0" role="application" aria-roledescription=${isLines ? "lines" : "matrix"}
          aria-label="${scene.title}. Arrow keys point at a number, Enter keeps it, Escape lets go."
          @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && view.point(under(event, view, scene))}
          @pointerleave=${() => view.point(null)} @click=${(event: PointerEvent) => pin(view, under(event, view, scene))}
          @keydown=${(event: KeyboardEvent) => keyDown(event, view)}>
          ${canvasOf("head")}
          ${isLines ? nothing : crosshair(view, scene)}
          ${spot(view, scene)}
        </div>
      </div>
      ${captionOf(scene)}
    </figure>`;
}

const matrixOf = ({ shapes }: Scene): MatrixShape | undefined => shapes.find((shape) => shape.kind === "matrix");

/** What is below the pointer. */
function under(event: MouseEvent, view: View, scene: Scene): Pointer | null {
  const { layer, head, query } = view.state;
  const place = placeOn(event, event.currentTarget, scene);
  const matrix = matrixOf(scene);
  if (matrix) {
    const cell = cellAt(matrix, place);
    return cell && { layer, head, query: cell[0], key: cell[1] };
  }
  const found = tokenAt(view.result, scene, ...place);
  if (!found) return null;
  const { token, isKey } = found;
  return isKey ? { layer, head, query, key: token } : { layer, head, query: token, key: null };
}

/** Keeps what is pointed at; a second time lets go of it. */
function pin(view: View, pointer: Pointer | null): void {
  if (!pointer) return;
  const { query, key } = view.state;
  const isKept = pointer.query === query && (pointer.key === key || (pointer.key === null && query !== null));
  view.point(null);
  view.change(isKept ? { query: null, key: null } : { query: pointer.query, key: pointer.key }, true);
}

/** Arrow keys point at the numbers of the head: up and down another query, left and right another key. */
function keyDown(event: KeyboardEvent, view: View): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { query, key, layer, head } = seen(view);
  const last = view.result.tokens.length - 1;
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  const moved = (from: number | null, by: number) =>
    by === 0 ? from : from === null ? 0 : Math.min(last, Math.max(0, from + by));
  if (step) {
    view.point({ layer, head, query: moved(query, step[0]), key: moved(key, step[1]) }, true);
    document.getElementById("spot")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  } else if (event.key === "Enter") pin(view, { layer, head, query, key });
  else if (event.key === "Escape") {
    view.point(null);
    view.change({ query: null, key: null }, true);
  } else return;
  event.preventDefault();
}

/** Where what is pointed at or picked stands, unseen: it is brought into sight where the keyboard points at it. */
function spot(view: View, scene: Scene): TemplateResult | typeof nothing {
  const { query, key } = seen(view);
  const token = query ?? key;
  if (token === null) return nothing;
  const matrix = matrixOf(scene);
  const { y, height } = lineOf(view.result.tokens.length, token);
  const place = matrix
    ? { x: matrix.x + (key ?? 0) * matrix.cell, y: matrix.y + (query ?? 0) * matrix.cell, side: matrix.cell }
    : { x: 0, y, side: height };
  return html`<div id="spot" .style=${`left:${place.x}px;top:${place.y}px;width:${place.side}px;height:${place.side}px`}></div>`;
}

/** The row and column of what is picked, over the matrix. */
function crosshair(view: View, scene: Scene): TemplateResult | typeof nothing {
  const { query, key } = seen(view);
  const matrix = matrixOf(scene);
  if (!matrix) return nothing;
  const { x, y, cell, columns, rows } = matrix;
  const box = (left: number, top: number, width: number, height: number) =>
    `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
  const row =
    query === null ? nothing : html`<div class="cross" .style=${box(x, y + query * cell, columns * cell, cell)}></div>`;
  const column =
    key === null ? nothing : html`<div class="cross" .style=${box(x + key * cell, y, cell, rows * cell)}></div>`;
  return html`${row}${column}`;
}
