import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkedEndpoint, DEFAULT_ENDPOINT } from "../hub/checkedOptions.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { openModelFiles } from "../load/readModel.ts";
import { loadBert } from "../pipelines/index.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { type ExplorerServer, serve } from "./explorerServer.ts";
import { untilInterrupted } from "./interrupt.ts";
import { downloading, TOKENIZER_OPTIONS } from "./modelOptions.ts";
import { count } from "./option.ts";
import { print } from "./output.ts";
import { modelFiles, pageFiles } from "./servedFiles.ts";

/** Both from the command's file, as they stand in the package. */
const PAGE = new URL("../../dist/explorer/", import.meta.url);
const SMALL_MODEL = new URL("../../weights/", import.meta.url);

export const command: Command = defineCommand({
  synopsis: ["[OPTION]…"],
  description: `Serves a page that shows what a model does with a text: its tokens, the attention of every head, what fits into a gap, and whether the second text follows the first. Prints the page's address; a browser is opened by you. Ctrl-C ends it, with status 0.

The model computes in the page. The server answers this machine alone, has the page's files and the model's and no others, and is sent nothing of what is typed. Where a model of the hub is opened in the page, the page fetches it from the hub itself, at HF_ENDPOINT if that is set.`,
  options: {
    port: count("The port of the address. Default: one that is free.", 0, 65_535),
    ...TOKENIZER_OPTIONS,
  },
  examples: ["plainbert explore", "plainbert explore --model google-bert/bert-base-cased --port 8080"],
  endsByInterrupt: true,
  async run({ values, positionals }) {
    expectCount(positionals, 0, 0, "no argument");
    const page = await pageFiles(fileURLToPath(PAGE));
    const { path, release } = await downloading(values, (hub) => checkedModel(values.model, hub));
    let server: ExplorerServer | null = null;
    const close = async () => {
      await server?.close();
      await release();
    };
    try {
      const hub = checkedEndpoint("HF_ENDPOINT", process.env.HF_ENDPOINT || DEFAULT_ENDPOINT);
      server = await serve(new Map([...page, ...(await modelFiles(path))]), values.port ?? 0, toLoad(values), hub);
      const ended = untilInterrupted(close);
      await print(`${server.address}\n`);
      await ended;
    } catch (error) {
      await close();
      throw error;
    }
  },
});

/** What `loadBert` is given to open the same model, from any folder. */
function toLoad(values: {
  readonly model: string | undefined;
  readonly revision: string | undefined;
  readonly "cache-dir": string | undefined;
}): readonly unknown[] {
  const { model, revision, "cache-dir": cache } = values;
  if (model === undefined) return [];
  if (existsSync(model)) return [resolve(model)];
  const options: HubOptions = {
    ...(revision !== undefined && { revision }),
    ...(cache !== undefined && { cache_dir: resolve(cache) }),
  };
  return Object.keys(options).length === 0 ? [model] : [model, options];
}

/**
 * A model's folder, once everything in it has been read: what is wrong is said here, and not in the page.
 *
 * @throws BertError as `loadBert`; ERR_VOCABULARY it has no tokenizer
 */
async function checkedModel(
  model: string | undefined,
  hub: HubOptions,
): Promise<{ readonly path: string; release(): Promise<void> }> {
  const small = { root: { path: fileURLToPath(SMALL_MODEL) }, release: async () => {} };
  const { root, release } = model === undefined ? small : await openModelFiles(model, hub, true, true);
  try {
    await using bert = await loadBert(root.path, { backend: "plain", ...(hub.signal && { signal: hub.signal }) });
    void bert.tokenizer;
    return { path: root.path, release };
  } catch (error) {
    await release();
    throw error;
  }
}
