/** The page: what is typed and clicked becomes a state, the state a request, the result scenes. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { Client } from "./client.ts";
import { drawScene, type Ink } from "./draw/canvas.ts";
import { svgOf } from "./draw/svg.ts";
import type { ExplorerResult, ExplorerToken } from "./result.ts";
import { numbersOf, type Scene } from "./scene.ts";
import { gapAnswers, nextSentence } from "./scenes/answers.ts";
import { headLines, headMatrix } from "./scenes/head.ts";
import { mapPlaces, modelMap } from "./scenes/modelMap.ts";
import { modelToOpen, startWorker } from "./start.ts";
import {
  type ExplorerState,
  type Kept,
  leftOutOfLink,
  linkOf,
  PAIRS,
  readLink,
  SCALES,
  VIEWS,
  withinModel,
  withinText,
} from "./state.ts";
import type { ModelSummary } from "./worker.ts";

/** Pixels of a map of the model. */
const MAP = 72;
/** How many answers there are for each gap. */
const TOP = 8;

let { state, problems, others } = readLink(location.hash);
let model: ModelSummary | null = null;
let result: ExplorerResult | null = null;
let progress = 0;
let problem: string | null = null;

let hasStopped = false;

const client = new Client(startWorker, {
  progress(share) {
    progress = share;
    show();
  },
  opened(summary) {
    model = summary;
    [hasStopped, problem] = [false, null];
    state = within(state);
    ask();
  },
  result(next) {
    result = next;
    problem = null;
    state = kept(withinText(state, next.tokens));
    show();
  },
  problem(message) {
    problem = message;
    show();
  },
  stopped(message) {
    problem = message;
    hasStopped = true;
    show();
  },
});
client.open(modelToOpen());

/** The same state, within the model's layers and heads. */
function within(given: ExplorerState): ExplorerState {
  return model ? kept(withinModel(given, model)) : given;
}

/** The state, while what could not be kept of it is told. */
function kept({ state: within, problems: more }: Kept): ExplorerState {
  if (more.length > 0) problems = [...problems, ...more];
  return within;
}

/** Starts another worker in place of one that has stopped. */
function startAgain(): void {
  [problem, hasStopped, progress, model] = [null, false, 0, null];
  client.restart();
  show();
}

function ask(): void {
  const { text, pair, masks } = state;
  if (model) client.ask({ text, pair, masks, top: TOP });
  show();
}

/** Changes what is shown. @param isPinned whether the browser's way back leads to what was shown before */
function change(next: Partial<ExplorerState>, isPinned: boolean): void {
  const before = state;
  problems = []; // those of the link, which is another now
  state = within({ ...state, ...next });
  const link = linkOf(state, others);
  if (isPinned) history.pushState(null, "", link);
  else history.replaceState(null, "", link);
  const isOther =
    before.text !== state.text || before.pair !== state.pair || before.masks.join() !== state.masks.join();
  if (isOther) ask();
  else show();
}

addEventListener("popstate", () => {
  ({ state, problems, others } = readLink(location.hash));
  state = within(state);
  ask();
});

function show(): void {
  render(page(), document.getElementById("page") as HTMLElement);
  for (const canvas of document.querySelectorAll("canvas")) {
    const scene = scenes.get(canvas.id);
    if (scene) drawScene(canvas, scene, ink(), devicePixelRatio);
    if (scene)
      [canvas.style.width, canvas.style.aspectRatio] = [`${scene.width}px`, `${scene.width} / ${scene.height}`];
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);

function ink(): Ink {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name: string) => styles.getPropertyValue(name).trim();
  return {
    plain: colour("--ink"),
    strong: colour("--ink"),
    quiet: colour("--quiet"),
    accent: colour("--accent"),
    font: "system-ui, sans-serif",
  };
}

/** The scenes that are on the page, by the id of their canvas. */
const scenes = new Map<string, Scene>();

function page(): TemplateResult {
  scenes.clear();
  return html`
    <header>
      <h1>See BERT think</h1>
      <p class="quiet">${status()}</p>
    </header>
    <form class="texts" @submit=${(event: Event) => event.preventDefault()}>
      <label>Text
        <input type="text" .value=${state.text} spellcheck="false" autocomplete="off"
          @input=${(event: Event) => change({ text: typed(event), masks: [], query: null }, false)}>
      </label>
      <label>Second text
        <input type="text" .value=${state.pair} spellcheck="false" autocomplete="off"
          @input=${(event: Event) => change({ pair: typed(event), masks: [], query: null }, false)}>
      </label>
    </form>
    ${[...problems, leftOutOfLink(state), problem].map((text) => text && html`<p class="problem" role="alert">${text}</p>`)}
    ${hasStopped ? html`<p><button id="again" @click=${startAgain}>Start again</button></p>` : nothing}
    ${result ? views(result) : nothing}
  `;
}

function status(): string {
  if (!model) return progress > 0 ? `The model is coming: ${Math.round(progress)} %.` : "The model is coming.";
  const { layers, heads, hiddenSize, backend } = model;
  const time = result ? `, ${result.milliseconds.toFixed(0)} ms` : "";
  return `${layers} layers, ${heads} heads, ${hiddenSize} numbers a token; ${backend}${time}. Nothing leaves this page.`;
}

const typed = (event: Event): string => (event.target as HTMLInputElement | HTMLSelectElement).value;

function views(shown: ExplorerResult): TemplateResult {
  const head = state.view === "lines" ? headLines(shown, state) : headMatrix(shown, state);
  const sentence = nextSentence(shown);
  return html`
    <section aria-label="Tokens">
      <ul class="tokens">${shown.tokens.map((token, t) => tokenButton(token, t, shown.tokens[t - 1]))}</ul>
      ${shown.whole > shown.tokens.length ? html`<p class="quiet">${shown.tokens.length} of ${shown.whole} tokens are shown.</p>` : nothing}
    </section>
    <div class="views">
      <section id="map" aria-label="The model">${modelView(shown)}</section>
      <section aria-label="One head">
        <h2>${head.title}</h2>
        <div class="controls">
          ${choice("Drawn as", VIEWS, state.view, (view) => change({ view }, true))}
          ${state.view === "lines" ? choice("Opacity", SCALES, state.scale, (scale) => change({ scale }, true)) : nothing}
          ${state.view === "lines" && state.pair !== "" ? choice("Between", PAIRS, state.pairs, (pairs) => change({ pairs }, true)) : nothing}
          <button @click=${() => save(head)}>Save as SVG</button>
          <button aria-pressed=${state.numbers} @click=${() => change({ numbers: !state.numbers }, true)}>Numbers</button>
        </div>
        ${picture("head", head)}
        ${state.numbers ? table(head) : nothing}
      </section>
      <section aria-label="Predictions">
        ${shown.gaps.length === 0 ? html`<h2>What fits</h2><p class="quiet">Click a token to hide it.</p>` : nothing}
        ${shown.gaps.map((gap) => {
          const scene = gapAnswers(gap);
          return html`<h2>${scene.title}</h2>${picture(`gap-${gap.position}`, scene)}`;
        })}
        ${sentence ? html`<h2>${sentence.title}</h2>${picture("sentence", sentence)}` : nothing}
      </section>
    </div>
  `;
}

function tokenButton(token: ExplorerToken, t: number, before: ExplorerToken | undefined): TemplateResult {
  const isContinued = token.word !== null && before?.word === token.word && before.segment === token.segment;
  const classes = [
    token.isSpecial && !token.isMasked && "special",
    token.isMasked && "masked",
    token.segment === 1 && "second",
    isContinued && "continued",
  ];
  const masks = state.masks.includes(t)
    ? state.masks.filter((one) => one !== t)
    : [...state.masks, t].sort((a, b) => a - b);
  return html`<li><button class=${classes.filter(Boolean).join(" ")} aria-pressed=${state.query === t}
    title="id ${token.id}, position ${t}, segment ${token.segment}. Click: its row. Double-click or M: hide it."
    @click=${() => change({ query: state.query === t ? null : t }, true)}
    @dblclick=${() => !token.isSpecial && change({ masks, query: null }, true)}
    @keydown=${(event: KeyboardEvent) => event.key.toLowerCase() === "m" && !token.isSpecial && change({ masks }, true)}
    >${token.piece}<small>${token.id}</small></button></li>`;
}

function modelView(shown: ExplorerResult): TemplateResult {
  const scene = modelMap(shown, MAP);
  const { at } = mapPlaces(shown, sideOf(scene));
  const side = sideOf(scene);
  const cells = shown.attentions.map(
    (_, layer) =>
      html`<div role="row">${Array.from({ length: shown.heads }, (_, head) => {
        const [x, y] = at(layer, head);
        const isChosen = layer === state.layer && head === state.head;
        return html`<button role="gridcell" aria-selected=${isChosen} tabindex=${isChosen ? 0 : -1} aria-label="layer ${layer + 1}, head ${head + 1}"
        .style=${`left:${x - 3}px;top:${y - 3}px;width:${side + 6}px;height:${side + 6}px`} data-place="${layer},${head}"
        @click=${() => change({ layer, head }, true)} @keydown=${move}></button>`;
      })}</div>`,
  );
  return html`<h2>The model</h2>
    <div class="scroll"><div class="map">${picture("map-canvas", scene, false)}<div role="grid" aria-label="Layers and heads">${cells}</div></div></div>
    <figcaption>${scene.legend.join(" ")}</figcaption>`;
}

function sideOf(scene: Scene): number {
  const [map] = scene.shapes.filter((shape) => shape.kind === "matrix");
  return map ? map.cell * map.columns : 0;
}

/** Arrow keys move through layers and heads. */
function move(event: KeyboardEvent): void {
  const steps: Readonly<Record<string, readonly [number, number]>> = {
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
  };
  const step = steps[event.key];
  if (!step || !model) return;
  event.preventDefault();
  const layer = Math.min(model.layers - 1, Math.max(0, state.layer + step[0]));
  const head = Math.min(model.heads - 1, Math.max(0, state.head + step[1]));
  change({ layer, head }, true);
  document.querySelector<HTMLElement>(`[data-place="${layer},${head}"]`)?.focus();
}

function choice<Choice extends string>(
  label: string,
  choices: readonly Choice[],
  chosen: Choice,
  set: (choice: Choice) => void,
): TemplateResult {
  return html`<label>${label}<select @change=${(event: Event) => set(typed(event) as Choice)}>
    ${choices.map((one) => html`<option value=${one} ?selected=${one === chosen}>${one}</option>`)}</select></label>`;
}

function picture(id: string, scene: Scene, hasLegend = true): TemplateResult {
  scenes.set(id, scene);
  return html`<figure><div class=${hasLegend ? "scroll" : ""}><canvas id=${id} role="img" aria-label=${scene.title}></canvas></div>
    ${hasLegend ? html`<figcaption>${scene.legend.join(" ")}</figcaption>` : nothing}</figure>`;
}

function table(scene: Scene): TemplateResult {
  const rows = [...numbersOf(scene)].slice(0, 4096);
  return html`<div class="scroll"><table><thead><tr><th>place</th><th>number</th></tr></thead><tbody>
    ${rows.map(({ value, ref }) => html`<tr><td>${ref.at.join(", ")}</td><td>${value}</td></tr>`)}</tbody></table></div>`;
}

function save(scene: Scene): void {
  const notes = [state.text, ...(state.pair === "" ? [] : [state.pair]), `model ${model?.fingerprint ?? ""}`];
  const url = URL.createObjectURL(new Blob([svgOf(scene, notes)], { type: "image/svg+xml" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: "attention.svg" });
  link.click();
  URL.revokeObjectURL(url);
}

show();
