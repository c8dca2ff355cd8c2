/** The engine V8 where its flags can be set, which is in Node. */
export interface V8 {
  /** The processor's architecture: `x64`, `arm64`, … */
  readonly arch: string;
  /** The major version: 11 in Node 20, 12 in 22, 13 in 24, 14 in 26. */
  readonly version: number;
  /**
   * Runs `body` with flags set, such as `--wasm-sync-tier-up`, and sets them back. They hold for what is instantiated
   * and optimised in between and for nothing else: modules keep the code that they were compiled to, in workers too.
   */
  withFlags<T>(flags: readonly string[], body: () => T): T;
}

/** How many bytes of a function's code run, from a module's instantiation, until V8 optimises it. */
const BUDGET = "--wasm-tiering-budget";
/** V8's own number. */
const USUAL_BUDGET = 13_000_000;

/** Optimise a function in its first call, and in the thread that calls it. */
export const OPTIMIZE_AT_ONCE: readonly string[] = ["--wasm-sync-tier-up", `${BUDGET}=1`];

interface NodeProcess {
  readonly arch: string;
  readonly versions: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(name: "node:v8"): { setFlagsFromString(flag: string): void } | undefined;
}

/**
 * V8, or null where there are no flags to set: in browsers, and in engines that are not V8. Node's module is looked up
 * at run time, so that bundlers find no import that a browser does not have.
 */
export function findV8(): V8 | null {
  const found = nodeAndV8();
  if (!found) return null;
  const { node, v8 } = found;
  const version = Number.parseInt(node.versions.v8 ?? "", 10);
  if (Number.isNaN(version) || node.versions.bun || node.versions.deno) return null;
  return {
    arch: node.arch,
    version,
    withFlags(flags, body) {
      for (const flag of flags) v8.setFlagsFromString(flag);
      try {
        return body();
      } finally {
        for (const flag of flags) v8.setFlagsFromString(opposite(flag));
      }
    },
  };
}

/**
 * Node's `process` and its module of V8; null where there is no Node, and in Next's edge runtime, which throws when
 * they are read.
 */
function nodeAndV8() {
  try {
    const { process: node } = globalThis as { process?: NodeProcess };
    const v8 = node?.getBuiltinModule?.("node:v8");
    return node?.versions && v8 ? { node, v8 } : null;
  } catch {
    return null;
  }
}

function opposite(flag: string): string {
  if (flag.startsWith(BUDGET)) return `${BUDGET}=${USUAL_BUDGET}`;
  return flag.startsWith("--no-") ? `--${flag.slice(5)}` : `--no-${flag.slice(2)}`;
}
