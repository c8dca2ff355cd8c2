// What a web page does with plainbert; browser.test.ts serves it and calls `run`. Plain JavaScript, as nothing is compiled for it.
import { BertModel, BertTokenizer, chooseBackend, parseConfig, readSafetensors } from "/dist/index.js";

const get = async (name) => {
  const response = await fetch(`/weights/${name}`);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response;
};
const config = parseConfig(await (await get("config.json")).text());
const tokenizer = BertTokenizer.fromFiles({
  "vocab.txt": await (await get("vocab.txt")).text(),
  "tokenizer_config.json": await (await get("tokenizer_config.json")).text(),
});
const file = readSafetensors(await (await get("model.safetensors")).arrayBuffer());
const weights = { tensors: file.tensors, readInto: async (name, target) => target.set(file.toFloat32(name)) };

const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const digest = async ({ data }) => hex(await crypto.subtle.digest("SHA-256", data.slice().buffer));

/** How often the page could do something else while `work` ran. */
async function turnsDuring(work) {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await work();
  clearInterval(timer);
  return turns;
}

/** Computes the texts in every way there is. */
async function run(texts, backendName, options) {
  const backend = chooseBackend(backendName, options);
  const model = await BertModel.load(weights, config, backend);
  const batch = tokenizer.encodeBatch(texts);
  const sync = await digest(model.forwardSync(batch).lastHiddenState);
  const many = tokenizer.encodeBatch(Array.from({ length: 40 }, () => texts).flat());
  await model.forward(batch); // starts the workers
  const turns = await turnsDuring(() => model.forward(many));
  const digests = [sync, await digest((await model.forward(batch)).lastHiddenState)];
  const { info } = backend;
  await model.dispose();
  await backend.dispose();
  return { isolated: crossOriginIsolated, info, digests, turns };
}
globalThis.run = run;
