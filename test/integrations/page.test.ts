import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { connect } from "@lancedb/lancedb";
import { ChromaClient } from "chromadb";
import pg from "pg";
import * as sqliteVec from "sqlite-vec";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { chromaEmbeddingFunction } from "../../src/adapters/index.ts";
import { pipeline } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { blocks, expectedOf } from "../support/examples.ts";
import { compiled, moduleOf, PROGRAMS, printedBy, RUN, writePrograms } from "./programs.ts";
import { startChroma, startPostgres } from "./servers.ts";

/**
 * Runs every program of docs/integrations.md with the packages that it names and the built plainbert, compares what is
 * printed with what the page says, and what the stores have kept with the library's own vectors.
 */
const root = join(import.meta.dirname, "..", "..");
const PAGE = readFileSync(join(root, "docs", "integrations.md"), "utf8");

writePrograms();
const { notes } = (await moduleOf("notes.mjs")) as { notes: { id: string; text: string }[] };
const own = await ownVectors();
const [postgres, chroma] = await Promise.all([startPostgres(), startChroma()]);
afterAll(() => Promise.all([postgres[Symbol.asyncDispose](), chroma[Symbol.asyncDispose]()]));
const ADDRESSES = {
  DATABASE_URL: `postgres://postgres@127.0.0.1:${postgres.port}/postgres`,
  CHROMA_PORT: String(chroma.port),
};

/** The vector of each note, by its id. */
async function ownVectors(): Promise<Map<string, Float32Array>> {
  await using embed = await pipeline("embeddings");
  const { data, dims } = await embed.encodeDocument(
    notes.map(({ text }) => text),
    { normalize: true },
  );
  return new Map(notes.map(({ id }, i) => [id, data.slice(i * dims[1], (i + 1) * dims[1])]));
}

/** The bytes of a column as numbers. */
function floats({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array {
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
}

test("every block is a program with a name, and most print something", () => {
  expect(blocks(PAGE, "js").length).toBe(PROGRAMS.length);
  expect(PROGRAMS.filter(({ output }) => output !== "").length).toBeGreaterThan(10);
  for (const { name, code, output } of PROGRAMS) expect(output === "", name).toBe(!code.includes("console.log("));
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8"));
  for (const { code } of PROGRAMS) {
    for (const [, name] of code.matchAll(/ from "((?:@[\w-]+\/)?[\w-]+)[^"]*"/g))
      if (name !== "plainbert" && name !== "node") expect(dependencies).toHaveProperty([name]);
  }
});

test("the table names the versions that run here", () => {
  const { dependencies } = JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8"));
  const named = [...PAGE.matchAll(/`((?:@[\w-]+\/)?[\w-]+)` (\d+(?:\.\d+)?)(?=[ ,])/g)];
  expect(named.length).toBeGreaterThan(6);
  for (const [, name, release] of named) expect(`${dependencies[name]}.`, name).toMatch(new RegExp(`^${release}\\.`));
});

test("the programs have no fault by the frameworks' own types", () => {
  expect(compiled()).toBe("");
});

describe("prints what the page says", () => {
  const printing = PROGRAMS.filter(({ output }) => output !== "");
  test.each(printing)("$name", (program) => {
    const { got, want } = expectedOf(program, printedBy(program.name, ADDRESSES));
    expect(got).toBe(want);
  });
});

describe("prints the same when it is run again", () => {
  const stores = ["chroma", "pgvector", "node-sqlite", "better-sqlite3", "lancedb"].map((name) => `${name}.mjs`);
  test.each(PROGRAMS.filter(({ name }) => stores.includes(name)))("$name", (program) => {
    const { got, want } = expectedOf(program, printedBy(program.name, ADDRESSES));
    expect(got).toBe(want);
  });
});

describe("keeps the library's vectors, to the bit", () => {
  const client = new pg.Client(ADDRESSES.DATABASE_URL);
  beforeAll(() => client.connect());
  afterAll(() => client.end());

  test("pgvector; an index of another operator class than the query's is not used", async () => {
    const { rows } = await client.query("SELECT id, embedding FROM notes");
    expect(new Map(rows.map(({ id, embedding }) => [id, Float32Array.from(JSON.parse(embedding))]))).toEqual(own);

    const probe = `[${Array(384).fill(0.1)}]`;
    const planOf = async (operator: string) => {
      const { rows } = await client.query(
        `EXPLAIN SELECT id FROM notes ORDER BY embedding ${operator} '${probe}' LIMIT 1`,
      );
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    };
    await client.query("SET enable_seqscan = off");
    expect(await planOf("<#>")).toContain("Index Scan using notes_embedding_idx");
    expect(await planOf("<=>")).not.toContain("notes_embedding_idx");
    for (const [, operator, operatorClass] of PAGE.matchAll(/^\| `(<.>)` \|.*\| `(vector_\w+_ops)` \|/gm)) {
      await client.query(
        `DROP INDEX notes_embedding_idx; CREATE INDEX ON notes USING hnsw (embedding ${operatorClass})`,
      );
      expect(await planOf(operator)).toContain("notes_embedding_idx");
    }
  });

  test.each(["node-sqlite.db", "better-sqlite3.db"])("sqlite-vec: %s", (file) => {
    const db = new DatabaseSync(join(RUN, file), { allowExtension: true });
    sqliteVec.load(db);
    const rows = db.prepare("SELECT id, embedding FROM notes").all() as { id: string; embedding: Uint8Array }[];
    db.close();
    expect(new Map(rows.map(({ id, embedding }) => [id, floats(embedding)]))).toEqual(own);
  });

  test("LanceDB", async () => {
    const db = await connect(join(RUN, "lancedb"));
    const rows = await (await db.openTable("notes")).query().toArray();
    expect(new Map(rows.map(({ id, vector }) => [id, Float32Array.from(vector)]))).toEqual(own);
  });

  test('Chroma, but for the last bit where the space is "cosine"', async () => {
    const client = new ChromaClient({ host: "127.0.0.1", port: chroma.port });
    const collection = await client.getCollection({ name: "notes" });
    expect(collection.configuration.hnsw?.space).toBe("cosine");
    const divided = await collection.get({ include: ["embeddings"] });
    for (const [i, id] of divided.ids.entries())
      expectClose(id, Float32Array.from(divided.embeddings[i]), own.get(id)!, 2 ** -25);

    await using embed = await pipeline("embeddings");
    const byProducts = await client.createCollection({
      name: "products",
      embeddingFunction: chromaEmbeddingFunction(embed),
      configuration: { hnsw: { space: "ip" } },
    });
    await byProducts.add({ ids: notes.map(({ id }) => id), documents: notes.map(({ text }) => text) });
    const { ids, embeddings } = await byProducts.get({ include: ["embeddings"] });
    expect(new Map(ids.map((id, i) => [id, Float32Array.from(embeddings[i])]))).toEqual(own);
  });
});

describe("withVectors of model.mjs", () => {
  type WithVectors = (records: AsyncIterable<{ text: string }>) => AsyncGenerator<{ n: number; vector: Float32Array }>;
  let withVectors: WithVectors;
  beforeAll(async () => {
    ({ withVectors } = (await moduleOf("model.mjs")) as { withVectors: WithVectors });
  });

  test("has few records in memory at once, and gives all of them in their order", async () => {
    let read = 0;
    let most = 0;
    async function* records() {
      while (read < 2000) yield { n: read++, text: "The door was open." };
    }
    let given = 0;
    for await (const { n } of withVectors(records())) {
      expect(n).toBe(given++);
      most = Math.max(most, read - given);
    }
    expect(given).toBe(2000);
    expect(most).toBeLessThan((3 * 2048) / 6); // passes of 2,048 tokens, six or more in a text
  });
});
