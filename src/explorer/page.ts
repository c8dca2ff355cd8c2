/** The page: what is typed and clicked becomes a state, the state a request, the result scenes. */
import { html, nothing, render, type TemplateResult } from "lit-html";
import { Client } from "./client.ts";
import type { ExplorerResult } from "./explorerResult.ts";
import { carriedOver, type HiddenPiece, hiddenPieces, isPieceOf, shownAgain } from "./hidden.ts";
import { leftOutOfLink, linkOf, readLink } from "./link.ts";
import { isLarge } from "./modelSize.ts";
import { answerSentence } from "./page/answersView.ts";
import { Beside } from "./page/beside.ts";
import { Comparison } from "./page/compared.ts";
import { closeMenus, fadeEdges } from "./page/controls.ts";
import { exampleMenu } from "./page/examples.ts";
import { furtherRequest, requestOf, textAsked } from "./page/explorerRequest.ts";
import { exportMenu, save } from "./page/exports.ts";
import { openMenu, takeDrops } from "./page/folder.ts";
import { frame, nameOfModel, statusOf } from "./page/frame.ts";
import { keyDown } from "./page/keyDown.ts";
import { bringIntoSight, keepInSight, layoutOf } from "./page/layout.ts";
import { Opening } from "./page/opening.ts";
import { Pictures } from "./page/picture.ts";
import { sentenceOf } from "./page/readout.ts";
import { Speaker } from "./page/speaker.ts";
import { onNextFrame, type Pointer, remembered, type View } from "./page/view.ts";
import { clearestHead } from "./scenes/order.ts";
import { argumentsOfModel, hasHub, modelToOpen, startWorker } from "./start.ts";
import type { ExplorerState } from "./state.ts";
import { weighted } from "./weighted.ts";
import { type Kept, ofModel, withinModel, withinText } from "./within.ts";
import type { ModelSummary, TensorsToWrite } from "./worker.ts";

let { state, saysHead, problems, others } = readLink(location.hash);
/** Whether the positions in the state are those of a link, and not of what was clicked. */
let isOfLink = true;
/** Tokens that stay hidden in the text that is typed, until it has positions; null: `state.masks` has them. */
let carried: readonly HiddenPiece[] | null = null;
let model: ModelSummary | null = null;
let result: ExplorerResult | null = null;
let pointer: Pointer | null = null;
/** What `loadBert` is given to open the same model elsewhere; null: not known. */
let loadedFrom: readonly unknown[] | null = null;
let progress = 0;
/** The names of the files that the worker writes, in order. */
const writing: string[] = [];
/** Whether what is shown is not yet what was asked for last. */
let isComputing = false;
let problem: string | null = null;
/** Whether a text was typed and waits for Enter. */
let isHeld = false;
/** Whether the worker has stopped, and another can be started. */
let hasStopped = false;
/** Whether the further view that the address names is yet to be brought into sight, which happens once. */
let isUnseen = state.more !== "";

const pictures = new Pictures();
const comparison = new Comparison(() => show());
const speaker = new Speaker(() => document.getElementById("spoken"));

const client = new Client(startWorker, {
  progress(share) {
    progress = share;
    show();
  },
  opened(summary) {
    model = summary;
    beside.forget();
    [hasStopped, problem] = [false, null];
    if (opening.coming !== null) forgetBefore();
    state = within(state);
    ask();
    argumentsOfModel(summary.fingerprint, opening.chosen === null).then((from) => {
      if (model !== summary) return;
      loadedFrom = from ?? opening.chosen?.from ?? null;
      show();
    });
  },
  unopened(message) {
    const given = "the given folder"; // what the library calls it
    refuse(message.replaceAll(given, opening.coming?.name ?? given));
  },
  result(next) {
    const isOther = !result || textAsked(next.request) !== textAsked(result.request);
    const before = JSON.stringify(furtherRequest(state));
    if (isOther) comparison.came(result);
    result = next;
    [problem, pointer, isComputing] = [null, null, false];
    if (!saysHead) {
      [state, saysHead] = [{ ...state, ...clearestHead(next) }, true];
      if (opening.chosen !== null) history.replaceState(null, "", linkOf(state, others));
    }
    keepHidden(next);
    keepWithin(next);
    // What is open may want something of the head that was chosen only now.
    if (JSON.stringify(furtherRequest(state)) === before) show();
    else ask();
    if (isOther) speaker.say(answerSentence(next));
  },
  problem(message) {
    [problem, isComputing] = [message, false];
    show();
  },
  stopped(message) {
    [problem, hasStopped, isComputing, opening.coming] = [message, true, false, null];
    writing.length = 0;
    beside.forget();
    show();
  },
  beside: (news) => beside.heard(news),
  written(file) {
    if (typeof file === "string") [problem] = [file, writing.shift()];
    else save((text) => speaker.say(text), new Blob([file as Uint8Array<ArrayBuffer>]), writing.shift() as string);
    show();
  },
});
client.open(modelToOpen());
const opening = new Opening(client, {
  changed() {
    [problem, progress] = [null, 0];
    show();
  },
  refuse,
});
const beside = new Beside(client, {
  opened(name) {
    change({ otherModel: name }, false);
    ask();
  },
  changed: show,
});
const openFolder = opening.openFolder.bind(opening);
const look = client.look.bind(client) as Client["look"];

/** Tells why a model was not opened, in sight wherever the page was scrolled to. */
function refuse(message: string): void {
  [problem, opening.coming] = [message, null];
  show();
  document.querySelector('[role="alert"]:last-of-type')?.scrollIntoView({ block: "nearest" });
}

/** Lets go of what another model made, and of positions among its tokens; the texts stay. */
function forgetBefore(): void {
  [opening.chosen, opening.coming, loadedFrom] = [opening.coming, null, null];
  [result, carried, saysHead] = [null, null, false];
  comparison.forget();
  ({ state } = ofModel({ ...state, model: "" }, nameOfChosen()));
}

/** Takes the positions of the tokens that stay hidden, once a typed text has some. */
function keepHidden({ request: { masks }, tokens }: ExplorerResult): void {
  if (!carried) return;
  const found = hiddenPieces(tokens, masks);
  const lost = carried.filter(({ segment, span, id }) => !found.some(isPieceOf(segment, span, id)));
  if (lost.length > 0) problems = [...problems, shownAgain(lost)];
  carried = null;
  state = { ...state, masks };
  history.replaceState(null, "", linkOf(state, others));
}

/** Whether the model is too large to compute with every key. */
const isOfLarge = (): boolean => model !== null && isLarge(model.config);

/** Changes a text; what is hidden outside of the change stays so. */
function typed(next: { readonly text: string } | { readonly pair: string }): void {
  const [segment, before, after] =
    "text" in next ? ([0, state.text, next.text] as const) : ([1, state.pair, next.pair] as const);
  const pieces = carried ?? (result && isOfTexts(result) ? hiddenPieces(result.tokens, state.masks) : []);
  const { kept, lost } = carriedOver(pieces, segment, before, after);
  const isUnknown = state.masks.length > pieces.length; // a link's, whose tokens are not there yet
  change({ ...next, masks: [], query: null, key: null, place: null }, false, kept, isOfLarge());
  if (lost.length === 0 && !isUnknown) return;
  const sentence = isUnknown ? "The link's mask was left alone: the text has changed before it was shown." : "";
  problems = [...problems, shownAgain(lost), sentence].filter(Boolean);
  show();
}

/** Lets go of positions that the text does not have, in the address too; those of a link are named. */
function keepWithin({ tokens }: ExplorerResult): void {
  const given = withinText(state, tokens);
  if (given.state === state) return;
  state = isOfLink ? told(given) : given.state;
  history.replaceState(null, "", linkOf(state, others));
}

/** All that a state asks, as a text. */
const asked = (of: ExplorerState): string => JSON.stringify(requestOf(of, beside.model !== null));

/** Whether a result is of the texts that the state has, so that positions in one are positions in the other. */
const isOfTexts = ({ request }: ExplorerResult): boolean => request.text === state.text && request.pair === state.pair;

/** The name of the model that was opened in the page; "" for its own. */
const nameOfChosen = (): string => opening.chosen?.name ?? "";

/** The id of the hub's model that a link is of; "" where it is of none. */
const hubIdIn = (hash: string): string => (/^[^/]+\/[^/]+$/.exec(readLink(hash).state.model) ?? [""])[0];

/** The same state, within the model's layers and heads. */
function within(given: ExplorerState): ExplorerState {
  if (!model) return given;
  if (given.model !== nameOfChosen()) saysHead = false;
  const kept = withinModel(told(ofModel(given, nameOfChosen())), model);
  if (!kept.hasHead) saysHead = false; // so that the default is taken
  return told(kept);
}

/** The state, while what could not be kept of it is told. */
function told({ state: within, problems: more }: Kept): ExplorerState {
  if (more.length > 0) problems = [...problems, ...more];
  return within;
}

/** Writes a file of tensors. */
function write(name: string, tensors: TensorsToWrite): void {
  writing.push(name);
  client.write(tensors);
}

/** Starts another worker in place of one that has stopped. */
function startAgain(): void {
  [problem, hasStopped, progress] = [null, false, 0];
  client.restart();
  show();
}

/** Puts the texts in each other's place; hidden tokens go with theirs. */
function swap(): void {
  const pieces = result && isOfTexts(result) ? hiddenPieces(result.tokens, state.masks) : [];
  const hidden = pieces.map((piece) => ({ ...piece, segment: 1 - piece.segment }));
  change({ text: state.pair, pair: state.text, masks: [], query: null, key: null, place: null }, true, hidden);
}

function ask(): void {
  [isComputing, isHeld] = [model !== null, false];
  if (model) client.ask(requestOf(state, beside.model !== null, carried));
  show();
}

/**
 * Changes what is shown.
 *
 * @param isPinned whether the browser's way back leads to what was shown before
 * @param hidden   tokens that stay hidden in another text
 * @param holds    whether it is computed later
 */
function change(
  next: Partial<ExplorerState>,
  isPinned: boolean,
  hidden: readonly HiddenPiece[] = [],
  holds: boolean = false,
): void {
  const hasPositions = ["masks", "query", "key"].some((name) => name in next);
  // What is picked in the result of another text has no place in this one.
  if (hasPositions && next.text === undefined && next.pair === undefined && !(result && isOfTexts(result))) return;
  const last = state;
  if (hasPositions) [isOfLink, carried] = [false, hidden.length > 0 ? hidden : null];
  problems = []; // those of the link, which is another now
  state = within({ ...state, ...next });
  const link = linkOf(state, others);
  if (isPinned) history.pushState(null, "", link);
  else history.replaceState(null, "", link);
  const isOther = asked(last) !== asked(state);
  isHeld ||= isOther && holds;
  if (isOther && !holds) ask();
  else show();
}

/** Points at something. By a mouse it is drawn with the next frame, as that moves more often than a screen shows. */
function point(next: Pointer | null, isSaid = false): void {
  if (JSON.stringify(next) === JSON.stringify(pointer)) return;
  pointer = next;
  if (isSaid) {
    if (next && result) speaker.say(sentenceOf(result, next));
    show();
  } else showSoon();
}

const showSoon = onNextFrame(() => show());

function show(): void {
  render(page(), document.getElementById("page") as HTMLElement);
  pictures.draw();
  if (isUnseen) isUnseen = !bringIntoSight(document.querySelector("#further:not(:has(.waiting)) h2"));
  keepInSight(document.querySelectorAll<HTMLElement>(".views > section"));
  fadeEdges();
}

const withNorms = remembered(weighted);

/** What the parts of the page are given, once there is something to show. */
function viewOf(shown: ExplorerResult, of: ModelSummary): View {
  const isCurrent = isOfTexts(shown);
  const inText = (t: number | null) => (isCurrent && t !== null && t < shown.tokens.length ? t : null);
  const masks = isCurrent ? state.masks : shown.request.masks;
  return {
    ...{ result: shown, model: of, loadedFrom, pictures, pointer, change, swap, point, beside },
    drawn: state.weights === "norm" ? withNorms(shown) : shown,
    state: { ...state, masks, query: inText(state.query), key: inText(state.key) },
    layout: layoutOf(document.documentElement.clientWidth, shown.heads),
    say: (text) => speaker.say(text),
    redraw: showSoon,
    look,
    warn(text) {
      problem = text;
      show();
    },
  };
}

function page(): TemplateResult {
  const view = result && model ? viewOf(result, model) : null;
  const name = opening.chosen?.name ?? nameOfModel(loadedFrom);
  return frame({
    ...{ view, comparison, isComputing, progress, hasStopped, startAgain },
    texts: {
      state,
      result,
      model,
      marked: pointer?.query ?? state.query,
      typed,
      isLarge: isOfLarge(),
      compute: isHeld ? ask : null,
    },
    cancel: opening.coming === null ? null : () => opening.cancel(),
    status: statusOf({ model, progress, hasStopped, name, coming: opening.coming?.name ?? null }),
    problems: [problems.join(" "), problem],
    note: leftOutOfLink(state),
    backend: model?.backend ?? null,
    menus: html`${exampleMenu(change)} ${openMenu(openFolder, hasHub ? () => opening.askHub(hubIdIn(location.hash)) : null)}
      ${view ? exportMenu(view, comparison, write) : nothing}`,
  });
}

addEventListener("popstate", () => {
  ({ state, saysHead, problems, others } = readLink(location.hash));
  [isOfLink, carried] = [true, null];
  state = within(state);
  ask();
});
takeDrops(openFolder, ({ message }) => refuse(message));
addEventListener("resize", showSoon);
addEventListener("scroll", onNextFrame(fadeEdges), { capture: true, passive: true });
addEventListener("click", closeMenus);
document.addEventListener("keydown", keyDown);
document.addEventListener("selectionchange", showSoon);
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
  matchMedia(query).addEventListener("change", show);

show();
