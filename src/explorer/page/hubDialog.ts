/** Opening a model of a hub: its id is written, what it takes is told, and only then is it fetched. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { HubModel, HubSize } from "../hubModel.ts";
import { hubAddress, startWorker } from "../start.ts";
import type { FromWorker } from "../worker.ts";

/** What the dialog shows. */
interface Asked {
  /** As it is written. */
  readonly id: string;
  readonly endpoint: string;
  /** What the hub says; null: nothing has been asked yet. */
  readonly found: "coming" | HubSize | { readonly problem: string } | null;
}

let asked: Asked = { id: "", endpoint: "", found: null };
/** The worker that asks the hub; null: none. */
let worker: Worker | null = null;

/**
 * Opens the dialog.
 *
 * @param id   what stands in it at first
 * @param open is given the model that is to be fetched
 */
export async function openHubDialog(id: string, open: (model: HubModel) => void): Promise<void> {
  const dialog = dialogOf();
  stopAsking();
  asked = { id, endpoint: await hubAddress(), found: null };
  show(dialog, open);
  dialog.showModal();
}

/** The dialog, which is made once. */
function dialogOf(): HTMLDialogElement {
  const before = document.getElementById("hub") as HTMLDialogElement | null;
  if (before) return before;
  const dialog = document.createElement("dialog");
  dialog.id = "hub";
  dialog.setAttribute("aria-labelledby", "hub-title");
  dialog.addEventListener("close", stopAsking);
  document.body.append(dialog);
  return dialog;
}

function stopAsking(): void {
  worker?.terminate();
  worker = null;
}

function show(dialog: HTMLDialogElement, open: (model: HubModel) => void): void {
  const { id, endpoint, found } = asked;
  const set = (next: Partial<Asked>): void => {
    asked = { ...asked, ...next };
    show(dialog, open);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const model = { hub: id.trim(), endpoint };
    if (isSize(found)) {
      dialog.close();
      open(model);
    } else if (model.hub === "") {
      set({ found: { problem: "Write the id of a model, such as google-bert/bert-base-cased." } });
    } else {
      set({ found: "coming" });
      ask(model, (next) => set({ found: next }));
    }
  };
  const typed = (event: Event): void => {
    stopAsking();
    set({ id: (event.target as HTMLInputElement).value, found: null });
  };
  render(
    html`<form class="sheet" @submit=${submit}>
      <div class="heading"><h2 id="hub-title">A model of the hub</h2></div>
      <p>Its files are fetched from ${new URL(endpoint).host}, and kept by the browser for the next time. Nothing that you write is sent there.</p>
      <label class="choice">Id <input id="hub-id" .value=${id} placeholder="google-bert/bert-base-cased" maxlength="200"
        spellcheck="false" autocomplete="off" autocapitalize="off" @input=${typed}></label>
      <div role="status">${told(found)}</div>
      <div class="controls"><button type="submit" ?disabled=${found === "coming"}>${isSize(found) ? "Fetch and open" : "Look it up"}</button>
        <button type="button" @click=${() => dialog.close()}>Cancel</button></div>
    </form>`,
    dialog,
  );
}

const isSize = (found: Asked["found"]): found is HubSize =>
  found !== null && typeof found === "object" && "bytes" in found;

/** What the hub says, in words. */
function told(found: Asked["found"]): TemplateResult | typeof nothing {
  if (found === null) return nothing;
  if (found === "coming") return html`<p class="quiet">The hub is asked …</p>`;
  if ("problem" in found) return html`<p class="problem">${found.problem}</p>`;
  const { bytes, parameters, memory } = found;
  return html`<p>${inMillions(parameters)} million numbers: ${inMillions(bytes)} MB to fetch, unless the browser has kept them.
    The page takes about ${inMillions(memory)} MB of memory while the model is open, and up to a third more while it comes.</p>`;
}

const inMillions = (count: number): string => (count / 1e6).toFixed(count < 1e7 ? 1 : 0);

/** Asks the hub, in a worker of its own. */
function ask(model: HubModel, answer: (found: Asked["found"]) => void): void {
  stopAsking();
  const own = startWorker();
  worker = own;
  const done = (found: Asked["found"]): void => {
    if (worker !== own) return;
    stopAsking();
    answer(found);
  };
  own.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if ("found" in data) done(data.found);
    else if ("problem" in data) done({ problem: data.problem });
  };
  own.onerror = () => done({ problem: "The worker that asks the hub has stopped." });
  own.postMessage({ lookUp: model });
}
