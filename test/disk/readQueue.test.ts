import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ReadParts, ReadQueue } from "../../src/disk/readQueue.ts";

const FILE = Uint8Array.from({ length: 400 }, (_, i) => (i * 37) % 251);

/** A file in memory that gives at most `most` bytes in a call, and writes down the calls: position and lengths. */
function fileOf(bytes: Uint8Array, most = Number.POSITIVE_INFINITY) {
  const calls: [number, number[]][] = [];
  const sizes = { running: 0, most: 0 };
  const readParts: ReadParts = async (targets, position) => {
    calls.push([position, targets.map(({ length }) => length)]);
    sizes.most = Math.max(sizes.most, ++sizes.running);
    await new Promise((resolve) => setTimeout(resolve));
    let at = position;
    for (const target of targets) {
      const part = bytes.subarray(at, Math.min(at + target.length, position + most));
      target.set(part);
      at += part.length;
    }
    sizes.running--;
    return { bytesRead: at - position };
  };
  return { readParts, calls, sizes };
}

describe("ReadQueue", () => {
  test("reads what is wanted at the same time in the order of the file, adjacent parts by one call", async () => {
    const { readParts, calls } = fileOf(FILE);
    const queue = new ReadQueue("x", readParts);
    const wanted = [[20, 5], [300, 8], [0, 10], [10, 10], [40, 4]] as const; // biome-ignore format: a line
    const targets = wanted.map(([, length]) => new Uint8Array(length));
    await Promise.all(wanted.map(([position], i) => queue.read(targets[i], position)));
    expect(calls).toEqual([
      [0, [10, 10, 5]],
      [40, [4]],
      [300, [8]],
    ]);
    for (const [i, [position, length]] of wanted.entries()) {
      expect(targets[i]).toEqual(FILE.slice(position, position + length));
    }
  });

  test("fills every part with its bytes, whatever a call gives, and at most two calls run", async () => {
    const part = fc.record({ position: fc.nat(380), length: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(part, { maxLength: 12 }), { maxLength: 3 }),
        fc.integer({ min: 1, max: 30 }),
        async (turns, most) => {
          const { readParts, sizes } = fileOf(FILE, most);
          const queue = new ReadQueue("x", readParts);
          const reads: Promise<void>[] = [];
          for (const turn of turns) {
            for (const { position, length } of turn) {
              const target = new Uint8Array(length);
              reads.push(
                queue
                  .read(target, position)
                  .then(() => expect(target).toEqual(FILE.slice(position, position + length))),
              );
            }
            await null;
          }
          await Promise.all(reads);
          expect(sizes.most).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a call reads 1,000 parts at most, and no part after 64 MB", async () => {
    const { readParts, calls } = fileOf(new Uint8Array(1 << 27));
    const queue = new ReadQueue("x", readParts);
    await Promise.all(Array.from({ length: 1500 }, (_, i) => queue.read(new Uint8Array(2), 2 * i)));
    expect(calls.map(([position, { length }]) => [position, length])).toEqual([
      [0, 1000],
      [2000, 500],
    ]);
    calls.length = 0;
    const large = 3 << 24;
    await Promise.all([0, 1, 2].map((i) => queue.read(new Uint8Array(i === 2 ? 16 : large), i * large)));
    expect(calls).toEqual([
      [0, [large, large]],
      [2 * large, [16]],
    ]);
  });

  test("a file that ends within a part is an error of that call's parts, and the queue goes on", async () => {
    const queue = new ReadQueue("x", fileOf(FILE).readParts);
    const [first, cut, other] = [new Uint8Array(10), new Uint8Array(20), new Uint8Array(3)];
    const ends = await Promise.allSettled([queue.read(first, 380), queue.read(cut, 390), queue.read(other, 7)]);
    const error = { code: "ERR_FILE", message: "read: x: ends at byte 400, before byte 410" };
    expect(ends).toMatchObject([{ reason: error }, { reason: error }, { status: "fulfilled" }]);
    expect(other).toEqual(FILE.slice(7, 10));
    await queue.read(first, 0);
    expect(first).toEqual(FILE.slice(0, 10));
  });

  test("what the system refuses reaches those who wait, and the queue goes on", async () => {
    const { readParts } = fileOf(FILE);
    let refused = false;
    const queue = new ReadQueue("x", async (targets, position) => {
      if (!refused) {
        refused = true;
        throw new Error("EIO");
      }
      return readParts(targets, position);
    });
    const target = new Uint8Array(4);
    await expect(queue.read(target, 0)).rejects.toThrow("EIO");
    await queue.read(target, 4);
    expect(target).toEqual(FILE.slice(4, 8));
  });
});
