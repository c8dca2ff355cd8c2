/** What each step computes: its equation, in the papers' letters, where it is from, and the page that explains it. */
import { html, mathml, type TemplateResult } from "lit-html";
import { ACTIVATION_FORMULAS } from "../../steps/activationFormulas.ts";
import type { Activation, Step, StepKind } from "../../steps/modelSteps.ts";

/** Of a step. */
export interface Equation {
  readonly title: string;
  /** `<math>`, named by the equation in words. */
  readonly math: TemplateResult;
  readonly words: string;
  /** Paper and section. */
  readonly paper: string;
  /** What its letters are. */
  readonly where: string;
  /** The sizes of its shape in letters, after B. */
  readonly letters: readonly string[];
  /** The page of the tour that explains it. */
  readonly page: keyof typeof READING_PAGES;
}

/** The pages of the tour, by file. */
export const READING_PAGES = {
  "02-embeddings": "Embeddings",
  "03-attention": "Attention",
  "04-residual-and-layernorm": "Residual and LayerNorm",
  "05-feed-forward": "Feed-forward",
  "06-the-stack": "The stack",
  "07-masked-language-model": "Masked language model",
  "08-next-sentence": "Next sentence",
} as const;

type Symbols = readonly TemplateResult<3>[];
const letter = (name: string): TemplateResult<3> => mathml`<mi>${name}</mi>`;
const sign = (name: string): TemplateResult<3> => mathml`<mo>${name}</mo>`;
const below = (name: string, index: string): TemplateResult<3> =>
  mathml`<msub><mi>${name}</mi><mi>${index}</mi></msub>`;
const transposed = (name: string, index = ""): TemplateResult<3> =>
  index === ""
    ? mathml`<msup><mi>${name}</mi><mo>⊤</mo></msup>`
    : mathml`<msubsup><mi>${name}</mi><mi>${index}</mi><mo>⊤</mo></msubsup>`;
const called = (name: string, math: Symbols): Symbols => [
  letter(name),
  mathml`<mrow><mo>(</mo>${math}<mo>)</mo></mrow>`,
];
const equal = (left: TemplateResult<3>, math: Symbols): Symbols => [left, sign("="), ...math];

/** y = x Wᵀ + b */
const linear = (y: TemplateResult<3>, x: TemplateResult<3>, w: TemplateResult<3>, b: TemplateResult<3>): Symbols =>
  equal(y, [x, w, sign("+"), b]);

/** y = LayerNorm(x) = γ (x − μ) / √(σ² + ε) + β */
const norm = (y: TemplateResult<3>, x: Symbols): Symbols =>
  equal(y, [
    ...called("LayerNorm", x),
    ...[sign("="), letter("γ")],
    mathml`<mfrac><mrow><mi>x</mi><mo>−</mo><mi>μ</mi></mrow><msqrt><msup><mi>σ</mi><mn>2</mn></msup><mo>+</mo><mi>ε</mi></msqrt></mfrac>`,
    ...[sign("+"), letter("β")],
  ]);
const NORM_WORDS = "gamma times x minus mu, divided by the square root of sigma squared plus epsilon, plus beta";
const NORM_WHERE =
  "x is what stands in LayerNorm’s brackets, μ the mean of a token’s numbers, σ² their variance; γ and β are learned";

const softmax: Symbols = called("softmax", [
  mathml`<mfrac><mrow><msub><mi>Q</mi><mi>a</mi></msub><msubsup><mi>K</mi><mi>a</mi><mo>⊤</mo></msubsup></mrow><msqrt><mi>D</mi></msqrt></mfrac>`,
]);

/** The equation of an activation function. */
function activation(
  y: string,
  x: string,
  act: Activation,
): Pick<Equation, "words" | "paper"> & { readonly of: Symbols } {
  const { formula, source } = ACTIVATION_FORMULAS[act];
  const left = [letter(y), sign("="), ...called(act, [letter(x)])];
  if (act === "gelu")
    return { of: [...left, sign("="), letter(x), ...called("Φ", [letter(x)])], words: `${y} equals gelu of ${x}, ${x} times phi of ${x}`, paper: source }; // biome-ignore format: one line
  if (act === "tanh") return { of: left, words: `${y} equals the hyperbolic tangent of ${x}`, paper: source };
  const text = mathml`<mtext>${formula}</mtext>`;
  return { of: [...left, sign(","), ...called(act, [letter("x")]), sign("="), text], words: `${y} equals ${act} of ${x}; ${act} of x is ${formula}`, paper: source }; // biome-ignore format: one line
}

type Written = Omit<Equation, "math"> & { readonly of: Symbols };

const DEVLIN = "Devlin et al. 2019";
const VASWANI = "Vaswani et al. 2017";
const HEAD = "a is an attention head, D = H / A the numbers of one";

/** Of each step. */
const WRITTEN: Readonly<Record<StepKind, (act: Activation) => Written>> = {
  pieces: () => ({
    title: "Embeddings of the pieces",
    of: equal(below("w", "t"), [letter("E"), sign("["), below("id", "t"), sign("]")]),
    words: "w t equals row id t of E",
    paper: `${DEVLIN}, §3 and figure 2`,
    where: "E is the table of word embeddings, id_t the piece at position t",
    ...{ letters: ["T", "H"], page: "02-embeddings" },
  }),
  segments: () => ({
    title: "Embeddings of the texts",
    of: equal(below("s", "t"), [letter("S"), sign("["), below("type", "t"), sign("]")]),
    words: "s t equals row type t of S",
    paper: `${DEVLIN}, §3 and figure 2`,
    where: "S is the table of token types, type_t 0 in the first text and 1 in the second",
    ...{ letters: ["T", "H"], page: "02-embeddings" },
  }),
  embeddings: () => ({
    title: "Embeddings",
    of: norm(letter("X"), [letter("w"), sign("+"), letter("s"), sign("+"), letter("p")]),
    words: `X equals layer norm of w plus s plus p; that is ${NORM_WORDS}`,
    paper: `${DEVLIN}, figure 2; Ba et al. 2016, eq. 3–4`,
    where: `w, s and p are the embeddings of piece, text (where the model has any) and position; ${NORM_WHERE}`,
    ...{ letters: ["T", "H"], page: "02-embeddings" },
  }),
  query: () => projection("Queries", "Q"),
  key: () => projection("Keys", "K"),
  value: () => projection("Values", "V"),
  probabilities: () => ({
    title: "Attention probabilities",
    of: equal(below("P", "a"), softmax),
    words: "P a equals the softmax of Q a times K a transposed, divided by the square root of D",
    paper: `${VASWANI}, eq. 1 and §3.2.1`,
    where: `${HEAD}; a row is a token that looks, and adds up to 1`,
    ...{ letters: ["A", "T", "T"], page: "03-attention" },
  }),
  context: () => ({
    title: "What the heads take",
    of: equal(letter("C"), [
      ...[sign("["), below("P", "1"), below("V", "1"), sign(";"), sign("…"), sign(";")],
      ...[below("P", "A"), below("V", "A"), sign("]")],
    ]),
    words: "C equals P 1 times V 1, and so on to P A times V A, side by side",
    paper: `${VASWANI}, eq. 1 and §3.2.2`,
    where: `${HEAD}; the heads stand side by side`,
    ...{ letters: ["T", "H"], page: "03-attention" },
  }),
  attentionMap: () => ({
    title: "Attention’s output",
    of: linear(letter("O"), letter("C"), transposed("W", "O"), below("b", "O")),
    words: "O equals C times W O transposed, plus b O",
    paper: `${VASWANI}, §3.2.2`,
    where: "C is what the heads take; W_O and b_O are learned",
    ...{ letters: ["T", "H"], page: "03-attention" },
  }),
  attentionNorm: () => ({
    title: "Attention, added and normalised",
    of: norm(mathml`<mi>X′</mi>`, [letter("X"), sign("+"), letter("O")]),
    words: `X prime equals layer norm of X plus O; that is ${NORM_WORDS}`,
    paper: `${VASWANI}, §3.1; Ba et al. 2016, eq. 3–4`,
    where: `X is what the layer was given, O attention’s output; ${NORM_WHERE}`,
    ...{ letters: ["T", "H"], page: "04-residual-and-layernorm" },
  }),
  firstMap: () => ({
    title: "Feed-forward, the first map",
    of: linear(letter("Z"), mathml`<mi>X′</mi>`, transposed("W", "1"), below("b", "1")),
    words: "Z equals X prime times W 1 transposed, plus b 1",
    paper: `${VASWANI}, §3.3, eq. 2`,
    where: "X′ is attention’s result, added and normalised; I numbers for each token",
    ...{ letters: ["T", "I"], page: "05-feed-forward" },
  }),
  activation: (act) => ({
    title: "Feed-forward, the activation function",
    ...activation("G", "Z", act),
    where: act === "gelu" ? "Φ is the normal distribution function" : "it is taken of each number by itself",
    ...{ letters: ["T", "I"], page: "05-feed-forward" },
  }),
  secondMap: () => ({
    title: "Feed-forward, the second map",
    of: linear(letter("F"), letter("G"), transposed("W", "2"), below("b", "2")),
    words: "F equals G times W 2 transposed, plus b 2",
    paper: `${VASWANI}, §3.3, eq. 2`,
    where: "G is the first map’s result, bent",
    ...{ letters: ["T", "H"], page: "05-feed-forward" },
  }),
  outputNorm: () => ({
    title: "The layer’s result",
    of: norm(letter("X"), [mathml`<mi>X′</mi>`, sign("+"), letter("F")]),
    words: `X equals layer norm of X prime plus F; that is ${NORM_WORDS}`,
    paper: `${VASWANI}, §3.1; Ba et al. 2016, eq. 3–4`,
    where: `X′ is attention’s result, F the network’s; the next layer is given X; ${NORM_WHERE}`,
    ...{ letters: ["T", "H"], page: "06-the-stack" },
  }),
  poolerMap: () => ({
    title: "Pooler, the map",
    of: linear(letter("Z"), below("x", "[CLS]"), transposed("W", "P"), below("b", "P")),
    words: "Z equals x of CLS times W P transposed, plus b P",
    paper: `${DEVLIN}, figure 1`,
    where: "x_[CLS] is the last layer’s vector of the first token",
    ...{ letters: ["H"], page: "08-next-sentence" },
  }),
  poolerActivation: (act) => ({
    title: "Pooler, the activation function",
    ...activation("C", "Z", act),
    where: "C stands for the whole text",
    ...{ letters: ["H"], page: "08-next-sentence" },
  }),
  gapMap: () => ({
    title: "Hidden words, the map",
    of: linear(letter("Z"), letter("x"), transposed("W"), letter("b")),
    words: "Z equals x times W transposed, plus b",
    paper: "Google’s run_pretraining.py, get_masked_lm_output",
    where: "x is the last layer’s vector of a token that is asked for, of N",
    ...{ letters: ["H"], page: "07-masked-language-model" },
  }),
  gapActivation: (act) => ({
    title: "Hidden words, the activation function",
    ...activation("G", "Z", act),
    where: act === "gelu" ? "Φ is the normal distribution function" : "it is taken of each number by itself",
    ...{ letters: ["H"], page: "07-masked-language-model" },
  }),
  gapNorm: () => ({
    title: "Hidden words, normalised",
    of: norm(letter("Y"), [letter("G")]),
    words: `Y equals layer norm of G; that is ${NORM_WORDS}`,
    paper: "Google’s run_pretraining.py; Ba et al. 2016, eq. 3–4",
    where: NORM_WHERE,
    ...{ letters: ["H"], page: "07-masked-language-model" },
  }),
  gapLogits: () => ({
    title: "Hidden words, the scores",
    of: linear(letter("z"), letter("Y"), transposed("E"), below("b", "V")),
    words: "z equals Y times E transposed, plus b V",
    paper: `${DEVLIN}, §3.1, task 1`,
    where:
      "E is the table of word embeddings again, where the model has no other; a column is a piece of the vocabulary",
    ...{ letters: ["V"], page: "07-masked-language-model" },
  }),
  nextSentence: () => ({
    ...scores("Next sentence", letter("C"), "C"),
    paper: `${DEVLIN}, §3.1, task 2`,
    where: "C stands for both texts; the columns are “it follows” and “it does not follow”",
    ...{ letters: ["2"], page: "08-next-sentence" },
  }),
  classifier: () => ({
    ...scores("Classifier", letter("C"), "C"),
    paper: `${DEVLIN}, §4.1 and §4.4`,
    where: "C stands for the whole text, or for a token where each has a class; a column is a class",
    ...{ letters: ["classes"], page: "08-next-sentence" },
  }),
  span: () => ({
    ...scores("Start and end of an answer", below("T", "i"), "T i"),
    paper: `${DEVLIN}, §4.2`,
    where: "T_i is the last layer’s vector of token i; the columns are “starts here” and “ends here”",
    ...{ letters: ["T", "2"], page: "08-next-sentence" },
  }),
};

/** Of queries, keys and values. */
function projection(title: string, name: string): Written {
  return {
    title,
    of: linear(letter(name), letter("X"), transposed("W", name), below("b", name)),
    words: `${name} equals X times W ${name} transposed, plus b ${name}`,
    paper: `${VASWANI}, §3.2.2`,
    where: `X is what the layer is given; W_${name} and b_${name} are learned; the A heads stand side by side, D = H / A numbers each`,
    ...{ letters: ["T", "H"], page: "03-attention" },
  };
}

/** Of heads that are one linear map. */
function scores(title: string, x: TemplateResult<3>, words: string): Pick<Written, "title" | "of" | "words"> {
  return {
    title,
    of: linear(letter("z"), x, transposed("W"), letter("b")),
    words: `z equals ${words} times W transposed, plus b`,
  };
}

/** The equation of a step. */
export function equationOf({ kind, computation, shape }: Pick<Step, "kind" | "computation" | "shape">): Equation {
  const { of, ...written } = WRITTEN[kind](computation.how === "activation" ? computation.act : "gelu");
  const isOfTokens = kind === "classifier" && shape.length === 3;
  return {
    ...written,
    ...(isOfTokens && { letters: ["T", "classes"] }),
    math: html`<math display="block" aria-label=${written.words}><mrow>${of}</mrow></math>`,
  };
}
