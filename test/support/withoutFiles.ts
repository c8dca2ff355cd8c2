/** A program that has opened as many files as it may when it first needs a part of plainbert: `node withoutFiles.ts INDEX TRAINING`. */
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [index, training] = process.argv.slice(2).map((path) => pathToFileURL(path).href);
const { loadBert, saveBert, pipeline, buildIndex, loadIndex, BertError } = (await import(
  index
)) as typeof import("../../src/index.ts");
const { finetune, openExamples, readExamples } = (await import(
  training
)) as typeof import("../../src/training/index.ts");

const folder = mkdtempSync(join(tmpdir(), "plainbert-emfile-"));
const files: number[] = [];
function exhaust(): void {
  try {
    for (;;) files.push(openSync("/dev/null", "r"));
  } catch {
    // no more
  }
}
function free(): void {
  for (const file of files.splice(0)) closeSync(file);
}

/** Does something twice without any file, and then with. */
async function tried(name: string, work: () => Promise<unknown>, expected?: string): Promise<void> {
  exhaust();
  for (let i = 0; i < 2; i++) {
    const error = await work().then(
      () => null,
      (reason) => reason,
    );
    if (!(error instanceof BertError) || error.code !== "ERR_FILE" || !error.message.includes("too many open files")) {
      console.log(`${name} without files: ${error?.stack}`);
    }
  }
  free();
  const error = await work().then(
    () => null,
    (reason) => reason,
  );
  if (expected === undefined ? error !== null : error?.code !== expected) console.log(`${name}: ${error?.stack}`);
}

const plain = { backend: "plain" } as const;
await tried("loadBert", async () => (await loadBert(undefined, plain)).dispose());
await tried(
  "a model of the hub",
  () => loadBert("nobody/nothing", { ...plain, local_files_only: true, cache_dir: folder }),
  "ERR_HUB",
);
const bert = await loadBert(undefined, plain);
let count = 0;
await tried("saveBert", () => saveBert(bert, join(folder, `saved-${count++}`)));
const extract = await pipeline("feature-extraction", undefined, plain);
const made = await buildIndex(extract, ["A door."]);
await tried("index.save", () => made.save(join(folder, "index.safetensors")));
await tried("loadIndex", () => loadIndex(extract, join(folder, "index.safetensors")));
await tried("readExamples", () => readExamples("text-classification", join(folder, "none.jsonl")), "ERR_FILE");
await tried("openExamples", () => openExamples([join(folder, "index.safetensors")]), "ERR_CHECKPOINT");
const trainDataset = [
  { text: "A fine film.", label: "good" },
  { text: "A poor film.", label: "bad" },
];
await tried("finetune", () =>
  finetune({ ...plain, task: "text-classification", trainDataset, maxSteps: 1, output: join(folder, "run") }),
);
const names = readdirSync(folder).filter((name) => name.startsWith("."));
if (names.length > 0) console.log(`left: ${names.join(", ")}`);
rmSync(folder, { recursive: true });
console.log("done");
