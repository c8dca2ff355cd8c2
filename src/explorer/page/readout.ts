/** The number that is pointed at, in words: the same for map, matrix and lines, for eyes and for screen readers. */
import { html, type TemplateResult } from "lit-html";
import { entropyOf } from "../entropy.ts";
import type { ExplorerResult } from "../explorerResult.ts";
import type { Pointer, View } from "./view.ts";

/** What is told of a head at a query, a key, or both. */
interface Reading {
  readonly what: string;
  readonly number: string;
  readonly more: string;
  /** Query and key of the one probability that it tells; null: it tells a sum. */
  readonly edge: readonly [query: number, key: number] | null;
}

function reading({ tokens, attentions }: ExplorerResult, { layer, head, query, key }: Pointer): Reading | null {
  const T = tokens.length;
  const p = (i: number, j: number) => attentions[layer][(head * T + i) * T + j];
  const name = (t: number) => `“${tokens[t].piece}”`;
  if (query !== null && key !== null) {
    const number = p(query, key);
    const more = `from position ${query} to ${key}`;
    return {
      what: `${name(query)} → ${name(key)}`,
      number: number.toFixed(number < 0.001 ? 6 : 4),
      more,
      edge: [query, key],
    };
  }
  if (query !== null) {
    const row = attentions[layer].subarray((head * T + query) * T, (head * T + query + 1) * T);
    const most = row.indexOf(row.reduce((a, b) => Math.max(a, b), 0));
    const more = `entropy ${entropyOf(row).toFixed(2)} nats`;
    return {
      what: `${name(query)} looks most at ${name(most)}`,
      number: row[most].toFixed(4),
      more,
      edge: [query, most],
    };
  }
  if (key === null) return null;
  const sum = tokens.reduce((total, _, i) => total + p(i, key), 0);
  return { what: `all rows together give ${name(key)}`, number: sum.toFixed(4), more: `of ${T}`, edge: null };
}

const placeOf = ({ layer, head }: Pointer): string => `layer ${layer + 1}, head ${head + 1}`;

/** What is pointed at or, where nothing is, what is picked. */
const pointed = ({ pointer, state }: View): Pointer => pointer ?? state;

/** The reading as a sentence; "" where there is none. */
export function sentenceOf(result: ExplorerResult, pointer: Pointer): string {
  const found = reading(result, pointer);
  return found ? `${placeOf(pointer)}: ${found.what} ${found.number}, ${found.more}` : placeOf(pointer);
}

/** The norm of what is taken over an edge, beside its probability; "" where norms are not drawn. */
function normOf({ drawn, result }: View, { layer, head }: Pointer, { edge }: Reading): string {
  if (drawn === result || edge === null) return "";
  const [query, key] = edge;
  const T = drawn.tokens.length;
  return `, ‖α f(x)‖ ${drawn.attentions[layer][(head * T + query) * T + key].toFixed(4)}`;
}

/** The line that shows it. */
export function readout(view: View): TemplateResult {
  const pointer = pointed(view);
  const found = reading(view.result, pointer);
  const isOther = pointer.layer !== view.state.layer || pointer.head !== view.state.head;
  if (!found) {
    return html`<p class="readout quiet">${isOther ? placeOf(pointer) : "Point at a token, a line or a cell to read its number."}</p>`;
  }
  return html`<p class="readout">${isOther ? html`<span class="quiet">${placeOf(pointer)}:</span> ` : ""}${found.what}
    <b>${view.drawn === view.result ? "" : "α "}${found.number}</b> <span class="quiet">${found.more}${normOf(view, pointer, found)}</span></p>`;
}
