import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openParts, textOf } from "../../src/load/blobs.ts";
import { noise } from "../hub/support.ts";
import { expectBertError } from "../pipelines/support.ts";

const LENGTH = 100;
const bytes = Uint8Array.from(noise(LENGTH));

/** The bytes cut at some places, which may be equal. */
function cut(at: readonly number[]): Blob[] {
  const ends = [0, ...[...at].sort((a, b) => a - b), LENGTH];
  return ends.slice(1).map((end, n) => new Blob([bytes.subarray(ends[n], end)]));
}

test("a file in parts is read at any position, across any number of them", async () => {
  const position = fc.nat(LENGTH);
  await fc.assert(
    fc.asyncProperty(fc.array(position), position, position, async (cuts, a, b) => {
      const file = openParts(cut(cuts), "file");
      expect(file.size).toBe(LENGTH);
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const target = new Uint8Array(to - from);
      await file.read(target, from);
      expect(target).toEqual(bytes.subarray(from, to));
    }),
  );
});

test("into memory that threads share", async () => {
  const target = new Uint8Array(new SharedArrayBuffer(50));
  await openParts(cut([30, 60]), "file").read(target, 20);
  expect(Array.from(target)).toEqual(Array.from(bytes.subarray(20, 70)));
});

test("what is not there is an error that names the file", async () => {
  const file = openParts(cut([10]), "models/mine/model.safetensors");
  await expectBertError(
    file.read(new Uint8Array(2), 99),
    "ERR_FILE",
    "read: models/mine/model.safetensors: ends at byte 100, before byte 101",
  );
  await expectBertError(
    textOf([new Blob([Uint8Array.of(0xff)])], "vocab.txt"),
    "ERR_FILE",
    "readText: vocab.txt: is not UTF-8 text",
  );
});

describe("a file that is read by slices", () => {
  /** A Blob of zeros which notes what is asked for, and gives `given` bytes of it. */
  class Slices extends Blob {
    readonly asked: [from: number, to: number][] = [];
    given: (bytes: Blob) => Blob = (bytes) => bytes;
    override slice(from: number, to: number): Blob {
      this.asked.push([from, to]);
      return this.given(super.slice(from, to));
    }
  }
  const MIB = 1 << 20;

  test("at most 8 MiB at once", async () => {
    const blob = new Slices([new Uint8Array(20 * MIB)]);
    await openParts([blob], "file").read(new Uint8Array(18 * MIB), MIB);
    expect(blob.asked).toEqual([[1, 9], [9, 17], [17, 19]].map((slice) => slice.map((n) => n * MIB))); // biome-ignore format: one line
  });

  test("is an error where the disk no longer has what it had", async () => {
    const blob = new Slices([bytes]);
    const read = () => openParts([blob], "vocab.txt").read(new Uint8Array(10), 5);
    blob.given = (slice) => slice.slice(0, 4);
    await expectBertError(read(), "ERR_FILE", "read: vocab.txt: can no longer be read: it has become shorter");
    blob.given = (slice) => Object.assign(slice, { arrayBuffer: () => Promise.reject(new Error("gone")) });
    await expectBertError(read(), "ERR_FILE", "read: vocab.txt: can no longer be read: gone");
  });
});

test("a text in parts that cut a character", async () => {
  const text = new TextEncoder().encode("aäb");
  expect(await textOf([new Blob([text.subarray(0, 2)]), new Blob([text.subarray(2)])], "x")).toBe("aäb");
});
