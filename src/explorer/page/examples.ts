/** Texts that show something. */
import { html, type TemplateResult } from "lit-html";
import { closeMenu, menu } from "./controls.ts";
import type { View } from "./view.ts";

/** What each shows, and its texts. */
export const EXAMPLES: readonly (readonly [name: string, text: string, pair: string])[] = [
  ["A gap", "She opened the [MASK] and looked out.", ""],
  ["Two gaps", "The king and the [MASK] sat on their [MASK].", ""],
  ["A text that follows", "The storm broke the old bridge.", "The village was cut off for a week."],
  ["A text that does not", "The storm broke the old bridge.", "Penguins cannot fly."],
  [
    "A long sentence",
    "The Mole had been working very hard all the morning, spring-cleaning his little home, first with brooms, then with dusters, then on ladders and steps and chairs, with a brush and a pail of [MASK].",
    "",
  ],
  ["Words of several pieces", "The carpenter opened the [MASK] with a screwdriver.", ""],
];

/** The menu of the examples. */
export function exampleMenu(change: View["change"]): TemplateResult {
  return menu(
    "Examples",
    html`<ul>${EXAMPLES.map(
      ([name, text, pair]) =>
        html`<li><button @click=${(event: Event) => {
          closeMenu(event.currentTarget as HTMLElement);
          change({ text, pair, masks: [], query: null, key: null, pairs: "all" }, true);
        }}>${name}</button></li>`,
    )}</ul>`,
  );
}
