/** The numbers of a scene as tables, with all their digits in `<data>`. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ExplorerGap, ExplorerResult } from "../explorerResult.ts";
import { signed } from "../scenes/signed.ts";
import type { ExplorerState } from "../state.ts";

/** A table of more rows and columns is cut to these. */
const MOST = 64;

const cell = (value: number, digits: number): TemplateResult =>
  html`<td><data value=${value}>${signed(value, digits)}</data></td>`;

/** One head's attention probabilities, or norms: rows look, columns are looked at. */
export function headTable(
  { tokens, attentions, largest }: ExplorerResult,
  { layer, head }: ExplorerState,
): TemplateResult {
  const T = tokens.length;
  const shown = tokens.slice(0, MOST);
  const at = (i: number, j: number) => attentions[layer][(head * T + i) * T + j];
  return html`<div class="scroll numbers" tabindex="0" role="region" aria-label="Numbers of layer ${layer + 1}, head ${head + 1}">
    <table><caption>Layer ${layer + 1}, head ${head + 1}${largest === undefined ? "" : ", ‖α f(x)‖"}: a row is a token that looks.
      ${T > MOST ? html`The first ${MOST} of ${T} rows and columns are shown; Export has all.` : nothing}</caption>
    <thead><tr><td></td>${shown.map(({ piece }) => html`<th scope="col">${piece}</th>`)}</tr></thead>
    <tbody>${shown.map(
      ({ piece }, i) => html`<tr><th scope="row">${piece}</th>${shown.map((_, j) => cell(at(i, j), 4))}</tr>`,
    )}</tbody></table></div>`;
}

/** The answers for a gap. */
export function answersTable({ position, answers }: ExplorerGap): TemplateResult {
  return html`<div class="scroll numbers" tabindex="0" role="region" aria-label="Numbers of position ${position}">
    <table><caption>What fits at position ${position}</caption>
    <thead><tr><th scope="col">piece</th><th scope="col">id</th><th scope="col">logit</th><th scope="col">probability</th></tr></thead>
    <tbody>${answers.map(
      ({ id, piece, probability, logit }) =>
        html`<tr><th scope="row">${piece}</th>${cell(id, 0)}${cell(logit, 4)}${cell(probability, 6)}</tr>`,
    )}</tbody></table></div>`;
}
