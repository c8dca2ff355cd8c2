/** The numbers of a strip as a table, with all their digits in `<data>`. */
import { html, type TemplateResult } from "lit-html";
import type { ExplorerToken } from "../../explorerResult.ts";
import type { MatrixShape } from "../../scene.ts";
import { digits } from "../../scenes/tapMatrix.ts";
import type { TapNumbers } from "../../steps/tapAnswers.ts";

/** A table of more rows and columns is cut to these. */
const [MOST_ROWS, MOST_COLUMNS] = [64, 64];

/** The table of what a strip shows. */
export function tapTable(
  { rows, columns, values, ref }: MatrixShape,
  { positions }: TapNumbers,
  tokens: readonly Pick<ExplorerToken, "piece">[],
): TemplateResult {
  const first = ref(0, 0).at.slice(-2);
  const [shownRows, shownColumns] = [Math.min(rows, MOST_ROWS), Math.min(columns, MOST_COLUMNS)];
  const cuts = [
    ...(shownRows < rows ? [`${shownRows} of ${rows} rows`] : []),
    ...(shownColumns < columns ? [`${shownColumns} of ${columns} columns`] : []),
  ];
  const cut = cuts.length > 0 ? `The first ${cuts.join(" and ")} of the strip are shown; Export has all.` : "";
  const places = (count: number) => Array.from({ length: count }, (_, n) => n);
  return html`<div class="scroll numbers" tabindex="0" role="region" aria-label="Numbers of the strip">
    <table><caption>A row is a token. ${cut}</caption>
    <thead><tr><td></td>${places(shownColumns).map((j) => html`<th scope="col">${first[1] + j}</th>`)}</tr></thead>
    <tbody>${places(shownRows).map(
      (i) =>
        html`<tr><th scope="row">${tokens[positions[first[0] + i]].piece}</th>${places(shownColumns).map((j) => {
          const value = values[i * columns + j];
          return html`<td><data value=${value}>${digits(value)}</data></td>`;
        })}</tr>`,
    )}</tbody></table></div>`;
}
