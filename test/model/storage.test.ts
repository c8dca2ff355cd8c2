import { describe, expect, test } from "vitest";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import type { BertOutput } from "../../src/model/forward.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { readSafetensors, type TensorToWrite, writeSafetensors } from "../../src/safetensors/index.ts";
import { openSafetensors, randomAccess } from "../../src/safetensors/safetensorsReader.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import type { StorageType } from "../../src/tensor/tensor.ts";
import { BACKENDS, type TestedBackend } from "../support/backends.ts";
import { deviation, expectClose } from "../support/close.ts";
import { loadTiny, realTokens, referenceInputs, referenceTensors } from "../support/reference.ts";
import { preTrainingShapes } from "../support/synthetic.ts";
import { numbers } from "../tensor/kernels/cases.ts";

const inputs = referenceInputs("tiny/inputs.json");
const REDUCED = ["float16", "bfloat16", "int8"] as const;

const load = (backend: TestedBackend, dtype: StorageType, file?: string) =>
  loadTiny(file, {}, backend.create(dtype), dtype);

function expectSame(got: BertOutput, want: BertOutput): void {
  expect(Object.keys(got)).toEqual(["lastHiddenState", "poolerOutput", "predictionLogits", "seqRelationshipLogits"]);
  expect(got).toEqual(want);
}

describe.each(BACKENDS)("$title", (backend) => {
  test.each(["float16", "bfloat16"] as const)(
    "%s: the bits of float32 with the rounded weights, from a file of either type",
    async (dtype) => {
      const rounded = await loadTiny(`model.${dtype}.safetensors`, {}, backend.create());
      const same = await load(backend, dtype, `model.${dtype}.safetensors`);
      expect(same.dtype).toBe(dtype);
      expectSame(same.forwardSync(inputs), rounded.forwardSync(inputs));

      const model = await load(backend, dtype, "model.safetensors.index.json"); // whose vectors are not rounded
      const file = await openSafetensors(randomAccess(writeSafetensors(model.tensorsToWrite()), "memory"));
      const want = await BertModel.load(file, model.config, backend.create());
      expectSame(model.forwardSync(inputs), want.forwardSync(inputs));
    },
  );

  test.each(REDUCED)("%s: vectors are float32, matrices those of the file, rounded", async (dtype) => {
    const [exact, rounded] = [await load(backend, "float32"), await load(backend, dtype)];
    expect([...rounded.parameters.keys()]).toEqual([...exact.parameters.keys()]);
    for (const [name, { data, shape }] of rounded.parameters) {
      const want = exact.parameters.get(name)!.data;
      const { max } = deviation(data, want);
      const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (shape.length === 1) expect(max, name).toBe(0);
      else
        expect(max / largest, name).toBeLessThanOrEqual(
          { float16: 2 ** -11, bfloat16: 2 ** -8, int8: 0.5 / 127 }[dtype],
        );
      if (shape.length === 2 && shape[1] > 2) expect(max, name).toBeGreaterThan(0);
    }
  });

  test("int8: the hidden states are near those of float32 with the same weights", async () => {
    const model = await load(backend, "int8");
    const file = writeSafetensors(model.tensorsToWrite());
    const float32 = await BertModel.load(await openSafetensors(randomAccess(file, "int8")), model.config, plain);
    expect([...float32.parameters].map(([name, { data }]) => [name, data])).toEqual(
      [...model.parameters].map(([name, { data }]) => [name, data]),
    );
    const [got, want] = [model.forwardSync(inputs), float32.forwardSync(inputs)];
    const real = realTokens(got.lastHiddenState.shape, inputs.attentionMask);
    expectClose("lastHiddenState", got.lastHiddenState.data, want.lastHiddenState.data, 5.5e-4, real); // measured 5.47e-4 of 2.6
  });

  test.each(REDUCED)("%s: written and read back: the same bits", async (dtype) => {
    const model = await load(backend, dtype);
    const bytes = writeSafetensors(model.tensorsToWrite());
    const file = await openSafetensors(randomAccess(bytes, "memory"));
    const again = await BertModel.load(file, model.config, backend.create(dtype), dtype);
    expectSame(again.forwardSync(inputs), model.forwardSync(inputs));
    expect(writeSafetensors(again.tensorsToWrite())).toEqual(bytes);
  });

  test.each(REDUCED)("%s: the worker's answer is this thread's", async (dtype) => {
    await using model = await load(backend, dtype);
    expectSame(await model.forward(inputs), model.forwardSync(inputs));
  });
});

test("int8 in a file: I8 and the scale of each row, whose product are the numbers", async () => {
  const model = await loadTiny(undefined, {}, plain, "int8");
  const file = readSafetensors(writeSafetensors(model.tensorsToWrite()));
  const matrices = [...model.parameters].filter(([, { shape }]) => shape.length === 2);
  expect(file.tensors.size).toBe(model.parameters.size + matrices.length);
  for (const [name, { data, shape }] of matrices) {
    expect(file.tensors.get(name)).toMatchObject({ dtype: "I8", shape });
    expect(file.tensors.get(`${name}_scale`)).toMatchObject({ dtype: "F32", shape: [shape[0], 1] });
    const [q, scale] = [file.toTypedArray(name) as Int8Array, file.toFloat32(`${name}_scale`)];
    expect(data).toEqual(Float32Array.from(q, (value, i) => value * scale[Math.floor(i / shape[1])]));
  }
});

test.each(["float16", "bfloat16"] as const)("%s in a file is the file that PyTorch writes", async (dtype) => {
  const model = await loadTiny(undefined, {}, plain, dtype);
  const [ours, theirs] = [
    readSafetensors(writeSafetensors(model.tensorsToWrite())),
    referenceTensors(`tiny/model.${dtype}.safetensors`),
  ];
  for (const [name, { shape }] of theirs.tensors) {
    if (shape.length !== 2 || name === "cls.predictions.decoder.weight") continue;
    expect(ours.tensors.get(name)?.dtype, name).toBe(theirs.tensors.get(name)?.dtype);
    expect(ours.bytes(name), name).toEqual(Uint8Array.from(theirs.bytes(name)));
  }
});

describe("what is refused", () => {
  const SIZES = {
    vocab_size: 11,
    hidden_size: 6,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 5,
    max_position_embeddings: 7,
    type_vocab_size: 2,
  };
  const config: BertConfig = parseConfig(JSON.stringify({ ...SIZES, architectures: ["BertForPreTraining"] }));
  const QUERY = "bert.encoder.layer.0.attention.self.query.weight";
  const tensors = (): Map<string, TensorToWrite & { data: Float32Array }> =>
    new Map(
      Array.from(preTrainingShapes(SIZES), ([name, shape], i) => [
        name,
        { shape, data: numbers(shape.reduce((a, b) => a * b, 1), i) }, // biome-ignore format: one tensor
      ]),
    );

  /** In a file, and from a source that can only read whole tensors. */
  async function expectRefused(
    stored: ReadonlyMap<string, TensorToWrite & { data: Float32Array }>,
    dtype: StorageType,
    message: string,
  ): Promise<void> {
    const file = await openSafetensors(randomAccess(writeSafetensors(stored), "memory"));
    const whole: WeightSource = { tensors: file.tensors, files: file.files, readInto: file.readInto };
    for (const source of [file, whole]) {
      await expect(loadParams(source, config, plain, dtype)).rejects.toMatchObject({
        code: "ERR_CHECKPOINT",
        message: expect.stringContaining(message),
      });
    }
  }

  test.each(REDUCED)("%s: NaN and infinities", async (dtype) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const stored = tensors();
      stored.get(QUERY)!.data[7] = value;
      await expectRefused(
        stored,
        dtype,
        `loadParams: memory: ${QUERY} must hold finite numbers, element 7 is ${value}`,
      );
    }
  });

  test("float16: what it cannot hold; bfloat16 likewise", async () => {
    const stored = tensors();
    stored.get(QUERY)!.data[8] = -65520;
    await expectRefused(stored, "float16", `${QUERY} must hold numbers within float16's range, element 8 is -65520`);
    stored.get(QUERY)!.data[8] = 3.4e38;
    await expectRefused(stored, "bfloat16", `${QUERY} must hold numbers within bfloat16's range, element 8 is 3.39`);
    stored.get(QUERY)!.data[8] = 65519;
    await loadParams(await openSafetensors(randomAccess(writeSafetensors(stored), "memory")), config, plain, "float16");
  });

  test("scales of another shape, not finite, or of numbers that are no integers", async () => {
    const scaled = (shape: readonly number[], data: Float32Array) => {
      const stored = tensors();
      stored.get(QUERY)!.data.fill(3);
      return stored.set(`${QUERY}_scale`, { shape, data });
    };
    await expectRefused(scaled([5], new Float32Array(5)), "int8", `${QUERY}_scale: left over, [5]`);
    const bad = new Float32Array(6).fill(1);
    bad[4] = Number.NaN;
    await expectRefused(scaled([6, 1], bad), "int8", `${QUERY}_scale must hold finite numbers, element 4 is NaN`);
    await expectRefused(scaled([6], bad), "float32", `${QUERY}_scale must hold finite numbers, element 4 is NaN`);
    for (const value of [0.5, 128, -129]) {
      const stored = scaled([6], new Float32Array(6).fill(1));
      stored.get(QUERY)!.data[3] = value;
      await expectRefused(stored, "int8", `${QUERY} must hold integers of 8 bits, as it has scales, got ${value}`);
    }
  });

  test("a scale of a matrix that the model does not have", async () => {
    await expectRefused(
      tensors().set("bert.encoder.layer.7.output.dense.weight_scale", { shape: [1], data: new Float32Array(1) }),
      "int8",
      "bert.encoder.layer.7.output.dense.weight_scale: left over, [1]",
    );
  });
});
