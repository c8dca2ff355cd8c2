/**
 * Where worker and model come from: files beside the page; or, of the page that is one file, elements in it, as a page
 * from a disk may neither fetch nor start a worker of a file.
 */
import type { HubModel } from "./hubModel.ts";
import type { FilesInPage } from "./worker.ts";

/** The text of an element that holds data, which is emptied; null: there is none. */
function takeText(id: string): string | null {
  const element = document.getElementById(id);
  const text = element?.textContent ?? null;
  element?.remove();
  return text;
}

const source = takeText("worker-source");
const script = source === null ? null : URL.createObjectURL(new Blob([source], { type: "text/javascript" }));

/** Starts the page's worker. */
export function startWorker(): Worker {
  if (script !== null) return new Worker(script);
  return new Worker(new URL("./explorer-worker.js", import.meta.url), { type: "module" });
}

/** Whether the page may ask a hub, which one from a disk does not. */
export const hasHub: boolean = script === null;

/** The hub that is asked where `index.html` and the command's server name no other. */
const DEFAULT_HUB = "https://huggingface.co";

/** What `loadBert` is given in Node to open a hub's model. */
export const argumentsOfHub = ({ hub, endpoint }: HubModel): readonly unknown[] =>
  endpoint === DEFAULT_HUB ? [hub] : [hub, { endpoint }];

/** The hub's address. */
export async function hubAddress(): Promise<string> {
  const said =
    document.querySelector<HTMLMetaElement>('meta[name="hub"]')?.content ?? (await headerOf("plainbert-hub"));
  return said ?? DEFAULT_HUB;
}

/** A header that the command's server sends with the page; null: there is none. */
async function headerOf(name: string): Promise<string | null> {
  try {
    const { headers } = await fetch(location.pathname, { method: "HEAD" });
    const said = headers.get(name);
    return said === null ? null : decodeURIComponent(said);
  } catch {
    return null;
  }
}

/** The address of the model's folder, or its files. */
export function modelToOpen(): string | FilesInPage {
  const json = takeText("model-files");
  return json === null ? new URL("./model/", location.href).href : { json };
}

/**
 * What `loadBert` is given in Node to open the same model, as the command's server says; nothing for the small model;
 * null: not known.
 *
 * @param isServed whether the model came with the page
 */
export async function argumentsOfModel(fingerprint: string, isServed: boolean): Promise<readonly unknown[] | null> {
  if (document.querySelector<HTMLMetaElement>('meta[name="small-model"]')?.content === fingerprint) return [];
  if (!isServed || script !== null) return null;
  const said = await headerOf("plainbert-model");
  return said === null ? null : (JSON.parse(said) as unknown[]);
}
