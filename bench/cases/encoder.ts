import { expectEqualOutputs, MAX_REDUCED_RMS } from "../harness/agreement.ts";
import { type Case, type CaseGroup, type OpenGroup, simpleCase } from "../harness/case.ts";
import { type Side, timed } from "../harness/interleave.ts";
import type { Engine, Sequence } from "../sides/engine.ts";
import { onnxruntimeInt8, onnxruntimeNode, onnxruntimeWeb } from "../sides/onnxruntime.ts";
import { openvino } from "../sides/openvino.ts";
import { plainbert, plainbertByStorage } from "../sides/plainbert.ts";
import { tensorflow } from "../sides/tensorflow.ts";
import { type EncoderCase, encoderCases, encoderFlops, lengths, storageCases } from "./inputs.ts";

/** Token sequences to the encoder's last hidden states, by every library. */
export const encoderGroup: CaseGroup = {
  planned: [
    { id: "encoder-1x8", seconds: 16 },
    { id: "encoder-1x16", seconds: 16 },
    { id: "encoder-1x32", seconds: 16 },
    { id: "encoder-1x128", seconds: 20 },
    { id: "encoder-1x512", seconds: 40, notQuick: true },
    { id: "encoder-8x128", seconds: 45, notQuick: true },
    { id: "encoder-mixed", seconds: 45, notQuick: true },
    { id: "encoder-32x128", seconds: 60, notQuick: true },
  ],
  async open({ backend, threads, tokenizer, config }) {
    const engines = [
      await plainbert(backend, threads),
      await onnxruntimeNode("plain", threads),
      await onnxruntimeNode("fused", threads),
      await onnxruntimeWeb("plain", threads),
      await onnxruntimeWeb("fused", threads),
      await tensorflow(threads),
      ...(await openvino(threads)),
    ];
    await expectEqualOutputs(engines, tokenizer);
    const cases = encoderCases(tokenizer).map((one): Case => {
      const flops = encoderFlops(lengths(one.sequences), config);
      const sides = engines.flatMap((engine) => waysToEncode(engine, one));
      return simpleCase({ id: one.id, title: one.title, unit: "ms", flops }, sides);
    });
    return { cases, dispose: () => disposeAll(engines) };
  },
};

/** Three of them by the type that the weights are held in. */
export const storageGroup: CaseGroup = {
  planned: [
    { id: "storage-1x16", seconds: 14 },
    { id: "storage-1x128", seconds: 16 },
    { id: "storage-8x128", seconds: 40, notQuick: true },
  ],
  async open({ backend, threads, tokenizer, config }): Promise<OpenGroup> {
    const engines = [
      ...(await plainbertByStorage(backend, threads)),
      await onnxruntimeNode("plain", threads),
      await onnxruntimeInt8(config, threads),
    ];
    await expectEqualOutputs(engines, tokenizer, MAX_REDUCED_RMS);
    const cases = storageCases(tokenizer).map(({ id, title, sequences }): Case => {
      const flops = encoderFlops(lengths(sequences), config);
      const sides = engines.map((engine) => together(engine, engine.name, engine.name, sequences));
      return simpleCase({ id, title, unit: "ms", flops }, sides); // each type is a row of its own, none is another's better way
    });
    return { cases, dispose: () => disposeAll(engines) };
  },
};

/** Sequences of different lengths as one padded batch, or one after the other; plainbert never pads. */
function waysToEncode(engine: Engine, { sequences }: EncoderCase): Side[] {
  const { name, library } = engine;
  const oneLength = new Set(lengths(sequences)).size === 1;
  if (oneLength || library === "plainbert") return [together(engine, name, library, sequences)];
  const each = async (some: readonly Sequence[]) => {
    let ms = 0;
    for (const sequence of some) ms += await together(engine, name, library, [sequence]).run();
    return ms;
  };
  const part = firstQuarter(sequences);
  return [
    together(engine, `${name}, padded`, library, sequences),
    {
      ...{ name: `${name}, one by one`, library, run: () => each(sequences) },
      trial: { run: () => each(part.some), share: part.share },
    },
  ];
}

function together(engine: Engine, name: string, library: string, sequences: readonly Sequence[]): Side {
  const { some, share } = firstQuarter(sequences);
  const trial = sequences.length < 4 ? undefined : { run: () => engine.encode(some), share };
  if (!engine.time) return timed(name, library, () => engine.encode(sequences), trial);
  return { name, library, run: () => engine.time!(sequences), ...(trial && { trial }) };
}

/** The first of the sequences, and how many of all tokens they have. */
function firstQuarter(sequences: readonly Sequence[]): { readonly some: readonly Sequence[]; readonly share: number } {
  const some = sequences.slice(0, Math.ceil(sequences.length / 4));
  const tokens = (list: readonly Sequence[]) => lengths(list).reduce((sum, length) => sum + length, 0);
  return { some, share: tokens(some) / tokens(sequences) };
}

async function disposeAll(engines: readonly Engine[]): Promise<void> {
  for (const engine of engines) await engine.dispose();
}
