/** A model's folder that is chosen or dropped: its files are read in the page, and sent nowhere. */
import { html, nothing, type TemplateResult } from "lit-html";
import { closeMenu, menu } from "./controls.ts";

/** A folder's files by their names in it, and its own name. */
export interface Folder {
  readonly name: string;
  readonly files: ReadonlyMap<string, File>;
}

/** Folders inside a model's folder are read to this depth: `1_Pooling/config.json` is of depth 1. */
const DEPTH = 2;

/**
 * The menu that lets a model be opened.
 *
 * @param open   is given the folder that is chosen
 * @param askHub opens the dialog of the hub; null: there is none
 */
export function openMenu(open: (folder: Folder) => void, askHub: (() => void) | null): TemplateResult {
  const chosen = (event: Event): void => {
    const input = event.currentTarget as HTMLInputElement;
    const files = [...(input.files ?? [])];
    if (files.length > 0) open(chosenFolder(files));
    input.value = ""; // so that the same folder can be chosen again, once it is mended
  };
  const choose = (event: Event): void => {
    closeMenu(event.currentTarget as Element);
    document.getElementById("folder")?.click();
  };
  const hub = (event: Event): void => {
    closeMenu(event.currentTarget as Element);
    askHub?.();
  };
  return html`${menu(
    "Open model",
    html`<ul><li><button id="open-folder" @click=${choose}>A folder of this machine …</button></li>
      ${askHub === null ? nothing : html`<li><button id="open-hub" @click=${hub}>A model of the hub …</button></li>`}</ul>
      <p class="quiet">A folder's files are read in the page, and sent nowhere.</p>`,
  )}<input id="folder" type="file" webkitdirectory hidden aria-label="A model's folder" @change=${chosen}>`;
}

/** The folder of files as an input gives them, each with its path from the folder on. */
export function chosenFolder(files: readonly File[]): Folder {
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

/** A file or a folder that was dropped. */
interface Dropped {
  readonly name: string;
  /** null: it is a folder. */
  file(): Promise<File | null>;
  inside(): Promise<Dropped[]>;
}

/**
 * What is dropped: a folder, or files as if they were all of one.
 *
 * @throws DOMException a file cannot be read
 */
async function droppedFolder({ dataTransfer }: DragEvent): Promise<Folder> {
  // All are asked for before the first wait: the browser forgets what was dropped then.
  const all = await Promise.all([...(dataTransfer?.items ?? [])].map(droppedItem));
  const [first] = all;
  const isFolder = all.length === 1 && (await first.file()) === null;
  const files = new Map<string, File>();
  for (const one of isFolder ? await first.inside() : all) await collect(one, "", DEPTH, files);
  const name = all.length === 1 ? first.name : `${all.length} files`;
  return { name, files };
}

/** Why a folder cannot be a model's, before its files are read; null: it may be one. */
export function faultOf({ name, files }: Folder): string | null {
  const names = [...files.keys()];
  if (names.length === 0) return `“${name}” has no files.`;
  if (names.some((file) => !file.includes("/"))) return null;
  const config = names.find((file) => file.endsWith("/config.json")) ?? names[0];
  return `“${name}” has folders alone: open the one of a model, such as “${config.split("/").slice(0, -1).join("/")}”.`;
}

async function collect(dropped: Dropped, within: string, depth: number, files: Map<string, File>): Promise<void> {
  const file = await dropped.file();
  const name = within + dropped.name;
  if (file) files.set(name, file);
  else if (depth > 0) for (const inner of await dropped.inside()) await collect(inner, `${name}/`, depth - 1, files);
}

/** Chromium's way, which alone works on a page from a disk. */
interface ItemWithHandle extends DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

async function droppedItem(item: ItemWithHandle): Promise<Dropped> {
  const [handle, entry] = [item.getAsFileSystemHandle?.(), item.webkitGetAsEntry()];
  const found = await handle;
  if (found) return ofHandle(found);
  if (entry) return ofEntry(entry);
  throw new TypeError("What was dropped is neither a file nor a folder.");
}

const ofHandle = (handle: FileSystemHandle): Dropped => ({
  name: handle.name,
  file: async () => (handle.kind === "file" ? (handle as FileSystemFileHandle).getFile() : null),
  inside: async () => {
    const all: Dropped[] = [];
    for await (const inner of (handle as FileSystemDirectoryHandle).values()) all.push(ofHandle(inner));
    return all;
  },
});

const ofEntry = (entry: FileSystemEntry): Dropped => ({
  name: entry.name,
  file: async () =>
    entry.isFile ? new Promise((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)) : null,
  inside: async () => {
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    const all: Dropped[] = [];
    // A browser gives a hundred at a time.
    for (;;) {
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return all;
      all.push(...some.map(ofEntry));
    }
  },
});
