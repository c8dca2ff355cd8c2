import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { publishedModel } from "./publishedModel.ts";

/**
 * Compares plainbert with published weights: `npm run test:real [-- --model FOLDER] [-- --sts FOLDER]`. Where they cannot be
 * fetched it says so, and nothing is compared.
 */
const { values } = parseArgs({ options: { model: { type: "string" }, sts: { type: "string" } } });
let model = values.model;
try {
  model ??= publishedModel();
} catch (error) {
  console.log(`skipped: all-MiniLM-L6-v2 cannot be had here. ${(error as Error).message}`);
}
if (model !== undefined) {
  const env = { ...process.env, PLAINBERT_REAL_MODEL: model, ...(values.sts && { PLAINBERT_REAL_STS: values.sts }) };
  const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", "--project", "real"], { stdio: "inherit", env });
  process.exitCode = status ?? 1;
}
