import { createHash } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import type { BertOutput } from "../../src/model/forward.ts";
import type { BertModel } from "../../src/runtime/bertModel.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { loadTiny, referenceInputs } from "../support/reference.ts";

let tiny: BertModel;
const inputs = referenceInputs("tiny/inputs.json");
beforeAll(async () => {
  tiny = await loadTiny();
});

/**
 * The bits of a whole forward pass. `plain` computes with +, −, ×, ÷ and √ alone, so no machine, engine or Node version
 * may change them; a change here is a change of the numbers that people have pinned, and needs a major version.
 */
test("the digest of a forward pass", () => {
  const { lastHiddenState, poolerOutput, predictionLogits, seqRelationshipLogits } = tiny.forwardSync(inputs);
  const hash = createHash("sha256");
  for (const { data } of [lastHiddenState, poolerOutput, predictionLogits, seqRelationshipLogits] as Tensor[]) {
    for (const value of data) hash.update(littleEndian(value));
  }
  expect(hash.digest("hex")).toBe("423e214d067c990cf3f9a1c076d944bca5dc1e885e885d8987b669cf36ae7968");
});

function littleEndian(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return bytes;
}

describe("forward", () => {
  test("gives the bits of forwardSync", async () => {
    const options = { hiddenStates: true, attentions: true, taps: ["bert.pooler.dense"] };
    expect(await tiny.forward(inputs, options)).toEqual(tiny.forwardSync(inputs, options));
  });

  test("two at once do not disturb each other", async () => {
    const other = [{ inputIds: [5, 6, 7] }];
    const [a, b] = await Promise.all([tiny.forward(inputs), tiny.forward(other)]);
    expect([a, b]).toEqual([tiny.forwardSync(inputs), tiny.forwardSync(other)]);
  });

  test("lets the event loop turn while it computes", async () => {
    const turns: number[] = [];
    const timer = setInterval(() => turns.push(performance.now()), 1);
    const many = Array.from({ length: 200 }, () => ({ inputIds: Array(32).fill(7) }));
    await tiny.forward(many);
    clearInterval(timer);
    expect(turns.length).toBeGreaterThan(0);
  });

  test("rejects with the signal's reason, before it starts or between layers", async () => {
    await expect(tiny.forward(inputs, { signal: AbortSignal.abort("stop") })).rejects.toBe("stop");
    const controller = new AbortController();
    const reason = new Error("enough");
    const seen: string[] = [];
    const tap = (name: string) => {
      seen.push(name);
      if (name === "bert.encoder.layer.0") controller.abort(reason);
    };
    await expect(tiny.forward(inputs, { signal: controller.signal, tap })).rejects.toBe(reason);
    expect(seen.at(-1)).toBe("bert.encoder.layer.0");
    expect(() => tiny.forwardSync(inputs, { signal: controller.signal })).toThrow(reason);
  });
});

describe("taps", () => {
  test("have the shapes that bert.taps lists", () => {
    const sizes = { B: 3, T: 17 };
    const shapes = new Map(
      tiny.taps.map(({ name, shape }) => [name, shape.map((n) => (typeof n === "string" ? sizes[n] : n))]),
    );
    const seen: string[] = [];
    tiny.forwardSync(inputs, {
      tap: (name, tensor) => {
        seen.push(name);
        expect(tensor.shape, name).toEqual(shapes.get(name));
        expect(tensor.data.length, name).toBe(tensor.shape.reduce((a, b) => a * b));
      },
    });
    expect(seen).toEqual([...shapes.keys()]);
  });

  test("hidden states and attentions are the taps of those names", () => {
    const names = [
      "bert.embeddings",
      "bert.encoder.layer.0",
      "bert.encoder.layer.1",
      "bert.encoder.layer.1.attention.self.probs",
    ];
    const output = tiny.forwardSync(inputs, { hiddenStates: true, attentions: true, taps: names });
    expect([...(output.taps?.keys() ?? [])]).toEqual(names);
    expect(output.hiddenStates).toEqual(names.slice(0, 3).map((name) => output.taps?.get(name)));
    expect(output.attentions?.[1]).toEqual(output.taps?.get(names[3]));
    expect(output.hiddenStates?.at(-1)).toEqual(output.lastHiddenState);
  });

  test("what is not asked for is not there", () => {
    expect(Object.keys(tiny.forwardSync(inputs))).toEqual([
      "lastHiddenState",
      "poolerOutput",
      "predictionLogits",
      "seqRelationshipLogits",
    ]);
  });

  test("looking changes nothing, and what was seen is the caller's to keep", () => {
    const plainOutput = tiny.forwardSync(inputs);
    const kept: Tensor[] = [];
    const tapped = tiny.forwardSync(inputs, { tap: (_, tensor) => void kept.push(tensor) });
    for (const { data } of kept) data.fill(Number.NaN);
    expect(tapped).toEqual(plainOutput);
    expect(tiny.forwardSync(inputs)).toEqual(plainOutput);
  });
});

describe("masked-language-model head", () => {
  test("maskedLmPositions gives the rows of the full logits, in the asked order", () => {
    const full = tiny.forwardSync(inputs).predictionLogits as Tensor;
    const asked = tiny.forwardSync(inputs, { maskedLmPositions: [[16, 3], [], [1]] }).predictionLogits as Tensor;
    expect(asked.shape).toEqual([3, 211]);
    const row = (b: number, t: number) => full.data.slice((b * 17 + t) * 211, (b * 17 + t + 1) * 211);
    [row(0, 16), row(0, 3), row(2, 1)].forEach((want, m) => {
      expect(asked.data.slice(m * 211, (m + 1) * 211)).toEqual(want);
    });
  });

  test("nothing asked, nothing computed", () => {
    const output = tiny.forwardSync(inputs, { maskedLmPositions: [[], [], []] });
    expect(output.predictionLogits).toEqual({ data: new Float32Array(0), shape: [0, 211] });
    expect(output.lastHiddenState).toEqual(tiny.forwardSync(inputs).lastHiddenState);
  });

  test("predictMasked on the last hidden states is the model's own logits", () => {
    const { lastHiddenState, predictionLogits } = tiny.forwardSync([{ inputIds: [1, 2, 3, 4] }]);
    const rows = { data: lastHiddenState.data, shape: [4, 36] };
    expect(tiny.predictMasked(rows)).toEqual({ data: predictionLogits?.data, shape: [4, 211] });
  });

  test("predictMasked wants [M, H] and a model with that head", async () => {
    expect(() => tiny.predictMasked({ data: new Float32Array(35), shape: [1, 35] })).toThrow(
      "predictMasked: rows must be [M,H] = [M,36], got [1,35] with 35 numbers",
    );
    const headless = await loadTiny("model.safetensors", { architecture: "BertModel" });
    expect(() => headless.predictMasked({ data: new Float32Array(36), shape: [1, 36] })).toThrow(
      "predictMasked: the model must have a masked-language-model head, is BertModel",
    );
  });
});

test("a head mask of ones changes nothing, of zeros everything", () => {
  const all = (value: number) => [Array(3).fill(value), Array(3).fill(value)];
  const unmasked = tiny.forwardSync(inputs);
  expect(tiny.forwardSync(inputs, { headMask: all(1) })).toEqual(unmasked);
  expect(tiny.forwardSync(inputs, { headMask: all(0) }).lastHiddenState).not.toEqual(unmasked.lastHiddenState);
});

describe("architecture", () => {
  const outputs: Record<string, (keyof BertOutput)[]> = {
    BertModel: ["lastHiddenState", "poolerOutput"],
    BertForPreTraining: ["lastHiddenState", "poolerOutput", "predictionLogits", "seqRelationshipLogits"],
    BertForMaskedLM: ["lastHiddenState", "logits"],
    BertForNextSentencePrediction: ["lastHiddenState", "poolerOutput", "logits"],
  };
  test.each(Object.entries(outputs))("%s reads the weights that it needs and gives %j", async (architecture, names) => {
    const model = await loadTiny("model.safetensors", { architecture: architecture as "BertModel" });
    const output = model.forwardSync(inputs);
    expect(Object.keys(output)).toEqual(names);
    const { lastHiddenState, ...ofHeads } = output;
    expect(lastHiddenState).toEqual(tiny.forwardSync(inputs).lastHiddenState);
    expect(model.forwardSync(inputs, { lastHiddenState: false })).toEqual(ofHeads);
    expect(model.parameters.has("cls.predictions.bias")).toBe(/PreTraining|MaskedLM/.test(architecture));
    expect(model.parameters.has("bert.pooler.dense.weight")).toBe(architecture !== "BertForMaskedLM");
  });
});

describe("dispose", () => {
  test("frees the model; using it afterwards is an error that says so", async () => {
    const model = await loadTiny();
    await model.dispose();
    await model.dispose();
    const message = "bert: the model must not be used after dispose()";
    await expect(model.forward(inputs)).rejects.toThrow(message);
    expect(() => model.forwardSync(inputs)).toThrow(message);
    expect(() => model.parameters).toThrow(message);
  });

  test("await using", async () => {
    let model: BertModel;
    {
      await using scoped = await loadTiny();
      model = scoped;
      expect(model.parameters.size).toBe(46);
    }
    expect(() => model.parameters).toThrow("dispose");
  });
});

describe("options that do not fit are refused", () => {
  test("taps that the model does not have", () => {
    expect(() => tiny.forwardSync(inputs, { taps: ["bert.pooler", "bert.encoder.layer.2", "nonsense"] })).toThrow(
      'forward: taps must be names listed in bert.taps, got "bert.encoder.layer.2", "nonsense"',
    );
  });

  test.each([
    ["one layer of two", [[1, 1, 1]], "[[1, 1, 1]]"],
    [
      "two heads of three",
      [
        [1, 1],
        [1, 1],
      ],
      "[[1, 1], [1, 1]]",
    ],
    [
      "NaN",
      [
        [1, 1, 1],
        [1, 1, Number.NaN],
      ],
      "[[1, 1, 1], [1, 1, NaN]]",
    ],
    [
      "infinity",
      [
        [1, 1, 1],
        [1, 1, -Infinity],
      ],
      "[[1, 1, 1], [1, 1, -Infinity]]",
    ],
    ["a hole", [[1, 1, 1], new Array(3)], "[[1, 1, 1], ["],
    ["a layer that is null", [[1, 1, 1], null], "[[1, 1, 1], null]"],
    ["a layer that is a text", [[1, 1, 1], "111"], '[[1, 1, 1], "111"]'],
    ["one number a head", [1, 1, 1], "[1, 1, 1]"],
    ["null", null, "null"],
    ["a number", 0, "0"],
    [
      "bigints",
      [
        [1n, 1n, 1n],
        [1n, 1n, 1n],
      ],
      "[[1n, 1n, 1n], [1n, 1n, 1n]]",
    ],
  ] as const)("head mask: %s", (_, headMask, shown) => {
    expect(() => tiny.forwardSync(inputs, { headMask: headMask as unknown as number[][] })).toThrow(
      `forward: headMask must be finite numbers [L,A] = [2,3], got ${shown}`,
    );
  });

  test("maskedLmPositions without a masked-language-model head", async () => {
    const model = await loadTiny("model.safetensors", { architecture: "BertModel" });
    expect(() => model.forwardSync(inputs, { maskedLmPositions: [[0], [0], [0]] })).toThrow(
      "forward: maskedLmPositions must be left out for BertModel, which has no masked-language-model head",
    );
  });
});
