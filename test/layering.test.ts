import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { type Reaches, reachesOf } from "./support/imports.ts";
import { sourceFiles } from "./support/syntaxTree.ts";

/** The rooms of `src`, lowest first: which files are in it, and which rooms it stands on; it may import from what these stand on too. */
const ROOMS: Readonly<Record<string, { readonly files: RegExp; readonly on: readonly string[] }>> = {
  errors: { files: /^(errors|realm|options|loaded|onAbort|withResolvers)\.ts$/, on: [] },
  json: { files: /^json(Fault)?\.ts$/, on: ["errors"] },
  tokenizer: { files: /^tokenizer\//, on: ["json"] },
  tensor: { files: /^tensor\/\w+\.ts$(?<!\/(chooseBackend|createTrainingBackend)\.ts)/, on: ["errors"] },
  kernels: { files: /^tensor\/kernels\//, on: ["tensor"] },
  threads: { files: /^tensor\/threads\//, on: ["errors"] },
  simd: { files: /^tensor\/simd\//, on: ["kernels", "threads"] },
  backends: { files: /^tensor\/(chooseBackend|createTrainingBackend)\.ts$/, on: ["simd"] },
  safetensors: { files: /^safetensors\//, on: ["tensor"] },
  pytorch: { files: /^pytorch\//, on: ["safetensors"] },
  layers: { files: /^layers\//, on: ["kernels"] },
  model: { files: /^model\//, on: ["layers", "json"] },
  checkpoint: { files: /^checkpoint\//, on: ["model", "safetensors", "pytorch"] },
  runtime: { files: /^runtime\//, on: ["checkpoint", "simd"] },
  disk: { files: /^disk\//, on: ["safetensors", "json"] },
  hub: { files: /^hub\//, on: ["disk", "safetensors"] },
  load: { files: /^load\//, on: ["runtime", "backends", "tokenizer", "hub"] },
  training: { files: /^training\//, on: ["load"] },
  pipelines: { files: /^pipelines\//, on: ["load"] },
  browser: { files: /^browser\//, on: ["load"] },
  testing: { files: /^testing\//, on: ["pipelines"] },
  serve: { files: /^serve\//, on: ["pipelines"] },
  adapters: { files: /^adapters\//, on: ["pipelines"] },
  cli: { files: /^cli\//, on: ["training", "testing", "serve"] },
  index: { files: /^index\.ts$/, on: ["pipelines"] },
  explorer: { files: /^explorer\//, on: [] },
};

/**
 * What a page imports: as a user's program would, what the package exports, and one library, which is bundled; and, as
 * docs/reading/onePage.ts does, the functions that JavaScript does not have in the same bits everywhere.
 */
const OF_PAGE: readonly string[] = ["index.ts", "lit-html", "tensor/kernels/transcendental.ts"];

/** Interfaces of kernels are `typeof` their definitions: the one place where a room is named from below. */
const KERNEL_TYPES = /^tensor\/(backend|trainingBackend)\.ts$/;

/** What runs in Node alone: `node:` modules and Node's globals. */
const NODE_ONLY =
  /^(disk|hub(?!\/(hubOptions|sentenceFiles|wantedFiles)\.ts$)|cli)\/|^load\/(missingWeights|namedFiles|openModel|saveModel|weightFiles)\.ts$|^tensor\/threads\/platform|^serve\/nodeServer\.ts$/;

/** The sources of what package.json exports. */
const ENTRY_POINTS = Object.values<{ types?: string } | string>(
  JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8")).exports,
).flatMap((entry) =>
  typeof entry === "object" && entry.types ? [entry.types.replace("./dist/", "").replace(".d.ts", ".ts")] : [],
);

/** What stands in for a module in a browser. */
const TWINS: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(import.meta.dirname, "..", "scripts", "twins.json"), "utf8"),
);

function roomOf(path: string): string | undefined {
  return Object.keys(ROOMS).find((room) => ROOMS[room].files.test(path));
}

/** The rooms that a room stands on, and all that these stand on. */
function below(room: string): string[] {
  return ROOMS[room].on.flatMap((next) => [next, ...below(next)]);
}

/** What is wrong with what one file reaches for. */
function faults(path: string, { imports, globals }: Reaches): string[] {
  const room = roomOf(path);
  if (!room) return [`${path} is in no known room`];
  const open = [room, ...below(room)];
  const found = [];
  for (const name of imports) {
    if (name.startsWith("node:")) {
      if (!NODE_ONLY.test(path)) found.push(`${path} imports ${name}`);
      continue;
    }
    const isExcepted =
      (KERNEL_TYPES.test(path) && roomOf(name) === "kernels") || (room === "explorer" && OF_PAGE.includes(name));
    if (!open.includes(roomOf(name) ?? "") && !isExcepted) found.push(`${path} imports ${name}`);
  }
  if (!NODE_ONLY.test(path)) for (const name of globals) found.push(`${path} uses ${name}`);
  return found;
}

/** The files of a circle of imports, of types and dynamic ones too, or null: within a room they point one way as well. */
function circle(loaded: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return null;
    for (const next of loaded.get(path) ?? []) {
      const found = visit(next, [...trail, path]);
      if (found) return found;
    }
    done.add(path);
    return null;
  };
  for (const path of loaded.keys()) {
    const found = visit(path, []);
    if (found) return found;
  }
  return null;
}

describe("src", () => {
  const root = join(import.meta.dirname, "..", "src");
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"));
  const reaches = new Map(paths.map((path) => [path, reachesOf(path, readFileSync(join(root, path), "utf8"))]));

  test("is read whole", () => {
    expect(paths).toEqual(
      expect.arrayContaining(["errors.ts", "index.ts", "model/bert.ts", "tensor/kernels/matmul.ts"]),
    );
    for (const { files } of Object.values(ROOMS)) expect(paths.some((path) => files.test(path))).toBe(true);
    expect([...reaches.values()].flatMap(({ imports }) => imports).length).toBeGreaterThan(100);
  });

  test("each room names only rooms that stand above it in the table", () => {
    const names = Object.keys(ROOMS);
    for (const [n, { on }] of Object.values(ROOMS).entries())
      for (const room of on) expect(names.slice(0, n)).toContain(room);
  });

  test("imports point down, and only disk, hub, load and cli need Node", () => {
    expect(paths.flatMap((path) => faults(path, reaches.get(path) as Reaches))).toEqual([]);
  });

  /** Every module that the entry points lead to, at once or when it is asked for. */
  function reachedBy(entries: readonly string[], twins: Readonly<Record<string, string>>): Set<string> {
    const reached = new Set<string>();
    const reach = (named: string) => {
      const path = twins[named] ?? named;
      if (reached.has(path)) return;
      reached.add(path);
      const { loaded = [], dynamic = [] } = reaches.get(path) ?? {};
      for (const next of [...loaded, ...dynamic]) reach(next);
    };
    for (const entry of entries) reach(entry);
    return reached;
  }

  test("a browser never reaches a module of Node", () => {
    expect(ENTRY_POINTS.length).toBeGreaterThan(3);
    const reached = [...reachedBy(ENTRY_POINTS, TWINS)];
    expect(reached.filter((path) => !reaches.has(path))).toEqual([]); // `node:` or a package
    // It asks for Node at run time, and does without it in a page.
    expect(reached.filter((path) => reaches.get(path)?.globals.length)).toEqual(["tensor/threads/platform.ts"]);
    expect(reached.length).toBeGreaterThan(100);
    expect(reached).toEqual(expect.arrayContaining(Object.values(TWINS)));
    expect([...reachedBy(ENTRY_POINTS, {})]).toContain("node:fs/promises"); // without the twins it would
  });

  test("what is loaded with the entry points, before anything is asked for, needs no Node", () => {
    const loaded = new Set(ENTRY_POINTS);
    for (const path of loaded) for (const next of reaches.get(path)?.loaded ?? []) loaded.add(next);
    expect([...loaded].filter((path) => NODE_ONLY.test(path))).toEqual(["tensor/threads/platform.ts"]);
  });

  test("no file imports itself through others", () => {
    expect(circle(new Map([...reaches].map(([path, { imports }]) => [path, imports])))).toBeNull();
  });

  test.each(["load/loadBert.ts", "tensor/simd/helperMain.ts", "runtime/workerMain.ts"])(
    "%s: a model that is only asked loads no kernel of training",
    (entry) => {
      const found = new Set([entry]);
      for (const path of found) for (const next of reaches.get(path)?.loaded ?? []) found.add(next);
      expect(found.size).toBeGreaterThan(5);
      expect([...found].filter((path) => /training/i.test(path))).toEqual([]);
    },
  );
});

describe("the check itself", () => {
  const check = (path: string, source: string) => faults(path, reachesOf(path, source));

  test.each([
    ["tensor/tensor.ts", `import { x } from "../layers/linear.ts";`, "layers/linear.ts"],
    ["tensor/kernels/softmax.ts", `import { x } from "../chooseBackend.ts";`, "tensor/chooseBackend.ts"],
    ["tensor/kernels/matmul.ts", `import { x } from "../simd/matmul.ts";`, "tensor/simd/matmul.ts"],
    ["layers/linear.ts", `export { x } from "../model/bert.ts";`, "model/bert.ts"],
    ["layers/linear.ts", `export * from "../tokenizer/index.ts";`, "tokenizer/index.ts"],
    ["tokenizer/index.ts", `import type { Tensor } from "../tensor/tensor.ts";`, "tensor/tensor.ts"],
    ["tokenizer/index.ts", `let x: import("../tensor/tensor.ts").Tensor;`, "tensor/tensor.ts"],
    ["model/bert.ts", `const x = await import("../load/loadBert.ts");`, "load/loadBert.ts"],
    ["model/bert.ts", "const x = await import(`../pipelines/x.ts` + name);", "(computed)"],
    ["disk/files.ts", `import { x } from "../tensor/chooseBackend.ts";`, "tensor/chooseBackend.ts"],
    ["hub/hub.ts", `import { x } from "../load/openModel.ts";`, "load/openModel.ts"],
    ["model/bert.ts", `import { x } from "../safetensors/index.ts";`, "safetensors/index.ts"],
    ["tensor/threads/pool.ts", `import type { x } from "../simd/memory.ts";`, "tensor/simd/memory.ts"],
    ["tensor/backend.ts", `import type { x } from "./simd/memory.ts";`, "tensor/simd/memory.ts"],
    ["pipelines/scores.ts", `import { x } from "../index.ts";`, "index.ts"],
    ["pipelines/scores.ts", `import x = require("../cli/main.ts");`, "cli/main.ts"],
    ["index.ts", `import "./cli/main.ts";`, "cli/main.ts"],
    ["explorer/worker.ts", `import { x } from "../load/loadBert.ts";`, "load/loadBert.ts"],
    ["explorer/page.ts", `import { x } from "d3";`, "d3"],
    ["index.ts", `import { x } from "./explorer/scene.ts";`, "explorer/scene.ts"],
    ["cli/explore.ts", `import { html } from "lit-html";`, "lit-html"],
    ["errors.ts", `import { x } from "./tensor/tensor.ts";`, "tensor/tensor.ts"],
    ["model/bert.ts", `import { x } from "some-package";`, "some-package"],
    ["model/bert.ts", `import { readFile } from "node:fs";`, "node:fs"],
    ["model/bert.ts", `import { readFile } from "fs";`, "fs"],
  ])("refuses in %s: %s", (path, source, name) => {
    expect(check(path, source)).toEqual([`${path} imports ${name}`]);
  });

  test.each([
    ["process.exit(1);", "process"],
    ["const home = globalThis.process?.env;", "process"],
    [`const home = globalThis["process"];`, "process"],
    ["function f(bytes: Buffer): void {}", "Buffer"],
    ["const x = Buffer.from([]);", "Buffer"],
    [`const fs = require("fs");`, "require"],
    [`const here = __dirname + "/x";`, "__dirname"],
    ["const environment = { process };", "process"],
  ])("refuses a global of Node: %s", (source, name) => {
    expect(check("model/bert.ts", source)).toEqual([`model/bert.ts uses ${name}`]);
    expect(check("cli/main.ts", source)).toEqual([]);
  });

  test.each([
    `// import { x } from "../pipelines/load.ts"; process.exit(1)`,
    `/** @example import { x } from "../pipelines/load.ts" */`,
    `const text = 'import { x } from "../pipelines/load.ts"; process.exit()';`,
    "const text = `import x from '../index.ts' // process`;",
    `const pattern = /"import x from '..\\/index.ts'/;`,
    `import { x } from "../layers/linear.ts"; import type { Y } from "../tensor/tensor.ts"; export * from "./heads.ts";`,
    "const options = { process: 1, Buffer: 2 }; options.process; class A { require = 1 } interface B { process: number }",
  ])("allows: %s", (source) => {
    expect(check("model/bert.ts", source)).toEqual([]);
  });

  test("refuses a folder that it does not know", () => {
    expect(check("utils/misc.ts", "")).toEqual(["utils/misc.ts is in no known room"]);
  });

  test("refuses what it cannot read", () => {
    expect(() => check("model/bert.ts", "import {")).toThrow("model/bert.ts");
  });

  test("finds a circle, which types and dynamic imports close too", () => {
    const graph = (a: string, b: string) =>
      circle(new Map([a, b].map((source, i) => [`${"ab"[i]}.ts`, reachesOf(`${"ab"[i]}.ts`, source).imports])));
    const found = ["a.ts", "b.ts", "a.ts"];
    expect(graph(`import { b } from "./b.ts";`, `export { a } from "./a.ts";`)).toEqual(found);
    expect(graph(`import { b } from "./b.ts";`, `import { type A } from "./a.ts";`)).toEqual(found);
    expect(graph(`import type { B } from "./b.ts";`, `import type { A } from "./a.ts";`)).toEqual(found);
    expect(graph(`import { b } from "./b.ts";`, `const a = import("./a.ts");`)).toEqual(found);
    expect(graph(`import { b } from "./b.ts";`, `let a: import("./a.ts").A;`)).toEqual(found);
    expect(graph(`import { b } from "./b.ts";`, `export const b = 1;`)).toBeNull();
  });
});

/** Basenames that may recur: those of entry points, and a task's in the rooms that have a part of it. */
function mayRecur(name: string, paths: readonly string[]): boolean {
  return name === "index.ts" || paths.every((path) => /^(cli|pipelines|training\/tasks)\/[^/]+$/.test(path));
}

/** The basenames that stand for several files, but for those that may. */
function recurring(paths: readonly string[]): string[] {
  const names = [...new Set(paths.map((path) => posix.basename(path)))];
  return names.filter((name) => {
    const all = paths.filter((path) => posix.basename(path) === name);
    return all.length > 1 && !mayRecur(name, all);
  });
}

describe("names of files", () => {
  test("no basename of src recurs, but index.ts and a task's", () => {
    const paths = [...sourceFiles().keys()];
    expect(recurring(paths)).toEqual([]);
  });

  test("the check refuses a name that two rooms have, and one that stands beside a task's", () => {
    expect(recurring(["model/rows.ts", "tensor/rows.ts", "index.ts", "tensor/index.ts"])).toEqual(["rows.ts"]);
    expect(recurring(["cli/fillMask.ts", "pipelines/fillMask.ts", "training/tasks/fillMask.ts"])).toEqual([]);
    expect(recurring(["cli/fillMask.ts", "model/fillMask.ts"])).toEqual(["fillMask.ts"]);
  });
});
