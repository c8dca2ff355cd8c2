import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitSentences } from "../../../src/training/pretraining/sentences.ts";

describe("splitSentences", () => {
  // The sentences of each are what stands between the bars.
  test.each([
    "She left. | He stayed.",
    '"Oh! | Mr. Smith?" she said. | "Yes." | He bowed.',
    '"Is it you?" he asked. | "It is," she said.',
    "He came (late.) | She went [early]. | (He knew.)",
    "Dr. and Mrs. Jones of St. Louis met Col. Brown, Rev. Green and Messrs. White. | They talked.",
    "J. M. Barrie wrote it. | So said I. | You too?",
    "No. 5 was empty. | No. | He had gone to p. 7 of vol. 3.",
    "He left at 8 p.m. on 1st May. | 3 May was wet. | It cost 3.50 in all.",
    "It rained. | It poured! | Did it? | It did... | It is over… | What?! | No!!! | Good.",
    "He said i.e. This and e.g. That, and etc. goes on. | Good.",
    "And then... the end. | And then ... | The end.",
    "“Never!” | ‘Why?’ | «Non.» | —Because.",
    "Élan. | Ça va? | Ärger! | Ωμέγα. | Пётр.",
    "今日は。 | 元気？ | はい！ | 「うん。」 | そう。",
    "One line without an end",
    "",
  ])("%s", (marked) => {
    const sentences = marked === "" ? [] : marked.split(" | ");
    const separator = marked.startsWith("今") ? "" : " ";
    expect(splitSentences(sentences.join(separator))).toEqual(sentences);
  });

  test("nothing is lost or changed but space between sentences", () => {
    const bits = ["a", "B", ".", "!", "。", " ", "\t", '"', ")", "Mr", "I", "5", "…", "—", "é", "É"];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...bits)), (parts) => {
        const text = parts.join("");
        const sentences = splitSentences(text);
        expect(sentences.join("").replace(/[ \t]/g, "")).toBe(text.replace(/[ \t]/g, ""));
        for (const sentence of sentences) {
          expect(sentence).toBe(sentence.trim());
          expect(text).toContain(sentence);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("a real text: no sentence is a title, or begins small within its paragraph", () => {
    const text = readFileSync(new URL("../../tokenizer/reference/training_text.txt", import.meta.url), "utf8");
    const paragraphs = text.split("\n").map(splitSentences);
    expect(paragraphs.flat().length).toBeGreaterThan(500);
    expect(paragraphs.flat().filter((sentence) => /\b(Mr|Mrs|Dr|St)\.$/.test(sentence))).toEqual([]);
    const later = paragraphs.flatMap((sentences) => sentences.slice(1));
    expect(later.filter((sentence) => /^["'([—]*[a-z]/.test(sentence))).toEqual([]);
  });
});
