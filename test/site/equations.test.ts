import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { equation, equations } from "../../scripts/site/equations.ts";
import { textOf } from "../../scripts/site/html.ts";

/** Equations as MathML, beside MathML that was written by hand, and beside the characters that the pages have. */
const root = join(import.meta.dirname, "..", "..");

/** MathML without the elements that only group. */
const bare = (text: string): string =>
  equation(text)
    .replaceAll(/<\/?(mrow|math)[^>]*>/g, "")
    .replaceAll(/<mspace[^>]*><\/mspace>/g, " ");
const T = '<mi mathvariant="normal">T</mi>';

test.each([
  ["y_o", "<msub><mi>y</mi><mi>o</mi></msub>"],
  ["W_Qᵀ", `<msubsup><mi>W</mi><mi>Q</mi>${T}</msubsup>`],
  ["σ² + ε", "<msup><mi>σ</mi><mn>2</mn></msup><mo>+</mo><mi>ε</mi>"],
  ["β₁ᵗ", "<msubsup><mi>β</mi><mn>1</mn><mi>t</mi></msubsup>"],
  ["e^(−x)", "<msup><mi>e</mi><mo>−</mo><mi>x</mi></msup>"],
  ["√D", "<msqrt><mi>D</mi></msqrt>"],
  ["x / √2", "<mfrac><mi>x</mi><msqrt><mn>2</mn></msqrt></mfrac>"],
  ["x̂_t", '<msub><mover accent="true"><mi>x</mi><mo>^</mo></mover><mi>t</mi></msub>'],
  ["dX = 1e-8", '<mi mathvariant="normal">d</mi><mi>X</mi><mo>=</mo><mn>1e-8</mn>'],
  ["Σ_ij x", "<munder><mo>Σ</mo><mi>i</mi><mi>j</mi></munder><mi>x</mi>"],
  ["−ln p_r", "<mo>−</mo><mtext>ln</mtext> <msub><mi>p</mi><mi>r</mi></msub>"],
  ["t counts", "<mi>t</mi> <mtext>counts</mtext>"],
])("%s", (text, mathml) => {
  expect(bare(text)).toBe(mathml);
});

/** Above and below the line of each fraction. */
const fractionsOf = (text: string): string[][] =>
  Array.from(
    equation(text).matchAll(/<mfrac>(<(\w+)>.*?<\/\2>)((?:(?!<\/mfrac>).)*)<\/mfrac>/g),
    ([, above, , below]) => [above, below].map(textOf),
  );

test("a spaced slash divides all factors beside it, a tight one the nearest, and loses the brackets around them", () => {
  expect(fractionsOf("γ ⊙ (x − μ) / √(σ² + ε) + β")).toEqual([["x−μ", "(σ2+ε)"]]);
  expect(fractionsOf("softmax(Q_a K_aᵀ / √D) V_a")).toEqual([["QaKaT", "D"]]);
  expect(fractionsOf("w · 1/(n E_t) Σ_i x_i")).toEqual([["1", "nEt"]]);
  expect(fractionsOf("e^(s_i) / Σ_j e^(s_j)")).toEqual([["esi", "Σjesj"]]);
});

test("a bracket that is not closed is an error", () => {
  expect(() => equation("softmax(x")).toThrow("( is not closed");
});

test("rows with names keep them beside their equations", () => {
  const html = equations("gelu      y = x Φ(x)    dx = 1\ntanh      y = tanh(x)\n          dβ = 2");
  expect(html.match(/<span class="name">[^<]*/g)).toEqual(
    ["gelu", "tanh", ""].map((name) => `<span class="name">${name}`),
  );
  expect(html.match(/<math/g)).toHaveLength(4);
});

/** Indented lines of the tour below "The equation" or "The equations". */
const blocks = readdirSync(join(root, "docs", "reading"))
  .filter((name) => /^\d.*\.md$/.test(name))
  .flatMap((name) => {
    const text = readFileSync(join(root, "docs", "reading", name), "utf8");
    const [, section = ""] = /^## The equations?\n(.*?)^## /ms.exec(text) ?? [];
    return section.split("\n").filter((line) => line.startsWith("    "));
  });

test("every letter, number and sign of the tour's equations is in them, in its place", () => {
  expect(blocks.length).toBeGreaterThan(25);
  /** Superscripts and subscripts as letters; without what MathML says by its elements. */
  const plain = (text: string) =>
    text
      .normalize("NFKC")
      .replaceAll("\u0302", "^")
      .replaceAll(/[\s_()√/^]/g, "");
  for (const line of blocks) expect(plain(textOf(equations(line)))).toBe(plain(line));
});
