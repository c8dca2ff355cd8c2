/** What a model is called where there are files: an id on a hub, or a folder. */
import { stat } from "node:fs/promises";
import { BertError, quote, shown } from "../errors.ts";
import { isPath, isPossibleId } from "./modelId.ts";

/**
 * Tells whether a name is a model's id on the hub: `org/name` or `name`, unless a folder or a file of that name exists.
 * What begins with `.`, `/` or `~`, has a backslash, a colon, `..` or more than one slash is always a path.
 *
 * @throws BertError ERR_INPUT neither a path that exists nor a possible id
 */
export async function isModelId(name: string): Promise<boolean> {
  if (typeof name !== "string" || name === "") {
    throw new BertError("ERR_INPUT", `hub: the model must be ${FORMS}, got ${shown(name)}`);
  }
  if ((await exists(name)) || isPath(name)) return false;
  if (isPossibleId(name)) return true;
  throw new BertError("ERR_INPUT", `hub: the model must be ${FORMS}; got ${quote(name)}, which is neither`);
}

const FORMS = 'an existing folder, such as "./models/mine", or a model\'s id on the hub, such as "org/name"';

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false; // or not accessible: what reads it next says why
  }
}
