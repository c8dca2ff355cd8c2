import { formatMachine } from "./machine.ts";
import { formatPeak } from "./peak.ts";
import {
  type BenchCase,
  type BenchResult,
  bestOfEach,
  fractionOfPeak,
  OURS,
  type Run,
  type SideResult,
} from "./results.ts";

/** Where `withTables` writes. */
export const PAGES_WITH_TABLES: readonly string[] = ["README.md", "docs/performance.md"];

/** A whole run on a processor whose native code computes 256 bits at once, as WebAssembly does in V8. */
export const EQUAL_WIDTH = "2026-11-29-epyc-zen4.json";

/**
 * The tables of these pages, by name, from the run with the most threads.
 *
 * @param equalWidth what `EQUAL_WIDTH` holds
 */
export function markdownTables(result: BenchResult, equalWidth: BenchResult): Map<string, string> {
  const run = result.runs.reduce((most, one) => (one.threads > most.threads ? one : most));
  const [narrow] = equalWidth.runs;
  return new Map([
    ["run", runTable(result, run)],
    ["five cases", besideNativeCode(run)],
    ["five cases at equal width", besideNativeCode(narrow)],
    ["encoder", encoderTable(run)],
    ["encoder at equal width", encoderTable(narrow)],
    ["storage types", storageTable(run)],
    ["training", trainingTable(run)],
    ["text", textTable(run)],
    ["index", indexTable(run)],
    ["callers", callersTable(run)],
    ["first answer", firstAnswerTable(run)],
    ["first answer by type", firstAnswerByType(run)],
    ["parts", partsTable(run)],
    ["packages", packagesTable(run)],
  ]);
}

/**
 * Replaces what stands between `<!-- table: NAME -->` and `<!-- end of table -->`.
 *
 * @throws Error there is no table of that name
 */
export function withTables(page: string, tables: ReadonlyMap<string, string>): string {
  return page.replaceAll(TABLE, (_, start: string, name: string) => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`withTables: "${name}" must be one of ${[...tables.keys()].join(", ")}`);
    return `${start}${table}`;
  });
}

/**
 * Replaces one of a page's tables, and leaves the others.
 *
 * @throws Error the page has no place for it
 */
export function withTable(page: string, name: string, table: string): string {
  const names = Array.from(page.matchAll(TABLE), ([, , other]) => other);
  if (!names.includes(name)) throw new Error(`withTable: "${name}" must be one of ${names.join(", ")}`);
  return page.replaceAll(TABLE, (all, start: string, other: string) => (other === name ? `${start}${table}` : all));
}

/** Where a table begins, its name, and what stands there. */
const TABLE = /(<!-- table: (.+?) -->\n).*?(?=<!-- end of table -->)/gs;

function runTable({ machine, versions, date, seconds }: BenchResult, { threads, peak }: Run): string {
  const { node, v8, ...libraries } = versions;
  const rows = [
    ["machine", formatMachine(machine)],
    ["threads", `${threads}, by every library`],
    ["peak", formatPeak(peak).replace(/^peak (of )?/, "")],
    ["Node", `${node} (V8 ${v8})`],
    [
      "libraries",
      Object.entries(libraries)
        .map((pair) => pair.join(" "))
        .join(", "),
    ],
    ["measured", `on ${date.slice(0, 10)}, in ${Math.floor(seconds / 60)} min ${seconds % 60} s`],
  ];
  return table(["", "this run"], rows);
}

const ENCODER = ["1x8", "1x16", "1x32", "1x128", "1x512", "8x128", "32x128", "mixed"].map((size) => `encoder-${size}`);
const FIVE = ["1x16", "1x128", "1x512", "8x128", "mixed"].map((size) => `encoder-${size}`);

function besideNativeCode(run: Run): string {
  const libraries = ["onnxruntime-node", "onnxruntime-web"];
  return table(["tokens", "plainbert", ...libraries], rowsBeside(casesOf(run, FIVE), libraries));
}

function encoderTable(run: Run): string {
  const isMeasured = (name: string) => casesOf(run, ENCODER).some((one) => best(one, name) !== undefined);
  const libraries = ["onnxruntime-node", "OpenVINO", "onnxruntime-web", "tfjs"].filter(isMeasured);
  const rows = casesOf(run, ENCODER).map((one) => {
    const ours = best(one, OURS);
    const share = ours ? `${(100 * fractionOfPeak(ours, one, run)!).toFixed(0)} %` : "";
    return [one.title, oursOf(one), share, ...libraries.map((name) => timesOf(one, name))];
  });
  return table(["tokens", "plainbert", "of the peak", ...libraries], rows);
}

function storageTable(run: Run): string {
  const names = [
    "plainbert float16",
    "plainbert bfloat16",
    "plainbert int8",
    "onnxruntime-node plain",
    "onnxruntime-node int8",
  ];
  const cases = casesOf(run, ["storage-1x16", "storage-1x128", "storage-8x128"]);
  const rows = rowsBeside(cases, names).map(([title, ...figures]) => [title.replace(/.*: /, ""), ...figures]);
  const heads = names.map((name) => name.replace("plainbert ", "").replace("node plain", "node float32"));
  return table(["tokens", "plainbert float32", ...heads], rows);
}

function trainingTable(run: Run): string {
  const cases = casesOf(run, ["train-8x128", "train-16x64", "train-distilbert-16x64", "train-pairs-32x64", "adamw"]);
  return table(["work", "plainbert", "PyTorch"], rowsBeside(cases, ["PyTorch"]));
}

function textTable(run: Run): string {
  const cases = casesOf(run, ["fill-mask", "encode-sentences", "index-build", "index-search"]);
  return table(["work", "plainbert", "transformers.js"], rowsBeside(cases, ["transformers.js"]));
}

function indexTable(run: Run): string {
  const [build, queries] = casesOf(run, ["index-build", "index-queries"]);
  const rows = [
    ...rowsBeside([build], ["plainbert, forwardStream"]),
    ...rowsBeside([queries], ["plainbert, their vectors alone"]),
  ];
  return table(["work", "plainbert", "the vectors alone"], rows);
}

function callersTable(run: Run): string {
  const cases = run.cases.filter(({ id }) => id.startsWith("concurrent-"));
  const rows = rowsBeside(cases, ["plainbert, one array", "transformers.js"]);
  return table(["work", "plainbert", "one array", "transformers.js"], rows);
}

/** For each case its title, plainbert's figure, and how many times that each library needs. */
function rowsBeside(cases: readonly BenchCase[], names: readonly string[]): string[][] {
  return cases.map((one) => [one.title, oursOf(one), ...names.map((name) => timesOf(one, name))]);
}

function firstAnswerTable(run: Run): string {
  const rows = ["", "-fill-mask", "-small"].flatMap((suffix) => {
    const [time] = casesOf(run, [`cold-start${suffix}`]);
    const [memory] = casesOf(run, [`peak-rss${suffix}`]);
    const what = time.title.replace(/.*?: /, "");
    return bestOfEach(time.sides).map(({ name, library, median }) => {
      const used = memory.sides.find((side) => side.name === name)!;
      return [what, library, inWords(median, "ms"), inWords(used.median, "MB")];
    });
  });
  return table(["first answer", "library", "time", "memory"], rows);
}

function firstAnswerByType(run: Run): string {
  const rows = sideBySide(run, "cold-start-storage", "peak-rss-storage");
  return table(["type", "first answer", "memory"], rows.map(([name, ...figures]) => [name.replace("plainbert ", ""), ...figures])); // biome-ignore format: one line
}

function partsTable(run: Run): string {
  const rows = sideBySide(run, "cold-start-parts-small", "cold-start-parts-base");
  return table(["part", "the model in the package", "BERT-base, 436 MB"], rows);
}

function packagesTable(run: Run): string {
  return table(["library", "import", "installed"], sideBySide(run, "import-time", "install-size"));
}

/** A row for each side of the first case, with its medians in both. */
function sideBySide(run: Run, first: string, second: string): string[][] {
  const [one, other] = casesOf(run, [first, second]);
  const medianIn = ({ sides, unit }: BenchCase, name: string) => {
    const side = sides.find((candidate) => candidate.name === name);
    return side ? inWords(side.median, unit) : "left out";
  };
  return one.sides.map(({ name }) => [name, medianIn(one, name), medianIn(other, name)]);
}

/** @throws Error the run lacks one */
function casesOf({ cases }: Run, ids: readonly string[]): BenchCase[] {
  return ids.map((id) => {
    const found = cases.find((one) => one.id === id);
    if (!found) throw new Error(`markdownTables: the result must have the case ${id}`);
    return found;
  });
}

/** A library's best side, or the side of that name. */
function best({ sides }: BenchCase, name: string): SideResult | undefined {
  return bestOfEach(sides).find(({ library }) => library === name) ?? sides.find((side) => side.name === name);
}

function oursOf(one: BenchCase): string {
  const ours = best(one, OURS);
  return ours ? inWords(ours.median, one.unit) : "left out";
}

/** How many times plainbert's median a library needs. */
function timesOf(one: BenchCase, name: string): string {
  const [side, ours] = [best(one, name), best(one, OURS)];
  return side && ours ? `× ${(side.median / ours.median).toFixed(2)}` : "left out";
}

/** @example 19.9 ms; 3.65 s; 302 MB */
function inWords(value: number, unit: "ms" | "MB"): string {
  if (unit === "ms" && value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return [line(head), `|${"---|".repeat(head.length)}\n`, ...rows.map(line)].join("");
}
