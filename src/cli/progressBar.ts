import { fstatSync } from "node:fs";
import { beforeInterrupt } from "./interrupt.ts";
import { streams } from "./streams.ts";

/** Short work has no bar; a bar is drawn anew so often, in milliseconds. */
const FIRST_MS = 1000;
const EVERY_MS = 100;
/** In a log, which is whatever standard error is where it is no terminal, a line is written so often. */
const LOG_MS = 60_000;

/** Widest bar, in columns. */
const MAX_BAR = 30;

/** What a bar tells of. */
export interface Work {
  /** What is counted; MB: bytes, shown as megabytes. */
  readonly unit: "lines" | "MB" | "tokens" | "examples" | "sequences";
  /** What is being done, where that needs a word. */
  readonly verb?: string;
  /** When all is done, bytes or tokens or …; null where it is not known, as for a pipe. */
  readonly total: number | null;
}

/** How far it is. */
export interface ProgressState extends Work {
  /** How many of the unit are done, and those of them that an earlier run has done. */
  readonly count: number;
  readonly countBefore: number;
  /** How much of `total` is done, and what an earlier run has done of that. */
  readonly done: number;
  readonly doneBefore: number;
  readonly seconds: number;
}

/**
 * A line as wide as the terminal: part done, bar, count, rate and time left.
 *
 * @example
 *  42 % ████████████▌                   4,200 lines   350.0/s  0:17 left
 *
 * @param width Infinity: of a log, in which there is no bar
 */
export function progressLine(state: ProgressState, width: number): string {
  const { verb, count, countBefore, done, doneBefore, total, seconds } = state;
  const rate = seconds > 0 ? (count - countBefore) / seconds : 0;
  const figures = `${amount(state)}  ${speed(rate, state)}`;
  const start = verb === undefined ? "" : `${verb}  `;
  if (total === null || total === 0) return `${start}${figures}  ${clock(seconds)}`.slice(0, width);
  const part = Math.min(1, done / total);
  const pace = (done - doneBefore) / seconds;
  const left = pace > 0 ? `  ${clock(Math.max(0, total - done) / pace)} left` : "";
  const percent = `${start}${String(Math.floor(100 * part)).padStart(3)} %`;
  const room = Math.min(MAX_BAR, width - percent.length - figures.length - left.length - 4);
  const bar = room < 5 || width === Number.POSITIVE_INFINITY ? "" : ` ${barOf(part, room)}`;
  return `${percent}${bar}  ${figures}${left}`.slice(0, width);
}

function amount({ unit, count, total }: ProgressState): string {
  if (unit !== "MB") return `${grouped(count)} ${unit}`;
  return `${megabytes(count)}${total === null ? "" : ` of ${megabytes(total)}`} MB`;
}

function speed(rate: number, { unit }: Work): string {
  if (unit === "MB") return `${megabytes(rate)} MB/s`;
  return `${rate < 100 ? rate.toFixed(1) : grouped(Math.round(rate))}/s`;
}

/** Whether standard error is a terminal that can show a bar. */
export function isWatched(): boolean {
  return streams.stderr.isTTY === true && process.env.TERM !== "dumb";
}

/** Shows how far a work is: on a terminal by a line that changes, in a log by a line now and then. */
export class Progress {
  private readonly enabled: boolean;
  private readonly isWatched: boolean = isWatched();
  private work: Work;
  private readonly start: number = performance.now();
  private drawn: number | null = null;
  private forget: () => void = () => {};
  private count = 0;
  private done = 0;
  private countBefore = 0;
  private doneBefore = 0;

  /** @param printing whether results go to standard output meanwhile */
  constructor(work: Work, printing = false) {
    this.work = work;
    // Where results go to the terminal they are the progress; a pipe's reader may use the terminal itself, as less
    // does.
    this.enabled = !printing || goesToFile();
    if (this.enabled && this.isWatched) this.forget = beforeInterrupt(async () => this.clear());
  }

  /**
   * Counts one more item as done, with so much of the whole. What an earlier run has done counts neither for the rate
   * nor for the time left.
   */
  step(size: number, byEarlierRun = false): void {
    if (byEarlierRun) {
      this.countBefore++;
      this.doneBefore += size;
    }
    this.to(this.count + 1, this.done + size);
  }

  /** So many are done, so much of the whole. */
  to(count: number, done: number = count, total: number | null = this.work.total): void {
    this.count = count;
    this.done = done;
    this.work = { ...this.work, total };
    if (!this.enabled) return;
    const now = performance.now();
    const [first, every] = this.isWatched ? [FIRST_MS, EVERY_MS] : [LOG_MS, LOG_MS];
    if (now - (this.drawn ?? this.start + first - every) < every) return;
    this.draw(now);
  }

  /** So much was there before, and counts neither for the rate nor for the time left. */
  have(count: number): void {
    this.countBefore = count;
    this.doneBefore = count;
  }

  /** Wipes the bar away. */
  clear(): void {
    if (this.drawn !== null && this.isWatched) streams.stderr.write("\r\u001b[K");
    this.drawn = null;
    this.forget();
  }

  /** Writes how much was done, and how fast, in place of the bar or behind the lines, if there were any. */
  end(): void {
    const { drawn, state } = this;
    this.clear();
    if (drawn === null) return;
    const { count, countBefore, seconds, verb } = state;
    const rate = speed((count - countBefore) / seconds, state);
    const what = amount({ ...state, total: null });
    streams.stderr.write(`${verb === undefined ? "" : `${verb}  `}${what} in ${clock(seconds)}, ${rate}\n`);
  }

  private draw(now: number): void {
    this.drawn = now;
    if (!this.isWatched) {
      streams.stderr.write(`${progressLine(this.state, Number.POSITIVE_INFINITY)}\n`);
      return;
    }
    streams.stderr.write(`\r${progressLine(this.state, (streams.stderr.columns || 80) - 1)}\u001b[K`);
  }

  private get state(): ProgressState {
    const { work, count, countBefore, done, doneBefore } = this;
    return { ...work, count, countBefore, done, doneBefore, seconds: (performance.now() - this.start) / 1000 };
  }
}

function goesToFile(): boolean {
  const { fd } = streams.stdout;
  return fd !== undefined && fstatSync(fd).isFile();
}

/** 75 → "1:15", 3675 → "1:01:15" */
export function clock(seconds: number): string {
  const s = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(s / 60);
  return minutes < 60 ? `${minutes}:${two(s % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(s % 60)}`;
}

function barOf(part: number, width: number): string {
  const eighths = Math.round(part * width * 8);
  return ("█".repeat(eighths >> 3) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths & 7]).padEnd(width);
}

const inGroups = new Intl.NumberFormat("en-US");

/** 1234567 → "1,234,567" */
export function grouped(n: number): string {
  return inGroups.format(n);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
