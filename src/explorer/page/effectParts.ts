/** What the views have in common that take something from the model. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Change } from "../effects/changedInput.ts";
import { measureOf, SUBJECT_NAMES, type Subject, subjectOf, subjectsOf } from "../effects/subjects.ts";
import type { Scene } from "../scene.ts";
import { answerPairs, effectAnswers, pairChange, scoreText } from "../scenes/effectAnswers.ts";
import { changeOf, written } from "../scenes/effectScale.ts";
import { choice } from "./controls.ts";
import { EffectRuns, type Runs } from "./effectRuns.ts";
import { type Cell, numbersTable } from "./numbersTable.ts";
import { canvasOf, captionOf } from "./picture.ts";
import type { View } from "./view.ts";

/** The answer that is looked at. */
export const subjectIn = ({ model, result, state }: View): Subject =>
  subjectOf(model, result, state.answer, state.query);

/** The list of answers to look at; nothing where there is one. */
export function subjectChoice(view: View): TemplateResult | typeof nothing {
  const kinds = subjectsOf(view.model, view.result);
  if (kinds.length < 2) return nothing;
  return choice(
    "Answer",
    kinds.map((kind) => [kind, SUBJECT_NAMES[kind]]),
    subjectIn(view).kind,
    (answer) => view.change({ answer }, true),
  );
}

/** How far it has come, with what stops it and lets it go on. @param what is counted, in the plural */
export function progressOf(
  view: View,
  runs: EffectRuns,
  { effects, isRunning, problem }: Runs,
  what: string,
): TemplateResult {
  const come = effects.filter(Boolean).length;
  const toggle = (): void => {
    if (isRunning) runs.stop();
    else runs.start(view);
    view.say(isRunning ? "stopped" : "computing");
    view.redraw();
  };
  const all = effects.length;
  return html`${problem === null ? nothing : html`<p class="problem" role="alert">${problem}</p>`}
    <p class="turn come"><span class="quiet">${come} of ${all} ${what} are computed.</span>
    ${
      come === all
        ? nothing
        : html`<span class="turn ${isRunning ? "late" : ""}"><progress max=${all} .value=${come} aria-label="${what} that are computed"></progress>
          <button @click=${toggle}>${isRunning ? "Stop" : come > 0 ? "Go on" : `Compute all ${all}`}</button></span>`
    }</p>`;
}

/** Pixels of the answers beside each other, and between them and what is on their left; wider pages have them there. */
const [ANSWERS, GAP, WIDE] = [520, 48, 1000];

/** The room on the left of the answers; on a narrow page, where they stand below, all of it. */
export const leftWidth = ({ layout: { whole } }: View): number => (whole >= WIDE ? whole - ANSWERS - GAP : whole);

/** What stands beside each other, or one below the other. @param width pixels that the left part takes */
export function besides(view: View, width: number, left: TemplateResult, right: TemplateResult): TemplateResult {
  const columns = view.layout.whole >= WIDE ? `${width}px minmax(0,1fr)` : "minmax(0,1fr)";
  return html`<div class="besides" .style=${`grid-template-columns:${columns}`}>${left}${right}</div>`;
}

const pair = new EffectRuns();

/** A change whose answers are shown beside the untouched ones. */
export interface Beside {
  readonly change: Change;
  readonly title: string;
  readonly file: string;
}

const runsOf = (view: View, { change }: Beside): Runs =>
  pair.get(view, { result: view.result, subject: subjectIn(view), changes: [change] }, true);

/** The scene of the answers beside each other; null: they have not come. */
export function besideScene(view: View, beside: Beside): Scene | null {
  const { untouched, effects } = runsOf(view, beside);
  const [changed] = effects;
  if (!untouched || !changed) return null;
  const width = Math.min(ANSWERS, view.layout.whole);
  return view.pictures.scene("beside", [untouched, changed, beside.title, width], () =>
    effectAnswers(untouched, changed, beside.title, measureOf(view.model, subjectIn(view)), width),
  );
}

/** The answers beside each other. */
export function besideFigure(view: View, beside: Beside): TemplateResult {
  const scene = besideScene(view, beside);
  const { untouched, effects, problem } = runsOf(view, beside);
  const [changed] = effects;
  if (problem !== null) return html`<div><p class="problem" role="alert">${problem}</p></div>`;
  if (!scene || !untouched || !changed)
    return html`<div><h3>${beside.title}</h3><p class="quiet waiting"><span class="late">The answers are computed …</span></p></div>`;
  const alt = answerPairs(untouched, changed)
    .slice(0, 5)
    .map((one) => `${one.name} ${scoreText(one.before)}, now ${scoreText(one.after)}`);
  return html`<div><h3>${scene.title}</h3>
    <figure>${canvasOf("beside", `${scene.title}: ${alt.join("; ")}`)}${captionOf(scene)}</figure>
    ${view.state.numbers ? besideTable(view, beside) : nothing}</div>`;
}

function besideTable(view: View, beside: Beside): TemplateResult | typeof nothing {
  const { untouched, effects } = runsOf(view, beside);
  const [changed] = effects;
  if (!untouched || !changed) return nothing;
  const { kind } = subjectIn(view);
  const number = kind === "vector" ? "cosine" : kind === "span" ? "logit of its start" : "logit";
  const numbersOf = (answer: (typeof untouched.answers)[number] | null): Cell[] =>
    answer
      ? [[answer.rank, 0], [answer.numbers[0].value, 4], answer.probability === null ? "" : [answer.probability, 6]]
      : ["", "", ""];
  return numbersTable(
    `${beside.title}: answers of the untouched model and now`,
    [
      ...["place", number, "probability"],
      ...["place now", `${number} now`, "probability now"],
      measureOf(view.model, subjectIn(view)).name,
    ],
    answerPairs(untouched, changed).map((one): [string, ...Cell[]] => {
      const change = pairChange(one);
      return [one.name, ...numbersOf(one.before), ...numbersOf(one.after), change === null ? "–" : [change, 6]];
    }),
  );
}

/** A table of what each change does to each answer of the untouched model. @param names of the changes, in order */
export function effectsTable(
  view: View,
  { untouched, effects }: Runs,
  what: string,
  names: readonly string[],
): TemplateResult {
  const answers = untouched?.answers ?? [];
  const { name } = measureOf(view.model, subjectIn(view));
  return numbersTable(
    `${name} of each answer, ${what}`,
    answers.map((answer) => answer.name),
    effects.map((effect, n): [string, ...Cell[]] => [
      names[n],
      ...answers.map(({ id }): Cell => {
        const change = changeOf(untouched, effect, id);
        return change === null ? "–" : [change, 6];
      }),
    ]),
  );
}

/** What a change does to the first answer, in words. @param what is taken away */
export function effectSentence(view: View, { untouched, effects }: Runs, n: number, what: string): string {
  const [answer] = untouched?.answers ?? [];
  const effect = effects[n];
  if (!answer || !effect) return `${what}: not computed yet.`;
  const now = effect.answers.find(({ id }) => id === answer.id) ?? null;
  const { name } = measureOf(view.model, subjectIn(view));
  const change = written(changeOf(untouched, effect, answer.id));
  return `${what}: “${answer.name}” ${scoreText(answer)} → ${scoreText(now)}, ${name} ${change}.`;
}

/** What of runs stands in the JSON. */
export function runsInJson(view: View, { untouched, effects }: Runs, changes: readonly Change[]): object {
  return {
    answer: subjectIn(view),
    untouched: untouched?.answers ?? null,
    changes: changes.map((change, n) => ({ ...change, answers: effects[n]?.answers ?? null })),
  };
}
