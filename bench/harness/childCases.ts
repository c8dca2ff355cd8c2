import { execFile, execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { CHECKPOINT, graphPath } from "../onnx/modelFolder.ts";
import { PEERS } from "../sides/peers.ts";
import { FILL_MASK_TEXT } from "./cases.ts";
import { packageSizes, treeSize } from "./installSize.ts";
import type { Side } from "./interleave.ts";
import type { BenchCase } from "./results.ts";

const CHILDREN = join(import.meta.dirname, "..", "children");
const ROOT = join(import.meta.dirname, "..", "..");

/** A case whose sides are measured without being warm, each run in a process of its own. */
export interface ChildCase extends Omit<BenchCase, "sides"> {
  /** Whether every run gives the same figure. */
  readonly constant?: boolean;
  readonly sides: readonly Side[];
}

/**
 * The start of a process until its first answer, with the model's file in the page cache; and its peak memory, into
 * which the system counts the pages of a file that is mapped.
 *
 * @param inputIds FILL_MASK_TEXT's, for the library that has no tokenizer
 */
export function firstAnswerCases(backend: string, threads: number, inputIds: readonly number[]): ChildCase[] {
  const common = { backend, threads, model: CHECKPOINT, peers: PEERS, text: FILL_MASK_TEXT, inputIds };
  const styles = ["plain", "fused"] as const;
  const encoder = [
    ["plainbert", { library: "plainbert", task: "encoder" }],
    ...styles.map((style) => [
      `onnxruntime-node ${style}`,
      { library: "onnxruntime-node", task: "encoder", graph: graphPath(style, "encoder") },
    ]),
  ] as const;
  const fillMask = [
    ["plainbert", { library: "plainbert", task: "fillMask" }],
    ...styles.map((style) => [`transformers.js ${style}`, { library: "transformers.js", task: "fillMask", style }]),
  ] as const;
  return [
    [encoder, "", "encoder, 12 tokens"] as const,
    [fillMask, "-fill-mask", "fill-mask, 12 tokens"] as const,
  ].flatMap(([children, suffix, what]): ChildCase[] => {
    const sides = (figure: (child: Promise<Answer>) => Promise<number>): Side[] =>
      children.map(([name, argument]) => ({
        name: name as string,
        run: () => figure(spawnChild("firstAnswer.mjs", JSON.stringify({ ...common, ...(argument as object) }))),
      }));
    return [
      {
        id: `cold-start${suffix}`,
        title: `process start to answer: ${what}`,
        unit: "ms",
        sides: sides(async (child) => (await child).ms),
      },
      {
        id: `peak-rss${suffix}`,
        title: `peak memory: ${what}`,
        unit: "MB",
        sides: sides(async (child) => (await child).printed),
      },
    ];
  });
}

/**
 * The start of a process until the package's own model has answered, beside that of one that does nothing: the difference is what
 * loading the program, the model and the first answer take.
 */
export function smallModelCase(backend: string, threads: number): ChildCase {
  const argument = JSON.stringify({
    library: "plainbert",
    task: "fillMask",
    backend,
    threads,
    peers: PEERS,
    text: FILL_MASK_TEXT,
  });
  return {
    id: "cold-start-small",
    title: "process start to answer: fill-mask, the model in the package",
    unit: "ms",
    sides: [
      { name: "plainbert", run: async () => (await spawnChild("firstAnswer.mjs", argument)).ms },
      { name: "Node alone", run: async () => (await spawnChild("nothing.mjs", "")).ms },
    ],
  };
}

/** What an import costs a process, and an installation the disk. */
export function packageCases(): ChildCase[] {
  const peers = ["onnxruntime-node", "onnxruntime-web", "@huggingface/transformers", "@tensorflow/tfjs-backend-wasm"];
  const resolve = createRequire(join(PEERS, "package.json")).resolve;
  const entries = [
    ["plainbert", join(ROOT, "dist", "index.js")] as const,
    ...peers.map((name) => [name, resolve(name)] as const),
  ];
  return [
    {
      id: "import-time",
      title: "import of the library",
      unit: "ms",
      sides: entries.map(([name, path]) => ({
        name,
        run: async () => (await spawnChild("importTime.mjs", pathToFileURL(path).href)).printed,
      })),
    },
    {
      id: "install-size",
      title: "installed with its dependencies",
      unit: "MB",
      constant: true,
      sides: [
        { name: "plainbert", run: async () => packedSize() },
        ...peers.map((name) => ({ name, run: async () => treeSize(packageSizes(PEERS), name) / 1e6 })),
      ],
    },
  ];
}

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

interface Answer {
  readonly ms: number;
  readonly printed: number;
}

/** Runs a child with this Node until it has printed its number. */
async function spawnChild(script: string, argument: string): Promise<Answer> {
  const start = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [join(CHILDREN, script), argument]);
  return { ms: performance.now() - start, printed: JSON.parse(stdout) };
}
