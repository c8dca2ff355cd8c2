/** What a model is called, in Node and in a browser. */

/** A model on a hub, in one state. */
export interface HubModel {
  /** `org/name`, or `name` for some of the oldest. */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

/**
 * Whether a name is a path wherever it is used: it begins with `.`, `/` or `~`, or has a backslash, a colon, `..` or
 * two slashes.
 */
export function isPath(name: string): boolean {
  return /^[./~]|[\\:]|\.\.|\/.*\//.test(name);
}

/** Whether a name can be a model's id, by the rules of huggingface_hub's `validate_repo_id`. */
export function isPossibleId(name: string): boolean {
  return ID.test(name) && !name.includes("--") && !name.endsWith(".git");
}

const ID = /^(?:\w(?:[\w.-]*\w)?\/)?\w(?:[\w.-]{0,94}\w)?$/;

/** Whether a revision is a commit. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
