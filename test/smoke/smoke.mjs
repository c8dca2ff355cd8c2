/**
 * Uses the installed package the way a stranger's program does; `scripts/matrix.ts` copies this file into an empty folder
 * beside the package and runs it under each version of Node, Bun and Deno. Plain JavaScript, because Node 20 runs no TypeScript.
 *
 * Throws at the first thing that is wrong. Prints one line of JSON: what ran, and the digest of the model's bits.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { openAsBlob, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** SHA-256 of the float32 outputs below, little-endian. `plain` promises the same bits on every machine and engine. */
const DIGEST = "62b019755490619c05a02986c2e546212cb975425e0f86c9cbb82ca7204c986c";

const require = createRequire(import.meta.url);
const manifestPath = require.resolve("plainbert/package.json");
const folder = dirname(manifestPath);
const manifest = JSON.parse(readFileSync(manifestPath, "utf8"));
const expected = JSON.parse(readFileSync(join(folder, "weights", "expected.json"), "utf8"));

assert.equal(manifest.dependencies, undefined);

let exported = 0;
for (const subpath of Object.keys(manifest.exports)) {
  if (/\*|\.json$/.test(subpath)) continue; // files, not modules
  const name = `plainbert${subpath.slice(1)}`;
  const module = await import(name);
  for (const [key, value] of Object.entries(module)) assert.notEqual(value, undefined, `${name}: ${key}`);
  assert.ok(Object.keys(module).length > 0, name);
  exported += Object.keys(module).length;
  // Where a file has both, Deno 2.9 imports what `require` finds, which has these two names more.
  const names = Object.keys(module).filter((key) => key !== "default" && key !== "module.exports");
  assert.deepEqual(Object.keys(require(name)).sort(), names.sort(), `require("${name}")`);
}
for (const file of [
  ...["weights/model.safetensors", "weights/embeddings/model.safetensors", "weights/embeddings/2_Dense/config.json"],
  ...["workers/plainbert-forward.js", "workers/plainbert-helper.js"],
]) {
  assert.ok(statSync(require.resolve(`plainbert/${file}`)).size > 0, file);
}
assert.equal(require("plainbert").loadBert, (await import("plainbert")).loadBert);

const { BertError, loadBert, pipeline } = await import("plainbert");
const { BertTokenizer } = await import("plainbert/tokenizer");
const { readSafetensors, writeSafetensors } = await import("plainbert/safetensors");

const tokenizer = BertTokenizer.fromFiles({
  "vocab.txt": readFileSync(join(folder, "weights", "vocab.txt"), "utf8"),
  "tokenizer_config.json": readFileSync(join(folder, "weights", "tokenizer_config.json"), "utf8"),
});
for (const { text, ids } of expected.fill_mask) assert.deepEqual(tokenizer.encode(text).inputIds, ids);
for (const { a, b, ids } of expected.next_sentence) {
  assert.deepEqual(tokenizer.encode(a, { textPair: b }).inputIds, ids);
}
assert.throws(() => tokenizer.encode(42), BertError);

const numbers = Float32Array.of(1, -2.5, 3e-40);
const bytes = writeSafetensors([["numbers", { dtype: "F32", shape: [3], data: numbers }]]);
assert.deepEqual(readSafetensors(bytes).toFloat32("numbers"), numbers);
assert.throws(() => readSafetensors(bytes.subarray(1)), BertError);

/** Measured: 1.276e-6 with `simd` under every version, unfused 3.6e-7, 9.25e-8 with `plain`. */
const TOLERANCE = { simd: 1.28e-6, plain: 9.26e-8 };
const close = (actual, wanted, backend = "simd") =>
  assert.ok(Math.abs(actual - wanted) < TOLERANCE[backend], `${actual} should be ${wanted}`);

/** The fast backend as it comes, and its other variants; each must give Hugging Face's answers. */
const variants = [];
for (const options of [{}, { wide: false }, { deterministic: true }, { backend: "plain" }]) {
  await answersOf(options);
}

async function answersOf(options) {
  const unmask = await pipeline("fill-mask", undefined, { threads: 2, ...options });
  const { name, width, fused } = unmask.model.backend;
  assert.equal(name, options.backend ?? "simd");
  if (name === "simd") variants.push(`${width}${fused ? " fused" : ""}`);
  await expectMasks(unmask, name);
  const { threads, reason } = unmask.model.backend;
  assert.equal(threads, name === "simd" ? 2 : 1, reason);
  await unmask.dispose();
  const isNext = await pipeline("next-sentence-prediction", undefined, options);
  for (const { a, b, is_next } of expected.next_sentence) {
    const both = await isNext([[a, b]], { top_k: null });
    close(both[0].find(({ label }) => label === "IsNext").score, is_next, name);
  }
  await isNext.dispose();
}

async function expectMasks(unmask, backend) {
  for (const { text, top5 } of expected.fill_mask) {
    const answer = await unmask(text);
    const perMask = top5.length === 1 ? [answer] : answer;
    assert.equal(perMask.length, top5.length);
    for (const [m, predictions] of perMask.entries()) {
      assert.deepEqual(
        predictions.map(({ token, token_str }) => [token, token_str]),
        top5[m].map(({ token, token_str }) => [token, token_str]),
      );
      for (const [i, { score }] of predictions.entries()) close(score, top5[m][i].score, backend);
    }
  }
}

const embed = await pipeline("feature-extraction");
const sentence = await embed("She opened the door.", { pooling: "mean", normalize: true });
close(
  sentence.data.reduce((sum, x) => sum + x * x, 0),
  1,
);

// The other model of the package, beside what Python made of it.
const texts = await pipeline("embeddings");
for (const { text, embedding, atol } of JSON.parse(
  readFileSync(join(folder, "weights", "embeddings", "expected.json"), "utf8"),
)) {
  const { data } = await texts(text);
  assert.equal(data.length, embedding.length);
  for (const [i, x] of data.entries()) assert.ok(Math.abs(x - embedding[i]) <= atol, `${text}: ${x}, ${embedding[i]}`);
}
await texts.dispose();

const bert = await loadBert(undefined, { backend: "plain", architecture: "BertForPreTraining" });
const hash = createHash("sha256");
const { lastHiddenState, poolerOutput, predictionLogits, seqRelationshipLogits } = await bert.forward(
  bert.tokenizer.encodeBatch([...expected.fill_mask.map(({ text }) => text), ["Is it far?", "It is not."]]),
);
for (const { data } of [lastHiddenState, poolerOutput, predictionLogits, seqRelationshipLogits]) {
  hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}
const digest = hash.digest("hex");
assert.equal(digest, DIGEST, "the digest of plain's bits");

// The same model of its files: in memory, and on the disk, as far as the runtime opens a Blob there.
const onDisk = globalThis.Bun ? async (path) => Bun.file(path) : openAsBlob;
for (const open of [async (path) => new Blob([readFileSync(path)]), onDisk]) {
  const files = new Map();
  for (const name of ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"]) {
    files.set(name, await open(join(folder, "weights", name)));
  }
  const given = await loadBert(files, { backend: "plain" });
  assert.equal(given.fingerprint, bert.fingerprint);
  await given.dispose();
}
await bert.dispose();

const cli = (args, input) => {
  const bin = join(folder, manifest.bin.plainbert);
  return spawnSync(process.execPath, [bin, ...args], { encoding: "utf8", ...(input !== undefined && { input }) });
};
const [{ text, top5 }] = expected.fill_mask;
const answered = cli(["fill-mask", text]);
assert.deepEqual([answered.status, answered.stderr], [0, ""]);
assert.ok(answered.stdout.includes(top5[0][0].token_str), answered.stdout);
assert.equal(cli(["--help"]).status, 0);
assert.equal(cli(["no-such-command"]).status, 2);

// The page of the package with its own model, until Ctrl-C.
const serving = spawn(process.execPath, [join(folder, manifest.bin.plainbert), "explore"]);
const ended = new Promise((resolve) => serving.on("close", resolve));
const address = await new Promise((resolve) => serving.stdout.once("data", (text) => resolve(String(text).trim())));
for (const path of [
  "",
  "explorer.js",
  "explorer-worker.js",
  "explorer-stepperView.js",
  "explorer.css",
  "model/config.json",
  "model/vocab.txt",
]) {
  const { ok } = await fetch(address + path);
  assert.ok(ok, `explore: ${path}`);
}
serving.kill("SIGINT");
const status = await ended;
// Windows has no signals, and Deno 2.9 tells of a process that it has sent one that the signal ended it, whatever its status.
if (process.platform !== "win32" && !("Deno" in globalThis)) assert.equal(status, 0);

// Bun and Deno say that they are a Node too, and Bun that it has a V8.
const { node, bun, deno, v8, webkit } = process.versions;
const version = bun ?? deno ?? node;
const engine = bun ? `JavaScriptCore ${webkit.slice(0, 8)}` : `V8 ${v8}`;
console.log(JSON.stringify({ version, engine, exported, digest, simd: variants.join(", ") }));
