import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** A tenth of five million. */
const N = 500_000;
const H = 256;
/** Of a vector, of where text, id and metadata end, and of the text's number; then text and metadata in UTF-8. */
const BYTES = N * (4 * H + 8 + 8 + 8 + 51 + 12);
/** An id on the heap: string, entry of a Map, and of an array. */
const HEAP = N * 150;

async function run(mode: "build" | "load", path: string) {
  const script = join(import.meta.dirname, "largeIndex.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", script, mode, path, String(N)]);
  return JSON.parse(stdout);
}

test("half a million texts with ids and metadata take what the arithmetic says, made, saved and loaded", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plainbert-"));
  try {
    const path = join(folder, "index.safetensors");
    const built = await run("build", path);
    const loaded = await run("load", path);
    expect([built.size, loaded.size]).toEqual([N, N]);
    expect((await stat(path)).size).toBeLessThan(BYTES + N * (8 + 9) + 10_000); // ids, too
    for (const [mode, one] of Object.entries({ built, loaded })) {
      const text = (n: number) => `The text that has the number ${n} among them all.`;
      const third = Math.floor(N / 3);
      expect(one.found[0][0]).toMatchObject({
        id: `id-${third}`,
        text: text(third),
        index: third,
        metadata: { page: third % 1000 },
      });
      expect(one.found[0][0].score).toBeCloseTo(1, 6);
      expect(one.found[2][0].id).toBe(`id-${N - 1}`);
      expect(one.filtered.map(({ metadata }: { metadata: { page: number } }) => metadata.page)).toEqual([7, 7, 7]);
      // A quarter more than it is, for rows on their way into a segment and what the collector has not collected yet
      expect.soft(one.peak, `${mode}: peak`).toBeLessThan(1.25 * (BYTES + HEAP) + 150e6);
      expect.soft(one.arrayBuffers, `${mode}: buffers`).toBeLessThan(1.1 * BYTES);
    }
    expect(loaded.first).toEqual({ id: "id-0", text: "The first is the last now.", index: N });
    expect(loaded.found).toEqual(built.found);
    expect(loaded.filtered).toEqual(built.filtered);
  } finally {
    await rm(folder, { recursive: true });
  }
});
