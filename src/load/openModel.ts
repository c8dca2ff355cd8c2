import { checkedCallback, checkedRevision } from "../hub/checkedOptions.ts";
import { type Environment, hubSettings } from "../hub/environment.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { isModelId } from "../hub/modelName.ts";
import { Progress } from "../hub/progress.ts";
import { type Pause, pause } from "../hub/retry.ts";
import type { WantedFiles } from "../hub/wantedFiles.ts";
import { loaded } from "../loaded.ts";
import type { NamedFiles, OpenedModel } from "./modelFolder.ts";
import { openNamedFiles } from "./namedFiles.ts";
import { openModelFolder } from "./weightFiles.ts";

/**
 * Opens a model by the path of a folder or by its id on the hub, from where what is not in the cache is downloaded.
 *
 * @param name  a folder, or `org/name`; `isModelId` tells which; or the files of the small model
 * @param files which of its files are needed
 * @param wait  how to wait before the next attempt
 * @throws BertError ERR_INPUT neither an existing folder nor an id, or an option that cannot be meant; ERR_FILE there
 *   is no such folder, or nothing can be written; ERR_HUB the hub does not have or give it
 */
export async function openModel(
  name: string | NamedFiles,
  files: WantedFiles,
  options: HubOptions = {},
  env: Environment = process.env,
  wait: Pause = pause,
): Promise<OpenedModel> {
  const release = async () => {};
  if (typeof name === "function") return { folder: openNamedFiles(name), release };
  if (!(await isModelId(name))) return { folder: await openModelFolder(name), release };
  const { signal } = options;
  const callback = checkedCallback(options.progress_callback);
  signal?.throwIfAborted();
  const model = { id: name, revision: checkedRevision(options.revision) };
  const settings = await hubSettings(options, env);
  // Only here: a model in a folder need not wait for node:http, 25 ms.
  const [{ HttpClient }, { Hub }, { openSnapshot }] = await loaded(() =>
    Promise.all([import("../hub/httpClient.ts"), import("../hub/hub.ts"), import("../hub/snapshot.ts")]),
  );
  const client = new HttpClient(env);
  try {
    const hub = new Hub(model, settings, client, wait, signal);
    const snapshot = await openSnapshot(hub, files, new Progress(name, callback));
    return { folder: await openModelFolder(snapshot.path), release: snapshot.release };
  } finally {
    client.close();
  }
}
