/** Search in the pages: their parts are fetched, and an index is made of them, when the box is first used. */
import MiniSearch from "minisearch";

/** A part of a page, from one heading to the next. */
export interface Part {
  readonly id: number;
  /** From the site's root. */
  readonly path: string;
  readonly title: string;
  readonly heading: string;
  readonly text: string;
}

const MOST = 12;
const AROUND = 80;

/** Makes a form search. */
export async function startSearch(form: HTMLFormElement): Promise<void> {
  const box = form.querySelector("input") as HTMLInputElement;
  const list = form.querySelector("ul") as HTMLUListElement;
  const status = form.querySelector("[role=status]") as HTMLElement;
  const root = new URL("./", import.meta.url);
  const parts: Part[] = await (await fetch(new URL("search.json", root))).json();
  const index = new MiniSearch<Part>({ fields: ["heading", "title", "text"] });
  index.addAll(parts);

  const search = () => {
    const words = box.value.trim();
    const options = { prefix: true, fuzzy: 0.15, combineWith: "AND", boost: { heading: 4, title: 3 } } as const;
    const found = words === "" ? [] : index.search(words, options).slice(0, MOST);
    list.replaceChildren(...found.map(({ id, terms }) => itemOf(parts[id as number], terms, root)));
    list.hidden = found.length === 0;
    status.textContent = words === "" ? "" : found.length === 0 ? "Nothing was found." : `${found.length} found`;
  };
  box.addEventListener("input", search);
  form.addEventListener("keydown", (event) => move(event, form));
  form.addEventListener("focusout", ({ relatedTarget }) => {
    if (!form.contains(relatedTarget as Node | null)) list.hidden = true;
  });
  box.addEventListener("focus", search);
  search();
}

/** The arrows go through what was found, Escape leaves it. */
function move(event: KeyboardEvent, form: HTMLFormElement): void {
  const places = [...form.querySelectorAll<HTMLElement>("input, ul:not([hidden]) a")];
  if (event.key === "Escape") {
    places[0].focus();
    (form.querySelector("ul") as HTMLElement).hidden = true;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  const at = places.indexOf(document.activeElement as HTMLElement);
  places[Math.min(Math.max(at + step, 0), places.length - 1)].focus();
}

function itemOf(part: Part, terms: readonly string[], root: URL): HTMLLIElement {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = new URL(part.path, root).href;
  const [name, excerpt] = [document.createElement("b"), document.createElement("span")];
  name.textContent = part.heading === part.title ? part.title : `${part.title} › ${part.heading}`;
  excerpt.textContent = excerptOf(part.text, terms);
  link.append(name, excerpt);
  item.append(link);
  return item;
}

/** The words around the first that was found. */
function excerptOf(text: string, terms: readonly string[]): string {
  const at = Math.max(
    0,
    Math.min(...terms.map((term) => text.toLowerCase().indexOf(term)).filter((place) => place >= 0)),
  );
  const from = Number.isFinite(at) && at > AROUND ? text.lastIndexOf(" ", at - AROUND / 2) + 1 : 0;
  const cut = text.slice(from, from + 2 * AROUND);
  return `${from > 0 ? "… " : ""}${cut}${from + cut.length < text.length ? " …" : ""}`;
}
