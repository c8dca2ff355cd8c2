import { fstatSync } from "node:fs";
import { beforeInterrupt } from "./interrupt.ts";

/** Short work has no bar; a bar is drawn anew so often, in milliseconds. */
const FIRST_MS = 1000;
const EVERY_MS = 100;

/** Widest bar, in columns. */
const MAX_BAR = 30;

/** How far a long work is. */
export interface ProgressState {
  /** Lines that are done, and those of them that an earlier run has done. */
  readonly lines: number;
  readonly before: number;
  /** Bytes of the input that are done, those of an earlier run, and all; null where nobody knows, as for a pipe. */
  readonly bytes: number;
  readonly bytesBefore: number;
  readonly total: number | null;
  readonly seconds: number;
}

/**
 * A line as wide as the terminal: part done, bar, lines, lines per second and time left.
 *
 * @example
 *  42 % ████████████▌                   4,200 lines   350.0/s  0:17 left
 */
export function progressLine(state: ProgressState, width: number): string {
  const { lines, before, bytes, bytesBefore, total, seconds } = state;
  const rate = seconds > 0 ? (lines - before) / seconds : 0;
  const figures = `${grouped(lines)} lines  ${rate < 100 ? rate.toFixed(1) : grouped(Math.round(rate))}/s`;
  if (total === null || total === 0) return `${figures}  ${clock(seconds)}`.slice(0, width);
  const part = Math.min(1, bytes / total);
  const pace = (bytes - bytesBefore) / seconds;
  const left = pace > 0 ? `  ${clock(Math.max(0, total - bytes) / pace)} left` : "";
  const percent = `${String(Math.floor(100 * part)).padStart(3)} %`;
  const room = Math.min(MAX_BAR, width - percent.length - figures.length - left.length - 4);
  const bar = room < 5 ? "" : ` ${barOf(part, room)}`;
  return `${percent}${bar}  ${figures}${left}`.slice(0, width);
}

/** Tells somebody who sits before a terminal how far a work is; nobody else. */
export class Progress {
  private readonly enabled: boolean;
  private readonly total: number | null;
  private readonly start: number = performance.now();
  private drawn: number | null = null;
  private lines = 0;
  private bytes = 0;
  private before = 0;
  private bytesBefore = 0;

  /**
   * @param total  bytes of the input, if known
   * @param toFile whether results go to a file of their own, not to standard output
   */
  constructor(total: number | null, toFile: boolean) {
    this.total = total;
    // Where results go to the terminal they are the progress; a pipe's reader may use the terminal itself, as less does.
    this.enabled = process.stderr.isTTY && process.env.TERM !== "dumb" && (toFile || fstatSync(1).isFile());
    if (this.enabled) beforeInterrupt(async () => this.clear());
  }

  /** What an earlier run has done counts neither for the rate nor for the time left. */
  skip(bytes: number): void {
    this.add(bytes);
    this.before++;
    this.bytesBefore += bytes;
  }

  /** A line is done. */
  step(bytes: number): void {
    this.add(bytes);
    if (!this.enabled) return;
    const now = performance.now();
    if (now - (this.drawn ?? this.start + FIRST_MS - EVERY_MS) < EVERY_MS) return;
    this.drawn = now;
    process.stderr.write(`\r${progressLine(this.state, (process.stderr.columns || 80) - 1)}\u001b[K`);
  }

  /** Wipes the bar away. */
  clear(): void {
    if (this.drawn !== null) process.stderr.write("\r\u001b[K");
    this.drawn = null;
  }

  /** In place of the bar, if there was one: how much was done, and how fast. */
  end(): void {
    if (this.drawn === null) return;
    this.clear();
    const { lines, before, seconds } = this.state;
    const rate = (lines - before) / seconds;
    process.stderr.write(`${grouped(lines)} lines in ${clock(seconds)}, ${rate.toFixed(1)}/s\n`);
  }

  private add(bytes: number): void {
    this.lines++;
    this.bytes += bytes;
  }

  private get state(): ProgressState {
    const { lines, before, bytes, bytesBefore, total } = this;
    return { lines, before, bytes, bytesBefore, total, seconds: (performance.now() - this.start) / 1000 };
  }
}

/** 75 → "1:15", 3675 → "1:01:15" */
function clock(seconds: number): string {
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

function grouped(n: number): string {
  return inGroups.format(n);
}
