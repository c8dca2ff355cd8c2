/** The steps to choose from, a list for each layer. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Step } from "../../steps/modelSteps.ts";
import { equationOf } from "./equations.ts";

/** Where a step is: the embeddings, a layer, what stands on top. */
export function groupOf({ layer, kind }: Step): string {
  if (layer !== null) return `Layer ${layer + 1}`;
  return ["pieces", "segments", "embeddings"].includes(kind) ? "Embeddings" : "Heads on top";
}

/** The steps as one list that opens, where there is no room for more. */
export function stepMenu(steps: readonly Step[], chosen: number, choose: (n: number) => void): TemplateResult {
  const groups = [...new Set(steps.map(groupOf))];
  const option = (step: Step, n: number) =>
    html`<option value=${n} ?selected=${n === chosen}>${equationOf(step).title}</option>`;
  return html`<label class="choice">Step
    <select .value=${String(chosen)} @change=${(event: Event) => choose(Number((event.target as HTMLSelectElement).value))}>${groups.map(
      (group) =>
        html`<optgroup label=${group}>${steps.map((step, n) => (groupOf(step) === group ? option(step, n) : nothing))}</optgroup>`,
    )}</select></label>`;
}

/** The lists; that of the chosen step is open. @param choose is called with a step's number */
export function stepList(steps: readonly Step[], chosen: number, choose: (n: number) => void): TemplateResult {
  const groups = [...new Set(steps.map(groupOf))];
  return html`<nav class="steps" aria-label="Steps">${groups.map(
    (group) => html`<details ?open=${group === groupOf(steps[chosen])}><summary>${group}</summary>
      <ol>${steps.map((step, n) =>
        groupOf(step) === group
          ? html`<li><button aria-current=${n === chosen ? "step" : "false"} @click=${() => choose(n)}>${equationOf(step).title}</button></li>`
          : nothing,
      )}</ol></details>`,
  )}</nav>`;
}
