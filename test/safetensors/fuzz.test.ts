import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { openSafetensors, type RandomAccess, randomAccess, readSafetensors } from "../../src/safetensors/index.ts";

const everyDtype = readFileSync(join(import.meta.dirname, "reference", "every_dtype.safetensors"));
const numbers = readFileSync(join(import.meta.dirname, "reference", "numbers.float16.safetensors"));
const tiny = readFileSync(join(import.meta.dirname, "..", "reference", "tiny", "model.float16.safetensors"));

/**
 * Everything that a program does with a file: open it, read all of it. Remembers the largest buffer that the source was given to fill,
 * or the largest part where the buffer is the caller's own.
 */
async function readAll(bytes: Uint8Array): Promise<{ tensors: number; largest: number }> {
  let largest = 0;
  let callers: ArrayBufferLike | undefined;
  const inner = randomAccess(bytes, "fuzzed");
  const source: RandomAccess = {
    ...inner,
    async read(target, position) {
      largest = Math.max(largest, target.buffer === callers ? target.byteLength : target.buffer.byteLength);
      await inner.read(target, position);
    },
  };
  let tensors = 0;
  try {
    const file = readSafetensors(bytes);
    const weights = await openSafetensors(source);
    for (const { name, shape, byteLength } of file.tensors.values()) {
      expect(file.bytes(name).length).toBe(byteLength);
      try {
        const decoded = file.toFloat32(name);
        const target = new Float32Array(shape.reduce((p, n) => p * n, 1));
        callers = target.buffer;
        await weights.readInto(name, target);
        expect(target).toEqual(decoded);
        tensors++;
      } catch (error) {
        if (!(error instanceof BertError && error.message.includes("to be read as numbers"))) throw error;
      }
    }
  } catch (error) {
    if (!(error instanceof BertError && error.code === "ERR_CHECKPOINT")) throw error;
  }
  return { tensors, largest };
}

const change = fc.record({
  kind: fc.constantFrom("data", "header", "cut"),
  at: fc.maxSafeNat(),
  value: fc.nat({ max: 255 }),
});

test("changed bytes and cut files give a BertError or a file that is read completely, in no more memory than it has bytes", async () => {
  let readable = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(everyDtype, numbers, tiny),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      async (valid, changes) => {
        let bytes = Uint8Array.from(valid);
        for (const { kind, at, value } of changes) {
          if (kind === "cut") bytes = bytes.slice(0, Math.floor(at * bytes.length));
          else if (kind === "header") bytes[at % bytes.length] = value;
          else bytes[Math.floor(at * (bytes.length - 1))] = value;
        }
        const { tensors, largest } = await readAll(bytes);
        if (tensors > 0) readable++;
        expect(largest).toBeLessThanOrEqual(Math.max(bytes.length, 8));
      },
    ),
    { numRuns: 3000 },
  );
  expect(readable).toBeGreaterThan(300); // changed data are still data: both ways were taken
});

test("unchanged, the three are read completely", async () => {
  expect((await readAll(Uint8Array.from(tiny))).tensors).toBe(46);
  expect((await readAll(Uint8Array.from(everyDtype))).tensors).toBe(40 - 7); // F4, five F8 and C64 are only listed
});

test("a length field of any value is checked before its bytes are allocated", async () => {
  await fc.assert(
    fc.asyncProperty(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), async (length) => {
      const bytes = new Uint8Array(64);
      new DataView(bytes.buffer).setBigUint64(0, length, true);
      expect((await readAll(bytes)).largest).toBeLessThanOrEqual(64);
    }),
  );
});
