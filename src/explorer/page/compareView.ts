/** Two texts, or two models, side by side: the same pictures on one scale, and what they differ in as numbers. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { ComparedResult } from "../explorerResult.ts";
import { isLarge } from "../modelSize.ts";
import type { Scene } from "../scene.ts";
import { followsOf } from "../scenes/answers.ts";
import { headRow } from "../scenes/badges.ts";
import {
  answersBeside,
  commonTokens,
  type DifferingHead,
  differenceMatrix,
  differencesOf,
  differingHeads,
  differingPicture,
  headsBeside,
  MOST_LISTED,
} from "../scenes/sideBySide.ts";
import { signed } from "../scenes/signed.ts";
import { hasHub } from "../start.ts";
import { chosenFolder, faultOf } from "./folder.ts";
import { type Cell, numbersButton, numbersTable } from "./numbersTable.ts";
import { canvasOf, captionOf } from "./picture.ts";
import { remembered, type View } from "./view.ts";

const orderIn = remembered(differingHeads);

/** Pixels between columns. */
const GAP = 48;

/** The pictures with the ids of their canvases, those of heads first. */
function scenesOf(
  view: View,
  compared: ComparedResult,
): { readonly heads: Scene | null; readonly matrices: readonly Scene[]; readonly answers: readonly Scene[] } {
  const { result, state, layout, pictures: made } = view;
  const { layer, head, scale } = state;
  const third = layout.whole >= 1000 ? Math.floor((layout.whole - 2 * GAP) / 3) : layout.whole;
  const narrow = Math.min(520, layout.whole);
  const order = orderIn(compared, result.heads);
  const of = [compared, layer, head, scale, third];
  const matrix = (n: 0 | 1) => made.scene(MATRICES[n], of, () => headsBeside(result, compared.result, state, third)[n]);
  return {
    heads:
      order.length === 0 ? null : made.scene("differing", [compared, narrow], () => differingPicture(order, narrow)),
    matrices: [
      matrix(0),
      matrix(1),
      made.scene(MATRICES[2], of, () => differenceMatrix(result, compared, state, third)),
    ],
    answers: compared.gaps.map((gap, n) =>
      made.scene(`answers-beside-${n}`, [compared, narrow], () => answersBeside(result, compared, gap, narrow)),
    ),
  };
}

const MATRICES = ["head-above", "head-other", "head-difference"] as const;

/** What can be exported. */
export function pictures(view: View): [name: string, file: string, scene: Scene][] {
  const { compared } = view.result;
  if (!compared) return [];
  const { heads, matrices, answers } = scenesOf(view, compared);
  const files = ["above", "other", "difference"];
  return [
    ...(heads ? [["Heads that differ most", "heads-that-differ", heads] as [string, string, Scene]] : []),
    ...matrices.map((scene, n): [string, string, Scene] => [scene.title, `head-${files[n]}`, scene]),
    ...answers.map((scene, n): [string, string, Scene] => [`${scene.title}, both`, `answers-beside-${n}`, scene]),
  ];
}

/** The controls, and what is compared. */
export function content(view: View): TemplateResult {
  const { result, state, change } = view;
  const { compared } = result;
  return html`
    <div class="heading"><h2>Compare</h2>${numbersButton(state.numbers, (numbers) => change({ numbers }, true))}</div>
    ${controls(view)}
    ${compared ? sides(view, compared) : html`<p class="quiet">${nothingYet(view)}</p>`}`;
}

function nothingYet({ state, beside }: View): string {
  if (beside.name !== "" && !beside.model) return "The other model is coming.";
  if (state.otherText !== null || state.otherPair !== null) return "The comparison is coming.";
  return "Write another text; or take the text above, and change one of the two; or open another model, to see the same text in both.";
}

/** The boxes of the other text, and what opens the other model. */
function controls(view: View): TemplateResult {
  const { state, change, beside, model, result } = view;
  const { text, pair, masks, otherText, otherPair } = state;
  const otherMasks = result.compared?.result.request.masks ?? state.otherMasks;
  const waits = isLarge(model.config);
  const box = (id: string, name: string, value: string | null, set: (value: string | null) => void): TemplateResult => {
    const typed = (event: Event): void => set((event.target as HTMLInputElement).value || null);
    return html`<label class="choice">${name}
      <input id=${id} .value=${value ?? ""} placeholder=${value === null ? "the same" : "none"} spellcheck="false"
        autocomplete="off" @input=${waits ? nothing : typed} @change=${waits ? typed : nothing}></label>`;
  };
  const isSame = otherText === null && otherPair === null;
  const lost = state.otherModel !== "" && state.otherModel !== beside.name;
  return html`
    <div class="others">
      ${box("other-a", "Other text A", otherText, (value) => change({ otherText: value, otherMasks: [] }, waits))}
      ${box("other-b", "Other text B", otherPair, (value) => change({ otherPair: value, otherMasks: [] }, waits))}
    </div>
    ${waits ? html`<p class="quiet">A model of this size computes when you press Enter.</p>` : nothing}
    <div class="controls">
      ${pair === "" ? nothing : html`<button aria-pressed=${otherPair === ""} @click=${() => change({ otherPair: otherPair === "" ? null : "" }, true)}>No other text B</button>`}
      <button @click=${() => change({ otherText: text, otherPair: pair, otherMasks: masks }, true)}>Take the text above</button>
      <button ?disabled=${isSame} @click=${() => change({ text: otherText ?? text, pair: otherPair ?? pair, masks: otherMasks, query: null, key: null, place: null, otherText: text, otherPair: pair, otherMasks: masks }, true)}>Exchange the two</button>
      ${modelControls(view)}
    </div>
    ${otherMasks.length > 0 ? html`<p class="quiet">Hidden in the other text: ${otherMasks.length === 1 ? "position" : "positions"} ${otherMasks.join(", ")}.</p>` : nothing}
    ${lost ? html`<p class="quiet">The link compares with the model “${state.otherModel}”: open it again.</p>` : nothing}
    ${beside.problem === null ? nothing : html`<p class="problem" role="alert">${beside.problem}</p>`}`;
}

function modelControls({ beside, state }: View): TemplateResult {
  if (beside.name !== "") {
    const share = beside.progress > 0 ? `: ${Math.round(beside.progress)} %` : " …";
    return html`<span class="quiet" role="status">Other model: “${beside.name}”${beside.model ? "" : ` is coming${share}`}</span>
      <button id="same-model" @click=${() => beside.open("", null)}>${beside.model ? "The same model again" : "Cancel"}</button>`;
  }
  const choose = (event: Event): void =>
    (event.currentTarget as Element).parentElement?.querySelector<HTMLInputElement>("#other-folder")?.click();
  const chosen = ({ currentTarget }: Event): void => {
    const input = currentTarget as HTMLInputElement;
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length === 0) return;
    const folder = chosenFolder(files);
    const fault = faultOf(folder);
    if (fault === null) beside.open(folder.name, folder.files);
    else beside.refuse(fault);
  };
  const id = state.otherModel.includes("/") ? state.otherModel : "";
  return html`<button @click=${choose}>Another model's folder …</button>
    ${hasHub ? html`<button id="other-hub" @click=${() => beside.askHub(id)}>Another model of the hub …</button>` : nothing}
    <input id="other-folder" type="file" webkitdirectory hidden aria-label="Another model's folder" @change=${chosen}>`;
}

/** What differs, in a sentence or two. */
function summary({ result, model, beside }: View, compared: ComparedResult): string {
  const { tokens, heads } = result;
  const common = commonTokens(compared).length;
  const [most] = orderIn(compared, heads);
  const { divergences, gaps, result: other } = compared;
  const mean = divergences ? divergences.reduce((sum, one) => sum + one, 0) / divergences.length : 0;
  const [next, otherNext] = [result.nextSentence, other.nextSentence];
  return [
    `${common} of ${tokens.length} tokens above have a place among the other's ${other.tokens.length}.`,
    most
      ? `Heads differ by ${mean.toFixed(4)} bits on average, at most by ${most.divergence.toFixed(4)}: layer ${most.layer + 1}, head ${most.head + 1}.`
      : `The two models differ in their numbers of layers or heads, so no head is compared with another: ${model.layers} × ${model.heads} above, ${beside.model?.layers} × ${beside.model?.heads} in the other.`,
    ...gaps.flatMap(({ here, divergence }) =>
      divergence === null
        ? []
        : [`What fits at position ${result.gaps[here].position} differs by ${divergence.toFixed(4)} bits.`],
    ),
    ...(next && otherNext
      ? [
          `That B follows A: ${percent(followsOf(next.logits))} above, ${percent(followsOf(otherNext.logits))} in the other.`,
        ]
      : []),
  ].join(" ");
}

const percent = (probability: number): string => `${(100 * probability).toFixed(2)} %`;

function sides(view: View, compared: ComparedResult): TemplateResult {
  const { state, result } = view;
  const { heads, matrices, answers } = scenesOf(view, compared);
  const order = orderIn(compared, result.heads);
  return html`
    <p>${summary(view, compared)}</p>
    <div class="columns matrices">${matrices.map(
      (scene, n) => html`<div><h3>${scene.title}</h3>
        <figure><div class="scroll" tabindex="0" role="region" aria-label=${scene.title}>${canvasOf(MATRICES[n], altOf(view, compared, n))}</div>${captionOf(scene)}</figure></div>`,
    )}</div>
    <div class="columns">
      ${
        heads
          ? html`<div><h3>${heads.title}</h3><figure><div class="picture">${canvasOf("differing")}
        <ol class="rows" aria-label="Heads that differ most">${order.slice(0, MOST_LISTED).map((one, n) => headButton(view, one, n))}</ol>
      </div>${captionOf(heads)}</figure></div>`
          : nothing
      }
      ${answers.map((scene, n) => html`<div><h3>${scene.title}</h3><figure>${canvasOf(`answers-beside-${n}`, answersAlt(compared, n))}${captionOf(scene)}</figure></div>`)}
    </div>
    ${state.numbers ? tables(view, compared) : nothing}`;
}

function headButton({ state, change }: View, { layer, head, divergence }: DifferingHead, n: number): TemplateResult {
  const { y, height } = headRow(n);
  const isChosen = layer === state.layer && head === state.head;
  return html`<li><button aria-label="layer ${layer + 1}, head ${head + 1}: ${divergence.toFixed(4)} bits" aria-current=${isChosen ? "true" : nothing}
    .style=${`top:${y}px;height:${height}px`} @click=${() => change({ layer, head }, true)}></button></li>`;
}

/** The largest number of a matrix, in words. */
function altOf(view: View, compared: ComparedResult, n: number): string {
  const { result, state } = view;
  const title = scenesOf(view, compared).matrices[n].title;
  if (n < 2) return `${title}, as a matrix: a row is a token that looks.`;
  const differences = differencesOf(result, compared, state);
  const common = commonTokens(compared);
  const most = differences.reduce((a, b, at) => (Math.abs(b) > Math.abs(differences[a]) ? at : a), 0);
  if (common.length === 0) return `${title}: the texts have no token in common.`;
  const [i, j] = [Math.floor(most / common.length), most % common.length].map((place) => common[place][0]);
  const name = (t: number) => `“${result.tokens[t].piece}”`;
  return `${title}. The largest difference is ${signed(differences[most], 4)}, from ${name(i)} at ${i} to ${name(j)} at ${j}.`;
}

function answersAlt({ gaps }: ComparedResult, n: number): string {
  const words = gaps[n].answers.map(({ here, there }) => `${here.piece} ${percent(here.probability)} and ${there ? percent(there.probability) : "none"}`); // biome-ignore format: one line
  return `Above and in the other: ${words.join("; ")}`;
}

function tables({ result, state }: View, compared: ComparedResult): TemplateResult {
  const { heads } = result;
  const { divergences, gaps } = compared;
  const common = commonTokens(compared);
  const differences = differencesOf(result, compared, state);
  const nameOf = (t: number) => result.tokens[t].piece;
  return html`
    ${
      divergences
        ? numbersTable(
            "How far each head differs, in bits: a row is a layer",
            Array.from({ length: heads }, (_, head) => `head ${head + 1}`),
            Array.from({ length: divergences.length / heads }, (_, layer): [string, ...Cell[]] => [
              `layer ${layer + 1}`,
              ...Array.from({ length: heads }, (_none, head): Cell => [divergences[layer * heads + head], 4]),
            ]),
          )
        : nothing
    }
    ${numbersTable(
      `Layer ${state.layer + 1}, head ${state.head + 1}, above minus other: a row is a token that looks`,
      common.slice(0, MOST_COLUMNS).map(([t]) => nameOf(t)),
      common.map(([t], i): [string, ...Cell[]] => [
        nameOf(t),
        ...common.slice(0, MOST_COLUMNS).map((_, j): Cell => [differences[i * common.length + j], 4]),
      ]),
    )}
    ${gaps.map(({ here, answers }) =>
      numbersTable(
        `What fits at position ${result.gaps[here].position}, above and in the other`,
        ["above", "other", "above minus other"],
        answers.map(({ here: own, there }): [string, ...Cell[]] => [
          own.piece,
          [own.probability, 6],
          there ? [there.probability, 6] : "",
          there ? [own.probability - there.probability, 6] : "",
        ]),
      ),
    )}`;
}

/** A table of more columns is cut to these. */
const MOST_COLUMNS = 64;
