/** What the page shows, as one value, which link.ts puts into a link. */
import { type HeadAt, type Occlusion, SUBJECTS, type SubjectKind, type UnitKind } from "./effects/choices.ts";
import type { StreamMeasure } from "./further/residual.ts";

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
  /** What the texts are compared with; null: the same text, with the same tokens hidden; "": none. */
  readonly otherText: string | null;
  readonly otherPair: string | null;
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
  otherText: null,
  otherPair: null,
  otherMasks: [],
  otherModel: "",
};

/** The list of pieces to choose from has at most as many. */
export const MOST_TARGETS = 200;

/** Heads in the order of layers and heads, each once. */
export function inOrder(heads: readonly HeadAt[]): HeadAt[] {
  const all = new Map(heads.map((head) => [head.join(), head]));
  return [...all.values()].sort(([l, h], [m, g]) => l - m || h - g);
}

/** The pieces to choose from, each once. */
export const targetsOf = (state: Pick<ExplorerState, "targets">): string[] => [
  ...new Set(state.targets.split(/[\s,]+/).filter(Boolean)),
];
