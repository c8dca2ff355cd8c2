/** What the model answers: what fits in each gap, and whether the second text follows. */
import { html, nothing, type TemplateResult } from "lit-html";
import { type ExplorerGap, type ExplorerResult, outputsOf } from "../explorerResult.ts";
import type { Scene } from "../scene.ts";
import { followsOf, gapAnswers, nextSentence } from "../scenes/answers.ts";
import { MOST_TARGETS } from "../state.ts";
import { beforeOf, type Comparison, keptOf, nameOf } from "./compared.ts";
import { canvasOf, captionOf } from "./picture.ts";
import { answersTable } from "./table.ts";
import type { View } from "./view.ts";

/** The scenes of the answers, with the id of each. */
export function answerScenes(
  view: View,
  { before, kept }: Comparison,
): [id: string, scene: Scene, gap: ExplorerGap | null][] {
  const { result, layout, pictures } = view;
  const width = layout.answers;
  const comparedOf = (gap: ExplorerGap) => (kept ? keptOf(gap, result, kept) : before && beforeOf(gap, result, before));
  const gaps = result.gaps.map((gap, n): [string, Scene, ExplorerGap] => {
    const id = `gap-${n}`;
    const scene = pictures.scene(id, [gap, kept, before, width], () => gapAnswers(gap, comparedOf(gap), width));
    return [id, scene, gap];
  });
  if (!result.nextSentence) return gaps;
  const next = pictures.scene("next", [result, width], () => nextSentence(result, width) as Scene);
  return [...gaps, ["next", next, null]];
}

/** The answers, with what can be done with them. */
export function answersView(view: View, comparison: Comparison): TemplateResult {
  const { state, result } = view;
  const { kept } = comparison;
  const scenes = answerScenes(view, comparison);
  const hasNext = result.nextSentence !== null;
  return html`
    ${result.gaps.length === 0 ? html`<section><h2>What fits</h2><p class="quiet">${noGap(view)}</p></section>` : nothing}
    ${scenes.map(
      ([id, scene, gap]) => html`<section>
        <div class="heading"><h2>${scene.title}</h2>
          ${id === "gap-0" ? html`<button aria-label=${kept ? "Forget what was kept" : "Keep these answers to compare"} @click=${() => comparison.keep(kept ? null : result)}>${kept ? "Forget" : "Keep"}</button>` : nothing}
          ${id === "next" ? html`<button @click=${view.swap} aria-label="Swap text A and text B">Swap</button>` : nothing}
        </div>
        ${id === "gap-0" ? targetsBox(view) : nothing}
        <figure>${canvasOf(id, altOf(scene, gap, result))}${captionOf(scene)}</figure>
        ${gap && kept && !keptOf(gap, result, kept) ? html`<p class="quiet">Kept is ${nameOf(kept)}, which does not have this gap: there are no arrows.</p>` : nothing}
        ${state.numbers && gap ? answersTable(gap) : nothing}
      </section>`,
    )}
    ${hasNext ? nothing : html`<section><h2>What follows</h2><p class="quiet">${noNext(view)}</p></section>`}`;
}

/** The pieces to choose from, for all gaps. */
function targetsBox({ state, result: { unknownTargets: unknown, gaps }, change }: View): TemplateResult {
  const isAll = !gaps[0].areAsked;
  const names = unknown.map((target) => `“${target}”`).join(", ");
  return html`<label class="choice">Only these
      <input id="targets" .value=${state.targets} placeholder="any piece" maxlength=${MOST_TARGETS}
        spellcheck="false" autocomplete="off" autocapitalize="off"
        @input=${(event: Event) => change({ targets: (event.target as HTMLInputElement).value }, false)}></label>
    ${unknown.length > 0 ? html`<p class="quiet">No piece of the vocabulary: ${names}.${isAll ? " All pieces count." : ""}</p>` : nothing}`;
}

/** The answers of a picture in words. */
function altOf(scene: Scene, gap: ExplorerGap | null, { nextSentence: next }: ExplorerResult): string {
  if (gap) {
    const list = gap.answers.map(({ piece, rank, probability }) => {
      const place = gap.areAsked ? `, place ${rank},` : "";
      return `${piece}${place} ${(100 * probability).toFixed(2)} %`;
    });
    return `${scene.title}: ${list.join(gap.areAsked ? "; " : ", ")}`;
  }
  const follows = next ? followsOf(next.logits) : 0;
  return `${scene.title} It follows: ${(100 * follows).toFixed(2)} %`;
}

function noGap({ model }: View): string {
  return outputsOf(model.config.architecture).gaps
    ? "Write [MASK] in the text, or double-click a token, to hide a word: the model tells what fits."
    : "This model has no head that tells what is hidden.";
}

function noNext({ model }: View): string {
  return outputsOf(model.config.architecture).nextSentence
    ? "Write a second text to ask whether it follows the first."
    : "This model has no head that tells whether a text follows.";
}

/** The likeliest piece of each gap, for a screen reader. */
export function answerSentence({ gaps }: ExplorerResult): string {
  if (gaps.length === 0) return "There is no gap.";
  return gaps
    .map(
      ({ position, answers: [best] }) =>
        `position ${position}: ${best?.piece}, ${Math.round(100 * (best?.probability ?? 0))} %`,
    )
    .join("; ");
}
