/** The table of vectors in PostgreSQL: source and number of a line are its key, so that storing twice stores once. */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Block } from "./block.ts";
import { address, whole } from "./faults.ts";

/** How many numbers a vector has: those of the package's embedding model. */
const SIZE = whole("EMBEDDING_SIZE", process.env.EMBEDDING_SIZE ?? "384");

/** Any number that no other program on this database uses for its advisory locks. */
const PREPARING = 7_152_384;

/** What stays wrong however often it is tried: no such role or database, no right to it, no pgvector in it. */
const FAULTS_OF_SETTINGS = /^(28|3D|3F|0A000|42501|58P01)/;

/** Faults of the values themselves, by the first two characters of PostgreSQL's code: a text with a NUL is 22021. */
const FAULTS_OF_VALUES = /^(21|22|23|54)/;

export class Table {
  private readonly pool: pg.Pool;
  private readonly signal: AbortSignal;
  private readonly onWait: (seconds: number) => void;

  /**
   * @param connections the most at once
   * @param signal ends the waiting for a database that is away
   * @param onWait is told how long each such pause was
   */
  constructor(connections: number, signal: AbortSignal, onWait: (seconds: number) => void = () => {}) {
    this.pool = new pg.Pool({
      connectionString: address("DATABASE_URL", "postgres://plainbert@127.0.0.1:5499/postgres", [
        "postgres:",
        "postgresql:",
      ]),
      max: connections,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      query_timeout: 60_000,
    });
    this.pool.on("error", () => {}); // of a connection that nobody uses: the next query opens another
    this.signal = signal;
    this.onWait = onWait;
  }

  /**
   * Makes the table where there is none; of many who do so at once, one does.
   *
   * @throws Error the database refuses the user, or has no pgvector
   */
  async prepare(): Promise<void> {
    const text = `begin;
      select pg_advisory_xact_lock(${PREPARING});
      create extension if not exists vector;
      create table if not exists embeddings (
        source text not null,
        line bigint not null,
        text text not null,
        embedding vector(${SIZE}) not null,
        primary key (source, line)
      );
      commit`;
    try {
      await this.patiently(() => this.pool.query(text), FAULTS_OF_SETTINGS);
    } catch (error) {
      if (!isFaultOf(FAULTS_OF_SETTINGS, error)) throw error;
      throw new Error(`PostgreSQL, as DATABASE_URL names it: ${(error as Error).message}`);
    }
  }

  /**
   * Stores all lines of a block, or none. One statement, so nothing is held while a worker is cut off.
   *
   * @param vectors one for each text
   * @throws Error values that PostgreSQL refuses: `isFaultOfValues`
   */
  async store({ source, first, texts }: Block, vectors: readonly Float32Array[]): Promise<void> {
    const rows = texts.map((_, n) => `($1, $${3 * n + 2}, $${3 * n + 3}, $${3 * n + 4})`);
    const text = `insert into embeddings (source, line, text, embedding) values ${rows.join(", ")}
      on conflict (source, line) do update set text = excluded.text, embedding = excluded.embedding
      where (embeddings.text, embeddings.embedding) is distinct from (excluded.text, excluded.embedding)`;
    const values = [source, ...texts.flatMap((line, n) => [first + n, line, binaryOf(vectors[n]!)])];
    await this.patiently(() => this.pool.query({ name: `store ${texts.length}`, text, values }));
  }

  /** The numbers of a block's lines that are not in the table with this text. */
  async missing({ source, first, texts }: Block): Promise<number[]> {
    const { rows } = await this.patiently(() =>
      this.pool.query<{ line: string }>({
        name: "missing",
        text: `select wanted.line from unnest($2::bigint[], $3::text[]) as wanted (line, digest)
          where not exists (select from embeddings e
            where e.source = $1 and e.line = wanted.line and md5(e.text) = wanted.digest)
          order by wanted.line`,
        values: [
          source,
          texts.map((_, n) => first + n),
          texts.map((text) => createHash("md5").update(text).digest("hex")),
        ],
      }),
    );
    return rows.map(({ line }) => Number(line));
  }

  async end(): Promise<void> {
    await this.pool.end();
  }

  /**
   * Tries again, after ever longer pauses, for as long as it is the database that fails and not the values.
   *
   * @param hopeless codes of faults that are thrown at once
   */
  private async patiently<Result>(query: () => Promise<Result>, hopeless = FAULTS_OF_VALUES): Promise<Result> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await query();
      } catch (error) {
        if (isFaultOf(hopeless, error) || this.signal.aborted) throw error;
        if (attempt % 10 === 0) console.error(`PostgreSQL: ${(error as Error).message}; trying again`);
        const pause = Math.min(10_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2);
        await sleep(pause, undefined, { signal: this.signal });
        this.onWait(pause / 1000);
      }
    }
  }
}

/** Whether PostgreSQL refused what was to be stored, which it will do again. */
export function isFaultOfValues(error: unknown): boolean {
  return isFaultOf(FAULTS_OF_VALUES, error);
}

function isFaultOf(codes: RegExp, error: unknown): boolean {
  return error instanceof pg.DatabaseError && codes.test(error.code ?? "");
}

/**
 * A vector as pgvector's `vector_recv` reads it: how many numbers, two bytes for later, then each as a big-endian
 * float4. A third of what it takes in decimals, and its very bits. A Buffer is what pg sends as binary.
 */
function binaryOf(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 + 4 * vector.length);
  bytes.writeUInt16BE(vector.length, 0);
  for (const [n, number] of vector.entries()) bytes.writeFloatBE(number, 4 + 4 * n);
  return bytes;
}
