import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { head } from "../../cli/run.ts";
import { blocks } from "../../support/examples.ts";
import { serve } from "./service.ts";

/** Runs the programs that docs/serving.md shows for each client, and compares what they print with what it says. */
const PAGE = readFileSync(join(import.meta.dirname, "../../../docs/serving.md"), "utf8");
const programs = blocks(PAGE, "js");
const ADDRESSES = {
  "http://127.0.0.1:3000": await serve(),
  "http://127.0.0.1:3001": await serve("--model", head("one_label")), // stands for the reranker there
};

const folder = join(import.meta.dirname, "node_modules", ".page"); // git-ignored, and the packages are found from there
mkdirSync(folder, { recursive: true });

test("there is one for each client", () => {
  for (const name of ["openai", "@huggingface/inference", "@langchain/openai", "@llamaindex/openai", "ai", "cohere-ai"])
    expect(
      programs.some((code) => code.includes(` from "${name}"`)),
      name,
    ).toBe(true);
});

const named = programs.map((code) => [/ from "(.*)"/.exec(code)?.[1], code] as const);
test.each(named)("%s", (_, code) => {
  const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, output]) => `${output}\n`).join("");
  expect(promised).not.toBe("");
  const path = join(folder, "program.mjs");
  const here = Object.entries(ADDRESSES).reduce((text, [shown, address]) => text.replaceAll(shown, address), code);
  writeFileSync(path, here);
  const { stdout, stderr } = spawnSync(process.execPath, [path], { encoding: "utf8" });
  expect(stdout, stderr).toBe(promised);
});
