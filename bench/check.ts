/**
 * Whether what the bench compares computes the same, without timing it: node bench/check.ts. The graphs that the writer
 * made load in ONNX Runtime, native and WebAssembly; every library's hidden states, logits, sentence vectors and filled
 * masks equal those of plainbert's backend `plain`.
 */
import { expectEqualOutputs, MAX_NARROW_RMS, MAX_RMS } from "./harness/agreement.ts";
import { FILL_MASK_TEXT, firstSentences, mixedSentences } from "./harness/cases.ts";
import { measurePeak } from "./harness/peak.ts";
import { rms } from "./harness/statistics.ts";
import { prepareModel } from "./onnx/modelFolder.ts";
import { onnxruntimeInt8, onnxruntimeNode, onnxruntimeWeb } from "./sides/onnxruntime.ts";
import { installPeers } from "./sides/peers.ts";
import { loadPlainbert, plainbert, plainbertByStorage, plainbertMaskedLm } from "./sides/plainbert.ts";
import { tensorflow } from "./sides/tensorflow.ts";
import { plainbertText, transformersText } from "./sides/text.ts";

const THREADS = 2;

installPeers();
await prepareModel();
const { tokenizer, config } = await loadPlainbert("plain", THREADS);

console.log("last hidden states, rms of the difference from plain");
const encoders = [
  await plainbert("plain", THREADS),
  await plainbert("auto", THREADS),
  await onnxruntimeNode("plain", THREADS),
  await onnxruntimeNode("fused", THREADS),
  await onnxruntimeWeb("plain", THREADS),
  await onnxruntimeWeb("fused", THREADS),
  await tensorflow(THREADS),
];
report(await expectEqualOutputs(encoders, tokenizer));
for (const engine of encoders) await engine.dispose();

console.log("the same of 16-bit and int8 weights");
const narrow = [...(await plainbertByStorage("auto", THREADS)), await onnxruntimeInt8(config, THREADS)];
report(await expectEqualOutputs(narrow, tokenizer, MAX_NARROW_RMS));
for (const engine of narrow) await engine.dispose();

console.log("masked-language-model logits, likewise");
const maskedLms = [
  await plainbertMaskedLm("plain", THREADS),
  await onnxruntimeNode("plain", THREADS, "maskedLm"),
  await onnxruntimeNode("fused", THREADS, "maskedLm"),
];
report(await expectEqualOutputs(maskedLms, tokenizer));
for (const engine of maskedLms) await engine.dispose();

console.log("text to filled mask and to sentence vectors");
const [first, ...others] = [
  await plainbertText("plain", THREADS),
  await transformersText("plain", THREADS),
  await transformersText("fused", THREADS),
];
const texts = firstSentences(3);
const [token, vectors] = [await first.fillMask(FILL_MASK_TEXT), await first.embed(texts)];
for (const engine of others) {
  expect(`${engine.name}: the filled mask`, (await engine.fillMask(FILL_MASK_TEXT)) === token);
  const difference = rms(await engine.embed(texts), vectors);
  expect(`${engine.name}: sentence vectors, rms ${difference.toExponential(1)}`, difference <= MAX_RMS);
}

const mixed = tokenizer.encodeBatch(mixedSentences(tokenizer)).map(({ inputIds }) => inputIds.length);
expect("64 sentences of 5 to 120 tokens", mixed.length === 64 && Math.min(...mixed) >= 5 && Math.max(...mixed) <= 120);
expect("the sentence to fill has 12 tokens", tokenizer.encode(FILL_MASK_TEXT).inputIds.length === 12);
const { gflops, width } = measurePeak(1);
expect(`peak of a core: ${gflops.toFixed(0)} GFLOP/s, ${width}-bit`, gflops > 1 && gflops < 1000);
process.exit(); // onnxruntime-web's threads would keep the process

function report(differences: ReadonlyMap<string, number>): void {
  for (const [name, difference] of differences) console.log(`  ${name.padEnd(24)} ${difference.toExponential(1)}`);
}

function expect(what: string, right: boolean): void {
  console.log(`  ${what}`);
  if (!right) throw new Error(`check: ${what} must be right`);
}
