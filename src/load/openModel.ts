import { basename } from "node:path";
import { BertError, listed } from "../errors.ts";
import { checkedRevision, expectHubOptions } from "../hub/checkedOptions.ts";
import { type Environment, hubSettings } from "../hub/environment.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { isModelId } from "../hub/modelName.ts";
import { Progress } from "../hub/progress.ts";
import type { Hashed } from "../hub/repositoryCache.ts";
import { type Pause, pause } from "../hub/retry.ts";
import { fileIn } from "../hub/sentenceFiles.ts";
import type { Snapshot } from "../hub/snapshotDownload.ts";
import type { WantedFiles } from "../hub/wantedFiles.ts";
import { loaded } from "../loaded.ts";
import { has } from "../realm.ts";
import { BlobFolder } from "./blobFolder.ts";
import { openMended } from "./mendedWeights.ts";
import type { ModelFolder, NamedFiles, OpenedModel } from "./modelFolder.ts";
import { openNamedFiles } from "./namedFiles.ts";
import { openModelFolder } from "./weightFiles.ts";

/**
 * Opens a model by the path of a folder or by its id on the hub, from where what is not in the cache is downloaded.
 *
 * @param name  a folder, or `org/name`; `isModelId` tells which; or a model that comes with the package, or files that
 *   are there
 * @param files which of its files are needed
 * @param wait  how to wait before the next attempt
 * @throws BertError ERR_INPUT neither an existing folder nor an id, or an option that cannot be meant; ERR_FILE there
 *   is no such folder, or nothing can be written; ERR_HUB the hub does not have or give it
 */
export async function openModel(
  name: string | NamedFiles | BlobFolder,
  files: WantedFiles,
  options: HubOptions = {},
  env: Environment = process.env,
  wait: Pause = pause,
): Promise<OpenedModel> {
  expectHubOptions(options);
  const release = async () => {};
  if (name instanceof BlobFolder) return { folder: name, release };
  if (has(name, "urlOf")) return { folder: openNamedFiles(name), release };
  if (!(await isModelId(name))) return { folder: await openModelFolder(name), release };
  const { signal } = options;
  signal?.throwIfAborted();
  const model = { id: name, revision: checkedRevision(options.revision) };
  const settings = await hubSettings(options, env);
  // Only here: a model in a folder need not wait for node:http, 25 ms.
  const [{ HttpClient }, { Hub }, { openSnapshot }] = await loaded(() =>
    Promise.all([import("../hub/httpClient.ts"), import("../hub/hub.ts"), import("../hub/snapshot.ts")]),
  );
  const open = async (revision: string, force: boolean, hashed: Hashed): Promise<Snapshot> => {
    const client = new HttpClient(env);
    try {
      const hub = new Hub({ ...model, revision }, { ...settings, force }, client, wait, signal);
      return await openSnapshot(hub, files, new Progress(name, options.progress_callback), hashed);
    } finally {
      client.close();
    }
  };
  const snapshot = await open(model.revision, settings.force, files.hashed ? "all" : "small");
  const snapshots = [snapshot];
  const repaired = withRepair(await openModelFolder(snapshot.path), async () => {
    const again = await open(basename(snapshot.path), false, "all");
    snapshots.push(again);
    return again;
  });
  const folder = { ...repaired, isUnasked: snapshot.unasked };
  return { folder, release: () => Promise.all(snapshots.map(({ release }) => release())).then(() => {}) };
}

/**
 * A folder of the cache whose weights are hashed when they cannot be read; what is not what the hub has is fetched
 * again, once. Other files were hashed before.
 *
 * @param repair hashes all files, and fetches those again that do not fit
 */
function withRepair(folder: ModelFolder, repair: () => Promise<Snapshot>): ModelFolder {
  let current = folder;
  const mend = async ({ code, message, cause }: BertError) => {
    const { path, fetched, unknown } = await repair();
    current = await openModelFolder(path);
    if (fetched > 0 || unknown.length === 0) return fetched > 0; // or it is what the hub has
    const advice = `if it is damaged, delete ${listed(unknown)} and fetch it again where the hub may be asked`;
    throw new BertError(code, `${message}; ${advice}`, { cause });
  };
  const at = (name: string): ModelFolder => ({
    ...folder.inside(name),
    openWeights: () => openMended(() => current.inside(name).openWeights(), mend),
    inside: (deeper) => at(fileIn(name, deeper)),
  });
  return at("");
}
