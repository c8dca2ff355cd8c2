/** The stepper: a forward pass tap by tap, with equation, numbers, source, and each number's terms. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ExplorerResult } from "../../explorerResult.ts";
import { tensorsOf } from "../../exported.ts";
import type { Scene } from "../../scene.ts";
import { digits, sizeOfTap, tapMatrix } from "../../scenes/tapMatrix.ts";
import { SCALES } from "../../state.ts";
import type { Step } from "../../steps/modelSteps.ts";
import type { TapNumbers, TapTerms } from "../../steps/tapAnswers.ts";
import type { TensorsToWrite } from "../../worker.ts";
import { choice } from "../controls.ts";
import { captionOf } from "../picture.ts";
import type { View } from "../view.ts";
import { equationOf, READING_PAGES } from "./equations.ts";
import { Latest } from "./latest.ts";
import { SOURCE_LINES } from "./sourceLines.ts";
import { groupOf, stepList, stepMenu } from "./stepList.ts";
import { inSight, matrixOf, pickedIn, strip } from "./tapStrip.ts";
import { tapTable } from "./tapTable.ts";
import { code, termsView } from "./termsView.ts";

/** What the colours of a strip go by, in words. */
const SCALE_NAMES = { linear: "number", root: "square root of it", row: "share of the row's largest" } as const;

/** The list of steps stands beside the rest where the page is so wide. */
const [WIDE, LIST, GAP] = [900, 220, 40];

const numbers = new Latest<readonly [ExplorerResult, string, model: string], TapNumbers>();
const terms = new Latest<readonly [ExplorerResult, string, place: string], TapTerms>();

/** The tap whose numbers are shown, and which of the steps it is. */
interface Chosen {
  readonly tap: string;
  readonly step: Step;
  readonly n: number;
}

function chosenOf({ state: { tap }, model: { steps } }: View): Chosen {
  const n = Math.max(
    0,
    steps.findIndex(({ names }) => names.includes(tap)),
  );
  return { tap: tap === "" ? steps[0].names[0] : tap, step: steps[n], n };
}

/** What has come of a tap's numbers. */
interface Shown {
  /** null: nothing of this tap and model yet. */
  readonly shown: TapNumbers | null;
  /** The text that they are of: the one before, until those of this one have come. */
  readonly result: ExplorerResult;
  readonly problem: string | null;
  readonly isCurrent: boolean;
}

function numbersOf({ result, model: { fingerprint }, look, redraw }: View, { tap }: Chosen): Shown {
  const ask = () => look({ request: result.request, tap, place: null });
  const { parts, value, problem, isCurrent } = numbers.get([result, tap, fingerprint], ask, redraw);
  const isOfThis = parts[1] === tap && parts[2] === fingerprint;
  return { shown: isOfThis ? value : null, result: parts[0], problem, isCurrent };
}

/** Whether the list of steps stands beside the rest. */
const isWide = ({ layout: { whole } }: View): boolean => whole >= WIDE;

/** What stands in the panel. */
export function content(view: View): TemplateResult {
  const { steps } = view.model;
  const chosen = chosenOf(view);
  const { step, n } = chosen;
  const goTo = (to: number) => {
    if (to === n || !steps[to]) return;
    view.change({ tap: steps[to].names[0], place: null }, true);
    view.say(`Step ${to + 1} of ${steps.length}: ${groupOf(steps[to])}, ${equationOf(steps[to]).title}`);
  };
  return html`<section class="stepper" aria-label="Step by step" @keydown=${(event: KeyboardEvent) => keyDown(event, n, goTo)}>
    <div class="heading"><h2>${groupOf(step)}: ${equationOf(step).title}</h2>
      <div class="turn"><span class="quiet">step ${n + 1} of ${steps.length}</span>
        <button aria-disabled=${n === 0} @click=${() => goTo(n - 1)}>‹ Previous</button>
        <button aria-disabled=${n === steps.length - 1} @click=${() => goTo(n + 1)}>Next ›</button></div>
    </div>
    ${isWide(view) ? nothing : stepMenu(steps, n, goTo)}
    <div class="beside" .style=${isWide(view) ? `grid-template-columns:${LIST}px minmax(0,1fr)` : ""}>
      ${isWide(view) ? stepList(steps, n, goTo) : nothing}
      <div>${about(view, chosen)}${seen(view, chosen)}</div></div>
  </section>`;
}

/** Comma and full stop lead to the steps before and after. */
function keyDown(event: KeyboardEvent, n: number, goTo: (n: number) => void): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if ((event.target as Element).matches("select, input")) return;
  if (event.key === ",") goTo(n - 1);
  else if (event.key === ".") goTo(n + 1);
}

/**
 * A file of the sources or a page of the tour, as a link where the page's index.html says where these are.
 *
 * @param name what stands for the `*` in the address that index.html has
 */
function linkTo(what: "sources" | "tour", name: string, anchor: string, text: TemplateResult): TemplateResult {
  const address = document.querySelector<HTMLMetaElement>(`meta[name="${what}"]`)?.content;
  return address ? html`<a href=${address.replace("*", () => name) + anchor}>${text}</a>` : text;
}

/** Equation, names, shape, source. */
function about(view: View, { step, tap }: Chosen): TemplateResult {
  const { math, paper, where, page } = equationOf(step);
  const { file, line, code: source } = SOURCE_LINES[step.kind];
  const others = step.names.filter((name) => name !== tap);
  return html`<div class="equation" role="group" aria-label="Equation" tabindex=${isWide(view) ? nothing : 0}>${math}</div>
    <p class="quiet">${where}. ${paper}.</p>
    <dl class="names">
      <div><dt>tap</dt><dd>${code(tap)}${others.length > 0 ? html` <span class="quiet">the same as ${others.map((name, n) => html`${n > 0 ? ", " : ""}${code(name)}`)}</span>` : nothing}</dd></div>
      <div><dt>made from</dt><dd>${madeFrom(view, step)}</dd></div>
      <div><dt>computed in</dt><dd>${linkTo("sources", file, `#L${line}`, html`${code(file)}, line ${line}`)}: <code class="quiet">${source}</code></dd></div>
      <div><dt>explained in</dt><dd>${linkTo("tour", page, "", html`${code(`docs/reading/${page}.md`)}, ${READING_PAGES[page]}`)}</dd></div>
    </dl>`;
}

/** The taps and parameters that a step is made from; a tap leads to its step. */
function madeFrom({ change }: View, { computation }: Step): TemplateResult {
  const tap = (name: string) =>
    html`<button class="tap" @click=${() => change({ tap: name, place: null }, true)}>${code(name)}</button>`;
  switch (computation.how) {
    case "lookup":
      return code(computation.table);
    case "linear":
      return html`${tap(computation.x)} ${code(computation.weight)} ${code(computation.bias)}`;
    case "norm": {
      const { sum, positions, gamma, beta } = computation;
      return html`${sum.map(tap)} ${positions === null ? nothing : code(positions)} ${code(gamma)} ${code(beta)}`;
    }
    case "probabilities":
      return html`${tap(computation.query)} ${tap(computation.key)}`;
    case "context":
      return html`${tap(computation.probabilities)} ${tap(computation.value)}`;
    case "activation":
      return tap(computation.x);
  }
}

/** The numbers: how many, how large, as a strip; and the terms of the one that is picked. */
function seen(view: View, chosen: Chosen): TemplateResult {
  const { shown, problem, isCurrent } = numbersOf(view, chosen);
  if (problem !== null && isCurrent) return html`<p class="problem" role="alert">${problem}</p>`;
  if (!shown) return html`<p class="quiet waiting"><span class="late">The numbers are computed …</span></p>`;
  const { letters } = equationOf(chosen.step);
  const isOfGaps = shown.shape.length === 2 && chosen.step.shape.length === 3;
  const shape = [isOfGaps ? "N" : "B", ...(isOfGaps ? letters.slice(-1) : letters)];
  const { state } = view;
  return html`<dl class="statistics">
      <div><dt>shape</dt><dd>[${shape.join(", ")}] = [${shown.shape.join(", ")}]</dd></div>
      ${(["min", "max", "mean", "norm"] as const).map((name) => html`<div><dt>${name}</dt><dd><data value=${shown[name]}>${digits(shown[name])}</data></dd></div>`)}
    </dl>
    <div class="controls">
      <button aria-pressed=${state.numbers} @click=${() => view.change({ numbers: !state.numbers }, true)}>Numbers</button>
      ${choice(
        "Strength",
        SCALES.map((scale) => [scale, SCALE_NAMES[scale]]),
        state.scale,
        (scale) => view.change({ scale }, true),
      )}
      ${
        isOfHead(chosen)
          ? choice(
              "Head",
              Array.from({ length: view.model.heads }, (_, a) => [String(a), String(a + 1)] as const),
              String(state.head),
              (head) => view.change({ head: Number(head) }, true),
            )
          : nothing
      }
    </div>
    <div class="numbered ${isCurrent ? "" : "stale"}">${picture(view, chosen, shown, isCurrent)}</div>`;
}

/** Whether only a head's part of a tap is shown. */
const isOfHead = ({ step: { kind } }: Chosen): boolean => kind === "probabilities";

/** The scene of the strip; null: the numbers are not there yet. */
function sceneOf(view: View, chosen: Chosen): Scene | null {
  const { shown, result } = numbersOf(view, chosen);
  if (!shown) return null;
  const { state, layout, pictures } = view;
  const { scale } = state;
  const width = isWide(view) ? layout.whole - LIST - GAP : layout.whole;
  const head = isOfHead(chosen) ? state.head : null;
  const place = inSight(shown, state.place);
  const title = `${groupOf(chosen.step)}: ${equationOf(chosen.step).title}${head === null ? "" : `, head ${head + 1}`}`;
  return pictures.scene("tap", [shown, scale, head, width, String(place)], () =>
    tapMatrix({ title, numbers: shown, tokens: result.tokens, head, place, scale }, width),
  );
}

function picture(view: View, chosen: Chosen, shown: TapNumbers, isCurrent: boolean): TemplateResult {
  const [rows, columns] = sizeOfTap(shown);
  const { place } = view.state;
  const picked = pickedIn(shown, place);
  const { tokens } = numbersOf(view, chosen).result;
  const scene = sceneOf(view, chosen) as Scene;
  return html`<figure>${strip({ view, numbers: shown, tokens, picked, scene })}${captionOf(scene)}</figure>
    ${view.state.numbers ? tapTable(matrixOf(scene), shown, tokens) : nothing}
    ${isCurrent && place && !picked ? html`<p class="problem" role="alert">The link's at must be below ${rows},${columns}, as the tap has so many rows and columns, got ${place.join()}.</p>` : nothing}
    ${isCurrent && picked ? termsOf(view, chosen, shown, picked) : html`<p class="quiet">Click a number, or press Enter, to see its terms.</p>`}`;
}

/** The terms of the number that is picked. */
function termsOf(
  view: View,
  chosen: Chosen,
  { positions }: TapNumbers,
  picked: readonly [number, number],
): TemplateResult {
  const { result, look, redraw, state, model } = view;
  const { tap, step } = chosen;
  const place = isOfHead(chosen) ? [state.head, ...picked] : [...picked];
  const ask = () => look({ request: result.request, tap, place });
  const { value, problem, isCurrent } = terms.get([result, tap, place.join()], ask, redraw);
  if (!isCurrent) return html`<p class="quiet"><span class="late">The terms are looked up …</span></p>`;
  if (!value) return html`<p class="problem" role="alert">${problem}</p>`;
  return termsView(value, {
    step,
    place,
    tokens: result.tokens,
    position: positions[picked[0]],
    backend: model.backend,
  });
}

/** The strip, for the menu of exports. */
export function pictures(view: View): readonly (readonly [name: string, file: string, scene: Scene])[] {
  const chosen = chosenOf(view);
  const scene = sceneOf(view, chosen);
  return scene === null ? [] : [["The step", chosen.tap, scene]];
}

/** The tap, for the same. */
export function tensors(view: View): readonly [name: string, file: string, tensors: TensorsToWrite] | null {
  const chosen = chosenOf(view);
  const { shown, result } = numbersOf(view, chosen);
  if (!shown) return null;
  const tensor = { shape: shown.shape, data: shown.data };
  return ["The step", `${chosen.tap}.safetensors`, tensorsOf(result, view.model, [[chosen.tap, tensor]])];
}
