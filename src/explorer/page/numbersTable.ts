/** Numbers as a table, with all their digits in `<data>`. */
import { html, nothing, type TemplateResult } from "lit-html";
import { signed } from "../scenes/signed.ts";

/** A number with the digits that are shown, or words, "" where there is nothing. */
export type Cell = readonly [value: number, digits: number] | string;

/** A table of more rows is cut to these. */
const MOST_ROWS = 512;

/** @param rows the first cell of each is its name */
export function numbersTable(
  caption: string,
  columns: readonly string[],
  rows: readonly (readonly [name: string | TemplateResult, ...cells: Cell[]])[],
): TemplateResult {
  return html`<div class="scroll numbers" tabindex="0" role="region" aria-label=${caption}>
    <table><caption>${caption}${rows.length > MOST_ROWS ? html` The first ${MOST_ROWS} of ${rows.length} rows are shown.` : nothing}</caption>
    <thead><tr><td></td>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${rows
      .slice(0, MOST_ROWS)
      .map(
        ([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map(cellOf)}</tr>`,
      )}</tbody></table></div>`;
}

function cellOf(cell: Cell): TemplateResult {
  if (typeof cell === "string") return html`<td>${cell}</td>`;
  const [value, digits] = cell;
  return html`<td><data value=${value}>${signed(value, digits)}</data></td>`;
}

/** The button that shows numbers as tables. */
export const numbersButton = (isOn: boolean, set: (isOn: boolean) => void): TemplateResult =>
  html`<button aria-pressed=${isOn} @click=${() => set(!isOn)}>Numbers</button>`;
