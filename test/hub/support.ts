import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { HubOptions, ProgressInfo } from "../../src/hub/hubOptions.ts";
import type { WantedFiles } from "../../src/hub/wantedFiles.ts";
import type { OpenedModel } from "../../src/load/modelFolder.ts";
import { openModel } from "../../src/load/openModel.ts";
import { HubServer } from "./server.ts";

/** Bytes without a pattern that a mistake of position could hide behind. */
export function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, x = 1; i < length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

export const WEIGHTS: Uint8Array = noise(300_000);
export const MODEL: Readonly<Record<string, Uint8Array | string>> = {
  "config.json": '{"model_type":"bert"}',
  "vocab.txt": "[PAD]\n[UNK]\n",
  "model.safetensors": WEIGHTS,
};
export const WANTED: WantedFiles = {
  config: ["config.json", "bert_config.json"],
  optional: ["vocab.txt", "tokenizer.json"],
  weights: true,
};

/** A hub, a cache and a folder for temporary files, which are gone after the test. */
export class Place implements AsyncDisposable {
  readonly hub: HubServer;
  readonly folder: string;
  /** How long it would have waited between attempts, in milliseconds. */
  readonly waits: number[] = [];
  readonly events: ProgressInfo[] = [];
  env: Record<string, string>;

  private constructor(hub: HubServer) {
    this.hub = hub;
    this.folder = mkdtempSync(join(tmpdir(), "plainbert-hub-"));
    this.env = { HF_ENDPOINT: hub.endpoint, HF_HOME: this.folder };
  }

  static async make(files: Readonly<Record<string, Uint8Array | string>> = MODEL): Promise<Place> {
    const place = new Place(await HubServer.start());
    place.hub.add("org/small", files);
    return place;
  }

  /** A path in the cache. */
  at(...parts: string[]): string {
    return join(this.folder, "hub", ...parts);
  }

  inModel(...parts: string[]): string {
    return this.at("models--org--small", ...parts);
  }

  open(options: HubOptions = {}, wanted: WantedFiles = WANTED, id = "org/small"): Promise<OpenedModel> {
    const progress_callback = (info: ProgressInfo) => this.events.push(info);
    return openModel(id, wanted, { progress_callback, ...options }, this.env, async (milliseconds, signal) => {
      signal?.throwIfAborted();
      this.waits.push(milliseconds);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Every path of a folder: of a link its target, of a file its size and hash. As reference/make_reference.py writes it. */
export function listing(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(names.map((name) => [name.replaceAll("\\", "/"), describe(join(root, name))]));
}

function describe(path: string): string {
  const stats: Stats = lstatSync(path);
  if (stats.isSymbolicLink()) return `-> ${readlinkSync(path)}`;
  if (stats.isDirectory()) return "folder";
  const data = readFileSync(path);
  return `${data.length} bytes, sha256 ${createHash("sha256").update(data).digest("hex")}`;
}

/**
 * Makes the files and links of a listing that Python's script has written.
 *
 * @param contents what its files hold, in any order
 */
export function restore(
  root: string,
  { commit, symlinks }: { readonly commit: string; readonly symlinks: Readonly<Record<string, string>> },
  contents: readonly Uint8Array[],
): void {
  const all = [...contents, new Uint8Array(0), new TextEncoder().encode(commit)];
  const byHash = new Map(all.map((data) => [createHash("sha256").update(data).digest("hex"), data]));
  for (const [path, is] of Object.entries(symlinks)) {
    if (is === "folder") continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (is.startsWith("-> ")) symlinkSync(is.slice(3), join(root, path));
    else if (path !== "CACHEDIR.TAG") writeFileSync(join(root, path), byHash.get(is.slice(-64)) as Uint8Array);
  }
}
