/**
 * A test that pins vectors. On the backend `plain` they have the same bits on every machine, so that one digest
 * holds all of them. The default backend is faster; its last digits depend on the processor, so it is compared
 * within a tolerance.
 *
 *     $ npx tsx --test examples/vectors.test.ts
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { pipeline } from "plainbert";

const TEXTS = ["The door is open.", "He read a letter."];
const DIGEST = "47c6ed398107cb083e43cafe2e019bf5d0fdabcf1bb2ca970008b8a7f46cf91e";

/** The vectors of all texts, end to end; without a name of the default backend. */
async function vectors(backend?: "plain"): Promise<Float32Array> {
  const embed = await pipeline("embeddings", undefined, backend ? { backend } : {});
  const { data } = await embed(TEXTS, { normalize: true });
  await embed.dispose();
  return data;
}

test("the vectors are those that were pinned, to the bit", async () => {
  const { buffer, byteOffset, byteLength } = await vectors("plain");
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  assert.equal(createHash("sha256").update(bytes).digest("hex"), DIGEST);
});

test("the default backend gives the same within 1e-5", async () => {
  const [got, want] = [await vectors(), await vectors("plain")];
  assert.equal(got.length, want.length);
  for (const [i, x] of got.entries()) assert.ok(Math.abs(x - want[i]) < 1e-5, `[${i}]: got ${x}, want ${want[i]}`);
});
