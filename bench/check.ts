/**
 * Whether what the bench compares computes the same, without timing it: node bench/check.ts. The graphs that the writer
 * made load in ONNX Runtime, native and WebAssembly; every library's hidden states, logits, sentence vectors and filled
 * masks equal those of plainbert's backend `plain`.
 */
import { FILL_MASK_TEXT, mixedSentences } from "./cases/inputs.ts";
import { expectEqualOutputs, expectEqualTexts, MAX_REDUCED_RMS } from "./harness/agreement.ts";
import { formatPeak, measurePeak } from "./harness/peak.ts";
import { BASE, prepareModels, SMALL } from "./onnx/modelFolder.ts";
import { onnxruntimeInt8, onnxruntimeNode, onnxruntimeWeb } from "./sides/onnxruntime.ts";
import { installPeers } from "./sides/peers.ts";
import { loadPlainbert, plainbert, plainbertByStorage, plainbertMaskedLm } from "./sides/plainbert.ts";
import { tensorflow } from "./sides/tensorflow.ts";
import { plainbertText, transformersText } from "./sides/text.ts";

const THREADS = 2;

installPeers();
await prepareModels();
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
const reduced = [...(await plainbertByStorage("auto", THREADS)), await onnxruntimeInt8(config, THREADS)];
report(await expectEqualOutputs(reduced, tokenizer, MAX_REDUCED_RMS));
for (const engine of reduced) await engine.dispose();

console.log("masked-language-model logits, likewise");
const maskedLms = [
  await plainbertMaskedLm("plain", THREADS),
  await onnxruntimeNode("plain", THREADS, "maskedLm"),
  await onnxruntimeNode("fused", THREADS, "maskedLm"),
];
report(await expectEqualOutputs(maskedLms, tokenizer));
for (const engine of maskedLms) await engine.dispose();

for (const model of [BASE, SMALL]) {
  console.log(`text to filled mask, which must be the same, and to sentence vectors: ${model.name}`);
  const texts = [
    await plainbertText(model, "plain", THREADS),
    await plainbertText(model, "auto", THREADS),
    await transformersText(model, "plain", THREADS),
    await transformersText(model, "fused", THREADS),
  ];
  report(await expectEqualTexts(texts));
  for (const engine of texts) await engine.dispose();
}

const mixed = tokenizer.encodeBatch(mixedSentences(tokenizer)).map(({ inputIds }) => inputIds.length);
expect("32 sentences of 5 to 120 tokens", mixed.length === 32 && Math.min(...mixed) >= 5 && Math.max(...mixed) <= 120);
expect("the sentence to fill has 12 tokens", tokenizer.encode(FILL_MASK_TEXT).inputIds.length === 12);
const peak = await measurePeak(THREADS);
expect(formatPeak(peak), peak.alone > 1 && peak.alone < 1000 && peak.together < peak.alone * THREADS * 1.1);
process.exit(); // onnxruntime-web's threads would keep the process

function report(differences: ReadonlyMap<string, number>): void {
  for (const [name, difference] of differences) console.log(`  ${name.padEnd(24)} ${difference.toExponential(1)}`);
}

function expect(what: string, right: boolean): void {
  console.log(`  ${what}`);
  if (!right) throw new Error(`check: ${what} must be right`);
}
