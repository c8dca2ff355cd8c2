/** The menu of what leaves the page: pictures, numbers, code. */
import { html, nothing, type TemplateResult } from "lit-html";
import { pngOf } from "../draw/png.ts";
import { svgOf } from "../draw/svg.ts";
import { codeOf, jsonOf, tensorsOf } from "../exported.ts";
import type { Scene } from "../scene.ts";
import type { TensorsToWrite } from "../worker.ts";
import { answerScenes } from "./answersView.ts";
import type { Comparison } from "./compared.ts";
import { menu } from "./controls.ts";
import { openView } from "./furtherViews.ts";
import { headScene } from "./headView.ts";
import { mapScene } from "./mapView.ts";
import { cutSentence } from "./strip.ts";
import type { View } from "./view.ts";

/** Of the library; the build writes it. */
declare const PLAINBERT_VERSION: string;

/** Characters of a text that stand below a picture. */
const MOST_TEXT = 500;

/** What the button is called that copies; after it has, it says so for as many milliseconds. */
const COPY = "Copy code that computes this head";
const COPIED_MS = 2000;

/** The menu. @param write asks the worker for a file of tensors */
export function exportMenu(
  view: View,
  comparison: Comparison,
  write: (name: string, file: TensorsToWrite) => void,
): TemplateResult {
  const { result, model, state } = view;
  const further = openView(view);
  const pictures: (readonly [name: string, file: string, scene: Scene])[] = [
    ["The model", "model", mapScene(view)],
    ["The head", `layer-${state.layer + 1}-head-${state.head + 1}-${state.view}`, headScene(view)],
    ...answerScenes(view, comparison).map(
      ([id, scene, gap]) => [scene.title, gap ? `position-${gap.position}` : id, scene] as const,
    ),
    ...(further?.pictures(view) ?? []),
  ];
  const tensors = further?.tensors?.(view) ?? null;
  return menu(
    "Export",
    html`<p class="quiet">Pictures, with legend, texts and the model's fingerprint</p>
      <ul>${pictures.map(
        ([name, file, scene]) => html`<li><span>${name}</span>
          <button aria-label="${name} as SVG" @click=${() => saveSvg(view, scene, file)}>SVG</button>
          <button aria-label="${name} as PNG" @click=${() => savePng(view, scene, file)}>PNG</button></li>`,
      )}</ul>
      <p class="quiet">Numbers, with all their digits</p>
      <ul>
        <li><button @click=${() => save(view.say, new Blob([jsonOf(result, model, PLAINBERT_VERSION, further?.numbers?.(view))], { type: "application/json" }), "plainbert.json")}>Everything as JSON</button></li>
        <li><button @click=${() => write("attention.safetensors", tensorsOf(result, model))}>All attention as .safetensors</button></li>
        ${tensors === null ? nothing : html`<li><button @click=${() => write(tensors[1], tensors[2])}>${tensors[0]} as .safetensors</button></li>`}
        <li><button @click=${(event: Event) => copy(view, event, codeOf(result, state.layer, state.head, model, view.loadedFrom))}><span .textContent=${COPY}></span></button></li>
      </ul>`,
  );
}

/** A text as it stands below a picture: where it is long its beginning. */
const cut = (text: string): string =>
  text.length <= MOST_TEXT ? text : `${text.slice(0, MOST_TEXT)}… (${text.length} characters)`;

/** What stands below a picture that leaves the page. */
function notesOf({ result, model }: View): string[] {
  const { text, pair } = result.request;
  const shown = cutSentence(result);
  const hidden = result.tokens.flatMap(({ isMasked }, t) => (isMasked ? [t] : []));
  return [
    pair === "" ? `Text: ${cut(text)}` : `A: ${cut(text)}`,
    ...(pair === "" ? [] : [`B: ${cut(pair)}`]),
    ...(shown === null ? [] : [shown]),
    ...(hidden.length > 0
      ? [`[MASK] stands at ${hidden.length === 1 ? "position" : "positions"} ${hidden.join(", ")}.`]
      : []),
    `Model ${model.fingerprint}, plainbert ${PLAINBERT_VERSION}`,
  ];
}

function saveSvg(view: View, scene: Scene, name: string): void {
  save(view.say, new Blob([svgOf(scene, notesOf(view))], { type: "image/svg+xml" }), `${name}.svg`);
}

function savePng(view: View, scene: Scene, name: string): void {
  pngOf(scene, notesOf(view)).then(
    (blob) => save(view.say, blob, `${name}.png`),
    (error: Error) => view.warn(error.message),
  );
}

/** Gives a file to the browser to save. */
export function save(say: View["say"], blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // a browser may begin to read it later
  say(`${name} is saved`);
}

/** Copies a text, which the button says for a while. */
async function copy(view: View, { currentTarget }: Event, text: string): Promise<void> {
  const name = (currentTarget as HTMLElement).querySelector("span") as HTMLElement;
  try {
    await navigator.clipboard.writeText(text); // there is no clipboard on a page that a browser does not trust
  } catch {
    return view.warn("The browser does not let the page copy.");
  }
  name.textContent = "Copied";
  setTimeout(() => (name.textContent = COPY), COPIED_MS);
  view.say("The code is copied.");
}
