/** What an engine offers beyond the standard: V8's flags, by way of Node. */
export interface Platform {
  /** `x64`, `arm64`, … */
  readonly arch: string;
  /** V8's major version: 11 in Node 20, 12 in 22, 13 in 24, 14 in 26. */
  readonly v8: number;
  /**
   * Runs `body` with flags of V8 set, such as `--wasm-sync-tier-up`, and sets them back. They hold for what is optimised in
   * between and for nothing else: modules keep the code that they were compiled to, in workers too.
   */
  withFlags<T>(flags: readonly string[], body: () => T): T;
}

interface NodeProcess {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly arch: string;
  readonly versions: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(name: "node:v8"): { setFlagsFromString(flag: string): void } | undefined;
}

/**
 * The platform, or null where there are no flags to set: in browsers, and in engines that are not V8. Node's module is
 * asked for at run time, so that bundlers find no import that a browser does not have.
 */
export function findPlatform(): Platform | null {
  const found = nodeAndV8();
  if (!found) return null;
  const { node, v8 } = found;
  const version = Number.parseInt(node.versions.v8 ?? "", 10);
  if (Number.isNaN(version) || node.versions.bun || node.versions.deno) return null;
  return {
    arch: node.arch,
    v8: version,
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

/** null where there is no Node, or where it must not be asked, as in Next's edge runtime, which throws. */
function nodeAndV8() {
  try {
    const { process: node } = globalThis as { process?: NodeProcess };
    const v8 = node?.getBuiltinModule?.("node:v8");
    return node?.versions && v8 ? { node, v8 } : null;
  } catch {
    return null;
  }
}

/** An environment variable; undefined in browsers, which have none, and where it must not be read: Deno without --allow-env. */
export function environment(name: string): string | undefined {
  try {
    return (globalThis as { process?: NodeProcess }).process?.env?.[name];
  } catch {
    return undefined;
  }
}

function opposite(flag: string): string {
  return flag.startsWith("--no-") ? `--${flag.slice(5)}` : `--no-${flag.slice(2)}`;
}
