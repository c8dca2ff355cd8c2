/** The tokens of the text: a list to choose from, pieces of a word together, with what is known of the chosen one. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ExplorerResult, ExplorerToken } from "../explorerResult.ts";
import type { View } from "./view.ts";

/** A token and its position. */
type Placed = readonly [t: number, token: ExplorerToken];

/** Which token the Tab key reaches; the list remembers it, as lists do. A token that is picked elsewhere is reached. */
let reached = 0;
let picked: number | null = null;

/** The strip. @param near positions of the tokens at the caret of a text box */
export function strip(view: View, near: ReadonlySet<number>): TemplateResult {
  const { tokens } = view.result;
  const cut = cutSentence(view.result);
  const { query } = view.state;
  if (query !== picked && query !== null) reached = query;
  picked = query;
  reached = Math.min(reached, tokens.length - 1);
  const texts = groupsOf([...tokens.entries()], ({ segment }) => segment);
  return html`
    <div class="strip" role="listbox" aria-label="Tokens" aria-orientation="horizontal"
      @keydown=${(event: KeyboardEvent) => keyDown(event, view)} @pointerleave=${() => view.point(null)}>
      ${texts.map(
        (text, n) => html`<div class="text" role="presentation">
          ${texts.length > 1 ? html`<span class="segment" aria-hidden="true">${"AB"[n]}</span>` : nothing}
          ${groupsOf(text, ({ word }, t) => word ?? -1 - t).map((word) => wordOf(word, view, near))}
        </div>`,
      )}
    </div>
    ${cut === null ? nothing : html`<p class="quiet">${cut}</p>`}
    ${about(view)}
  `;
}

/** How many of the tokens are shown, in a sentence; null where all are. */
export function cutSentence({ tokens, whole }: ExplorerResult): string | null {
  if (whole <= tokens.length) return null;
  return `${tokens.length} of ${whole} tokens are shown: the model has no more positions.`;
}

/** Neighbours that are of the same group. */
function groupsOf(tokens: readonly Placed[], groupOf: (token: ExplorerToken, t: number) => number): Placed[][] {
  const groups: Placed[][] = [];
  for (const [n, placed] of tokens.entries()) {
    const before = tokens[n - 1];
    const isSame = before && groupOf(before[1], before[0]) === groupOf(placed[1], placed[0]);
    if (isSame) groups.at(-1)?.push(placed);
    else groups.push([placed]);
  }
  return groups;
}

function wordOf(pieces: readonly Placed[], view: View, near: ReadonlySet<number>): TemplateResult {
  const tokens = pieces.map((placed) => tokenOf(placed, view, near));
  if (pieces.length === 1) return html`${tokens}`;
  const word = pieces.map(([, { piece }]) => piece.replace(/^##/, "")).join("");
  return html`<div class="word" role="group" aria-label=${word}>${tokens}</div>`;
}

function tokenOf([t, token]: Placed, view: View, near: ReadonlySet<number>): TemplateResult {
  const { state, pointer } = view;
  const { piece, id, isSpecial, isMasked, hidden } = token;
  const isPicked = state.query === t;
  const classes = [
    ["special", isSpecial],
    ["masked", isMasked],
    ["near", near.has(t)],
    ["key", state.key === t],
    ["pointed", pointer?.query === t || pointer?.key === t],
  ] as const;
  const parts = piece.startsWith("##") ? html`<i>##</i>${piece.slice(2)}` : piece;
  return html`<div role="option" class=${["token", ...classes.flatMap(([name, is]) => (is ? [name] : []))].join(" ")}
    data-token=${t} tabindex=${t === reached ? 0 : -1} aria-selected=${isPicked}
    @pointerenter=${(event: PointerEvent) => event.pointerType === "mouse" && pointAt(view, t)}
    @click=${(event: MouseEvent) => event.detail < 2 && pick(view, t)} @dblclick=${() => hide(view, t, false)}
    ><span>${hidden ? html`<s>${hidden.piece}</s>` : parts}</span><span class="unseen">, position ${t}${isMasked ? ", hidden" : ""}${state.key === t ? ", looked at" : ""}, id </span><small>${id}</small></div>`;
}

const pointAt = (view: View, t: number, isSaid = false) =>
  view.point({ layer: view.state.layer, head: view.state.head, query: t, key: null }, isSaid);

/** Picks a token's row, or lets go of it. */
function pick(view: View, t: number): void {
  reached = t;
  view.change({ query: view.state.query === t ? null : t }, true);
}

/** Hides a token from the model, or shows it again. @param isPinned not after a click that is a step already */
function hide(view: View, t: number, isPinned = true): void {
  const { masks } = view.state;
  if (!canHide(view.result.tokens[t], masks.includes(t))) {
    view.say(`position ${t} cannot be hidden`);
    return;
  }
  reached = t;
  const next = masks.includes(t) ? masks.filter((one) => one !== t) : [...masks, t].sort((a, b) => a - b);
  view.change({ masks: next, query: t }, isPinned);
  view.say(masks.includes(t) ? `position ${t} is shown` : `position ${t} is hidden`);
}

/** Whether a click hides it, or shows it again: [CLS], [SEP] and a [MASK] that is written stay. */
const canHide = ({ isSpecial, isMasked }: ExplorerToken, isHidden: boolean): boolean =>
  !isSpecial && (!isMasked || isHidden);

function keyDown(event: KeyboardEvent, view: View): void {
  const last = view.result.tokens.length - 1;
  const t = Number((event.target as HTMLElement).dataset.token);
  if (event.ctrlKey || event.metaKey || event.altKey || Number.isNaN(t)) return;
  const to = { ArrowLeft: t - 1, ArrowRight: t + 1, Home: 0, End: last }[event.key];
  if (to !== undefined) {
    reached = Math.min(last, Math.max(0, to));
    pointAt(view, reached, true);
    document.querySelector<HTMLElement>(`[data-token="${reached}"]`)?.focus();
  } else if (event.key.toLowerCase() === "m") hide(view, t);
  else if (event.key === "Enter" || event.key === " ") pick(view, t);
  else if (event.key === "Escape") {
    view.point(null);
    view.change({ query: null, key: null }, true);
  } else return;
  event.preventDefault();
}

/** What is known of the chosen token, and what can be done with it. */
function about(view: View): TemplateResult {
  const { state, result, pointer } = view;
  const t = pointer?.query ?? state.query;
  if (t === null) {
    return html`<p class="about quiet">Click a token to see where it looks; double-click hides it from the model.
      ${allHidden(view)}</p>`;
  }
  const { id, segment, span, isSpecial, isMasked, isUnknown } = result.tokens[t];
  const { text, pair } = result.request;
  const characters = (segment === 0 ? text : pair).slice(...span);
  const facts = [
    `position ${t}`,
    `id ${id}`,
    ...(pair === "" ? [] : [`text ${"AB"[segment]}`]),
    ...(isSpecial ? [] : [`characters ${span[0]} to ${span[1]}: “${characters}”`]),
  ];
  const isHidden = state.masks.includes(t);
  const can = state.query === t && canHide(result.tokens[t], isHidden);
  return html`<p class="about"><b>${result.tokens[t].piece}</b> <span class="quiet">${facts.join(" · ")}</span>
    ${isUnknown ? html`<span>The vocabulary has no pieces that spell these characters, so that the model cannot tell them from others.</span>` : nothing}
    ${isMasked && isHidden ? html`<span class="quiet">hidden from the model</span>` : nothing}
    ${can ? html`<button @click=${() => hide(view, t)}>${isHidden ? "Show" : "Hide"}</button>` : nothing}
    ${state.query === t ? html`<button @click=${() => view.change({ query: null, key: null }, true)}>Let go</button>` : nothing}
    ${allHidden(view)}</p>`;
}

function allHidden({ state, change }: View): TemplateResult | typeof nothing {
  return state.masks.some((t) => t !== state.query)
    ? html`<button @click=${() => change({ masks: [] }, true)}>Show ${state.masks.length === 1 ? "the hidden token" : `all ${state.masks.length} hidden tokens`}</button>`
    : nothing;
}
