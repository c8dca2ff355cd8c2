import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { pipeline } from "../../src/pipelines/index.ts";
import type { Database } from "./database.ts";
import { type BadLine, distinctLines } from "./lines.ts";
import { endOf, type Programs } from "./programs.ts";

/** Of faults of one kind so many are told. */
const TOLD = 10;

/**
 * The table beside what the library makes of the lines in one stream: each line once, its text, and the bits of its
 * vector, as the database sends it. @returns what is wrong
 */
export async function compareTable(
  database: Database,
  source: string,
  count: number,
  bad: readonly BadLine[],
): Promise<string[]> {
  const without = new Set(bad.map(({ line }) => line));
  function* good(): Generator<{ line: number; text: string }> {
    let line = 0;
    for (const text of distinctLines(count)) if (!without.has(++line)) yield { line, text };
  }
  function* texts(): Generator<string> {
    for (const { text } of good()) yield text;
  }
  const faults: string[] = [];
  const embed = await pipeline("embeddings", undefined, { deterministic: true, threads: 1 }); // several wait for each other where others compute too
  const vectors = embed(texts(), { normalize: true });
  const rows = database.rows(
    `select source, line, md5(text), encode(vector_send(embedding), 'hex') from embeddings order by source, line`,
  );
  let found = 0;
  for (const { line, text } of good()) {
    const vector = (await vectors.next()).value!;
    const { value: row } = await rows.next();
    const want = [source, line, createHash("md5").update(text).digest("hex"), hexOf(vector.data)].join("|");
    if (row === want) found++;
    else if (faults.length < TOLD)
      faults.push(`line ${line}: expected ${want.slice(0, 80)}…, got ${row?.slice(0, 80)}…`);
  }
  for await (const row of rows) if (faults.length < TOLD) faults.push(`a row too many: ${row.slice(0, 80)}`);
  await embed.dispose();
  console.log(`${found} of ${count - bad.length} lines are in the table with the library's bits`);
  return faults;
}

/** The dead letters beside the lines that are bad. @returns what is wrong */
export async function compareDeadLetters(
  programs: Programs,
  addresses: Record<string, string>,
  source: string,
  bad: readonly BadLine[],
): Promise<string[]> {
  const child = programs.start([], ["deadLetters.ts"], addresses, "pipe");
  const faults: string[] = [];
  const wanted = new Map(bad.map((one) => [one.line, one]));
  for await (const text of createInterface({ input: child.stdout! })) {
    const letter = JSON.parse(text);
    const { reason } = wanted.get(letter.line) ?? { reason: /no bad line/ };
    wanted.delete(letter.line);
    if (letter.source !== source || !reason.test(letter.reason)) faults.push(`dead letter ${text.slice(0, 200)}`);
  }
  if ((await endOf(child)) !== 0) faults.push("deadLetters.ts failed");
  for (const line of wanted.keys()) faults.push(`line ${line} must be a dead letter`);
  console.log(`${bad.length - wanted.size} dead letters of ${bad.length}`);
  return faults;
}

/** As pgvector's `vector_send` has it: the count in two bytes, two unused, then big-endian float32. */
function hexOf(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 + 4 * vector.length));
  view.setUint16(0, vector.length);
  for (const [n, number] of vector.entries()) view.setFloat32(4 + 4 * n, number);
  return Buffer.from(view.buffer).toString("hex");
}
