/** The views below the three parts of the page: a tab for each, whose code is loaded when it is first opened. */
import { html, nothing, type TemplateResult } from "lit-html";
import type { Scene } from "../scene.ts";
import type { ExplorerState, FURTHER } from "../state.ts";
import type { TensorsToWrite } from "../worker.ts";
import type { View } from "./view.ts";

/** What the module of a further view exports. */
export interface FurtherView {
  /** What stands in its panel. */
  content(view: View): TemplateResult;
  /** What of it can be exported as a picture: its name, the file's, and its scene. */
  pictures(view: View): readonly (readonly [name: string, file: string, scene: Scene])[];
  /** What of it can be exported as tensors: its name, the file's, and what is written; null: nothing. */
  tensors?(view: View): readonly [name: string, file: string, tensors: TensorsToWrite] | null;
  /** What of it stands in the JSON, beside what the result has; null: nothing. */
  numbers?(view: View): unknown;
}

/** The further views, in the order of their tabs. */
export const FURTHER_VIEWS: readonly {
  readonly name: (typeof FURTHER)[number];
  readonly label: string;
  load(): Promise<FurtherView>;
}[] = [
  { name: "stepper", label: "Step by step", load: () => import("./stepper/stepperView.ts") },
  { name: "lens", label: "Lens by layer", load: () => import("./lensView.ts") },
  { name: "stream", label: "Residual stream", load: () => import("./streamView.ts") },
  { name: "pair", label: "Query · key", load: () => import("./pairView.ts") },
  { name: "heads", label: "Find heads", load: () => import("./headsView.ts") },
  { name: "ablation", label: "Head ablation", load: () => import("./ablationView.ts") },
  { name: "occlusion", label: "Occlusion", load: () => import("./occlusionView.ts") },
  { name: "similarity", label: "Similarity", load: () => import("./similarityView.ts") },
  { name: "compare", label: "Compare", load: () => import("./compareView.ts") },
];

/** Those that have been loaded, and why one could not be. */
const loaded = new Map<ExplorerState["more"], FurtherView | string>();

/** The one that is open and has been loaded; null: none. */
export function openView({ state }: View): FurtherView | null {
  const view = loaded.get(state.more);
  return typeof view === "object" ? view : null;
}

/** The tabs, and the panel of the one that is open. */
export function furtherViews(view: View): TemplateResult {
  const { more } = view.state;
  const reached = more === "" ? FURTHER_VIEWS[0].name : more;
  return html`<section class="further" aria-label="More">
    <div class="tabs" role="tablist" aria-label="More of the model" @keydown=${keyDown}>${FURTHER_VIEWS.map(
      ({ name, label }) => html`<button role="tab" id="tab-${name}" aria-selected=${name === more}
        aria-controls=${name === more ? "further" : nothing} tabindex=${name === reached ? 0 : -1}
        @click=${() => view.change({ more: name === more ? "" : name }, true)}>${label}</button>`,
    )}</div>
    ${more === "" ? nothing : html`<div id="further" role="tabpanel" aria-labelledby="tab-${more}">${panel(view)}</div>`}
  </section>`;
}

function panel(view: View): TemplateResult {
  const { more } = view.state;
  const module = loaded.get(more);
  if (typeof module === "string") return html`<p class="problem" role="alert">${module}</p>`;
  if (module) return module.content(view);
  FURTHER_VIEWS.find(({ name }) => name === more)
    ?.load()
    .then(
      (module) => loaded.set(more, module),
      (error: Error) => loaded.set(more, `This view cannot be loaded: ${error.message}`),
    )
    .then(() => view.redraw());
  return html`<p class="quiet">The view is loaded …</p>`;
}

/** Arrow keys lead from tab to tab; Enter opens, as a click does. */
function keyDown(event: KeyboardEvent): void {
  const tabs = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role="tab"]')];
  const at = tabs.indexOf(event.target as HTMLElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  tabs[(to + tabs.length) % tabs.length].focus();
}
