/** A number and its terms: what it is computed from, and the same number computed again in plain loops. */
import { html, type TemplateResult } from "lit-html";
import type { ExplorerToken } from "../../explorerResult.ts";
import { computedAgain, type Terms, unitsApart } from "../../steps/computedAgain.ts";
import type { Step } from "../../steps/modelSteps.ts";
import type { TapTerms } from "../../steps/tapAnswers.ts";

/** So many terms are listed, the largest; what the others come to is told. */
const MOST_TERMS = 32;

/** Where a number is. */
export interface NumberPlace {
  readonly step: Step;
  /** Row and column; of attention probabilities head, query and key. */
  readonly place: readonly number[];
  readonly tokens: readonly Pick<ExplorerToken, "piece">[];
  /** The position of the token that its row is of. */
  readonly position: number;
  /** What computes, as the page names it. */
  readonly backend: string;
}

/** A number as few digits say it: nine for a float32, all for a float64. */
export const exact = (x: number): string =>
  String(Math.fround(x) === x ? Number(x.toPrecision(9)) : x).replaceAll("-", "−");

const number = (x: number): TemplateResult => html`<data value=${x}>${exact(x)}</data>`;

/** A name of code, which may be broken at its dots. */
export const code = (name: string): TemplateResult =>
  html`<code>${name.split(/(?<=[./])/).map((part) => html`<wbr>${part}`)}</code>`;

/** What of which tensors a number is computed from. */
function operandsOf({ step: { computation }, place }: NumberPlace): readonly (readonly [string, TemplateResult])[] {
  const [row, column] = place.slice(-2);
  const of = (part: string, name: string): TemplateResult => html`${part} of ${code(name)}`;
  switch (computation.how) {
    case "lookup":
      return [["E", of(`column ${column}`, computation.table)]];
    case "linear": {
      const from = { same: `row ${row}`, first: "row 0", gaps: "the token’s row" }[computation.rows];
      return [
        ["x", of(from, computation.x)],
        ["w", of(`row ${column}`, computation.weight)],
        ["b", of(`number ${column}`, computation.bias)],
      ];
    }
    case "norm": {
      const { sum, positions, gamma, beta } = computation;
      const parts = [...sum, ...(positions === null ? [] : [positions])];
      return [
        ...parts.map((name, n) => [parts.length === 1 ? "x" : `part ${n + 1}`, of(`row ${row}`, name)] as const),
        ["γ", of(`number ${column}`, gamma)],
        ["β", of(`number ${column}`, beta)],
      ];
    }
    case "probabilities":
      return [
        ["q", of(`head ${place[0] + 1}, row ${row}`, computation.query)],
        ["k_j", of(`head ${place[0] + 1}, row j`, computation.key)],
      ];
    case "context":
      return [
        ["p", of(`row ${row} of the head`, computation.probabilities)],
        ["v", of(`column ${column}`, computation.value)],
      ];
    case "activation":
      return [["x", of(`row ${row}, column ${column}`, computation.x)]];
  }
}

/** How far what was computed again is from what `forward` has, in a sentence. */
export function verdictOf(again: number, value: number, backend: string): string {
  const units = unitsApart(again, value);
  if (units === 0) return `This is what forward() has, to the last bit (backend ${backend}).`;
  return `forward() has ${exact(value)}: ${units} ${units === 1 ? "unit" : "units"} in the last place away. The backend, ${backend}, rounds in other places.`;
}

/** The number with its terms. */
export function termsView({ operands, value, column }: TapTerms, at: NumberPlace): TemplateResult {
  const again = computedAgain(operands);
  const { tokens, position, place } = at;
  const to = operands.how === "probabilities" ? ` → “${tokens[place[2]].piece}”` : "";
  const name = column === null ? "" : ` (“${column}”)`;
  const where = `“${tokens[position].piece}”${to}, row ${place.at(-2)}, column ${place.at(-1)}${name}`;
  return html`<section class="terms" aria-label="Terms of a number">
    <h3>This number is these terms</h3>
    <p>${where}: <b>${number(value)}</b></p>
    <dl class="names">${operandsOf(at).map(([name, what]) => html`<div><dt>${name}</dt><dd>${what}</dd></div>`)}</dl>
    ${again.sums.map((terms) => termsTable(terms, (n) => (terms.isByToken ? `${n} ${tokens[n].piece}` : String(n))))}
    <h3>Computed again in this page</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="What is computed of the terms"><table><tbody>${again.lines.map(
      ([name, how, x]) => html`<tr><th scope="row">${name}</th><td class="how">${how}</td><td>${number(x)}</td></tr>`,
    )}</tbody></table></div>
    <p class="verdict">${verdictOf(again.value, value, at.backend)}</p>
  </section>`;
}

/** The largest terms, and what the others come to. */
function termsTable({ columns, rows }: Terms, nameOf: (n: number) => string): TemplateResult {
  const last = columns.length - 1;
  const sorted = rows.toSorted((a, b) => Math.abs(b[last]) - Math.abs(a[last]) || a[0] - b[0]);
  const rest = sorted.slice(MOST_TERMS);
  const sum = rest.reduce((total, row) => total + row[last], 0);
  const others = rest.length === 0 ? "" : `; the ${rest.length} others come to ${exact(sum)}`;
  return html`<div class="scroll numbers" tabindex="0" role="region" aria-label="Terms ${columns[last]}">
    <table><caption>${rows.length} ${rows.length === 1 ? "term" : "terms"} ${columns[last]}, the largest first${others}.</caption>
    <thead><tr>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${sorted
      .slice(0, MOST_TERMS)
      .map(
        ([n, ...numbers]) =>
          html`<tr><th scope="row">${nameOf(n)}</th>${numbers.map((x) => html`<td>${number(x)}</td>`)}</tr>`,
      )}</tbody></table></div>`;
}
