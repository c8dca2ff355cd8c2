import { requirePeer } from "../sides/peers.ts";
import type { Standing } from "./schedule.ts";

/** Shows how far a run is. */
export interface ProgressBar {
  /** A case begins. */
  begin(id: string): void;
  end(): void;
}

/** What the bench uses of cli-progress. */
interface CliProgress {
  readonly SingleBar: new (options: object) => Bar;
}
interface Bar {
  start(total: number, value: number, payload: object): void;
  update(value: number, payload: object): void;
  stop(): void;
}

const EVERY_MS = 500;

/**
 * A bar on a terminal; elsewhere a line when a case begins.
 *
 * @param what     is measured, in a word or two
 * @param standing how far it is now
 */
export function progressBar(what: string, standing: () => Standing): ProgressBar {
  if (!process.stderr.isTTY) {
    return {
      begin: (id) => void process.stderr.write(`${what}  ${formatStanding(standing())}  ${id}\n`),
      end: () => {},
    };
  }
  const { SingleBar } = requirePeer<CliProgress>("cli-progress");
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${what}  {bar}  {standing}  {id}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    clearOnComplete: true,
  });
  let current = "";
  const payload = () => ({ id: current, standing: formatStanding(standing()) });
  const update = () => bar.update(standing().done, payload());
  bar.start(1, 0, payload());
  const timer = setInterval(update, EVERY_MS);
  timer.unref();
  return {
    begin(id) {
      current = id;
      update();
    },
    end() {
      clearInterval(timer);
      bar.stop();
    },
  };
}

/** @example "12 of 37 cases, 4:12 gone, about 5:30 left" */
export function formatStanding({ finished, cases, elapsedMs, expectedMs }: Standing): string {
  return `${finished} of ${cases} cases, ${clock(elapsedMs)} gone, about ${clock(expectedMs)} left`;
}

/** 75,000 → "1:15" */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
