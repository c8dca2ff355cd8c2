import { describe, expect, test } from "vitest";
import { svgOf } from "../../src/explorer/draw/svg.ts";
import type { Scene } from "../../src/explorer/scene.ts";
import { gapAnswers, nextSentence } from "../../src/explorer/scenes/answers.ts";
import { headLines, headMatrix } from "../../src/explorer/scenes/head.ts";
import { modelMap } from "../../src/explorer/scenes/modelMap.ts";
import { BertTokenizer } from "../../src/index.ts";
import { HOSTILE } from "./hostile.ts";
import { expectTrue, explored, forwardOf, small, stateOf, tiny } from "./models.ts";

const models = { small: await small(), tiny: await tiny() };

describe.each(Object.entries(HOSTILE))("a text that is %s", (_, text) => {
  test.each([
    ["alone", "small", text, ""],
    ["alone", "tiny", text, ""],
    ["first", "tiny", text, "It was locked."],
    ["second", "tiny", "She went to the door.", text],
    ["twice", "tiny", text, text],
  ] as const)("%s, %s: every number is forward's, and each token has its characters", async (_, name, first, pair) => {
    const model = models[name];
    const result = explored(model, first, { pair, masks: [1] });
    const { tokens, whole } = result;
    expect(tokens.length).toBeLessThanOrEqual(model.model.config.maxPositionEmbeddings);
    expect(whole).toBe(model.tokenizer.encode(first, pair === "" ? {} : { textPair: pair }).length);
    for (const { span, segment, isSpecial, word } of tokens) {
      const [from, to] = span;
      const source = segment === 1 ? pair : first;
      expect(to).toBeLessThanOrEqual(source.length);
      expect(isSpecial ? from === to : from < to).toBe(true);
      expect(word === null).toBe(isSpecial);
    }
    const output = await forwardOf(model, result);
    const state = stateOf({ layer: 1, head: 2, query: tokens.length - 1 });
    for (const scene of [modelMap(result, 72), headLines(result, state), headMatrix(result, state)])
      expect(expectTrue(scene, output).length).toBeGreaterThan(0);
    const next = nextSentence(result);
    if (pair === "") expect(next).toBeNull();
    else expectTrue(next as Scene, output);
    // The first token of a text that has any is hidden.
    expect(result.gaps.some(({ position }) => position === 1)).toBe(!tokens[1].isSpecial);
  });
});

describe("a file of SVG", () => {
  /** What of a file is no text: its tags. */
  const tagsOf = (svg: string) => [...svg.matchAll(/<\/?([^\s>/]+)/g)].map(([, name]) => name);

  test.each(Object.entries(HOSTILE))("of a text that is %s has the tags of a picture alone", (_, text) => {
    const result = explored(models.tiny, text.slice(0, 80), { pair: text.slice(0, 40) });
    const svg = svgOf(headLines(result, stateOf()), [text, "model"]);
    const known = new Set(["svg", "title", "rect", "path", "text"]);
    expect(tagsOf(svg).filter((name) => !known.has(name))).toEqual([]);
    // What XML 1.0 does not have: control characters but for the ends of lines, halves of a pair, and two more.
    expect(/[\p{Cc}\p{Cs}\ufffe\uffff]/u.test(svg.replaceAll("\n", ""))).toBe(false);
  });

  test("of a vocabulary with markup has it as text", () => {
    const { model, tokenizer } = models.tiny;
    const words = Array.from({ length: 211 }, (_, id) => tokenizer.idToToken(id) as string);
    const evil = [...words.slice(0, 100), "<img", "onerror=alert(1)>", '"&<b>', ...words.slice(103)];
    const own = BertTokenizer.fromVocabulary(evil);
    const { gaps } = explored({ model, tokenizer: own }, "the [MASK]", { top: 211 });
    const svg = svgOf(gapAnswers(gaps[0]), []);
    expect(svg).toContain("&#60;img</text>");
    expect(svg).toContain("&#34;&#38;&#60;b&#62;</text>");
    expect(svg).not.toMatch(/<(img|b)/);
  });
});
