/** What the parts of the page share: what they show, and what they may ask for. */
import type { Client } from "../client.ts";
import type { ExplorerResult } from "../explorerResult.ts";
import type { ExplorerState } from "../state.ts";
import type { ModelSummary } from "../worker.ts";
import type { Beside } from "./beside.ts";
import type { Layout } from "./layout.ts";
import type { Pictures } from "./picture.ts";

/** A number, a row or a column of a head that is pointed at for the moment. */
export interface Pointer {
  readonly layer: number;
  readonly head: number;
  readonly query: number | null;
  readonly key: number | null;
}

/** What a part of the page is given. */
export interface View {
  /** What is shown; query and key are tokens of the text. */
  readonly state: ExplorerState;
  readonly result: ExplorerResult;
  /** The result with the numbers of edges that are chosen: probabilities, or norms. */
  readonly drawn: ExplorerResult;
  readonly model: ModelSummary;
  /** What `loadBert` is given to open the same model in Node; null: not known. */
  readonly loadedFrom: readonly unknown[] | null;
  readonly layout: Layout;
  readonly pictures: Pictures;
  readonly pointer: Pointer | null;
  /** Changes what is shown. @param isPinned whether the browser's way back leads to what was shown before */
  change(next: Partial<ExplorerState>, isPinned: boolean): void;
  /** Puts the texts in each other's place; what is hidden stays so. */
  swap(): void;
  /** Points at something for the moment. @param isSaid whether a screen reader tells its number */
  point(pointer: Pointer | null, isSaid?: boolean): void;
  /** Draws the page anew, as something has come that it did not wait for. */
  redraw(): void;
  /** The model that this one is compared with. */
  readonly beside: Beside;
  /** Looks at a tap. */
  readonly look: Client["look"];
  /** Tells a screen reader; at most once a second. */
  say(text: string): void;
  /** Shows what went wrong. */
  warn(text: string): void;
}

/** The chosen head with what is picked in it, for the moment or for longer. */
export function seen({ state, pointer }: View): ExplorerState {
  if (!pointer || pointer.layer !== state.layer || pointer.head !== state.head) return state;
  return { ...state, query: pointer.query ?? state.query, key: pointer.key ?? state.key };
}

/** A function that remembers its last value, and gives it again for the same parts. */
export function remembered<Parts extends readonly unknown[], Value>(
  make: (...parts: Parts) => Value,
): (...parts: Parts) => Value {
  let last: { readonly parts: Parts; readonly value: Value } | null = null;
  return (...parts) => {
    if (!last?.parts.every((part, n) => part === parts[n])) last = { parts, value: make(...parts) };
    return last.value;
  };
}

/** A function that runs another with the browser's next frame, however often it is called before. */
export function onNextFrame(run: () => void): () => void {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      run();
    });
  };
}
