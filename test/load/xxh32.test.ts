import fc from "fast-check";
import { expect, test } from "vitest";
import { Xxh32 } from "../../src/load/xxh32.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Of xxhash 4.1.0 for Python, `xxh32(bytes, seed).hexdigest()`; lengths around 4 and 16, where the algorithm branches. */
test.each([
  ["", 0, "02cc5d05"],
  ["", 1, "0b2cb792"],
  ["T", 0, "4ddbe970"],
  ["T", 1, "8bab0c2c"],
  ["The", 0, "d4cde830"],
  ["The", 1, "d69eeee4"],
  ["The ", 0, "04be4380"],
  ["The ", 1, "827fcee0"],
  ["The d", 0, "eaf548d7"],
  ["The d", 1, "a1b316f4"],
  ["The door is ope", 0, "382feb42"],
  ["The door is ope", 1, "af11060b"],
  ["The door is open", 0, "904c9346"],
  ["The door is open", 1, "49f90e04"],
  ["The door is open,", 0, "f463724e"],
  ["The door is open,", 1, "988b2954"],
  ["The door is open, he read a let", 0, "ae80b4dd"],
  ["The door is open, he read a let", 1, "e5e47a9f"],
  ["The door is open, he read a lett", 0, "5ae65fba"],
  ["The door is open, he read a lett", 1, "4ef6b32a"],
  ["The door is open, he read a lette", 0, "8a99cee7"],
  ["The door is open, he read a lette", 1, "320f21fc"],
  ["The door is open, he read a letter. The door is open, he read a ", 2654435761, "b17e345b"],
  [
    "The door is open, he read a letter. The door is open, he read a letter. The door is open, he read a ",
    2654435761,
    "5d451ec5",
  ],
])("of %j with seed %d it is %s", (text, seed, digest) => {
  expect(new Xxh32(seed).update(bytesOf(text)).digest()).toBe(digest);
});

test("bytes in any pieces, at any place of their buffer, are the same", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 6 }), fc.nat({ max: 7 }), (pieces, offset) => {
      const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
      const shifted = new Uint8Array(whole.length + offset).subarray(offset);
      shifted.set(whole);
      const inPieces = new Xxh32(1);
      for (const piece of pieces) inPieces.update(piece);
      expect(inPieces.digest()).toBe(new Xxh32(1).update(shifted).digest());
    }),
  );
});
