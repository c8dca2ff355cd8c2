/** Options of the hub that are checked alike in Node and in a browser. */
import { BertError, shown } from "../errors.ts";
import { has } from "../realm.ts";
import type { HubOptions } from "./hubOptions.ts";

/** What a file's name can have on most systems. */
const LONGEST = 255;

/**
 * Checks all options of the hub, though a model in a folder needs none of them.
 *
 * @throws BertError ERR_INPUT one that cannot be meant
 */
export function expectHubOptions(options: HubOptions): void {
  const { revision, token, endpoint, cache_dir, local_files_only, force_download, progress_callback, assets } = options;
  checkedRevision(revision);
  if (token !== undefined && token !== false) checkedToken("token", token);
  if (endpoint !== undefined) checkedEndpoint("endpoint", endpoint);
  if (cache_dir !== undefined) checkedFolder("cache_dir", cache_dir);
  checkedSwitch("local_files_only", local_files_only);
  checkedSwitch("force_download", force_download);
  expectCallback(progress_callback);
  if (assets === undefined || (typeof assets === "string" && assets !== "") || has(assets, "href")) return;
  throw wrongOption("assets", "a folder, its path or its URL", assets);
}

/** @throws BertError ERR_INPUT no path */
export function checkedFolder(name: "cache_dir", path: string): string {
  if (typeof path === "string" && path !== "") return path;
  throw wrongOption(name, "a folder", path);
}

/** @throws BertError ERR_INPUT no possible name of a branch, tag or commit */
export function checkedRevision(revision = "main"): string {
  // What git forbids and a file's name cannot hold: it becomes a file in the cache's `refs`.
  const parts = typeof revision === "string" ? revision.split("/") : [""];
  const possible = parts.every((part) => /^[^\s\\:*?"<>|~^[\p{C}]+$/u.test(part) && !part.startsWith("."));
  if (possible && !revision.includes("..") && revision.length <= LONGEST) return revision;
  throw wrongOption("revision", "a branch, a tag or a commit", revision);
}

/** @throws BertError ERR_INPUT no token */
export function checkedToken(name: string, text: string): string {
  if (typeof text === "string" && /^[\x21-\x7e]+$/.test(text)) return text;
  // The message does not show it: messages end up in logs.
  throw new BertError("ERR_INPUT", `hub: ${name} must be a token of printable ASCII characters, got something else`);
}

/**
 * A hub's address without a slash at its end.
 *
 * @throws BertError ERR_INPUT no such address
 */
export function checkedEndpoint(name: string, address: string): string {
  const text = (typeof address === "string" ? address : "").replace(/\/+$/, "");
  const { protocol, username } = URL.canParse(text) ? new URL(text) : { protocol: "", username: "" };
  if (/^https?:$/.test(protocol) && username === "") return text;
  // Not shown: it may hold a password, and so would every message that names the hub.
  throw new BertError("ERR_INPUT", `hub: ${name} must be an http or https address without a name and a password`);
}

/** @throws BertError ERR_INPUT neither true, false nor left out */
export function checkedSwitch(name: "local_files_only" | "force_download", option: boolean | undefined): boolean {
  if (option === undefined || typeof option === "boolean") return option ?? false;
  throw wrongOption(name, "true or false", option);
}

/**
 * Whether every file is to be fetched again.
 *
 * @param offline what forbids to ask the hub, or null
 * @throws BertError ERR_INPUT no switch, or it is on where the hub may not be asked
 */
export function checkedForce({ force_download }: HubOptions, offline: string | null): boolean {
  const force = checkedSwitch("force_download", force_download);
  if (!force || offline === null) return force;
  throw wrongOption("force_download", `false where ${offline} forbids to ask the hub`, force_download);
}

/** @throws BertError ERR_INPUT no function */
function expectCallback(callback: HubOptions["progress_callback"]): void {
  if (callback === undefined || typeof callback === "function") return;
  throw wrongOption("progress_callback", "a function", callback);
}

export function wrongOption(name: string, must: string, got: unknown): BertError {
  return new BertError("ERR_INPUT", `hub: ${name} must be ${must}, got ${shown(got)}`);
}

/** Where models are, unless one says otherwise. */
export const DEFAULT_ENDPOINT = "https://huggingface.co";
