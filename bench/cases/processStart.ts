import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { STORAGE_TYPES } from "../../src/tensor/storage.ts";
import { type Case, type CaseGroup, caseOf, inSingleRuns, rowsOf } from "../harness/case.ts";
import type { Side } from "../harness/interleave.ts";
import { OURS } from "../harness/results.ts";
import { BASE, graphPath, MODELS, SMALL } from "../onnx/modelFolder.ts";
import { PEERS } from "../sides/peers.ts";
import { FILL_MASK_TEXT } from "./inputs.ts";

const CHILDREN = join(import.meta.dirname, "..", "children");

/** plainbert as it is published. */
export const PUBLISHED: string = join(import.meta.dirname, "..", "..", "dist", "index.js");

/** plainbert where Node keeps the code that it has compiled. */
const COMPILE_CACHE = `${OURS} with NODE_COMPILE_CACHE`;
const COMPILED = { NODE_COMPILE_CACHE: join(MODELS, "compiled") };

/** A process that takes longer than this has hung. */
const HUNG_MS = 60_000;

/** What a process that answers once needs: the files are in the page cache, every run is a new process. */
export const processStartGroup: CaseGroup = {
  planned: [
    { id: "cold-start", seconds: 14, gives: ["peak-rss"] },
    { id: "cold-start-fill-mask", seconds: 16, notQuick: true, gives: ["peak-rss-fill-mask"] },
    { id: "cold-start-small", seconds: 6, gives: ["peak-rss-small"] },
    { id: "cold-start-storage", seconds: 12, notQuick: true, gives: ["peak-rss-storage"] },
    { id: "cold-start-parts-small", seconds: 8 },
    { id: "cold-start-parts-base", seconds: 14 },
  ],
  async open({ backend, threads, tokenizer }) {
    const inputIds = [...tokenizer.encode(FILL_MASK_TEXT).inputIds]; // for the library that has no tokenizer
    const common = { backend, threads, peers: PEERS, text: FILL_MASK_TEXT, inputIds };
    const side = (name: string, library: string, argument: object, options?: ChildOptions): Side<Answer> => ({
      name,
      library,
      run: () => spawnChild("firstAnswer.mjs", [JSON.stringify({ ...common, library, ...argument })], options),
    });
    const styles = ["plain", "fused"] as const;
    const encoderSides = [
      side("plainbert", OURS, { task: "encoder", model: BASE.path }),
      ...styles.map((style) => {
        const graph = graphPath(BASE, style, "encoder");
        return side(`onnxruntime-node ${style}`, "onnxruntime-node", { task: "encoder", graph });
      }),
    ];
    const fillMaskSides = [
      side("plainbert", OURS, { task: "fillMask", model: BASE.path }),
      ...styles.map((style) =>
        side(`transformers.js ${style}`, "transformers.js", { task: "fillMask", model: BASE.path, style }),
      ),
    ];
    const smallSides = [
      side("plainbert", OURS, { task: "fillMask" }),
      side("plainbert, compile cache", COMPILE_CACHE, { library: OURS, task: "fillMask" }, { env: COMPILED }),
      ...styles.map((style) =>
        side(`transformers.js ${style}`, "transformers.js", { task: "fillMask", model: SMALL.path, style }),
      ),
    ];
    const storageSides = STORAGE_TYPES.map((dtype) =>
      side(`plainbert ${dtype}`, OURS, { task: "encoder", model: BASE.path, dtype }),
    );
    const partsOf = (size: string, model: string) =>
      partsCase(size, JSON.stringify({ ...common, library: OURS, task: "fillMask", model }));
    return {
      cases: [
        startCase("", "encoder, 12 tokens", encoderSides),
        startCase("-fill-mask", "fill-mask, 12 tokens", fillMaskSides),
        startCase("-small", "fill-mask, the model in the package", smallSides),
        startCase("-storage", "encoder, 12 tokens, weights of another type", storageSides),
        partsOf("small", SMALL.source),
        partsOf("base", BASE.path),
      ].map(inSingleRuns),
    };
  },
};

/**
 * The start of a process until its first answer; and its peak memory, into which the system counts the pages of a file that is
 * mapped.
 */
function startCase(suffix: string, what: string, sides: readonly Side<Answer>[]): Case {
  return caseOf(`cold-start${suffix}`, sides, (samples) => {
    const rows = (figure: (answer: Answer) => number) =>
      rowsOf(sides, new Map(Array.from(samples, ([name, answers]) => [name, answers.map(figure)])));
    return [
      {
        id: `cold-start${suffix}`,
        title: `process start to answer: ${what}`,
        unit: "ms",
        sides: rows(({ ms }) => ms),
      },
      {
        id: `peak-rss${suffix}`,
        title: `peak memory: ${what}`,
        unit: "MB",
        sides: rows(({ printed }) => (printed as FirstAnswer).megabytes),
      },
    ];
  });
}

/**
 * What plainbert's start is made of. Node alone is a process that does nothing. Import and first answer are measured in the process that
 * answers; kernels, reading, packing and tokenizer in one that does what `loadBert` does, one step after the other. The rest is what the whole
 * takes beyond all of these.
 *
 * @param argument of the children
 */
function partsCase(size: string, argument: string): Case {
  const parts = async (): Promise<Record<string, number>> => {
    const { ms: nodeAlone } = await spawnChild("nothing.mjs");
    const loaded = (await spawnChild("loadParts.ts", [argument])).printed as Record<string, number>;
    const { ms: whole, printed } = await spawnChild("firstAnswer.mjs", [argument]);
    const { import: imported, "first answer": answer } = (printed as FirstAnswer).steps;
    const known = { "Node alone": nodeAlone, import: imported, ...loaded, "first answer": answer };
    const rest = whole - Object.values(known).reduce((sum, ms) => sum + ms, 0);
    return { ...known, "the rest": rest, whole };
  };
  const id = `cold-start-parts-${size}`;
  return caseOf(id, [{ name: OURS, library: OURS, run: parts }], (samples) => {
    const answers = samples.get(OURS) ?? [];
    const names = Object.keys(answers[0] ?? {});
    const rows = names.map((name) => ({ name, library: name === "Node alone" ? "Node" : `${OURS}, ${name}` }));
    const figures = new Map(names.map((name) => [name, answers.map((answer) => answer[name])]));
    const title = `parts of plainbert's start until a filled mask, the ${size} model`;
    return [{ id, title, unit: "ms", sides: rowsOf(rows, figures) }];
  });
}

/** What firstAnswer.mjs prints. */
interface FirstAnswer {
  readonly megabytes: number;
  readonly steps: Readonly<Record<string, number>>;
}

interface Answer {
  readonly ms: number;
  /** Its JSON. */
  readonly printed: unknown;
}

/** How a child is run. */
interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** In milliseconds. */
  readonly timeout?: number;
}

/**
 * Runs a child with this Node until it has printed its figure. Where the environment names certificates, Node would read them for 29 ms
 * before anything else.
 */
export async function spawnChild(
  script: string,
  args: readonly string[] = [],
  { env = {}, timeout = HUNG_MS }: ChildOptions = {},
): Promise<Answer> {
  const start = performance.now();
  const options = { env: { ...process.env, NODE_EXTRA_CA_CERTS: "", NODE_COMPILE_CACHE: "", ...env }, timeout };
  const child = promisify(execFile)(process.execPath, [join(CHILDREN, script), ...args], options);
  const { stdout } = await child;
  return { ms: performance.now() - start, printed: JSON.parse(stdout) };
}
