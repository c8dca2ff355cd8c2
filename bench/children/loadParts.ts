/**
 * A process that loads a model step by step, as `loadBert` does, and fills a mask; it prints the milliseconds of each step:
 * node loadParts.ts '{"backend": …, "threads": …, "text": …, "model": …}'. The sources were imported before the first step.
 */
import { fileURLToPath } from "node:url";
import { openModelFolder } from "../../src/hub/files.ts";
import { loadParams } from "../../src/model/checkpoint.ts";
import { parseConfig } from "../../src/model/config.ts";
import { Driver } from "../../src/model/driver.ts";
import { BUNDLED_MODEL } from "../../src/model/modelFolder.ts";
import { pipeline } from "../../src/pipelines/index.ts";
import { Bert } from "../../src/pipelines/load.ts";
import { chooseBackend } from "../../src/tensor/chooseBackend.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { BertTokenizer } from "../../src/tokenizer/index.ts";

const { backend: name, threads, text, model = fileURLToPath(BUNDLED_MODEL) } = JSON.parse(process.argv[2]);
let packing = 0;
let tokenizing = 0;

const start = performance.now();
const backend = chooseBackend(name, { threads });
const kernels = performance.now() - start;

const pack = backend.packWeight.bind(backend);
backend.packWeight = (weight: Tensor) => {
  const start = performance.now();
  pack(weight);
  packing += performance.now() - start;
};

const readingStart = performance.now();
const folder = await openModelFolder(model);
const configText = (await folder.readText("config.json"))!;
const config = parseConfig(configText);
const files = {
  "vocab.txt": (await folder.readText("vocab.txt"))!,
  "tokenizer_config.json": (await folder.readText("tokenizer_config.json"))!,
};
const weights = await folder.openWeights();
const driver = backend.share && new Driver(backend, backend.share);
driver?.prepare();
const params = loadParams(weights, config, backend);
const tokenizerStart = performance.now();
const tokenizer = BertTokenizer.fromFiles(files);
tokenizing += performance.now() - tokenizerStart;
const bert = new Bert(config, await params, backend, tokenizer, configText, driver);
const reading = performance.now() - readingStart - packing - tokenizing;

const answerStart = performance.now();
const unmask = await pipeline("fill-mask", bert);
await unmask(text);
const answer = performance.now() - answerStart;

const parts = { kernels, reading, packing, tokenizer: tokenizing, "first answer": answer };
process.stdout.write(JSON.stringify(parts), () => process.exit());
