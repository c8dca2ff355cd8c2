/**
 * Writes the pinned part of the set, reference/digests.json and reference/vectors.safetensors, from what the backend
 * `plain` computes now.
 *
 *     npx tsx test/conformance/makeConformance.ts
 */
import { writeFileSync } from "node:fs";
import { loadBert } from "../../src/pipelines/index.ts";
import { writeSafetensors } from "../../src/safetensors/index.ts";
import { conformanceOf, fileOf, TEXTS } from "./conformance.ts";

const bert = await loadBert(undefined, { backend: "plain" });
const digests: Record<string, Readonly<Record<string, string>>> = {};
const vectors = { cls: [] as number[], mean: [] as number[] };
for (const text of TEXTS) {
  const { digests: own, cls, mean } = await conformanceOf(bert, text);
  digests[text.name] = own;
  vectors.cls.push(...cls);
  vectors.mean.push(...mean);
}
writeFileSync(fileOf("digests.json"), `${JSON.stringify({ fingerprint: bert.fingerprint, digests }, null, 1)}\n`);
const shape = [TEXTS.length, bert.config.hiddenSize];
const tensors = Object.entries(vectors).map(
  ([name, data]) => [name, { shape, data: Float32Array.from(data) }] as const,
);
writeFileSync(fileOf("vectors.safetensors"), writeSafetensors(tensors, [["fingerprint", bert.fingerprint]]));
await bert.dispose();
