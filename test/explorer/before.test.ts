import { expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { beforeOf, keptOf, nameOf } from "../../src/explorer/page/compared.ts";
import { explored, small } from "./models.ts";

const model = await small();
const of = (text: string, masks: readonly number[] = [], pair = "") => explored(model, text, { masks, pair });

/** The positions that the gaps of a result are compared with; null: none. */
const placesOf = (compare: typeof keptOf, now: ExplorerResult, other: ExplorerResult) =>
  now.gaps.map((gap) => {
    const compared = compare(gap, now, other);
    if (compared) expect(compared.gap).toBe(other.gaps.find(({ position }) => position === compared.gap.position));
    return compared?.gap.position ?? null;
  });

test.each([
  ["the same position", of("the door was shut", [2]), of("a door was shut", [2]), [2]],
  ["a written gap for a hidden word", of("the [MASK] was shut"), of("the door was shut", [2]), [2]],
  ["another word at the position", of("the ship was shut", [2]), of("the door was shut", [2]), [null]],
  ["the word elsewhere", of("then the door was shut", [3]), of("the door was shut", [2]), [2]],
  ["the word twice elsewhere", of("a a door", [3]), of("door door", [1, 2]), [null]],
  ["two gaps, one of them kept", of("the door was shut", [2, 4]), of("the door was shut", [4]), [null, 4]],
  ["another position", of("he saw [MASK]"), of("the [MASK] was shut"), [null]],
])("what is kept: %s", (_, now, kept, wanted) => {
  expect(placesOf(keptOf, now, kept)).toEqual(wanted);
});

test.each([
  ["a mask", of("the door was shut", [2, 4]), of("the door was shut", [2]), [2, null]],
  ["a word behind the gap", of("the [MASK] was shut"), of("the [MASK] was old"), [2]],
  ["a word more before the gap", of("so the [MASK] was shut"), of("the [MASK] was shut"), [2]],
  ["a word less before the gap", of("[MASK] was shut"), of("the [MASK] was shut"), [2]],
  ["two words", of("the [MASK] is old"), of("the [MASK] was shut"), [null]],
  ["both texts", of("the [MASK] is", [], "a"), of("the [MASK] was", [], "b"), [null]],
  ["a word of the second text", of("the [MASK]", [], "a ship"), of("the [MASK]", [], "a sea"), [2]],
])("the answers before: %s", (_, now, before, wanted) => {
  expect(placesOf(beforeOf, now, before)).toEqual(wanted);
});

test("what is compared with is named", () => {
  expect(nameOf(of("the door was shut", [2, 4], "a"))).toBe(
    "“the door was shut” and “a” without “door” at position 2, “shut” at position 4",
  );
  const [now, kept] = [of("a [MASK]"), of("the [MASK]")];
  expect(keptOf(now.gaps[0], now, kept)?.name).toBe("what was kept, position 2 of “the [MASK]”");
  expect(beforeOf(now.gaps[0], now, kept)?.name).toBe("the answers before, for “the [MASK]”");
});
