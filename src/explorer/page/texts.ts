/** The boxes of the two texts; the characters of the chosen token are marked in them. */
import { html, nothing, type TemplateResult } from "lit-html";
import { type ExplorerResult, outputsOf } from "../explorerResult.ts";
import type { ExplorerState } from "../state.ts";
import type { ModelSummary } from "../worker.ts";

/** What the boxes show. */
export interface Texts {
  readonly state: ExplorerState;
  readonly result: ExplorerResult | null;
  /** null: it is not there yet. */
  readonly model: ModelSummary | null;
  /** The token whose characters are marked; null: none. */
  readonly marked: number | null;
  typed(next: { readonly text: string } | { readonly pair: string }): void;
  /** Whether the model is one that does not compute while one types. */
  readonly isLarge: boolean;
  /** Computes what was typed, which waits for it; null: nothing waits. */
  readonly compute: (() => void) | null;
}

/** The two boxes. */
export function textBoxes({ state, result, model, marked, typed, isLarge, compute }: Texts): TemplateResult {
  const spanIn = (segment: 0 | 1, text: string): readonly [number, number] => {
    const { request, tokens } = result ?? {};
    const isCurrent = request && (segment === 0 ? request.text : request.pair) === text;
    const token = isCurrent && marked !== null ? tokens?.[marked] : undefined;
    return token?.segment === segment && !token.isSpecial ? token.span : [0, 0];
  };
  const asks = !model || outputsOf(model.config.architecture).nextSentence !== undefined;
  const entered = (event: KeyboardEvent): void => {
    if (!isLarge || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    compute?.();
  };
  return html`<form class="texts" @submit=${(event: Event) => event.preventDefault()} @keydown=${entered}>
    ${box("Text A", "a", state.text, spanIn(0, state.text), "Write a text", (text) => typed({ text }))}
    ${box("Text B, if there is a second", "b", state.pair, spanIn(1, state.pair), asks ? "It may follow, or not" : "Another text", (pair) => typed({ pair }))}
  </form>
  ${
    isLarge
      ? html`<p class="held quiet"><button id="compute" @click=${() => compute?.()}>Compute</button>
    <span role="status">${compute ? "What is below is of the text before: press Enter." : "A model of this size computes when you press Enter."}</span></p>`
      : nothing
  }`;
}

function box(
  name: string,
  id: string,
  text: string,
  [from, to]: readonly [number, number],
  placeholder: string,
  typed: (text: string) => void,
): TemplateResult {
  // The mirror below has the same text, so that it gives the box its height, and a place to mark characters.
  return html`<label for="text-${id}"><span>${name}</span>
    <span class="box"><span class="mirror" aria-hidden="true">${text.slice(0, from)}<mark>${text.slice(from, to)}</mark>${text.slice(to)} </span>
    <textarea id="text-${id}" rows="1" .value=${text} placeholder=${placeholder} spellcheck="false" autocomplete="off"
      @input=${(event: Event) => typed((event.target as HTMLTextAreaElement).value)}></textarea></span></label>`;
}

/** The tokens whose characters the caret of a box stands at. */
export function tokensAtCaret(result: ExplorerResult | null): ReadonlySet<number> {
  const focused = document.querySelector<HTMLTextAreaElement>("textarea:focus");
  if (!result || !focused) return new Set();
  const segment = focused.id === "text-a" ? 0 : 1;
  const { selectionStart: from, selectionEnd: to } = focused;
  return new Set(
    result.tokens.flatMap(({ span, segment: own, isSpecial }, t) =>
      own === segment && !isSpecial && span[0] <= to && span[1] >= from ? [t] : [],
    ),
  );
}
