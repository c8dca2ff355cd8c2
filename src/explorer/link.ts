/**
 * What the page shows, as one value that a link can hold: `#v=1&a=…&b=…&mask=4,7&l=3&h=5&view=lines&scale=linear`. It
 * stands behind the `#`, which no server is sent.
 */
import type { HeadAt } from "./effects/choices.ts";
import { OCCLUSIONS, UNITS } from "./effects/choices.ts";
import { STREAM_MEASURES } from "./further/residual.ts";
import {
  ANSWERS,
  type ExplorerState,
  FURTHER,
  INITIAL_STATE,
  inOrder,
  MOST_TARGETS,
  NEEDLES,
  PAIRS,
  SCALES,
  SORTS,
  VIEWS,
  WEIGHTS,
} from "./state.ts";

/** Texts of more characters, together, are not put into a link. */
export const MOST_CHARACTERS = 2000;

/** What a link says, what of it is not understood, and the fields that are not ours, which are kept. */
export interface ReadLink {
  readonly state: ExplorerState;
  /** Whether it says which layer or head. */
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
  text.length + pair.length + (otherText ?? "").length + (otherPair ?? "").length;

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
  if (fits && state.otherText !== null) fields.set("oa", state.otherText);
  if (fits && state.otherPair !== null) fields.set("ob", state.otherPair);
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
    ...{ otherText: fields.get("oa"), otherPair: fields.get("ob"), otherMasks: positions("omask") },
    otherModel: fields.get("om") ?? "",
    tap: tap.length <= MOST_NAME ? tap : wrong("tap", `at most ${MOST_NAME} characters`, ""),
    place: isPlace ? placeOf(at) : wrong("at", "a row and a column with a comma between them", null),
  };
  const saysHead = ["l", "h"].some((name) => /^\d{1,5}$/.test(fields.get(name) ?? ""));
  const others = new Map([...fields].filter(([name]) => !FIELDS.includes(name)));
  return { state, saysHead, problems, others };
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
