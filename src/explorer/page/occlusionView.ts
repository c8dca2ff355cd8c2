/** Words that are taken away in turn: what each of them does to the answer. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Change } from "../effects/changedInput.ts";
import { OCCLUSIONS, type Occlusion, UNITS } from "../effects/choices.ts";
import { measureOf } from "../effects/subjects.ts";
import { type Unit, unitsOf } from "../effects/units.ts";
import type { Scene } from "../scene.ts";
import { changeOf, watchedOf } from "../scenes/effectScale.ts";
import { type OccludedText, occlusionText, wordPlaces } from "../scenes/occlusionText.ts";
import { choice, segments } from "./controls.ts";
import {
  type Beside,
  besideFigure,
  besideScene,
  besides,
  effectSentence,
  effectsTable,
  leftWidth,
  progressOf,
  runsInJson,
  subjectChoice,
  subjectIn,
} from "./effectParts.ts";
import { areQuick, EffectRuns, type Runs } from "./effectRuns.ts";
import { numbersButton } from "./numbersTable.ts";
import { canvasOf, captionOf, placeOn } from "./picture.ts";
import type { View } from "./view.ts";

/** What the choices are called. */
const HOW_NAMES: Readonly<Record<Occlusion, string>> = { mask: "[MASK]", unk: "[UNK]", removed: "nothing" };
const UNIT_NAMES = { word: "Words", token: "Tokens" } as const;

/** Each word alone. */
const singles = new EffectRuns();

/** The unit that is pointed at; null: none. */
let pointed: number | null = null;

const allUnits = (view: View): Unit[] => unitsOf(view.result, view.state.units, view.state.by, subjectIn(view));

const openUnits = (view: View): Unit[] => allUnits(view).filter(({ isOpen }) => isOpen);

const changeWithout = ({ state: { by } }: View, { positions }: Unit): Change => ({ how: by, positions });

function runsOf(view: View): Runs {
  const changes = openUnits(view).map((unit) => changeWithout(view, unit));
  return singles.get(view, { result: view.result, subject: subjectIn(view), changes }, areQuick(view, changes.length));
}

/** The units in order, each with its place among those that are taken away; −1: it stays. */
function placed(view: View): (readonly [unit: Unit, n: number])[] {
  let n = 0;
  return allUnits(view).map((unit) => [unit, unit.isOpen ? n++ : -1] as const);
}

/** The unit whose answers are shown: the picked one or, without, the one that does most. */
function pickedUnit(view: View): Unit | null {
  const open = openUnits(view);
  const { key } = view.state;
  const picked = open.find(({ positions }) => key !== null && positions.includes(key));
  if (picked) return picked;
  const { untouched, effects } = runsOf(view);
  const watched = watchedOf(untouched);
  if (!watched || effects.length === 0 || effects.some((effect) => !effect)) return null;
  const sizes = effects.map((effect) => Math.abs(changeOf(untouched, effect, watched.id) ?? 0));
  return open[sizes.indexOf(Math.max(...sizes))] ?? null;
}

/** A unit by its name and place, as a text can have a word twice. */
const nameOf = ({ name, positions: [first] }: Unit): string => `“${name}” at position ${first}`;

function besideOf(view: View): Beside | null {
  const unit = pickedUnit(view);
  if (!unit) return null;
  const title = `Answers without ${nameOf(unit)}`;
  return { change: changeWithout(view, unit), title, file: `answers-without-position-${unit.positions[0]}` };
}

const textWidth = (view: View): number => Math.min(960, leftWidth(view));

function shownText(view: View): OccludedText {
  const { untouched, effects } = runsOf(view);
  const units = placed(view);
  const picked = pickedUnit(view);
  return {
    ...{ tokens: view.result.tokens, units: units.map(([unit]) => unit), untouched, kind: view.state.units },
    effects: units.map(([, n]) => (n < 0 ? null : effects[n])),
    picked: picked ? units.findIndex(([{ positions }]) => positions[0] === picked.positions[0]) : null,
    measure: measureOf(view.model, subjectIn(view)),
  };
}

function textScene(view: View): Scene {
  const { result, pictures, state } = view;
  const width = textWidth(view);
  const shown = shownText(view);
  const come = shown.effects.filter(Boolean).length;
  const chosen = JSON.stringify([subjectIn(view), state.by, state.units, shown.picked]);
  return pictures.scene("occlusion", [result, shown.untouched, come, width, chosen], () => occlusionText(shown, width));
}

/** The text and the answers without one word. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const text = textScene(view);
  const beside = besideOf(view);
  const answers = beside && besideScene(view, beside);
  return [
    [text.title, `occlusion-${view.state.by}`, text],
    ...(beside && answers ? [[answers.title, beside.file, answers] as [string, string, Scene]] : []),
  ];
}

/** For the JSON. */
export const numbers = (view: View): unknown =>
  runsInJson(
    view,
    runsOf(view),
    openUnits(view).map((unit) => changeWithout(view, unit)),
  );

/** The view. */
export function content(view: View): TemplateResult {
  const { state, change } = view;
  const runs = runsOf(view);
  const beside = besideOf(view);
  const scene = textScene(view);
  const names = openUnits(view).map(({ name, positions }) => `${name}, ${positions[0]}`);
  return html`
    <div class="heading"><h2>Words taken away</h2>${numbersButton(state.numbers, (numbers) => change({ numbers }, true))}</div>
    <p class="quiet hint">Each ${state.units} in turn is replaced, and the model answers again. An answer that loses by it depends on that ${state.units}.</p>
    <div class="controls">${subjectChoice(view)}
      ${segments(
        "What is taken away",
        UNITS.map((unit) => [unit, UNIT_NAMES[unit]]),
        state.units,
        (units) => change({ units }, true),
      )}
      ${choice(
        "In its place",
        OCCLUSIONS.map((how) => [how, HOW_NAMES[how]]),
        state.by,
        (by) => change({ by }, true),
      )}
    </div>
    ${runs.effects.length === 0 ? html`<p class="quiet">There is no ${state.units} to take away.</p>` : progressOf(view, singles, runs, `${state.units}s`)}
    ${besides(
      view,
      textWidth(view),
      html`<div><h3>${scene.title}</h3>
      <p class="readout">${reading(view, runs)}</p>
      <figure><div class="picture" tabindex="0" role="application" aria-roledescription="text"
        aria-label="${scene.title}. Arrow keys point at a ${state.units}, Enter shows the answers without it, Escape lets go."
        @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && point(view, under(view, event, scene))}
        @pointerleave=${() => point(view, null)} @click=${(event: PointerEvent) => pick(view, under(view, event, scene))}
        @keydown=${(event: KeyboardEvent) => keyDown(event, view)}>${canvasOf("occlusion")}${mark(view)}</div>
        ${captionOf(scene)}</figure></div>`,
      beside
        ? besideFigure(view, beside)
        : html`<p class="quiet">Pick a ${state.units} to see what the model answers without it.</p>`,
    )}
    ${state.numbers && runs.untouched ? effectsTable(view, runs, `without one ${state.units}`, names) : nothing}`;
}

/** A frame around the word that is pointed at. */
function mark(view: View): TemplateResult | typeof nothing {
  const { places } = wordPlaces({ tokens: view.result.tokens, units: allUnits(view) }, textWidth(view));
  const place = pointed === null ? undefined : places[pointed];
  if (!place) return nothing;
  const { x, y, width, height } = place;
  return html`<span class="around" .style=${`left:${x - 5}px;top:${y - 2}px;width:${width + 10}px;height:${height}px`}></span>`;
}

/** The unit below a pointer; null: none that is taken away. */
function under(view: View, event: MouseEvent, scene: Scene): number | null {
  const [px, py] = placeOn(event, event.currentTarget, scene);
  const units = allUnits(view);
  const { places } = wordPlaces({ tokens: view.result.tokens, units }, textWidth(view));
  const n = places.findIndex(
    ({ x, y, width, height }) => px >= x - 5 && px < x + width + 5 && py >= y && py < y + height,
  );
  return units[n]?.isOpen ? n : null;
}

function reading(view: View, runs: Runs): string {
  const [unit, n] = pointed === null ? [] : (placed(view)[pointed] ?? []);
  if (!unit || n === undefined || n < 0) return `Point at a ${view.state.units} to read what the answer is without it.`;
  return effectSentence(view, runs, n, `Without ${nameOf(unit)}`);
}

function point(view: View, n: number | null, isSaid = false): void {
  if (n === pointed) return;
  pointed = n;
  if (isSaid) view.say(reading(view, runsOf(view)));
  view.redraw();
}

/** Picks a unit, or lets go of it. */
function pick(view: View, n: number | null): void {
  const unit = n === null ? undefined : allUnits(view)[n];
  if (!unit) return;
  const isPicked = view.state.key !== null && unit.positions.includes(view.state.key);
  view.change({ key: isPicked ? null : unit.positions[0] }, true);
}

function keyDown(event: KeyboardEvent, view: View): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const units = allUnits(view);
  const open = [...units.keys()].filter((n) => units[n].isOpen);
  const at = pointed === null ? -1 : open.indexOf(pointed);
  const last = open.length - 1;
  const to = {
    ...{ ArrowRight: Math.min(last, at + 1), ArrowLeft: Math.max(0, at - 1), Home: 0, End: last },
    ...{ ArrowDown: lineFrom(view, open, at, 1), ArrowUp: lineFrom(view, open, at, -1) },
  }[event.key];
  if (to !== undefined) point(view, open[to] ?? null, true);
  else if (event.key === "Enter") pick(view, pointed);
  else if (event.key === "Escape") {
    point(view, null);
    view.change({ query: null, key: null }, true);
  } else return;
  event.preventDefault();
}

/** The place among the open units of the nearest one in the line below or above. */
function lineFrom(view: View, open: readonly number[], at: number, step: 1 | -1): number {
  if (at < 0) return 0;
  const { places } = wordPlaces({ tokens: view.result.tokens, units: allUnits(view) }, textWidth(view));
  const from = places[open[at]];
  const beyond = open.map((n, m) => ({ m, place: places[n] })).filter(({ place }) => step * (place.y - from.y) > 0);
  const line = step === 1 ? beyond[0]?.place.y : beyond.at(-1)?.place.y;
  const nearest = beyond
    .filter(({ place }) => place.y === line)
    .sort((a, b) => Math.abs(a.place.x - from.x) - Math.abs(b.place.x - from.x));
  return nearest[0]?.m ?? at;
}
