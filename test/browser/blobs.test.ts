import fc from "fast-check";
import { expect, test } from "vitest";
import { openParts, textOf } from "../../src/browser/blobs.ts";
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
    "models/mine/model.safetensors: ends before byte 101",
  );
  await expectBertError(textOf([new Blob([Uint8Array.of(0xff)])], "vocab.txt"), "ERR_FILE", "vocab.txt: must be UTF-8");
});

test("a text in parts that cut a character", async () => {
  const text = new TextEncoder().encode("aäb");
  expect(await textOf([new Blob([text.subarray(0, 2)]), new Blob([text.subarray(2)])], "x")).toBe("aäb");
});
