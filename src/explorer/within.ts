import type { ExplorerToken } from "./explorerResult.ts";
import { type ExplorerState, INITIAL_STATE } from "./state.ts";

/** A state, and a sentence for each choice in it that could not be kept. */
export interface Kept {
  readonly state: ExplorerState;
  readonly problems: readonly string[];
}

/**
 * A state without what stands for layers, heads and tokens of another model.
 *
 * @param model the name of the one that there is
 */
export function ofModel(state: ExplorerState, model: string): Kept {
  if (state.model === model) return { state, problems: [] };
  const { layer, head, masks, query, key, tap, place, off } = INITIAL_STATE;
  const from = state.model.includes("/") ? "the hub" : "a folder";
  const again = `The link is of the model “${state.model}”, which was opened from ${from}: open it again.`;
  return {
    state: { ...state, model, layer, head, masks, query, key, tap, place, off },
    problems: state.model === "" ? [] : [again],
  };
}

/** What a state must be within. */
interface Extent {
  readonly layers: number;
  readonly heads: number;
  /** The names of each step's taps. */
  readonly steps: readonly { readonly names: readonly string[] }[];
}

/** A state within a model's layers, heads and taps; and whether its head is one of the model's. */
export function withinModel(
  state: ExplorerState,
  { layers, heads, steps }: Extent,
): Kept & { readonly hasHead: boolean } {
  const problems: string[] = [];
  const hasTap = state.tap === "" || steps.some(({ names }) => names.includes(state.tap));
  if (!hasTap)
    problems.push(
      `The link's tap must name a tap of this model (a point where a number can be read), got "${state.tap}".`,
    );
  const below = (name: string, value: number, count: number): number | null => {
    if (value < count) return value;
    problems.push(`The link's ${name} must be below ${count}, as the model has so many, got ${value}.`);
    return null;
  };
  const [layer, head] = [below("l, a layer,", state.layer, layers), below("h, a head,", state.head, heads)];
  const hasHead = layer !== null && head !== null;
  const off = state.off.filter(([layer, head]) => layer < layers && head < heads);
  if (off.length < state.off.length) {
    const wrong = state.off.filter((head) => !off.includes(head)).slice(0, 8);
    problems.push(
      `The link's off must be heads that the model has, got ${wrong.map((head) => head.join(".")).join(", ")}.`,
    );
  }
  return {
    state: {
      ...state,
      ...(off.length < state.off.length && { off }),
      ...(!hasHead && { layer: INITIAL_STATE.layer, head: INITIAL_STATE.head }),
      ...(!hasTap && { tap: "", place: null }),
    },
    problems,
    hasHead,
  };
}

/** A state within the tokens of its texts, computed with its masks. */
export function withinText(
  state: ExplorerState,
  tokens: readonly Pick<ExplorerToken, "isSpecial" | "isMasked" | "hidden">[],
): Kept {
  const problems: string[] = [];
  const canHide = ({ isSpecial, isMasked, hidden }: (typeof tokens)[number]) => !isSpecial && (!isMasked || hidden);
  const masks = state.masks.filter((t) => t < tokens.length && canHide(tokens[t]));
  if (masks.length < state.masks.length) {
    const wrong = state.masks.filter((t) => !masks.includes(t)).slice(0, 8);
    problems.push(`The link's mask must be positions of tokens that can be hidden, got ${wrong.join(", ")}.`);
  }
  const inText = (name: string, position: number | null): number | null => {
    if (position === null || position < tokens.length) return position;
    problems.push(`The link's ${name} must be below ${tokens.length}, the number of tokens, got ${position}.`);
    return null;
  };
  const [query, key] = [inText("q", state.query), inText("k", state.key)];
  return problems.length === 0 ? { state, problems } : { state: { ...state, masks, query, key }, problems };
}
