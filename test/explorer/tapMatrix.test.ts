import { beforeAll, describe, expect, test } from "vitest";
import { svgOf } from "../../src/explorer/draw/svg.ts";
import { Latest } from "../../src/explorer/page/stepper/latest.ts";
import { verdictOf } from "../../src/explorer/page/stepper/termsView.ts";
import type { MatrixShape, Scene } from "../../src/explorer/scene.ts";
import { sizeOfTap, tapMatrix } from "../../src/explorer/scenes/tapMatrix.ts";
import { SCALES } from "../../src/explorer/state.ts";
import { computedAgain } from "../../src/explorer/steps/computedAgain.ts";
import { stepsOf } from "../../src/explorer/steps/modelSteps.ts";
import { statisticsOf, type TapNumbers, tapNumbers, tapTerms } from "../../src/explorer/steps/tapAnswers.ts";
import { BertTokenizer, type HeadOutput, loadBert } from "../../src/index.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { HOSTILE } from "./hostile.ts";
import { type Explored, explored, MODELS, numberAt, small, tiny } from "./models.ts";

const matrixOf = ({ shapes }: Scene): MatrixShape => shapes.find((shape) => shape.kind === "matrix") as MatrixShape;
const textsOf = ({ shapes }: Scene): string[] => shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));

/** A tap of a forward pass, as the worker tells of it. */
function ofForward({ taps }: HeadOutput, tap: string, tokens: readonly unknown[], read: readonly number[]): TapNumbers {
  const { data, shape } = taps!.get(tap)!;
  const rows = shape.at(-2) as number;
  const positions = rows === tokens.length ? tokens.map((_, t) => t) : rows === 1 ? [0] : read;
  return { tap, shape, data, ...statisticsOf(data), positions };
}

const REQUEST = { text: "The door was [MASK], and he looked", pair: "out of the window.", masks: [2, 4], top: 8 };

describe.each(MODELS)("%s: the tap that is asked for", (name, open) => {
  let model: Explored;
  /** Each look is a forward pass, of which the small model has a longer one: it has some of its steps looked at. */
  const looked = () => stepsOf(model.model).filter((_, n) => name !== "small" || n % 6 === 2);
  beforeAll(async () => {
    model = await open();
  });

  /** What `forward` has of a text, with every tap; its head reads the gaps. */
  function truthOf(request: typeof REQUEST) {
    const { tokens } = explored(model, request.text, request);
    const read = tokens.flatMap(({ isMasked }, t) => (isMasked ? [t] : []));
    const hasHead = model.model.taps.some(({ name }) => /^cls\.predictions|^vocab_/.test(name));
    const output = model.model.forwardSync(
      [{ inputIds: tokens.map(({ id }) => id), tokenTypeIds: tokens.map(({ segment }) => segment) }],
      {
        taps: model.model.taps.map(({ name }) => name),
        ...(hasHead && read.length > 0 && { maskedLmPositions: [read] }),
      },
    );
    return { tokens, read, output };
  }

  test.each([
    ["with gaps", REQUEST],
    ["without any", { ...REQUEST, text: "It was locked.", masks: [] }],
  ])("is forward's, every number, with the positions of its rows, %s", (_, request) => {
    const { tokens, read, output } = truthOf(request);
    for (const { kind, names, shape: sizes } of looked()) {
      for (const tap of names) {
        const { data, positions, shape } = tapNumbers(model.model, model.tokenizer, { request, tap, place: null });
        expect(data, tap).toEqual(output.taps?.get(tap)?.data);
        const all = tokens.map((_, t) => t);
        const wanted = kind.startsWith("gap") && read.length > 0 ? read : sizes.length === 2 ? [0] : all;
        expect(positions, tap).toEqual(wanted);
        expect(sizeOfTap({ shape })[0], tap).toBe(positions.length);
      }
    }
  });

  test("a number and its terms: the last row and column of each tap come to the same bits", () => {
    const { output } = truthOf(REQUEST);
    for (const { names } of looked()) {
      const shape = output.taps?.get(names[0])?.shape as readonly number[];
      const place = (shape.length === 4 ? shape.slice(1) : shape.slice(-2)).map((size) => size - 1);
      const at = { request: REQUEST, tap: names[0], place };
      const { operands, value } = tapTerms(model.model, model.tokenizer, at);
      expect(value).toBe(numberAt(output, { tap: names[0], at: place }));
      expect(computedAgain(operands).value, names[0]).toBe(value);
      for (const wrong of [place.map((one) => one + 1), place.slice(1), [...place, 0]])
        expect(() => tapTerms(model.model, model.tokenizer, { ...at, place: wrong })).toThrow(/must have the place/);
    }
  });

  test("the windows of a strip have each number once, whatever is picked", () => {
    const { tokens, read, output } = truthOf(REQUEST);
    for (const { names } of stepsOf(model.model)) {
      const numbers = ofForward(output, names[0], tokens, read);
      const [rows, columns] = sizeOfTap(numbers);
      const heads = numbers.shape.length === 4 ? numbers.shape[1] : 1;
      const seen = new Set<string>();
      let cells = 0;
      for (let a = 0; a < heads; a++) {
        for (let place: readonly [number, number] | null = [0, 0]; place; ) {
          const head: number | null = numbers.shape.length === 4 ? a : null;
          const scene = tapMatrix({ title: "", numbers, tokens, head, place, scale: "linear" }, 640);
          const matrix = matrixOf(scene);
          expect(scene.width).toBeLessThanOrEqual(648);
          for (let i = 0; i < matrix.rows; i++) {
            for (let j = 0; j < matrix.columns; j++) {
              const ref = matrix.ref(i, j);
              if (matrix.values[i * matrix.columns + j] !== numberAt(output, ref)) expect.fail(`${ref.tap}[${ref.at}]`);
              seen.add(String(ref.at));
            }
          }
          cells += matrix.rows * matrix.columns;
          const last = matrix.ref(matrix.rows - 1, matrix.columns - 1).at.slice(-2);
          const isCut = matrix.rows < rows || matrix.columns < columns;
          expect(/Shown are/.test(scene.legend.join(" "))).toBe(isCut);
          const next = last[1] + 1 < columns ? [0, last[1] + 1] : last[0] + 1 < rows ? [last[0] + 1, 0] : null;
          place = next as readonly [number, number] | null;
        }
      }
      expect(seen.size, names[0]).toBe(numbers.data.length);
      expect(cells).toBeGreaterThanOrEqual(numbers.data.length); // the last window may overlap the one before
    }
  });

  test.each(SCALES)("the colours are what the legend says, %s", (scale) => {
    const { tokens, read, output } = truthOf(REQUEST);
    for (const { names } of stepsOf(model.model)) {
      const numbers = ofForward(output, names[0], tokens, read);
      const head = numbers.shape.length === 4 ? 1 : null;
      const scene = tapMatrix({ title: "", numbers, tokens, head, place: null, scale }, 900);
      const { columns, values, strengths, ref, palette } = matrixOf(scene);
      const isSigned = numbers.data.some((x) => x < 0);
      expect([palette, scene.palette]).toEqual(Array(2).fill(isSigned ? "diverging" : "sequential"));
      const most = numbers.data.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
      const [rows, all] = sizeOfTap(numbers);
      const first = head === null ? 0 : head * rows;
      const largest = Array.from({ length: rows }, (_, i) =>
        numbers.data.subarray((first + i) * all, (first + i + 1) * all).reduce((a, b) => Math.max(a, Math.abs(b)), 0),
      );
      for (const [n, value] of values.entries()) {
        const [i] = ref(Math.floor(n / columns), n % columns).at.slice(-2);
        const x = Math.abs(value);
        const share = most === 0 ? 0 : { linear: x / most, root: (x / most) ** 0.5, row: x / largest[i] }[scale];
        const wanted = isSigned ? 0.5 + (Math.sign(value) * share) / 2 : share;
        if (!(Math.abs(strengths[n] - wanted) <= 1e-7))
          expect.fail(`${names[0]}: ${value} has ${strengths[n]}, not ${wanted}`);
      }
      if (scale !== "row") expect(Number(scene.brightest)).toBeCloseTo(most, 4);
      expect(scene.legend.join(" ")).toContain(isSigned ? "Blue is negative, white 0, orange positive" : "Dark is 0");
    }
  });
});

test("columns of scores have the names of pieces and classes", async () => {
  const { model, tokenizer } = await small();
  const nameOf = (tap: string, place: number[]) => tapTerms(model, tokenizer, { request: REQUEST, tap, place }).column;
  expect(nameOf("cls.predictions.decoder", [0, 4000])).toBe(tokenizer.idToToken(4000));
  expect([0, 1].map((n) => nameOf("cls.seq_relationship", [0, n]))).toEqual(["it follows", "it does not follow"]);
  expect(nameOf("bert.embeddings", [0, 1])).toBeNull();
});

test("on simd what is computed again is near, and how near is told", async () => {
  await using bert = await loadBert(WEIGHTS, { backend: "simd", threads: 1 });
  let apart = 0;
  for (const { names } of stepsOf(bert).filter((_, n) => n % 2 === 1)) {
    const { data, shape } = tapNumbers(bert, bert.tokenizer, { request: REQUEST, tap: names[0], place: null });
    const most = data.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
    const [rows, columns] = [shape.at(-2) as number, shape.at(-1) as number];
    for (let n = 0; n < 3; n++) {
      const place = [(n * 5) % rows, (n * 7919) % columns];
      const at = { request: REQUEST, tap: names[0], place: shape.length === 4 ? [n % 4, ...place] : place };
      const { operands, value } = tapTerms(bert, bert.tokenizer, at);
      const again = computedAgain(operands).value;
      expect(Math.abs(again - value), names[0]).toBeLessThanOrEqual(2e-6 * most);
      const verdict = verdictOf(again, value, "simd");
      if (again === value) expect(verdict).toContain("to the last bit");
      else expect(verdict).toMatch(/^forward\(\) has .* \d+ units? in the last place away/);
      apart += Number(again !== value);
    }
  }
  expect(apart).toBeGreaterThan(10);
});

test("long texts: rows without names have positions, and the legend says what is left out", async () => {
  const model = await small();
  const request = { ...REQUEST, text: "a ".repeat(400), pair: "", masks: [] };
  const { tokens } = explored(model, request.text, request);
  const numbers = tapNumbers(model.model, model.tokenizer, { request, tap: "bert.embeddings", place: null });
  const scene = tapMatrix({ title: "", numbers, tokens, head: null, place: [200, 250], scale: "root" }, 640);
  expect(scene.legend.slice(2)).toEqual([
    "Shown are rows 160 to 255 of 256.",
    expect.stringMatching(/^Shown are columns \d+ to 255 of 256\.$/),
  ]);
  expect(textsOf(scene).filter((text) => ["160", "176", "240"].includes(text)).length).toBeGreaterThanOrEqual(3);
});

test.each(Object.entries(HOSTILE))(
  "a text that is %s is a picture of its numbers, and text in it stays text",
  async (_, text) => {
    const { model } = await tiny();
    const words = Array.from({ length: 211 }, (_, id) => `<img src=x onerror="hit(${id})">`);
    const tokenizer = BertTokenizer.fromVocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...words.slice(5)]);
    const request = { text, pair: text.slice(0, 40), masks: [], top: 1 };
    const { tokens } = explored({ model, tokenizer }, request.text, request);
    const numbers = tapNumbers(model, tokenizer, { request, tap: "bert.embeddings", place: null });
    const scene = tapMatrix({ title: text, numbers, tokens, head: null, place: null, scale: "linear" }, 400);
    expect(matrixOf(scene).values.every((x, n) => x === numbers.data[Math.floor(n / matrixOf(scene).columns) * 36 + (n % matrixOf(scene).columns)])).toBe(true); // biome-ignore format: one line
    expect(svgOf(scene, [text])).not.toMatch(/<(img|script|b)\b/);
  },
);

describe("the latest answer", () => {
  /** Questions that are answered by hand. */
  function asking() {
    const latest = new Latest<readonly [string], string>();
    const open: { of: string; resolve(answer: string): void; reject(error: Error): void }[] = [];
    let done = 0;
    const get = (of: string) =>
      latest.get(
        [of],
        () => new Promise((resolve, reject) => open.push({ of, resolve, reject })),
        () => done++,
      );
    return { get, open, done: () => done };
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve));

  test("one question runs; of those that come meanwhile the last is asked", async () => {
    const { get, open, done } = asking();
    expect(get("a")).toMatchObject({ value: null, isCurrent: false });
    for (const of of ["a", "b", "c"]) get(of);
    expect(open.map(({ of }) => of)).toEqual(["a"]);
    open[0].resolve("A");
    await settled();
    expect(done()).toBe(1);
    expect(get("c")).toMatchObject({ parts: ["a"], value: "A", isCurrent: false });
    expect(open.map(({ of }) => of)).toEqual(["a", "c"]);
    open[1].resolve("C");
    await settled();
    expect(get("c")).toMatchObject({ parts: ["c"], value: "C", isCurrent: true, problem: null });
    expect(open.length).toBe(2);
  });

  test("one that cannot be answered has the reason, and is not asked again", async () => {
    const { get, open } = asking();
    get("a");
    open[0].reject(new Error("no"));
    await settled();
    expect(get("a")).toMatchObject({ value: null, problem: "no", isCurrent: true });
    expect(open.length).toBe(1);
  });
});
