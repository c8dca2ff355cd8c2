/**
 * What the page shows, as one value that a link can hold: `#v=1&a=…&b=…&mask=4,7&l=3&h=5&view=lines&scale=linear`. It
 * stands behind the `#`, which no server is sent.
 */
import {
  type HeadAt,
  OCCLUSIONS,
  type Occlusion,
  SUBJECTS,
  type SubjectKind,
  UNITS,
  type UnitKind,
} from "./effects/choices.ts";
import type { ExplorerToken } from "./explorerResult.ts";
import { STREAM_MEASURES, type StreamMeasure } from "./further/residual.ts";

/** How the attention of one head is drawn. */
export const VIEWS = ["lines", "matrix"] as const;
/** What the opacity or colour of a probability goes by: itself, its square root, its share of its row's largest. */
export const SCALES = ["linear", "root", "row"] as const;
/** Which edges are drawn, by the segments of query and key. */
export const PAIRS = ["all", "aa", "ab", "ba", "bb"] as const;

/**
 * In which order the heads stand on the map: by layer and head, sharpest first, or by what they look at most: the token
 * before, the one after, the token itself, [CLS], [SEP], or the picked key from the picked query.
 */
export const SORTS = ["place", "sharp", "previous", "next", "self", "cls", "sep", "pair"] as const;

/** The number of an edge: its attention probability α, or the norm of what the head takes over it, ‖α f(x)‖. */
export const WEIGHTS = ["weight", "norm"] as const;

/** The views below the three parts of the page, one of which can be open. */
export const FURTHER = [
  "stepper",
  "lens",
  "stream",
  "pair",
  "heads",
  "ablation",
  "occlusion",
  "similarity",
  "compare",
] as const;

/** Which answer heads and words are taken from: the first that the model has of the text, or one of these. */
export const ANSWERS: readonly ["first", ...typeof SUBJECTS] = ["first", ...SUBJECTS];

/**
 * What heads are searched for: the attention to keys of a kind; the mean distance; the entropy; the attention from the
 * picked query to the picked key.
 */
export const NEEDLES = [
  "previous",
  "next",
  "self",
  "cls",
  "sep",
  "punctuation",
  "pieces",
  "same",
  "other",
  "mask",
  "distance",
  "entropy",
  "pair",
] as const;

/** What the page shows. */
export interface ExplorerState {
  /** The name of the folder that was opened in the page, or the id of the hub's model; "" for the page's own model. */
  readonly model: string;
  /** The first text. */
  readonly text: string;
  /** The second; "" where there is none. */
  readonly pair: string;
  /** Positions of tokens that are masked by a click, ascending. */
  readonly masks: readonly number[];
  /** The pieces to choose from for each gap, with spaces or commas between them; "" for the likeliest of all. */
  readonly targets: string;
  /** The chosen layer and head, from 0. */
  readonly layer: number;
  readonly head: number;
  readonly view: (typeof VIEWS)[number];
  readonly scale: (typeof SCALES)[number];
  readonly pairs: (typeof PAIRS)[number];
  readonly sort: (typeof SORTS)[number];
  /** The position of the token whose row is picked; null: none. */
  readonly query: number | null;
  /** That of the token whose column is picked; null: none. */
  readonly key: number | null;
  /** Whether the numbers are shown as tables. */
  readonly numbers: boolean;
  /** Which number of an edge is drawn. */
  readonly weights: (typeof WEIGHTS)[number];
  /** The further view that is open; "" for none. */
  readonly more: (typeof FURTHER)[number] | "";
  /** The name of the tap that the stepper shows; "" for the first. */
  readonly tap: string;
  /** Row and column of the number that is picked in it; null: none. */
  readonly place: readonly [row: number, column: number] | null;
  /** What is measured of the residual stream. */
  readonly stream: StreamMeasure;
  /** Whether the stream is measured without its outliers. */
  readonly without: boolean;
  readonly needle: (typeof NEEDLES)[number];
  /** The heads that are switched off, in the order of layers and heads. */
  readonly off: readonly HeadAt[];
  /** Which answer heads and words are taken from. */
  readonly answer: "first" | SubjectKind;
  /** What stands in the place of a word that is taken away. */
  readonly by: Occlusion;
  /** Whether words are taken away, or tokens. */
  readonly units: UnitKind;
  /** What the texts are compared with; both "": the same texts. */
  readonly otherText: string;
  readonly otherPair: string;
  /** Positions of hidden tokens in them, ascending. */
  readonly otherMasks: readonly number[];
  /** The name of the model that the other one is compared with; "": itself. */
  readonly otherModel: string;
}

/** What the page shows at first. */
export const INITIAL_STATE: ExplorerState = {
  model: "",
  text: "She opened the [MASK] and looked out.",
  pair: "",
  masks: [],
  targets: "",
  layer: 0,
  head: 0,
  view: "lines",
  scale: "linear",
  pairs: "all",
  sort: "place",
  query: null,
  key: null,
  numbers: false,
  weights: "weight",
  more: "",
  tap: "",
  place: null,
  stream: "norm",
  without: false,
  needle: "previous",
  off: [],
  answer: "first",
  by: "mask",
  units: "word",
  otherText: "",
  otherPair: "",
  otherMasks: [],
  otherModel: "",
};

/** Texts of more characters, together, are not put into a link. */
export const MOST_CHARACTERS = 2000;
/** The list of pieces to choose from has at most as many. */
export const MOST_TARGETS = 200;

/** What a link says, what of it is not understood, and the fields that are not ours, which are kept. */
export interface ReadLink {
  readonly state: ExplorerState;
  /** Whether it says anything of a layer or a head. */
  readonly saysHead: boolean;
  /** Sentences for the user. */
  readonly problems: readonly string[];
  readonly others: ReadonlyMap<string, string>;
}

const FIELDS = [
  ...["v", "m", "a", "b", "mask", "targets", "l", "h", "view", "scale", "pairs", "sort", "q", "k", "n"],
  ...[
    "weights",
    "more",
    "tap",
    "at",
    "stream",
    "without",
    "needle",
    "off",
    "answer",
    "by",
    "units",
    "oa",
    "ob",
    "omask",
    "om",
  ],
];

/** Those that hold one of several words, and are left out where it is the first. */
const CHOICES = [
  ...(["scale", "pairs", "sort", "weights", "more", "stream", "needle"] as const),
  ...(["answer", "by", "units"] as const),
];
/** A tap's name has at most as many characters. */
const MOST_NAME = 200;

/** The characters of all texts. */
const lengthOf = ({ text, pair, otherText, otherPair }: ExplorerState): number =>
  text.length + pair.length + otherText.length + otherPair.length;

const fitsLink = (state: ExplorerState): boolean => lengthOf(state) <= MOST_CHARACTERS;

/** Why the link of a state does not have its texts, in a sentence; null where it has them. */
export function leftOutOfLink(state: ExplorerState): string | null {
  if (fitsLink(state)) return null;
  const why = `${lengthOf(state)} characters, where it takes at most ${MOST_CHARACTERS}`;
  return `The address of this page leaves the text out: ${why}. A reload loses the text.`;
}

/**
 * The link of a state, without texts that are too long and what is picked in them.
 *
 * @param others fields that are not ours, as `readLink` gives them
 */
export function linkOf(state: ExplorerState, others: ReadonlyMap<string, string> = new Map()): string {
  const { model, text, pair, masks, targets, layer, head, view, query, key, numbers, tap, place, off } = state;
  const fits = fitsLink(state);
  const fields = new URLSearchParams({ v: "1", ...(model !== "" && { m: model }), ...(fits && { a: text }) });
  if (fits && pair !== "") fields.set("b", pair);
  if (fits && masks.length > 0) fields.set("mask", masks.join());
  if (targets !== "") fields.set("targets", targets);
  fields.set("l", String(layer));
  fields.set("h", String(head));
  fields.set("view", view);
  for (const name of CHOICES) if (state[name] !== INITIAL_STATE[name]) fields.set(name, state[name]);
  if (fits && query !== null) fields.set("q", String(query));
  if (fits && key !== null) fields.set("k", String(key));
  if (numbers) fields.set("n", "1");
  if (state.without) fields.set("without", "1");
  if (off.length > 0) fields.set("off", off.map((head) => head.join(".")).join());
  if (tap !== "") fields.set("tap", tap);
  if (fits && place !== null) fields.set("at", place.join());
  if (fits && state.otherText !== "") fields.set("oa", state.otherText);
  if (fits && state.otherPair !== "") fields.set("ob", state.otherPair);
  if (fits && state.otherMasks.length > 0) fields.set("omask", state.otherMasks.join());
  if (state.otherModel !== "") fields.set("om", state.otherModel);
  for (const [name, value] of others) fields.set(name, value);
  return `#${fields}`;
}

/** What a link says; where it says nothing, or nothing that can be meant, the initial state's. */
export function readLink(hash: string): ReadLink {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const problems: string[] = [];
  const wrong = <Value>(name: string, must: string, value: Value): Value => {
    const given = fields.get(name) ?? "";
    const shown = given.length > 40 ? `${given.slice(0, 40)}…` : given;
    problems.push(`The link's ${name} must be ${must}, got "${shown}".`);
    return value;
  };
  const whole = <Value>(name: string, fallback: Value): number | Value => {
    const given = fields.get(name);
    if (given === null) return fallback;
    return /^\d{1,5}$/.test(given) ? Number(given) : wrong(name, "a whole number", fallback);
  };
  const choice = <Choice extends string, Fallback extends string = Choice>(
    name: string,
    choices: readonly Choice[],
    fallback: Fallback,
  ): Choice | Fallback => {
    const given = fields.get(name);
    if (given === null) return fallback;
    return choices.find((one) => one === given) ?? wrong(name, `one of ${choices.join(", ")}`, fallback);
  };
  const version = fields.get("v");
  if (version !== null && version !== "1") wrong("v", "1", null);
  const positions = (name: string): number[] => {
    const given = fields.get(name);
    if (given === null) return [];
    if (!/^\d{1,5}(,\d{1,5})*$/.test(given)) return wrong(name, "whole numbers with commas between them", []);
    return [...new Set(given.split(",").map(Number))].sort((a, b) => a - b);
  };
  const targets = fields.get("targets") ?? "";
  const tap = fields.get("tap") ?? "";
  const at = fields.get("at");
  const isPlace = at === null || /^\d{1,6},\d{1,6}$/.test(at);
  const off = fields.get("off");
  const areHeads = off === null || /^\d{1,5}\.\d{1,5}(,\d{1,5}\.\d{1,5})*$/.test(off);
  const state: ExplorerState = {
    model: fields.get("m") ?? INITIAL_STATE.model,
    text: fields.get("a") ?? INITIAL_STATE.text,
    pair: fields.get("b") ?? "",
    masks: positions("mask"),
    targets: targets.length <= MOST_TARGETS ? targets : wrong("targets", `at most ${MOST_TARGETS} characters`, ""),
    layer: whole("l", INITIAL_STATE.layer),
    head: whole("h", INITIAL_STATE.head),
    view: choice("view", VIEWS, INITIAL_STATE.view),
    scale: choice("scale", SCALES, INITIAL_STATE.scale),
    pairs: choice("pairs", PAIRS, INITIAL_STATE.pairs),
    sort: choice("sort", SORTS, INITIAL_STATE.sort),
    query: whole("q", null),
    key: whole("k", null),
    numbers: choice("n", ["0", "1"], "0") === "1",
    weights: choice("weights", WEIGHTS, INITIAL_STATE.weights),
    more: choice("more", FURTHER, ""),
    stream: choice("stream", STREAM_MEASURES, INITIAL_STATE.stream),
    without: choice("without", ["0", "1"], "0") === "1",
    needle: choice("needle", NEEDLES, INITIAL_STATE.needle),
    off: areHeads ? headsOf(off ?? "") : wrong("off", "heads such as 0.2 with commas between them", []),
    answer: choice("answer", ANSWERS, INITIAL_STATE.answer),
    by: choice("by", OCCLUSIONS, INITIAL_STATE.by),
    units: choice("units", UNITS, INITIAL_STATE.units),
    ...{ otherText: fields.get("oa") ?? "", otherPair: fields.get("ob") ?? "", otherMasks: positions("omask") },
    otherModel: fields.get("om") ?? "",
    tap: tap.length <= MOST_NAME ? tap : wrong("tap", `at most ${MOST_NAME} characters`, ""),
    place: isPlace ? placeOf(at) : wrong("at", "a row and a column with a comma between them", null),
  };
  const others = new Map([...fields].filter(([name]) => !FIELDS.includes(name)));
  return { state, saysHead: fields.has("l") || fields.has("h"), problems, others };
}

/** A place as a link has it, such as `4,7`. */
function placeOf(at: string | null): ExplorerState["place"] {
  if (at === null) return null;
  const [row, column] = at.split(",").map(Number);
  return [row, column];
}

/** Heads as a link has them, such as `0.2,3.1`. */
function headsOf(off: string): HeadAt[] {
  const heads = off
    .split(",")
    .filter(Boolean)
    .map((head): HeadAt => {
      const [layer, place] = head.split(".").map(Number);
      return [layer, place];
    });
  return inOrder(heads);
}

/** Heads in the order of layers and heads, each once. */
export function inOrder(heads: readonly HeadAt[]): HeadAt[] {
  const all = new Map(heads.map((head) => [head.join(), head]));
  return [...all.values()].sort(([l, h], [m, g]) => l - m || h - g);
}

/** The pieces to choose from, each once. */
export const targetsOf = (state: Pick<ExplorerState, "targets">): string[] => [
  ...new Set(state.targets.split(/[\s,]+/).filter(Boolean)),
];

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

/** A state within a model's layers, heads and taps. */
export function withinModel(state: ExplorerState, { layers, heads, steps }: Extent): Kept {
  const problems: string[] = [];
  const hasTap = state.tap === "" || steps.some(({ names }) => names.includes(state.tap));
  if (!hasTap) problems.push(`The link's tap must be the name of one of the model's, got "${state.tap}".`);
  const below = (name: string, value: number, count: number): number => {
    if (value < count) return value;
    problems.push(`The link's ${name} must be below ${count}, as the model has so many, got ${value}.`);
    return count - 1;
  };
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
      ...{ layer: below("l, a layer,", state.layer, layers), head: below("h, a head,", state.head, heads) },
      ...(!hasTap && { tap: "", place: null }),
    },
    problems,
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
