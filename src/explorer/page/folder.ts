/** A model's folder that is chosen or dropped: its files are read in the page, and sent nowhere. */
import { html, type TemplateResult } from "lit-html";

/** A folder's files by their names in it, and its own name. */
export interface Folder {
  readonly name: string;
  readonly files: ReadonlyMap<string, File>;
}

/** Folders inside a model's folder are read to this depth: `1_Pooling/config.json` is of depth 1. */
const DEPTH = 2;

/** The button that lets a folder be chosen. @param open is given the folder */
export function folderButton(open: (folder: Folder) => void): TemplateResult {
  const chosen = (event: Event): void => {
    const input = event.currentTarget as HTMLInputElement;
    const files = [...(input.files ?? [])];
    if (files.length > 0) open(chosenFolder(files));
    input.value = ""; // so that the same folder can be chosen again, once it is mended
  };
  const choose = (event: Event): void =>
    (event.currentTarget as Element).parentElement?.querySelector<HTMLInputElement>("#folder")?.click();
  return html`<span><button @click=${choose}>Open model</button>
    <input id="folder" type="file" webkitdirectory hidden aria-label="A model's folder" @change=${chosen}></span>`;
}

/** The folder of files as an input gives them, each with its path from the folder on. */
function chosenFolder(files: readonly File[]): Folder {
  const [name] = files[0].webkitRelativePath.split("/");
  return {
    name,
    files: new Map(files.map((file) => [file.webkitRelativePath.slice(name.length + 1), file])),
  };
}

/**
 * Lets a folder be dropped anywhere on the page, which shows that it may be.
 *
 * @param open   is given the folder
 * @param refuse is told why it cannot be read
 */
export function takeDrops(open: (folder: Folder) => void, refuse: (error: Error) => void): void {
  const mark = (is: boolean): boolean => document.documentElement.classList.toggle("over", is);
  // A text that is dragged into a box is no folder.
  const over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    mark(true);
  };
  addEventListener("dragenter", over);
  addEventListener("dragover", over);
  addEventListener("dragleave", ({ relatedTarget }) => relatedTarget === null && mark(false));
  addEventListener("drop", (event) => {
    mark(false);
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    droppedFolder(event).then(open, refuse);
  });
}

/**
 * What is dropped: a folder, or files as if they were all of one.
 *
 * @throws DOMException a file cannot be read
 */
async function droppedFolder({ dataTransfer }: DragEvent): Promise<Folder> {
  // All entries are asked for before the first wait: the browser forgets what was dropped then.
  const entries = [...(dataTransfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const [first] = entries;
  const isFolder = entries.length === 1 && first.isDirectory;
  const files = new Map<string, File>();
  for (const entry of isFolder ? await entriesIn(first) : entries) await collect(entry, "", DEPTH, files);
  return { name: first?.name ?? "", files };
}

async function collect(entry: FileSystemEntry, within: string, depth: number, files: Map<string, File>): Promise<void> {
  const name = within + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    files.set(name, file);
  } else if (depth > 0) {
    for (const inner of await entriesIn(entry)) await collect(inner, `${name}/`, depth - 1, files);
  }
}

/** What is in a folder; a browser gives a hundred at a time. */
async function entriesIn(folder: FileSystemEntry): Promise<FileSystemEntry[]> {
  const reader = (folder as FileSystemDirectoryEntry).createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
