import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** A package that is installed: the bytes of its own files, and what it depends on. */
export interface InstalledPackage {
  readonly bytes: number;
  /** The places (`node_modules/…`) of its dependencies. */
  readonly dependencies: readonly string[];
}

interface LockEntry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Every installed package of a folder's package-lock.json, by its place. */
export function packageSizes(folder: string): Map<string, InstalledPackage> {
  const lock: { readonly packages: Readonly<Record<string, LockEntry>> } = JSON.parse(
    readFileSync(join(folder, "node_modules", ".package-lock.json"), "utf8"), // npm's list of what really is there
  );
  const sizes = new Map<string, InstalledPackage>();
  for (const [place, entry] of Object.entries(lock.packages)) {
    const names = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies });
    const dependencies = names
      .map((name) => resolvePlace(place, name, lock.packages))
      .filter((found) => found !== null);
    sizes.set(place, { bytes: folderBytes(join(folder, place)), dependencies });
  }
  return sizes;
}

/** The bytes of a package with everything that it depends on, each counted once. */
export function treeSize(sizes: ReadonlyMap<string, InstalledPackage>, name: string): number {
  const seen = new Set<string>();
  const add = (place: string): number => {
    if (seen.has(place)) return 0;
    seen.add(place);
    const { bytes, dependencies } = sizes.get(place)!;
    return dependencies.reduce((sum, dependency) => sum + add(dependency), bytes);
  };
  return add(`node_modules/${name}`);
}

/** Node's rule: the nearest node_modules upwards; null for one that is optional and was left out. */
function resolvePlace(from: string, name: string, packages: Readonly<Record<string, unknown>>): string | null {
  for (let base = from; ; base = base.slice(0, Math.max(base.lastIndexOf("/node_modules/"), 0))) {
    const place = `${base === "" ? "" : `${base}/`}node_modules/${name}`;
    if (place in packages) return place;
    if (base === "") return null;
  }
}

/** Of the files that belong to the package itself, not of the packages inside its node_modules. */
function folderBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sum + (entry.name === "node_modules" ? 0 : folderBytes(path));
    return sum + (entry.isFile() ? statSync(path).size : 0);
  }, 0);
}
