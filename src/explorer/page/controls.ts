/** Controls that several parts of the page have. */
import { html, type TemplateResult } from "lit-html";

/** One of several, in a list that opens. */
export function choice<Choice extends string>(
  label: string,
  choices: readonly (readonly [Choice, string])[],
  chosen: Choice,
  set: (choice: Choice) => void,
): TemplateResult {
  return html`<label class="choice">${label}
    <select .value=${chosen} @change=${(event: Event) => set((event.target as HTMLSelectElement).value as Choice)}>
      ${choices.map(([one, name]) => html`<option value=${one} ?selected=${one === chosen}>${name}</option>`)}
    </select></label>`;
}

/** One of a few, side by side. */
export function segments<Choice extends string>(
  label: string,
  choices: readonly (readonly [Choice, string])[],
  chosen: Choice,
  set: (choice: Choice) => void,
): TemplateResult {
  return html`<div class="segments" role="group" aria-label=${label}>${choices.map(
    ([one, name]) => html`<button aria-pressed=${one === chosen} @click=${() => set(one)}>${name}</button>`,
  )}</div>`;
}

/** A list that opens below its name; it closes when the focus leaves it, or by Esc. */
export function menu(name: string, content: TemplateResult): TemplateResult {
  return html`<details class="menu" @focusout=${closeIfLeft} @keydown=${closeByKey}>
    <summary>${name}</summary><div class="list">${content}</div></details>`;
}

function closeIfLeft(event: FocusEvent): void {
  const details = event.currentTarget as HTMLDetailsElement;
  if (event.relatedTarget && !details.contains(event.relatedTarget as Node)) details.open = false;
}

function closeByKey(event: KeyboardEvent): void {
  const details = event.currentTarget as HTMLDetailsElement;
  if (event.key !== "Escape" || !details.open) return;
  closeMenu(details);
  event.stopPropagation();
}

/** Closes the menu that an element is in, whose name gets the focus. */
export function closeMenu(within: Element): void {
  const details = within.closest("details");
  details?.querySelector("summary")?.focus();
  details?.removeAttribute("open");
}

/** Closes the menus that a click was not in. */
export function closeMenus(event: Event): void {
  for (const details of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]"))
    if (!details.contains(event.target as Node)) details.open = false;
}

/** A link to a part of the page, for the keyboard; its address would be taken for a state, so it has the focus only. */
export function skipTo(id: string, text: string): TemplateResult {
  const skip = (event: Event): void => {
    event.preventDefault();
    document.getElementById(id)?.focus();
  };
  return html`<a class="skip" href="#${id}" @click=${skip}>${text}</a>`;
}

/** Lets the right edge fade of each part that can be scrolled, where more lies beyond it. */
export function fadeEdges(): void {
  const parts = [...document.querySelectorAll<HTMLElement>(".scroll")].map((part) => {
    const { scrollLeft, clientWidth, scrollWidth, offsetWidth } = part;
    return { part, isCut: scrollLeft + clientWidth < scrollWidth - 1, bar: offsetWidth - clientWidth };
  });
  for (const { part, isCut, bar } of parts) {
    part.classList.toggle("cut", isCut);
    part.style.setProperty("--bar", `${bar}px`); // the bar itself does not fade
  }
}
