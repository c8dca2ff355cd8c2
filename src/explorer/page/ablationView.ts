/** Heads that are switched off: what the model answers then, and what each head alone does to the answer. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Change } from "../effects/changedInput.ts";
import type { HeadAt } from "../effects/choices.ts";
import { measureOf } from "../effects/subjects.ts";
import type { Scene } from "../scene.ts";
import { ablationCell, ablationMap } from "../scenes/ablationMap.ts";
import { inOrder } from "../state.ts";
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
import { canvasOf, captionOf } from "./picture.ts";
import type { View } from "./view.ts";

/** Each head alone. */
const singles = new EffectRuns();

/** The head that is pointed at; null: none. */
let pointed: HeadAt | null = null;

const allHeads = ({ model: { layers, heads } }: View): HeadAt[] =>
  Array.from({ length: layers * heads }, (_, n) => [Math.floor(n / heads), n % heads]);

const oneByOne = (view: View): Change[] => allHeads(view).map((head) => ({ how: "heads", heads: [head] }));

function runsOf(view: View): Runs {
  const changes = oneByOne(view);
  return singles.get(view, { result: view.result, subject: subjectIn(view), changes }, areQuick(view, changes.length));
}

const nameOf = ([layer, head]: HeadAt): string => `${layer + 1}·${head + 1}`;

/** What is off, as a title; of many heads how many. */
function besideOf({ state: { off } }: View): Beside | null {
  if (off.length === 0) return null;
  const names = off.length <= 6 ? off.map(nameOf).join(", ") : `${off.length} heads`;
  return { change: { how: "heads", heads: off }, title: `Answers without ${names}`, file: "answers-heads-off" };
}

/** The map of many heads takes what room there is. */
const mapWidth = (view: View): number => Math.min(1120, leftWidth(view));
/** Below the map of a few heads its legend has so much room. */
const LEAST_WIDTH = 440;

function mapScene(view: View): Scene {
  const { model, state, result, pictures } = view;
  const { untouched, effects } = runsOf(view);
  const [width, subject] = [mapWidth(view), subjectIn(view)];
  const come = effects.filter(Boolean).length;
  const of = [result, untouched, come, width, JSON.stringify([subject, state.off])];
  return pictures.scene("ablation", of, () =>
    ablationMap(
      {
        ...{ layers: model.layers, heads: model.heads, untouched, effects: [...effects], off: state.off },
        measure: measureOf(model, subject),
      },
      width,
    ),
  );
}

/** The map and, where heads are off, the answers. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const map = mapScene(view);
  const beside = besideOf(view);
  const answers = beside && besideScene(view, beside);
  return [
    [map.title, "heads-off-one-by-one", map],
    ...(beside && answers ? [[answers.title, beside.file, answers] as [string, string, Scene]] : []),
  ];
}

/** For the JSON. */
export const numbers = (view: View): unknown => ({
  off: view.state.off,
  ...runsInJson(view, runsOf(view), oneByOne(view)),
});

/** Whether a head is off. */
const isOff = ({ state: { off } }: View, [layer, head]: HeadAt): boolean =>
  off.some((one) => one[0] === layer && one[1] === head);

/** Switches heads off; those that are all off already are switched on. */
function toggle(view: View, heads: readonly HeadAt[], chosen?: HeadAt): void {
  const areOff = heads.every((head) => isOff(view, head));
  const kept = view.state.off.filter((one) => !heads.some((head) => head.join() === one.join()));
  set(view, areOff ? kept : [...kept, ...heads], chosen);
}

function set(view: View, off: readonly HeadAt[], chosen?: HeadAt): void {
  view.change({ off: inOrder(off), ...(chosen && { layer: chosen[0], head: chosen[1] }) }, true);
  view.say(off.length === 0 ? "all heads are on" : `${off.length} ${off.length === 1 ? "head is" : "heads are"} off`);
}

const layerOf = (view: View, layer: number): HeadAt[] => allHeads(view).filter((head) => head[0] === layer);

const allBut = (view: View, [layer, head]: HeadAt): HeadAt[] =>
  allHeads(view).filter((one) => one[0] !== layer || one[1] !== head);

/** The view. */
export function content(view: View): TemplateResult {
  const { state, change, model } = view;
  const runs = runsOf(view);
  const beside = besideOf(view);
  const scene = mapScene(view);
  const chosen: HeadAt = [state.layer, state.head];
  const isLayerOff = layerOf(view, state.layer).every((head) => isOff(view, head));
  return html`
    <div class="heading"><h2>Heads switched off</h2>${numbersButton(state.numbers, (numbers) => change({ numbers }, true))}</div>
    <p class="quiet hint">A head that is off adds nothing: its part of the context is 0. Click heads to switch them off or on.
      Attention and answers above stay those of the untouched model.</p>
    <div class="controls">${subjectChoice(view)}
      <button aria-pressed=${isOff(view, chosen)} @click=${() => toggle(view, [chosen])}>Head ${nameOf(chosen)} off</button>
      <button aria-pressed=${isLayerOff} @click=${() => toggle(view, layerOf(view, state.layer))}>Layer ${state.layer + 1} off</button>
      <button @click=${() => set(view, allBut(view, chosen))}>All but ${nameOf(chosen)} off</button>
      <button aria-disabled=${state.off.length === 0} @click=${() => state.off.length > 0 && set(view, [])}>All on</button>
    </div>
    ${progressOf(view, singles, runs, "heads")}
    ${besides(
      view,
      Math.min(mapWidth(view), Math.max(LEAST_WIDTH, scene.width)),
      html`<div><h3>${scene.title}</h3>
      <p class="readout">${reading(view, runs)}</p>
      <figure><div class="scroll"><div class="map" @pointerleave=${() => point(view, null)}>${canvasOf("ablation")}
        <div role="grid" aria-label="Heads to switch off" aria-multiselectable="true" @keydown=${(event: KeyboardEvent) => keyDown(event, view)}>${Array.from(
          { length: model.layers },
          (_, layer) => html`<div role="row">${layerOf(view, layer).map((head) => headButton(view, runs, head))}</div>`,
        )}</div></div></div>
        ${captionOf(scene)}</figure></div>`,
      beside
        ? besideFigure(view, beside)
        : html`<p class="quiet">All heads are on. Switch some off to see what the model answers without them.</p>`,
    )}
    ${state.numbers && runs.untouched ? effectsTable(view, runs, "with one head off", allHeads(view).map(nameOf)) : nothing}`;
}

const whatOf = ([layer, head]: HeadAt): string => `Without layer ${layer + 1}, head ${head + 1}`;

function reading(view: View, runs: Runs): string {
  if (!pointed) return "Point at a head to read what the answer is without it.";
  return effectSentence(view, runs, pointed[0] * view.model.heads + pointed[1], whatOf(pointed));
}

function headButton(view: View, runs: Runs, head: HeadAt): TemplateResult {
  const { state, model } = view;
  const [layer, place] = head;
  const { x, y, width, height } = ablationCell(model.heads, mapWidth(view))(layer, place);
  const isChosen = layer === state.layer && place === state.head;
  const sentence = effectSentence(view, runs, layer * model.heads + place, whatOf(head));
  return html`<button role="gridcell" class=${pointed?.join() === head.join() ? "pointed" : ""} data-off="${layer},${place}"
    aria-selected=${isOff(view, head)} tabindex=${isChosen ? 0 : -1} aria-label="${isOff(view, head) ? "Off" : "On"}. ${sentence}"
    .style=${`left:${x - 3}px;top:${y - 3}px;width:${width + 6}px;height:${height + 6}px`}
    @click=${() => toggle(view, [head], head)}
    @pointermove=${(event: PointerEvent) => event.pointerType === "mouse" && point(view, head)}></button>`;
}

function point(view: View, head: HeadAt | null): void {
  if (head?.join() === pointed?.join()) return;
  pointed = head;
  view.redraw();
}

/** Arrow keys lead to another head, which is the chosen one then; L is its layer, O all but it. */
function keyDown(event: KeyboardEvent, view: View): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { layers, heads } = view.model;
  const { layer, head } = view.state;
  const to = {
    ...{ ArrowLeft: [layer, head - 1], ArrowRight: [layer, head + 1] },
    ...{ ArrowUp: [layer - 1, head], ArrowDown: [layer + 1, head], Home: [layer, 0], End: [layer, heads - 1] },
  }[event.key];
  const key = event.key.toLowerCase();
  if (to) {
    event.preventDefault();
    const [l, h] = to;
    if (l < 0 || h < 0 || l >= layers || h >= heads) return;
    pointed = [l, h];
    view.change({ layer: l, head: h }, false);
    document.querySelector<HTMLElement>(`[data-off="${l},${h}"]`)?.focus();
  } else if (key === "l") toggle(view, layerOf(view, layer));
  else if (key === "o") set(view, allBut(view, [layer, head]));
  else if (event.key === "Escape") {
    if (view.state.off.length > 0) set(view, []);
  } else return;
  event.preventDefault();
}
