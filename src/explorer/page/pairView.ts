/** How the picked head comes from a query and a key to a probability. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Scene } from "../scene.ts";
import { type PairSteps, pairPicture, pairSteps } from "../scenes/pair.ts";
import { signed } from "../scenes/signed.ts";
import { type Cell, numbersButton, numbersTable } from "./numbersTable.ts";
import { canvasOf, captionOf } from "./picture.ts";
import { remembered, type View } from "./view.ts";

const stepsIn = remembered(pairSteps);
const placeIn = remembered((head: number, query: number, key: number) => ({ head, query, key }));

/** The steps of the picked pair; null where none is picked or its layer is not here yet. */
function stepsOf({ state, result }: View): PairSteps | null {
  const { layer, head, query, key } = state;
  const projections = result.further?.projections;
  if (!projections || projections.layer !== layer || query === null || key === null) return null;
  return stepsIn(result, projections, placeIn(head, query, key));
}

/** The picture, where there is one. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const { result, layout, pictures: made } = view;
  const steps = stepsOf(view);
  const projections = result.further?.projections;
  if (!steps || !projections) return [];
  const width = Math.min(layout.whole, 900);
  const scene = made.scene("pair", [steps, width], () => pairPicture(result, projections, steps, width));
  const { layer, head, query, key } = steps;
  return [["Query · key", `layer-${layer + 1}-head-${head + 1}-from-${query}-to-${key}`, scene]];
}

/** The pair with its numbers. */
export function content(view: View): TemplateResult {
  const { state, change } = view;
  const steps = stepsOf(view);
  const [scene] = pictures(view).map(([, , one]) => one);
  if (!steps) return noPair(view);
  const { engine, terms } = steps;
  const alt = `${scene.title}. The largest product is ${signed(terms[0].product, 3)}, of dimension ${terms[0].dimension}; the probability ${engine.toFixed(6)}.`;
  return html`
    <div class="heading"><h2>${scene.title}</h2>${numbersButton(state.numbers, (numbers) => change({ numbers }, true))}</div>
    <figure>${canvasOf("pair", alt)}${captionOf(scene)}</figure>
    ${state.numbers ? table(steps) : nothing}`;
}

function noPair(view: View): TemplateResult {
  const { state, result } = view;
  if (state.query !== null && state.key !== null) return html`<p class="quiet">The queries and keys are coming.</p>`;
  return html`<p class="quiet">Pick a number in the matrix of the head: a token that looks, and one that it looks at.</p>
    <button @click=${() => view.change(strongest(view), true)}>Pick the strongest ${state.query === null ? "pair of this head" : `key of “${result.tokens[state.query].piece}”`}</button>`;
}

/** The largest probability of the head, in the picked row where there is one. */
function strongest({ state, result }: View): { query: number; key: number } {
  const { tokens, attentions } = result;
  const T = tokens.length;
  const rows = attentions[state.layer].subarray(state.head * T * T, (state.head + 1) * T * T);
  const from = (state.query ?? 0) * T;
  const among = state.query === null ? rows : rows.subarray(from, from + T);
  const at = from + among.indexOf(among.reduce((a, b) => Math.max(a, b), 0));
  return { query: Math.floor(at / T), key: at % T };
}

function table({ terms, query, key }: PairSteps): TemplateResult {
  return numbersTable(
    `Query at position ${query}, key at ${key}: the products by magnitude`,
    ["q", "k", "q · k", "sum"],
    terms.map(({ dimension, q, k, product, sum }): [string, ...Cell[]] => [
      String(dimension),
      ...[q, k, product, sum].map((number): Cell => [number, 6]),
    ]),
  );
}
