/** The page's head, the text boxes, and where each part stands. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ModelSummary } from "../worker.ts";
import { answersView } from "./answersView.ts";
import type { Comparison } from "./compared.ts";
import { skipTo } from "./controls.ts";
import { furtherViews } from "./furtherViews.ts";
import { headView } from "./headView.ts";
import { help, toggleHelp } from "./helpDialog.ts";
import { modelView } from "./mapView.ts";
import { strip } from "./strip.ts";
import { headTable } from "./table.ts";
import { type Texts, textBoxes, tokensAtCaret } from "./texts.ts";
import type { View } from "./view.ts";

/** What the page shows. */
interface Frame {
  /** null: nothing has been computed yet. */
  readonly view: View | null;
  readonly comparison: Comparison;
  readonly texts: Texts;
  readonly menus: TemplateResult;
  readonly status: string;
  /** What went wrong, in sentences; null or "": nothing. */
  readonly problems: readonly (string | null)[];
  /** What is to be told else; null: nothing. */
  readonly note: string | null;
  /** Whether the view is not yet what was asked for last. */
  readonly isComputing: boolean;
  /** Percent of the model that is here. */
  readonly progress: number;
  readonly hasStopped: boolean;
  /** What computes; null: it is not known yet. */
  readonly backend: string | null;
  startAgain(): void;
  /** Stops opening another model; null: none is being opened. */
  readonly cancel: (() => void) | null;
}

/** The whole page. */
export function frame(shown: Frame): TemplateResult {
  const { view, texts, menus, status, problems, note, isComputing, progress, hasStopped, startAgain } = shown;
  return html`
    ${skipTo("model", "Skip to the model")}
    <header>
      <h1>See BERT think</h1>
      <p class="quiet">${status} ${view && !hasStopped ? timeOf(view, isComputing) : nothing}
        ${shown.cancel === null ? nothing : html`<button id="cancel" @click=${shown.cancel}>Cancel</button>`}</p>
      <nav aria-label="Menus">${menus}<button class="plain" @click=${toggleHelp}>Help</button></nav>
    </header>
    <main>
      ${textBoxes(texts)}
      ${problems.filter(Boolean).map((text) => html`<p class="problem" role="alert">${text}</p>`)}
      ${note === null ? nothing : html`<p class="quiet" role="status">${note}</p>`}
      ${hasStopped ? html`<p><button id="again" @click=${startAgain}>Start again</button></p>` : nothing}
      ${view ? views(view, shown) : hasStopped ? nothing : html`<progress max="100" .value=${progress} aria-label="The model is coming"></progress>`}
    </main>
    <p id="spoken" class="unseen" aria-live="polite"></p>
    ${help(shown.backend)}
  `;
}

function views(view: View, { comparison, isComputing, texts }: Frame): TemplateResult {
  const { name, columns } = view.layout;
  // Beside each other the parts are narrow, and what is wide stands below all of them.
  const numbers = view.state.numbers
    ? html`<section class="whole" aria-label="Numbers of the head">${headTable(view.drawn, view.state)}</section>`
    : nothing;
  return html`
    <section aria-label="Tokens">${strip(view, tokensAtCaret(view.result))}</section>
    <div class="views ${name} ${isComputing || texts.compute ? "stale" : ""}" .style=${`grid-template-columns:${columns}`}>
      <section class="model" id="model" tabindex="-1" aria-label="The model">${modelView(view)}</section>
      <section class="head" aria-label="One head">${headView(view)}</section>
      ${name === "one" ? numbers : nothing}
      <section class="answers" aria-label="Answers">${answersView(view, comparison)}</section>
    </div>
    ${name === "one" ? nothing : numbers}
    ${furtherViews(view)}`;
}

/** What there is of the model. */
interface Status {
  readonly model: ModelSummary | null;
  readonly progress: number;
  readonly hasStopped: boolean;
  /** null: not known. */
  readonly name: string | null;
  /** The folder or the hub's model that is being opened; null: none. */
  readonly coming: string | null;
}

/** What a model is called that `loadBert` opens with these arguments; null: not known, or the small model. */
export function nameOfModel(loadedFrom: readonly unknown[] | null): string | null {
  const from = loadedFrom?.[0];
  if (typeof from !== "string") return null;
  return /^([A-Za-z]:)?[\\/]/.test(from) ? (from.split(/[\\/]/).findLast(Boolean) ?? from) : from;
}

/** What there is of the model, in a line. */
export function statusOf({ model, progress, hasStopped, name, coming }: Status): string {
  if (hasStopped) return "";
  if (!model) return progress > 0 ? `The model is coming: ${Math.round(progress)} %.` : "The model is coming.";
  const { layers, heads, hiddenSize } = model;
  return [
    ...(name === null ? [] : [name]),
    ...[`${layers} layers`, `${heads} heads`, `${hiddenSize} numbers a token`],
    ...(coming === null
      ? []
      : [progress > 0 ? `“${coming}” is coming: ${Math.round(progress)} %` : `“${coming}” is read …`]),
  ].join(" · ");
}

/** How long it took, or that it computes: both in one place, so that nothing below is moved. */
function timeOf({ result }: View, isComputing: boolean): TemplateResult {
  return html`· <span class="time"><span class=${isComputing ? "early" : ""}>computed in ${result.milliseconds.toFixed(0)} ms</span>
    ${isComputing ? html`<span class="late">computing …</span>` : nothing}</span>`;
}
