/** The twin of `load/openModel.ts` for browsers: files by `fetch`, kept in the browser's Cache API. */
import { BertError, shown } from "../errors.ts";
import {
  checkedEndpoint,
  checkedForce,
  checkedRevision,
  checkedSwitch,
  checkedToken,
  DEFAULT_ENDPOINT,
  expectHubOptions,
  wrongOption,
} from "../hub/checkedOptions.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { isPath, isPossibleId } from "../hub/modelId.ts";
import { Progress } from "../hub/progress.ts";
import { pause } from "../hub/retry.ts";
import { BlobFolder } from "../load/blobFolder.ts";
import type { NamedFiles } from "../load/modelFolder.ts";
import type { openModel as openModelOfNode } from "../load/openModel.ts";
import { has } from "../realm.ts";
import { FetchedModel } from "./fetchedModel.ts";
import { FileStore } from "./fileStore.ts";
import { FolderPlace, HubPlace, type Place } from "./places.ts";

/**
 * Opens a model by the URL of a folder, a path from the page, or its id on the hub; what the browser does not keep is
 * fetched.
 *
 * @param name  what begins with `.` or `/`, is a URL or ends with `/` is a folder; `org/name` is an id; or a model that
 *   comes with the package, or files that are there
 * @throws BertError ERR_INPUT neither a folder nor an id, or an option that cannot be meant; ERR_FILE a folder's server
 *   does not give a file; ERR_HUB the hub does not have or give the model, or what arrives is damaged
 */
export const openModel: typeof openModelOfNode = async (name, wanted, options = {}) => {
  const { cache_dir, signal } = options;
  expectHubOptions(options);
  if (cache_dir !== undefined)
    throw wrongOption("cache_dir", "left out in a browser, which keeps files in its Cache API", cache_dir);
  if (name instanceof BlobFolder) return { folder: name, release: async () => {} };
  signal?.throwIfAborted();
  const place = placeOf(name, options);
  const offline = checkedSwitch("local_files_only", options.local_files_only);
  const force = checkedForce(options, offline ? "local_files_only" : null);
  const progress = new Progress(place.name, options.progress_callback);
  const store = await FileStore.open();
  const hashesAll = wanted.hashed ?? false;
  const model = new FetchedModel(place, {
    ...{ store, progress, signal, wait: pause },
    ...{ force, hashesAll, whole: new Set<string>() },
  });
  await model.fetch(wanted, offline);
  return { folder: model, release: async () => {} };
};

function placeOf(name: string | NamedFiles, { revision, token, endpoint, signal }: HubOptions): Place {
  if (has(name, "urlOf")) return new FolderPlace(name, signal, pause);
  if (typeof name === "string" && name !== "") {
    if (isPath(name) || name.endsWith("/")) return new FolderPlace(name, signal, pause);
    const model = { id: name, revision: checkedRevision(revision) };
    const address = checkedEndpoint("endpoint", endpoint ?? DEFAULT_ENDPOINT);
    const secret = token === undefined || token === false ? null : checkedToken("token", token);
    if (isPossibleId(name)) return new HubPlace(model, address, secret, signal, pause);
  }
  throw new BertError(
    "ERR_INPUT",
    `hub: the model must be a URL or a path of a folder, such as "/models/mine/", or a model's id on the hub, such as "org/name"; got ${shown(name)}`,
  );
}
