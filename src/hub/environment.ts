/** What the environment says about the hub: the variables of Python's huggingface_hub, with its defaults. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { BertError, quote } from "../errors.ts";
import {
  checkedEndpoint,
  checkedFolder,
  checkedForce,
  checkedSwitch,
  checkedToken,
  DEFAULT_ENDPOINT,
} from "./checkedOptions.ts";
import type { HubOptions } from "./hubOptions.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Options and environment together. */
export interface HubSettings {
  /** The hub's address, without a slash at its end. */
  readonly endpoint: string;
  readonly cacheDir: string;
  /** null: the requests are anonymous. */
  readonly token: string | null;
  /** What forbids to ask the hub, or null. */
  readonly offline: string | null;
  /** Whether what the cache has is fetched again. */
  readonly force: boolean;
  /** Whether snapshots may be links to blobs. */
  readonly symlinks: boolean;
  /** How long to wait for a file's headers, in milliseconds. */
  readonly etagTimeout: number;
  /** How long to wait for the next bytes of a file, in milliseconds. */
  readonly downloadTimeout: number;
}

/** @throws BertError ERR_INPUT an option or a variable that cannot be meant */
export async function hubSettings(options: HubOptions, env: Environment): Promise<HubSettings> {
  const forbids = offline(options.local_files_only, env);
  return {
    endpoint: endpoint(options.endpoint, env),
    cacheDir: cacheDir(options.cache_dir, env),
    token: await token(options.token, env),
    offline: forbids,
    force: checkedForce(options, forbids),
    symlinks: !isTrue(env.HF_HUB_DISABLE_SYMLINKS),
    etagTimeout: milliseconds("HF_HUB_ETAG_TIMEOUT", env),
    downloadTimeout: milliseconds("HF_HUB_DOWNLOAD_TIMEOUT", env),
  };
}

/**
 * The folder of the cache: cache_dir > HF_HUB_CACHE > HUGGINGFACE_HUB_CACHE > HF_HOME/hub >
 * XDG_CACHE_HOME/huggingface/hub > ~/.cache/huggingface/hub
 */
export function cacheDir(option: string | undefined, env: Environment): string {
  if (option !== undefined) return resolve(expandUser(checkedFolder("cache_dir", option), env));
  const path = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hfHome(env), "hub");
  return resolve(expand(path, env));
}

function hfHome(env: Environment): string {
  return env.HF_HOME || join(env.XDG_CACHE_HOME || join("~", ".cache"), "huggingface");
}

/** option > HF_TOKEN > HUGGING_FACE_HUB_TOKEN > the file HF_TOKEN_PATH > HF_HOME/token */
async function token(option: string | false | undefined, env: Environment): Promise<string | null> {
  if (option === false) return null;
  if (option !== undefined) return checkedToken("token", option);
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return null;
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const text = env[name]?.trim();
    if (text) return checkedToken(name, text);
  }
  const path = expand(env.HF_TOKEN_PATH || join(hfHome(env), "token"), env);
  const text = await readFile(path, "utf8").catch(() => ""); // no user has logged in
  return text.trim() === "" ? null : checkedToken(path, text.trim());
}

function offline(option: boolean | undefined, env: Environment): string | null {
  if (checkedSwitch("local_files_only", option)) return "local_files_only";
  return ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].find((name) => isTrue(env[name])) ?? null;
}

/** option > HF_ENDPOINT > the hub of Hugging Face */
function endpoint(option: string | undefined, env: Environment): string {
  if (option !== undefined) return checkedEndpoint("endpoint", option);
  return checkedEndpoint("HF_ENDPOINT", env.HF_ENDPOINT || DEFAULT_ENDPOINT);
}

function milliseconds(name: string, env: Environment): number {
  const text = env[name] || "10";
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return 1000 * Number(text);
  throw new BertError("ERR_INPUT", `hub: ${name} must be a whole number of seconds from 1, got ${quote(text)}`);
}

/** Whether a variable switches something on, as Python's huggingface_hub reads its switches. */
export function isTrue(value: string | undefined): boolean {
  return ["1", "ON", "YES", "TRUE"].includes(value?.toUpperCase() ?? "");
}

/** `~`, `$NAME` and `${NAME}`, which Python expands in these variables; unknown names stay. */
function expand(path: string, env: Environment): string {
  const variables = expandUser(path, env).replace(
    /\$(?:(\w+)|\{([^}]*)\})/g,
    (text, name, braced) => env[name ?? braced] ?? text,
  );
  return variables;
}

function expandUser(path: string, env: Environment): string {
  return path.replace(/^~(?=$|[/\\])/, () => env.HOME || homedir());
}
