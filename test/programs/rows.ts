import { cpSync, rmSync } from "node:fs";
import { expect } from "vitest";
import { copyStep } from "./deploying.ts";
import { edge, standalone } from "./next.ts";
import { foundByPage } from "./page.ts";
import { type Found, Place, tarball } from "./place.ts";

/** What a program found as it is, and after the step that docs/deploying.md names. */
export interface Ran {
  readonly asItIs: Found;
  readonly after?: Found;
}

/** A row of the table in docs/deploying.md. */
export interface Row {
  /** The row's first cell. */
  readonly title: string;
  /** Whether it needs under a minute: then `npm run test:programs` runs it. */
  readonly quick: boolean;
  run(): Ran | Promise<Ran>;
}

/** Where the step of docs/deploying.md copies what bundlers leave behind. */
const ASSETS = "out/plainbert";

/** Runs a program that was built into the folder `out`, without and with the files that its bundler left behind. */
function withoutAndWithAssets(
  place: Place,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Ran {
  const asItIs = place.found(command, args, env);
  place.run("bash", ["-e", "-c", copyStep()]);
  return { asItIs, after: place.found(command, args, { ...env, ASSETS: place.path(ASSETS) }) };
}

/** Values of `import.meta.url`; the empty one stands for none. */
const ODD_META_URLS = ["", "webpack:///./node_modules/plainbert/dist/index.js", "about:blank", "no URL"];

function esbuild(format: string, file: string): Ran {
  const place = new Place("esbuild");
  place.run("esbuild", ["program.mjs", "--bundle", "--platform=node", `--format=${format}`, `--outfile=out/${file}`]);
  return withoutAndWithAssets(place, "node", [`out/${file}`]);
}

/** Installs by another package manager into a folder of its own, and runs the program there. */
function packageManager(
  name: string,
  files: Readonly<Record<string, string>>,
  add: readonly string[],
  run: readonly string[],
): Ran {
  const place = new Place(name, () => {});
  for (const [file, text] of Object.entries({ "package.json": '{ "private": true, "type": "module" }\n', ...files }))
    place.write(`app/${file}`, text);
  for (const file of ["check.mjs", "program.mjs"]) cpSync(place.path(file), place.path("app", file));
  cpSync(tarball(), place.path("app", "plainbert.tgz"));
  place.run(name, add, {}, place.path("app"));
  return { asItIs: place.found(run[0], run.slice(1), {}, place.path("app")) };
}

const jest = (file: string): Ran => ({
  asItIs: new Place("jest").foundByTests("node", ["--experimental-vm-modules", "node_modules/jest/bin/jest.js", file]),
});

const permission = (...flags: string[]): Ran => ({
  asItIs: new Place("permission").found("node", ["--permission", "--allow-fs-read=*", ...flags, "program.mjs"]),
});

export const ROWS: readonly Row[] = [
  { title: "esbuild, `--format=esm`", quick: true, run: () => esbuild("esm", "program.mjs") },
  { title: "esbuild, `--format=cjs`", quick: true, run: () => esbuild("cjs", "program.cjs") },
  {
    title: "esbuild, `--platform=browser`",
    quick: true,
    async run() {
      const place = new Place("esbuild");
      rmSync(place.path("out"), { recursive: true, force: true });
      place.run("esbuild", ["page.mjs", "--bundle", "--platform=browser", "--format=esm", "--outfile=out/page.js"]);
      const asItIs = await foundByPage(place, "out");
      place.run("bash", ["-e", "-c", copyStep()]);
      return { asItIs, after: await foundByPage(place, "out", "/plainbert") };
    },
  },
  {
    title: 'webpack 5, `target: "node"`',
    quick: true,
    run() {
      const place = new Place("webpack");
      place.run("node", ["build.cjs", "node"]);
      return { asItIs: place.found("node", ["out/program.cjs"]) };
    },
  },
  {
    title: 'webpack 5, `target: "web"`',
    quick: true,
    async run() {
      const place = new Place("webpack");
      rmSync(place.path("page"), { recursive: true, force: true });
      place.run("node", ["build.cjs", "web"]);
      return { asItIs: await foundByPage(place, "page") };
    },
  },
  {
    title: "rollup 4",
    quick: true,
    run() {
      const place = new Place("rollup");
      place.run("rollup", ["--config", "rollup.config.mjs", "--silent"]);
      return withoutAndWithAssets(place, "node", ["out/program.mjs"]);
    },
  },
  {
    title: "vite 8, SSR with `noExternal`",
    quick: true,
    run() {
      const place = new Place("vite");
      place.run("vite", ["build"]);
      return withoutAndWithAssets(place, "node", ["out/program.js"]);
    },
  },
  {
    title: "vite 8, client",
    quick: true,
    async run() {
      const place = new Place("vite");
      place.run("vite", ["build", "--config", "vite.page.config.mjs"]);
      return { asItIs: await foundByPage(place, "page") };
    },
  },
  {
    title: "`bun build --compile`",
    quick: true,
    run() {
      const place = new Place("bun");
      const system = process.platform === "win32" ? "windows" : process.platform;
      const arch = process.arch === "arm64" ? "aarch64" : process.arch;
      const bun = place.path("node_modules", "@oven", `bun-${system}-${arch}`, "bin", "bun");
      place.run("chmod", ["+x", bun]); // an install script of the package that depends on it would do so
      place.run(bun, ["build", "--compile", "program.mjs", "--outfile", "out/program"]);
      return withoutAndWithAssets(place, place.path("out", "program"), []);
    },
  },
  {
    title: "Node's single executables",
    quick: true,
    run() {
      const place = new Place("sea");
      place.run("esbuild", ["program.mjs", "--bundle", "--platform=node", "--format=cjs", "--outfile=out/program.cjs"]);
      place.run("node", ["--build-sea", "sea-config.json"]);
      return withoutAndWithAssets(place, place.path("out", "program"), []);
    },
  },
  { title: "Next.js 15, Turbopack", quick: false, run: () => standalone("next-15", "--turbopack") },
  { title: "Next.js 15, webpack", quick: false, run: () => standalone("next-15") },
  { title: "Next.js 16, Turbopack", quick: false, run: () => standalone("next-16") },
  { title: "Next.js 16, webpack", quick: false, run: () => standalone("next-16", "--webpack") },
  {
    title: 'Next.js 15, `runtime = "edge"`, Turbopack',
    quick: false,
    run: () => edge("next-15", "--turbopack"),
  },
  { title: 'Next.js 15, `runtime = "edge"`, webpack', quick: false, run: () => edge("next-15") },
  { title: 'Next.js 16, `runtime = "edge"`, Turbopack', quick: false, run: () => edge("next-16") },
  {
    title: 'Next.js 16, `runtime = "edge"`, webpack',
    quick: false,
    run: () => edge("next-16", "--webpack"),
  },
  {
    title: "pnpm 10",
    quick: true,
    run: () => packageManager("pnpm", {}, ["add", "./plainbert.tgz"], ["node", "program.mjs"]),
  },
  {
    title: "Yarn 4, PnP",
    quick: true,
    run: () =>
      packageManager(
        "yarn",
        { ".yarnrc.yml": "nodeLinker: pnp\nenableGlobalCache: false\nenableTelemetry: false\n", "yarn.lock": "" },
        ["add", "plainbert@file:./plainbert.tgz"],
        ["yarn", "node", "program.mjs"],
      ),
  },
  {
    title: "workerd",
    quick: true,
    run() {
      const place = new Place("workerd");
      place.run("esbuild", ["worker.mjs", "--bundle", "--platform=node", "--format=esm", "--outfile=out/worker.mjs"]);
      return withoutAndWithAssets(place, "node", ["program.mjs"]);
    },
  },
  { title: "Jest 30, ESM", quick: true, run: () => jest("esm.test.mjs") },
  { title: "Jest 30, `require`", quick: true, run: () => jest("require.test.cjs") },
  {
    title: "vitest 5, `vmThreads`",
    quick: true,
    run: () => ({ asItIs: new Place("vitest").foundByTests("vitest", ["run"]) }),
  },
  {
    title: "`node --experimental-vm-modules`",
    quick: true,
    run() {
      const place = new Place("vm-modules");
      const args = ["--experimental-vm-modules", "program.mjs"];
      for (const url of ODD_META_URLS) {
        // What a bundler, an evaluated text or a page may leave there: nothing throws before somebody asks for a file.
        const odd = withoutAndWithAssets(place, "node", args, { META_URL: url });
        expect(odd.asItIs.bundled, url).toContain("the option assets names a folder");
        expect({ ...odd.asItIs, ...odd.after }, url).toEqual({ bundled: "works", folder: "works", threads: "works" });
        expect(odd.asItIs.folder, url).toBe("works");
      }
      return { asItIs: place.found("node", args) };
    },
  },
  { title: "`node --permission --allow-worker`", quick: true, run: () => permission("--allow-worker") },
  { title: "`node --permission`", quick: true, run: () => permission() },
];
