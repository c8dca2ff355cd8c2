import type { ClassScores, ConfusionMatrix } from "../metrics/confusionMatrix.ts";
import type { PredictionExample } from "../run/result.ts";
import { escapeXml } from "./chart.ts";
import { mostConfused } from "./mostConfused.ts";

/** Larger tables are cut: a page is to be read. */
const MOST_CONFUSED = 20;
const MOST_CLASSES = 30;
/** Characters of a text, and of a label. */
const MOST_TEXT = 400;
const MOST_LABEL = 80;

/** More columns than this, or longer names, stand upright. */
const FLAT_COLUMNS = 4;
const FLAT_LABEL = 12;

/** Names and what they stand for. */
export function facts(rows: Readonly<Record<string, string>>): string {
  const lines = Object.entries(rows).map(([name, value]) => `<dt>${escapeXml(name)}<dd dir="auto">${textOf(value)}`);
  return lines.length === 0 ? "" : `<dl class="facts">\n${lines.join("\n")}\n</dl>`;
}

/** Precision, recall and F1 of each class; of many, those with the smallest F1. */
export function classTable(classes: readonly ClassScores[]): string {
  if (classes.length === 0) return "";
  const some =
    classes.length <= MOST_CLASSES ? classes : [...classes].sort((a, b) => a.f1 - b.f1).slice(0, MOST_CLASSES);
  const rows = some.map(({ label, precision, recall, f1, support }) => {
    const cells = [...[precision, recall, f1].map((score) => score.toFixed(3)), String(support)];
    return `<tr>${heading("row", label)}${cells.map((cell) => `<td>${cell}`).join("")}`;
  });
  const note = some.length === classes.length ? "" : `The ${some.length} of ${classes.length} with the smallest F1.`;
  const head = ["class", "precision", "recall", "F1", "support"].map((name) => `<th scope="col">${name}`).join("");
  return scrolling(
    "Classes",
    note,
    `<table>\n<thead><tr>${head}</thead>\n<tbody>\n${rows.join("\n")}\n</tbody></table>`,
  );
}

/** A row for each class of the examples, shaded by which part of it was predicted as what. */
export function matrixTable(matrix: ConfusionMatrix): string {
  const { labels, counts, left } = mostConfused(matrix, MOST_CONFUSED);
  const rows = counts.map((row, r) => {
    const sum = row.reduce((total, one) => total + one, 0);
    const cells = row.map((one, c) => {
      if (one === 0) return `<td class="soft">0`;
      if (left > 0 && r === MOST_CONFUSED) return `<td>${one}`; // right and wrong ones together
      return `<td class="${r === c ? "same" : "other"}" style="--part:${(one / sum).toFixed(3)}">${one}`;
    });
    return `<tr>${heading("row", labels[r])}${cells.join("")}`;
  });
  const isTall = labels.length > FLAT_COLUMNS || labels.some(({ length }) => length > FLAT_LABEL);
  const head = labels.map((label) => heading("col", label, isTall)).join("");
  const note = left === 0 ? "" : ` The ${MOST_CONFUSED} of ${MOST_CONFUSED + left} classes that were most often taken for others, or others for them; all others are counted together, right or wrong.`; // biome-ignore format: one line
  const table = `<table class="matrix">\n<thead><tr><td>${head}</thead>\n<tbody>\n${rows.join("\n")}\n</tbody></table>`;
  return scrolling("Confusion matrix", `Rows: expected. Columns: predicted.${note}`, table);
}

/** An example that may have a place and a loss. */
type Answer = PredictionExample & { readonly where?: string; readonly loss?: number };

/** Texts, each with what was expected and predicted. @param errorName what their losses are called */
export function answers(examples: readonly Answer[], errorName = "loss"): string {
  const items = examples.map(({ input, expected, predicted, where, loss }) => {
    const told = [
      pair("expected", expected),
      pair("predicted", predicted, expected === predicted ? "" : ` class="wrong"`),
      ...(loss === undefined ? [] : [pair(errorName, String(Number(loss.toPrecision(4))))]),
      ...(where === undefined ? [] : [pair("from", where)]),
    ];
    return `<li><p class="text" dir="auto">${textOf(input)}</p>\n<dl>${told.join("\n")}</dl></li>`;
  });
  return items.length === 0 ? "" : `<ol class="answers">\n${items.join("\n")}\n</ol>`;
}

function pair(name: string, value: string, look = ""): string {
  return `<div><dt>${name}<dd dir="auto"${look}>${textOf(value)}</div>`;
}

function heading(scope: "row" | "col", label: string, isTall = false): string {
  const name = textOf(label, MOST_LABEL);
  return `<th scope="${scope}"${isTall ? ` class="tall"` : ""} title="${name}"><span><bdi>${name}</bdi></span>`;
}

/** A table that may be wider than the page; the keyboard can move it too. */
function scrolling(name: string, note: string, table: string): string {
  const above = note === "" ? "" : `<p class="soft">${note}</p>\n`;
  return `${above}<div class="scroll" role="region" aria-label="${name}" tabindex="0">${table}</div>`;
}

/**
 * A text from outside, cut if it is long. Characters that reorder what stands around them (Unicode's bidirectional
 * controls), and those that are none to be seen, stand as `\u{…}`.
 */
function textOf(text: string, most: number = MOST_TEXT): string {
  const characters = Array.from(text.slice(0, 2 * most + 2));
  const some = characters.length > most ? `${characters.slice(0, most).join("")}…` : characters.join("");
  return escapeXml(some.replace(UNSEEN, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`));
}

const UNSEEN = /(?![\t\n])\p{Cc}|[\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;
