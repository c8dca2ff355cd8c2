/** What a model is called: an id on a hub, or a folder. */
import { stat } from "node:fs/promises";
import { BertError, quote } from "../errors.ts";

/** A model on a hub, in one state. */
export interface HubModel {
  /** `org/name`, or `name` for some of the oldest. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/** As huggingface_hub's `validate_repo_id`. */
const ID = /^(?:\w(?:[\w.-]*\w)?\/)?\w(?:[\w.-]{0,94}\w)?$/;

/**
 * Tells whether a name is a model's id on the hub: `org/name` or `name`, unless a folder or a file of that name exists.
 * What begins with `.`, `/` or `~`, has a backslash, a colon, `..` or more than one slash is always a path.
 *
 * @throws BertError ERR_INPUT neither a path that exists nor a possible id
 */
export async function isModelId(name: string): Promise<boolean> {
  if (typeof name !== "string" || name === "") {
    throw new BertError("ERR_INPUT", `hub: the model must be ${FORMS}, got ${quote(String(name))}`);
  }
  if (await exists(name)) return false;
  if (/^[./~]|[\\:]|\.\.|\/.*\//.test(name)) return false;
  if (ID.test(name) && !name.includes("--") && !name.endsWith(".git")) return true;
  throw new BertError("ERR_INPUT", `hub: the model must be ${FORMS}; got ${quote(name)}, which is neither`);
}

const FORMS = 'an existing folder, such as "./models/mine", or a model\'s id on the hub, such as "org/name"';

/** @throws BertError ERR_INPUT no possible name of a branch, tag or commit */
export function checkedRevision(revision = "main"): string {
  // What git forbids and a file's name cannot hold: it becomes a file in the cache's `refs`.
  const parts = typeof revision === "string" ? revision.split("/") : [""];
  const possible = parts.every((part) => /^[^\s\\:*?"<>|~^[\p{C}]+$/u.test(part) && !part.startsWith("."));
  if (possible && !revision.includes("..")) return revision;
  throw new BertError("ERR_INPUT", `hub: revision must be a branch, a tag or a commit, got ${quote(String(revision))}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false; // or not to be looked at: what reads it next says why
  }
}
