/**
 * How fast the explorer is in a page: the first picture, a key until what it changes is on the screen, and memory after
 * many edits, with the headers that isolate a page and without.
 *
 *     npm run bench:explorer                  five runs of each, ten minutes
 *     npm run bench:explorer -- --runs 1
 *     npm run bench:explorer -- --save        writes the table of docs/explorer.md too
 *
 * Every run has a cache of its own, which is empty. A figure is the median of the runs, with the lowest and the highest.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser, CDPSession, Page } from "puppeteer-core";
import { launch } from "../test/browser/browsers.ts";
import { ISOLATION, Site } from "../test/browser/site.ts";
import { withTables } from "./harness/markdown.ts";
import { keyTimes, type Noted, PROBE } from "./harness/pageProbe.ts";
import { quantile, summarize } from "./harness/statistics.ts";

const ROOT = join(import.meta.dirname, "..");
const GUIDE = join(ROOT, "docs", "explorer.md");

/** 60 characters with a gap, and milliseconds from one to the next. */
const TYPED = "In the evening she closed the [MASK] and read an old letter.";
const BETWEEN = 100;
const EDITS = 200;
/** Edits before memory is measured: V8 compiles meanwhile. Of 200 each the page grew by 80, 62, 6, 1, 1 and 2 kB of 2.2 MB. */
const WARM_UP = 600;
const FIELD = "form input, form textarea";

/** What is measured: its unit, and the highest figure that is aimed at. */
const MEASURED = {
  first: ["from navigation to the first picture", "ms", 1500],
  middle: ["from a key to its picture, half of 60 keys", "ms", null],
  slow: ["from a key to its picture, 95 % of them", "ms", 100],
  work: ["work of the main thread for each key", "ms", null],
  long: ["tasks of the main thread above 50 ms while typing", "", 0],
  pageHeap: [`memory of the page after ${WARM_UP} edits`, "MB", null],
  pageGrowth: [`what ${EDITS} more add to it`, "%", 1],
  workerHeap: [`memory of its worker after ${WARM_UP} edits`, "MB", null],
  workerGrowth: [`what ${EDITS} more add to it`, "%", 1],
} as const satisfies Readonly<Record<string, readonly [what: string, unit: string, aim: number | null]>>;

type Measures = Readonly<Record<keyof typeof MEASURED, number>>;

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

/** A page with an empty cache, and where it is served. */
class Sitting {
  private readonly page: Page;
  private readonly address: string;

  constructor(page: Page, address: string) {
    this.page = page;
    this.address = address;
  }

  async measure(): Promise<Measures> {
    await this.page.evaluateOnNewDocument(PROBE);
    const first = await this.firstPicture();
    const typing = await this.type();
    return { first, ...typing, ...(await this.edit()) };
  }

  private async noted(): Promise<Noted> {
    return (await this.page.evaluate("noted")) as Noted;
  }

  /** Opens a text, in a document of its own. */
  private async open(text: string): Promise<void> {
    await this.page.goto("about:blank");
    await this.page.goto(`${this.address}#${new URLSearchParams({ v: "1", a: text, view: "matrix" })}`);
    await this.painted(text);
  }

  private async painted(text: string): Promise<void> {
    const last = `noted.painted.at(-1)?.[1] === ${JSON.stringify(text)}`;
    await this.page.waitForFunction(`${last} && noted.asked === ${JSON.stringify(text)}`, { timeout: 30_000 });
  }

  private async firstPicture(): Promise<number> {
    await this.open("She opened the [MASK] and looked out.");
    const { painted } = await this.noted();
    return painted[0][0];
  }

  /** @throws Error the last picture is another than that of the same text opened anew */
  private async type(): Promise<Pick<Measures, "middle" | "slow" | "work" | "long">> {
    await this.open("");
    await this.page.focus(FIELD);
    const [{ long: before }, { TaskDuration: idle }] = [await this.noted(), await this.page.metrics()];
    const start = performance.now();
    for (const [n, key] of [...TYPED].entries()) {
      await pause(Math.max(0, start + n * BETWEEN - performance.now()));
      await this.page.keyboard.press(key as "a");
    }
    await this.painted(TYPED);
    await pause(BETWEEN); // the observer of long tasks tells of them later
    const [noted, { TaskDuration: worked }] = [await this.noted(), await this.page.metrics()];
    const seen = await this.pictures();
    await this.open(TYPED);
    if ((await this.pictures()) !== seen) throw new Error("explorer: the last picture is not that of the last text");
    const times = keyTimes(noted, TYPED).sort((a, b) => a - b);
    const long = noted.long.slice(before.length).filter(([, duration]) => duration > 50);
    return {
      ...{ middle: quantile(times, 0.5), slow: quantile(times, 0.95) },
      ...{ work: (1000 * ((worked ?? 0) - (idle ?? 0))) / TYPED.length, long: long.length },
    };
  }

  /** The map and the head, as they are drawn. */
  private async pictures(): Promise<string> {
    const urls = `[...document.querySelectorAll('canvas:not([id^="gap"])')].map((one) => one.toDataURL()).join()`;
    return (await this.page.evaluate(urls)) as string;
  }

  private async edit(): Promise<Pick<Measures, "pageHeap" | "pageGrowth" | "workerHeap" | "workerGrowth">> {
    const [page, worker] = [await this.page.createCDPSession(), this.page.workers()[0].client];
    await this.page.focus(FIELD);
    await this.page.keyboard.press("End");
    await this.typeAndUndo(WARM_UP);
    const [pageHeap, workerHeap] = [await heapOf(page), await heapOf(worker)];
    await this.typeAndUndo(EDITS);
    const growth = async (then: number, session: CDPSession) => (100 * ((await heapOf(session)) - then)) / then;
    return {
      ...{ pageHeap, pageGrowth: await growth(pageHeap, page) },
      ...{ workerHeap, workerGrowth: await growth(workerHeap, worker) },
    };
  }

  /** Edits that lead back to the text, each of them painted before the next. */
  private async typeAndUndo(edits: number): Promise<void> {
    for (let n = 0; n < edits; n += 2) {
      await this.page.keyboard.press("x");
      await this.painted(`${TYPED}x`);
      await this.page.keyboard.press("Backspace");
      await this.painted(TYPED);
    }
    await this.page.evaluate("noted.keys.length = 0, noted.painted.splice(0, noted.painted.length - 1)");
  }
}

/** MB that are in use after a collection, those of typed arrays among them. */
async function heapOf(session: CDPSession): Promise<number> {
  for (let n = 0; n < 2; n++) await session.send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = await session.send("Runtime.getHeapUsage");
  return (usedSize + backingStorageSize) / 1e6;
}

async function measured(browser: Browser, address: string): Promise<Measures> {
  const context = await browser.createBrowserContext();
  try {
    return await new Sitting(await context.newPage(), address).measure();
  } finally {
    await context.close();
  }
}

/** A row of the table: what is measured, the aim, the figures of each list of runs. */
function rowOf(name: keyof Measures, runs: readonly (readonly Measures[])[]): string[] {
  const [what, unit, aim] = MEASURED[name];
  const digits = unit === "ms" || unit === "" ? 0 : 1;
  const cells = runs.map((all) => {
    const values = all.map((one) => one[name]);
    const [low, middle, high] = [Math.min(...values), summarize(values).median, Math.max(...values)];
    const missed = aim !== null && middle > aim ? ", missed" : "";
    return `${`${middle.toFixed(digits)} ${unit}`.trimEnd()} (${low.toFixed(digits)} to ${high.toFixed(digits)})${missed}`;
  });
  return [what, aim === null ? "" : `≤ ${aim} ${unit}`.trimEnd(), ...cells];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, n) => Math.max(...rows.map((row) => row[n].length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, n) => cell.padEnd(widths[n])).join(" | ")} |\n`;
  return [line(rows[0]), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)].join("");
}

const { values } = parseArgs({ options: { runs: { type: "string", default: "5" }, save: { type: "boolean" } } });
await using browser = await launch("chromium");
await using site = await Site.start({ "/": join(ROOT, "dist", "explorer") });
const [isolated, open]: [Measures[], Measures[]] = [[], []];
const both = [
  [ISOLATION, isolated],
  [{}, open],
] as const;
for (let run = 0; run < Number(values.runs); run++) {
  for (const [headers, into] of run % 2 === 0 ? both : both.toReversed()) {
    site.headers = headers;
    into.push(await measured(browser, `${site.origin}/index.html`));
  }
}
const version = await browser.version();
const names = Object.keys(MEASURED) as (keyof Measures)[];
const figures = table([
  ["", "aim", "with the isolation headers", "without"],
  ...names.map((name) => rowOf(name, [isolated, open])),
]);
const caption = `${version}, ${cpus().length} × ${cpus()[0].model.trim()}, ${values.runs} runs: median (lowest to highest)`;
console.log(`${caption}\n\n${figures}`);
const saved = new Map([["speed", `${caption}\n\n${figures}`]]);
if (values.save) writeFileSync(GUIDE, withTables(readFileSync(GUIDE, "utf8"), saved));
