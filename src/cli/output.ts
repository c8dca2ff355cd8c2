import { styleText } from "node:util";
import { printable } from "../errors.ts";
import { beforeInterrupt } from "./interrupt.ts";
import { streams } from "./streams.ts";

/** Bars take what the other columns leave, within these bounds; a terminal too narrow for the shorter gets none. */
const MIN_BAR = 5;
const MAX_BAR = 40;

/**
 * What a line of scores takes beside label and bar: spaces and percentage; one stays free, as some terminals wrap
 * there.
 */
const OTHER_COLUMNS = "    12.70 %  ".length + 2;

/** Characters that could move a terminal's cursor or reorder its text, and line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Writes to standard output, and waits until it is written: so a slow reader slows the work down instead of filling
 * the memory, and a reader that has gone away or a full disk is an error here.
 */
export function print(text: string): Promise<void> {
  if (ending) return new Promise(() => {});
  printed = new Promise((resolve, reject) => {
    streams.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
  return printed;
}

let printed: Promise<void> = Promise.resolve();
let ending = false;

/** A reader who reads no more must not keep the process, in milliseconds. */
const PATIENCE_MS = 500;

// Whoever reads gets whole lines.
beforeInterrupt(async () => {
  ending = true;
  const patience = new Promise<void>((resume) => setTimeout(resume, PATIENCE_MS));
  await Promise.race([printed.catch(() => {}), patience]);
});

/** A value as JSON, with everything unprintable as `\uXXXX`. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(UNPRINTABLE, (c) =>
    Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** The JSON text of a value as a line. */
export function jsonLine(value: unknown): string {
  return `${jsonText(value)}\n`;
}

/** A text or token for the terminal, on one line: cut after 2,000 characters, unprintable ones as `\u{…}`. */
export function shown(text: string): string {
  return printable(text, 2000);
}

type Style = Parameters<typeof styleText>[0];

/** Colours a text where standard output shows colours. */
export function styled(style: Style, text: string): string {
  // styleText decides by itself only from Node 22 on; Node 20 would colour what goes into a file.
  return wantsColours() ? styleText(style, text, { validateStream: false }) : text;
}

/**
 * Whether texts are coloured: on a terminal that has colours, unless NO_COLOR is set; anywhere with FORCE_COLOR, whose
 * values are those that Node knows.
 */
function wantsColours(): boolean {
  const force = process.env.FORCE_COLOR;
  if (force !== undefined) return ["", "1", "2", "3", "true"].includes(force);
  return streams.stdout.isTTY === true && streams.stdout.hasColors?.() === true;
}

/** Something with a probability. */
export interface Scored {
  readonly label: string;
  readonly score: number;
}

/**
 * Labels and percentages in columns. On a terminal, and wherever colours are forced, each has a bar; the best one's is
 * as long as there is room.
 */
export function scoreTable(rows: readonly Scored[]): string {
  const labels = rows.map(({ label }) => shown(label));
  const width = Math.max(...labels.map(displayWidth));
  const best = Math.max(...rows.map(({ score }) => score));
  const fancy = streams.stdout.isTTY || wantsColours();
  const room = Math.min(MAX_BAR, (streams.stdout.columns || 80) - width - OTHER_COLUMNS);
  const lines = rows.map(({ score }, i) => {
    const label =
      styled(i === 0 ? ["bold", "green"] : "green", labels[i]) + " ".repeat(width - displayWidth(labels[i]));
    const percent = `${(100 * score).toFixed(2).padStart(6)} %`;
    return `  ${label}  ${percent}${fancy && room >= MIN_BAR ? `  ${styled("cyan", bar(score / best, room))}` : ""}`;
  });
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

/** The part of `width` columns, to the eighth of a column. */
function bar(part: number, width: number): string {
  const eighths = Math.max(1, Math.round(part * width * 8));
  return "█".repeat(eighths >> 3) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths & 7];
}

const COMBINING = /^[\p{Mn}\p{Me}]$/u;
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]$/u;

/** How many columns of a terminal a text takes: 2 for a wide character, 0 for a combining one. */
function displayWidth(text: string): number {
  return Array.from(text).reduce((sum, c) => sum + (COMBINING.test(c) ? 0 : WIDE.test(c) ? 2 : 1), 0);
}

/** Columns as wide as their widest cell, two spaces apart; those of numbers aligned right. */
export function columns(rows: readonly (readonly string[])[], alignRight: readonly boolean[]): string {
  const widths = alignRight.map((_, i) => rows.reduce((width, row) => Math.max(width, displayWidth(row[i])), 0));
  const lines = rows.map((row) =>
    row
      .map((cell, i) => {
        const space = " ".repeat(widths[i] - displayWidth(cell));
        return alignRight[i] ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}
