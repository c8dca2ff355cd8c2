import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import { readSafetensors } from "../../src/safetensors/index.ts";
import { collectActivations, compareTensors } from "../../src/testing/index.ts";
import { head, plainbert } from "../cli/run.ts";
import { printedBy, shownIn } from "../support/console.ts";
import { blocks } from "../support/examples.ts";

/**
 * Runs the programs of docs/testing-against-plainbert.md that are no TypeScript programs of their own: its test of Vitest here, and those
 * in Python where `PYTHON` names one that has torch, transformers and sentence-transformers. reference/activations.py is the page's
 * program, reference/pytorch.safetensors what it wrote:
 *
 *     python activations.py ../../pipelines/reference/heads/mlm PLAINBERTS.safetensors pytorch.safetensors
 */
const root = join(import.meta.dirname, "..", "..");
const page = await readFile(join(root, "docs", "testing-against-plainbert.md"), "utf8");
const [vitestProgram] = blocks(page, "typescript");
const [pytest, activations] = blocks(page, "python");
const PYTHON = process.env.PYTHON ?? "";
const committed = join(import.meta.dirname, "reference", "pytorch.safetensors");

const cwd = await mkdtemp(join(tmpdir(), "plainbert-testing-"));
const cached = join(root, ".cache", "testing-page");
const before = process.cwd();
beforeAll(async () => {
  await symlink(join(head("mlm"), ".."), join(cwd, "models"), "junction");
  await symlink(join(root, "weights"), join(cwd, "weights"), "junction");
  for (const { command } of shownIn(page)) await printedBy(command, cwd, {});
  process.chdir(cwd);
});
afterAll(async () => {
  process.chdir(before);
  await rm(cwd, { recursive: true });
  await rm(cached, { recursive: true, force: true });
});

/** The page's program with the sources in place of the package. */
async function written(): Promise<string> {
  const { exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const code = vitestProgram.replace(/from "plainbert(\/\w+)?"/g, (_, subpath = "") => {
    const source = exports[`.${subpath}`].default.replace("./dist/", "src/").replace(/\.js$/, ".ts");
    return `from "${pathToFileURL(join(root, source))}"`;
  });
  await mkdir(cached, { recursive: true });
  await writeFile(join(cached, "embeddings.ts"), code);
  return join(cached, "embeddings.ts");
}

describe("the page's test of Vitest, as it stands there", async () => {
  await import(await written());
});

test("the page's test has what to fail by: other vectors", async () => {
  const pinned = readSafetensors(new Uint8Array(await readFile("pinned.safetensors")));
  const { shape } = pinned.tensors.get("embeddings")!;
  const data = pinned.toFloat32("embeddings").slice();
  data[5] += 1e-6;
  const { differences } = await compareTensors(new Map([["embeddings", { shape, data }]]), pinned);
  expect(differences).toMatchObject([{ name: "embeddings", numbers: { count: 1, at: [0, 5] } }]);
});

test("the page's test has what to fail by: a file without vectors, in which nothing differs", async () => {
  const [, expected] = /toMatchObject\((.*)\);/.exec(vitestProgram)!;
  const other = new Map([["vectors", { shape: [1], data: new Float32Array(1) }]]);
  const pinned = readSafetensors(new Uint8Array(await readFile("pinned.safetensors")));
  const comparison = await compareTensors(other, pinned);
  expect(comparison).toMatchObject({ compared: 0, differences: [] });
  expect(comparison).not.toMatchObject(JSON.parse(expected.replace(/(\w+):/g, '"$1":')));
});

test("the page says how to get its models", () =>
  expect(page).toContain("ln -s test/pipelines/reference/heads models"));

describe("the page's program of PyTorch", () => {
  test("is the one whose file is here", async () => {
    expect(await readFile(join(import.meta.dirname, "reference", "activations.py"), "utf8")).toBe(activations);
  });

  test("wrote every step, with the numbers that plain gives but for rounding", async () => {
    await using bert = await loadBert(head("mlm"), { backend: "plain" });
    const { tensors } = await collectActivations(bert, "The door is open.");
    const pytorch = readSafetensors(new Uint8Array(await readFile(committed)));
    expect([...pytorch.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
    expect((await compareTensors(tensors, pytorch, { tolerance: 1e-5 })).differences).toEqual([]);
    expect((await compareTensors(tensors, pytorch)).differences.length).toBeGreaterThan(20); // PyTorch rounds otherwise
  });

  test("compare says what the page says", async () => {
    await copyFile(committed, "pytorch.safetensors");
    const [session] = blocks(page, "text").filter((block) => block.startsWith("$ python"));
    const [, command, output] = /^\$ npx plainbert (.*)\n(.*\n)$/m.exec(session)!;
    expect(await plainbert(command.split(" "), { cwd })).toEqual({ code: 0, signal: null, stdout: output, stderr: "" });
  });
});

describe.skipIf(PYTHON === "")(`Python: ${PYTHON || "skipped, as PYTHON names none"}`, () => {
  const python = (...args: string[]) => {
    const { status, stderr } = spawnSync(PYTHON, args, {
      encoding: "utf8",
      env: { ...process.env, HF_HUB_OFFLINE: "1" },
    });
    return status === 0 ? "" : stderr;
  };

  test("the page's test of pytest passes", async () => {
    await writeFile("test_embeddings.py", pytest);
    const run = "import test_embeddings as t; [f() for name, f in list(vars(t).items()) if name.startswith('test_')]";
    expect(python("-c", run)).toBe("");
  }, 60_000);

  test("the page's program of PyTorch writes the file that is here", async () => {
    await writeFile("activations.py", activations);
    expect(python("activations.py", "models/mlm", "plain.safetensors", "now.safetensors")).toBe("");
    const result = await plainbert(["compare", "--tolerance", "1e-5", "now.safetensors", committed], { cwd });
    expect(result).toMatchObject({ code: 0, stdout: "44 tensors, equal within 0.00001\n" });
  }, 60_000);
});
