import { describe, expect, test } from "vitest";
import { carriedOver, hiddenPieces, shownAgain } from "../../src/explorer/hidden.ts";
import { explored, small } from "./models.ts";

const model = await small();

/** What stays hidden of a text when it becomes another: the words, by the characters that they have there. */
function staysHidden(before: string, masks: readonly number[], after: string): { hidden: string[]; lost: string } {
  const pieces = hiddenPieces(explored(model, before, { masks }).tokens, masks);
  expect(hiddenPieces(explored(model, before).tokens, masks)).toEqual(pieces); // before it is computed
  const { kept, lost } = carriedOver(pieces, 0, before, after);
  const { request, tokens } = explored(model, after, { hidden: kept });
  expect(request).toEqual({ ...{ text: after, pair: "", top: 8 }, masks: request.masks });
  for (const [t, { isMasked }] of tokens.entries()) expect(isMasked).toBe(request.masks.includes(t));
  return { hidden: request.masks.map((t) => after.slice(...tokens[t].span)), lost: shownAgain(lost) };
}

describe("a hidden token stays hidden", () => {
  test.each([
    ["after it is typed", "the door was shut", [2, 4], "the door was shut.", ["door", "shut"]],
    ["before it is typed", "the door was shut", [2, 4], "then the door was shut", ["door", "shut"]],
    ["between two is typed", "the door was shut", [2, 4], "the door in it was shut", ["door", "shut"]],
    ["what is before it is taken away", "the door was shut", [4], "was shut", ["shut"]],
    ["the same word is typed twice", "the door was shut", [2], "the door door was shut", ["door"]],
    ["nothing changes", "the door was shut", [1, 2, 3, 4], "the door was shut", ["the", "door", "was", "shut"]],
  ])("where %s", (_, before, masks, after, hidden) => {
    expect(staysHidden(before, masks, after)).toEqual({ hidden, lost: "" });
  });

  test("in one text, whatever becomes of the other", () => {
    const pieces = hiddenPieces(explored(model, "the door", { pair: "was shut", masks: [2, 5] }).tokens, [2, 5]);
    const { kept, lost } = carriedOver(pieces, 1, "was shut", "and it was shut");
    const { tokens, request } = explored(model, "the door", { pair: "and it was shut", hidden: kept });
    expect(lost).toEqual([]);
    expect(request.masks.map((t) => tokens[t].hidden?.piece)).toEqual(["door", "shut"]);
  });
});

describe("it is shown again, and named", () => {
  test("where its characters are typed over", () => {
    const { hidden, lost } = staysHidden("the door was shut", [2, 4], "the dear was shut");
    expect(hidden).toEqual(["shut"]);
    expect(lost).toBe("“door” is hidden no more: the text there has changed.");
    expect(staysHidden("the door was shut", [2, 3], "the ship").lost).toMatch(/^“door”, “was” are hidden no more/);
  });

  test("where it becomes part of another", () => {
    expect(staysHidden("the door was shut", [2], "the doors was shut").hidden).toEqual([]);
  });
});

test("a written [MASK] is not hidden by a click", () => {
  const { tokens } = explored(model, "the [MASK] was shut", { masks: [2, 4] });
  expect(tokens.map(({ hidden }) => hidden?.piece ?? null)).toEqual([null, null, null, null, "shut", null]);
});
