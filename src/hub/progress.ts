import type { FileProgress, HubOptions } from "./hubOptions.ts";

/** The least time between two reports of a file's `progress`, in milliseconds; a complete file is always reported. */
const INTERVAL = 50;

/** Tells a caller how the files of a model arrive. */
export class Progress {
  private readonly name: string;
  private readonly tell: NonNullable<HubOptions["progress_callback"]>;
  private readonly files = new Map<string, FileProgress>();
  private told = 0;

  constructor(name: string, callback: HubOptions["progress_callback"]) {
    this.name = name;
    this.tell = callback ?? (() => {});
  }

  /** Counts a file in `progress_total` before it is loaded. */
  expect(file: string, total: number | null): void {
    if (total !== null) this.files.set(file, { loaded: 0, total });
  }

  step(status: "initiate" | "download", file: string): void {
    this.tell({ status, name: this.name, file });
  }

  /** Reports a file as complete, whether this process has downloaded it or another. */
  done(file: string): void {
    const { loaded, total } = this.files.get(file) ?? { loaded: 0, total: 0 };
    if (loaded < total) this.loaded(file, total, total);
    this.tell({ status: "done", name: this.name, file });
  }

  /** All steps of a file that was there before. */
  cached(file: string, size: number): void {
    this.step("initiate", file);
    this.loaded(file, size, size);
    this.done(file);
  }

  /** @param total null if unknown; then nothing is reported before the file is complete */
  loaded(file: string, loaded: number, total: number | null): void {
    if (total === null) return;
    const now = performance.now();
    if (loaded < total && now - this.told < INTERVAL) return;
    this.told = now;
    const { name } = this;
    this.files.set(file, { loaded, total });
    const files = [...this.files.values()];
    const all = { loaded: sum(files.map((f) => f.loaded)), total: sum(files.map((f) => f.total)) };
    this.tell({
      status: "progress_total",
      name,
      progress: percent(all),
      ...all,
      files: Object.fromEntries(this.files),
    });
    this.tell({ status: "progress", name, file, progress: percent({ loaded, total }), loaded, total });
  }
}

function percent({ loaded, total }: FileProgress): number {
  return total === 0 ? 100 : (100 * loaded) / total;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
