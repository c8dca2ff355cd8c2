import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Hash } from "../../src/browser/hash.ts";
import { noise } from "../hub/support.ts";

describe.each(["sha1", "sha256"] as const)("%s", (name) => {
  const ours = (...pieces: readonly Uint8Array[]) => {
    const hash = new Hash(name);
    for (const piece of pieces) hash.update(piece);
    return hash.digest();
  };
  const truth = (bytes: Uint8Array) => createHash(name).update(bytes).digest("hex");

  test("of every length up to four blocks, in pieces of every length, as node:crypto has it", () => {
    for (let length = 0; length <= 256; length++) {
      const bytes = noise(length);
      expect(ours(bytes)).toBe(truth(bytes));
      for (const size of [1, 7, 63, 64, 65]) {
        const pieces = [];
        for (let at = 0; at < length; at += size) pieces.push(bytes.subarray(at, at + size));
        expect(ours(...pieces), `${length} bytes, ${size} at a time`).toBe(truth(bytes));
      }
    }
  });

  test("of what stands anywhere in a buffer", () => {
    const bytes = noise(1000);
    for (let start = 0; start < 9; start++) expect(ours(bytes.subarray(start))).toBe(truth(bytes.subarray(start)));
  });

  test("of more than 2^32 bits", () => {
    const piece = noise(1 << 26);
    const [hash, wanted] = [new Hash(name), createHash(name)];
    for (let n = 0; n < 9; n++) {
      hash.update(piece);
      wanted.update(piece);
    }
    expect(hash.digest()).toBe(wanted.digest("hex"));
  }, 60_000);
});
