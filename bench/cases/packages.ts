import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type CaseGroup, inSingleRuns, once, simpleCase } from "../harness/case.ts";
import { packageSizes, treeSize } from "../harness/installSize.ts";
import { OURS } from "../harness/results.ts";
import { PEERS } from "../sides/peers.ts";
import { PUBLISHED, spawnChild } from "./processStart.ts";

const ROOT = join(import.meta.dirname, "..", "..");

const LIBRARIES = ["onnxruntime-node", "onnxruntime-web", "@huggingface/transformers", "@tensorflow/tfjs-backend-wasm"];

/** What an import costs a process, and an installation the disk. */
export const packagesGroup: CaseGroup = {
  planned: [
    { id: "import-time", seconds: 12 },
    { id: "install-size", seconds: 4 },
  ],
  async open() {
    const resolve = createRequire(join(PEERS, "package.json")).resolve;
    const entries = [[OURS, PUBLISHED] as const, ...LIBRARIES.map((name) => [name, resolve(name)] as const)];
    const importTime = simpleCase(
      { id: "import-time", title: "import of the library", unit: "ms" },
      entries.map(([name, path]) => ({
        name,
        library: name,
        run: async () => (await spawnChild("importTime.mjs", [pathToFileURL(path).href])).printed as number,
      })),
    );
    const installSize = simpleCase(
      { id: "install-size", title: "installed with its dependencies", unit: "MB", constant: true },
      [
        { name: OURS, library: OURS, run: async () => packedSize() },
        ...LIBRARIES.map((name) => ({
          name,
          library: name,
          run: async () => treeSize(packageSizes(PEERS), name) / 1e6,
        })),
      ],
    );
    return { cases: [inSingleRuns(importTime), once(installSize)] };
  },
};

/** The unpacked size that npm states for the package, in MB. */
function packedSize(): number {
  const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    shell: process.platform === "win32",
  });
  const packed: unknown = JSON.parse(output);
  const [first] = Object.values(packed as Record<string, { readonly unpackedSize: number }>); // a list, or by name
  return first.unpackedSize / 1e6;
}
