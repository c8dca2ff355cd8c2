/** The map of the model: a grid of heads to choose from. */
import { html, type TemplateResult } from "lit-html";
import type { ExplorerResult } from "../explorerResult.ts";
import type { Scene } from "../scene.ts";
import { mapPlaces, modelMap, SCORED_SIDE } from "../scenes/modelMap.ts";
import { type HeadPlace, habitOf, headOrder, SORT_LEGENDS, SORT_NAMES } from "../scenes/order.ts";
import { type ExplorerState, SORTS } from "../state.ts";
import { choice } from "./controls.ts";
import { canvasOf, captionOf, cellAt, placeOn } from "./picture.ts";
import { remembered, type View } from "./view.ts";

/** The heads in the order that is chosen. */
const orderOf = remembered(
  (result: ExplorerResult, sort: ExplorerState["sort"], query: number | null, key: number | null) =>
    headOrder(result, { sort, query, key }),
);

/** What each head does most, [L, A]. */
const habitsOf = remembered((result: ExplorerResult) =>
  result.attentions.map((_, layer) => Array.from({ length: result.heads }, (_, head) => habitOf(result, layer, head))),
);

const ordered = ({ result, state: { sort, query, key } }: View): readonly HeadPlace[] =>
  sort === "pair" ? orderOf(result, sort, query, key) : orderOf(result, sort, null, null);

/** Maps with names of their own have at least so many pixels a side, so that the names stand apart. */
const NAMED_SIDE = 44;

/** Whether the heads stand in an order of their own, each with its name. */
const isOrdered = (view: View): boolean => ordered(view).some(({ score }) => score !== null);

/** Pixels of a map's side. */
const sideOf = (view: View): number => Math.max(view.layout.side, isOrdered(view) ? NAMED_SIDE : 0);

/** The scene of the map. */
export function mapScene(view: View): Scene {
  const { drawn, pictures } = view;
  const { sort, scale } = view.state;
  const [order, side] = [ordered(view), sideOf(view)];
  return pictures.scene("map", [drawn, order, side, scale], () => {
    const scene = modelMap(drawn, side, order, scale);
    if (sort === "place" || !isOrdered(view)) return scene;
    const what = SORT_LEGENDS[sort];
    const legend = side < SCORED_SIDE ? `The order goes by ${what}.` : `The number is ${what}.`;
    return { ...scene, legend: [legend, ...scene.legend] };
  });
}

/** The map with its order. */
export function modelView(view: View): TemplateResult {
  const { state, result, change } = view;
  const scene = mapScene(view);
  const order = ordered(view);
  const sorted = isOrdered(view);
  const { at } = mapPlaces(result, sideOf(view), sorted);
  const rows = Array.from({ length: result.attentions.length }, (_, n) =>
    order.slice(n * result.heads, (n + 1) * result.heads),
  );
  return html`
    <div class="heading"><h2>The model</h2>
      ${choice(
        "Order by",
        SORTS.map((sort) => [sort, SORT_NAMES[sort]]),
        state.sort,
        (sort) => change({ sort }, true),
      )}
    </div>
    ${state.sort === "pair" && !sorted ? html`<p class="quiet">Pick a number in the matrix first: a token that looks, and one that it looks at.</p>` : ""}
    <figure>
      <div class="scroll"><div class="map" @pointerleave=${() => view.point(null)}>
        ${canvasOf("map")}
        <div role="grid" aria-label="Layers and heads">${rows.map(
          (row, n) => html`<div role="row">${row.map((place, m) => headButton(view, scene, place, at(n, m)))}</div>`,
        )}</div>
      </div></div>
      ${captionOf(scene)}
    </figure>`;
}

function headButton(view: View, scene: Scene, { layer, head }: HeadPlace, [x, y]: readonly [number, number]) {
  const { state, result, change, pointer } = view;
  const isChosen = layer === state.layer && head === state.head;
  const isPointed = pointer?.layer === layer && pointer.head === head;
  const side = sideOf(view) + 6;
  return html`<button role="gridcell" class=${isPointed ? "pointed" : ""} aria-selected=${isChosen} tabindex=${isChosen ? 0 : -1}
    aria-label="layer ${layer + 1}, head ${head + 1}: ${habitsOf(result)[layer][head]}" data-head="${layer},${head}"
    .style=${`left:${x - 3}px;top:${y - 3}px;width:${side}px;height:${side}px`}
    @click=${() => change({ layer, head }, true)} @keydown=${(event: KeyboardEvent) => keyDown(event, view)}
    @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && pointAt(event, view, scene, layer, head)}></button>`;
}

/** Points at the number of the cell below the pointer. */
function pointAt(event: PointerEvent, view: View, scene: Scene, layer: number, head: number): void {
  const place = placeOn(event, (event.currentTarget as HTMLElement).closest(".map"), scene);
  const tap = view.drawn.taps[layer];
  for (const shape of scene.shapes) {
    if (shape.kind !== "matrix") continue;
    const cell = cellAt(shape, place);
    if (!cell) continue;
    const { tap: own, at } = shape.ref(...cell);
    if (own === tap && at[0] === head) view.point({ layer, head, query: at[1], key: at[2] });
  }
}

/** Arrow keys move through the map as it stands. */
function keyDown(event: KeyboardEvent, view: View): void {
  const order = ordered(view);
  const { layer, head } = view.state;
  const { heads } = view.result;
  const n = order.findIndex((one) => one.layer === layer && one.head === head);
  const steps: Readonly<Record<string, number>> = {
    ...(n % heads > 0 && { ArrowLeft: -1 }),
    ...(n % heads < heads - 1 && { ArrowRight: 1 }),
    ...{ ArrowUp: -heads, ArrowDown: heads, Home: -(n % heads), End: heads - 1 - (n % heads) },
  };
  if (event.key === "Escape") view.change({ query: null, key: null }, true);
  if (!/^(Arrow|Home|End)/.test(event.key)) return;
  event.preventDefault();
  const to = order[n + (steps[event.key] ?? 0)];
  if (!to) return;
  view.change({ layer: to.layer, head: to.head }, false);
  document.querySelector<HTMLElement>(`[data-head="${to.layer},${to.head}"]`)?.focus();
}
