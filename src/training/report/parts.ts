import type { ClassScores, ConfusionMatrix } from "../metrics/confusionMatrix.ts";
import type { PredictionExample } from "../run/result.ts";
import { escapeXml } from "./chart.ts";
import { mostConfused } from "./mostConfused.ts";

/** Larger tables are cut: a page is to be read. */
const MOST_CONFUSED = 20;
const MOST_CLASSES = 30;
/** Characters of a text, and of a label. */
const MOST_TEXT = 600;
const MOST_LABEL = 80;

/** More columns than this have their names upright. */
const FLAT_COLUMNS = 4;

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
  const caption =
    some.length === classes.length
      ? ""
      : `<caption>The ${some.length} of ${classes.length} with the smallest F1</caption>`;
  const head = ["class", "precision", "recall", "F1", "examples"].map((name) => `<th scope="col">${name}`).join("");
  return scrolling(
    "Classes",
    `<table>${caption}\n<thead><tr>${head}</thead>\n<tbody>\n${rows.join("\n")}\n</tbody></table>`,
  );
}

/** A row for each class of the examples, shaded by which part of it was predicted as what. */
export function matrixTable(matrix: ConfusionMatrix): string {
  const { labels, counts, left } = mostConfused(matrix, MOST_CONFUSED);
  const rows = counts.map((row, r) => {
    const sum = row.reduce((total, one) => total + one, 0);
    const cells = row.map((one, c) => {
      const look = r === c ? ` class="same"` : "";
      return `<td${look} style="--part:${sum === 0 ? 0 : Number((one / sum).toFixed(3))}">${one}`;
    });
    return `<tr>${heading("row", labels[r])}${cells.join("")}`;
  });
  const isTall = labels.length > FLAT_COLUMNS;
  const head = labels.map((label) => heading("col", label, isTall)).join("");
  const note = left === 0 ? "" : ` The ${MOST_CONFUSED} of ${MOST_CONFUSED + left} classes that were most often taken for others, or others for them; all others are counted together.`; // biome-ignore format: one line
  const table = `<table class="matrix"><caption>Rows: expected. Columns: predicted.${note}</caption>
<thead><tr><td>${head}</thead>\n<tbody>\n${rows.join("\n")}\n</tbody></table>`;
  return scrolling("Confusion matrix", table);
}

/** An example that may have a place and a loss. */
type Answer = PredictionExample & { readonly where?: string; readonly loss?: number };

/** Texts, each with what was expected and predicted. */
export function answers(examples: readonly Answer[]): string {
  const items = examples.map(({ input, expected, predicted, where, loss }) => {
    const mark = expected === predicted ? "" : ` class="wrong"`;
    const told = loss === undefined ? "" : `\n<dt>loss<dd>${Number(loss.toPrecision(4))}`;
    const place = where === undefined ? "" : `\n<p class="soft">${textOf(where)}</p>`;
    return `<li><p class="text" dir="auto">${textOf(input)}</p>
<dl><dt>expected<dd dir="auto">${textOf(expected)}
<dt>predicted<dd dir="auto"${mark}>${textOf(predicted)}${told}</dl>${place}</li>`;
  });
  return items.length === 0 ? "" : `<ol class="answers">\n${items.join("\n")}\n</ol>`;
}

function heading(scope: "row" | "col", label: string, isTall = false): string {
  const name = textOf(label, MOST_LABEL);
  return `<th scope="${scope}"${isTall ? ` class="tall"` : ""} title="${name}"><span><bdi>${name}</bdi></span>`;
}

/** A table that may be wider than the page; the keyboard can move it too. */
function scrolling(name: string, table: string): string {
  return `<div class="scroll" role="region" aria-label="${name}" tabindex="0">${table}</div>`;
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
