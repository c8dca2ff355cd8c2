/** What a run with so many workers, one thread each, has shown. */
export interface Figures {
  readonly workers: number;
  /** Lines a second of all workers. */
  readonly rate: number;
  /** Lines a second of as many processes of the library alone, and their seconds of processor time for a line. */
  readonly alone: { readonly rate: number; readonly processor: number };
  /** What workers did, as shares of their time. */
  readonly computing: number;
  readonly storing: number;
  readonly waiting: number;
  /** Seconds of processor time for a line. */
  readonly processor: Readonly<Record<"workers" | "producer" | "redis" | "postgres", number>>;
  /** Bytes that PostgreSQL wrote to its log for a line. */
  readonly log: number;
  readonly connections: Readonly<Record<"redis" | "postgres", number>>;
}

/** What is asked of the services between the runs. */
export interface Sizes {
  /** Bytes of Redis' memory for a block that waits. */
  readonly block: number;
  /** Bytes on the database's disk for a line with its vector and key. */
  readonly row: number;
}

/** Blocks of a producer's window, and lines of a block: the producer's defaults. */
const [WINDOW, BLOCK] = [500, 64];

export function measuredTable(runs: readonly Figures[]): string {
  const rows: [string, (one: Figures) => string][] = [
    ["lines a second", ({ rate }) => inWords(rate)],
    ["lines a second of as many processes of the library alone", ({ alone }) => inWords(alone.rate)],
    ["of these, lost to queue and table", ({ rate, alone }) => percent(1 - rate / alone.rate)],
    ["a worker computes", ({ computing }) => percent(computing)],
    ["a worker waits for the table", ({ storing }) => percent(storing)],
    ["a worker waits for a block", ({ waiting }) => percent(waiting)],
    ["processor time for 1,000 lines: the library alone", ({ alone }) => milliseconds(alone.processor)],
    ["workers", ({ processor }) => milliseconds(processor.workers)],
    ["producer", ({ processor }) => milliseconds(processor.producer)],
    ["Redis", ({ processor }) => milliseconds(processor.redis)],
    ["PostgreSQL", ({ processor }) => milliseconds(processor.postgres)],
    ["what queue and table add to the library's processor time", ({ alone, processor: { workers, producer, redis, postgres } }) => percent((workers + producer + redis + postgres) / alone.processor - 1)], // biome-ignore format: one row
    ["PostgreSQL's log, for a line", ({ log }) => kibibytes(log)],
    ["connections to PostgreSQL, to Redis", ({ connections }) => `${connections.postgres}, ${connections.redis}`],
  ];
  return table(
    ["", ...runs.map(({ workers }) => `${workers} ${workers === 1 ? "worker" : "workers"}`)],
    rows.map(([name, cell]) => [name, ...runs.map(cell)]),
  );
}

/** What so many workers need, each as fast as the one that was measured alone. */
export function scaleTable(runs: readonly Figures[], { block, row }: Sizes, counts: readonly number[]): string {
  const [first, last] = [runs[0], runs[runs.length - 1]];
  const { rate, processor, log } = first;
  const each = (name: "redis" | "postgres", count: number) => {
    const ofOne = (last.connections[name] - first.connections[name]) / (last.workers - first.workers);
    return inWords(first.connections[name] + (count - first.workers) * ofOne);
  };
  const cores = (count: number, name: keyof Figures["processor"]) => (count * rate * processor[name]).toFixed(2);
  const rows: [string, (count: number) => string][] = [
    ["lines a second", (count) => inWords(count * rate)],
    ["100 million lines in", (count) => `${(1e8 / (count * rate) / 3600).toFixed(1)} h`],
    ["cores that Redis needs, of one that it can use", (count) => cores(count, "redis")],
    ["cores that PostgreSQL needs", (count) => cores(count, "postgres")],
    ["cores that producers need, each at most one", (count) => cores(count, "producer")],
    ["PostgreSQL writes to its log", (count) => `${((count * rate * log) / 1e6).toFixed(1)} MB/s`],
    ["the table grows by", (count) => `${((count * rate * row * 3600) / 1e9).toFixed(1)} GB an hour`],
    ["connections to PostgreSQL", (count) => each("postgres", count)],
    ["connections to Redis", (count) => each("redis", count)],
    [
      `Redis' memory, a window of ${WINDOW} blocks for each ten workers`,
      (count) => `${((Math.ceil(count / 10) * WINDOW * block) / 1e6).toFixed(1)} MB`,
    ],
    ["seconds until the workers have emptied such a window", () => ((WINDOW * BLOCK) / (10 * rate)).toFixed(1)],
  ];
  return table(
    ["", ...counts.map((count) => `${count} workers`)],
    rows.map(([name, cell]) => [name, ...counts.map(cell)]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return [line(head), `|${"---|".repeat(head.length)}\n`, ...rows.map(line)].join("");
}

const inWords = (number: number) => Math.round(number).toLocaleString("en");
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const milliseconds = (seconds: number) => `${(1e6 * seconds).toFixed(0)} ms`;
const kibibytes = (bytes: number) => `${(bytes / 1024).toFixed(2)} KiB`;
