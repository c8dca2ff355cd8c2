/** A model on a hub, before it is fetched: whether it can be opened, and how much there is of it. */
import { BertError, type BertTokenizer, loadTokenizer, parseConfig } from "../index.ts";
import { parametersOf } from "./modelSize.ts";

/** A model on a hub. */
export interface HubModel {
  /** Its id there, `org/name`. */
  readonly hub: string;
  /** The hub's address. */
  readonly endpoint: string;
}

/** What is known of it. */
export interface HubSize {
  /** Of its weights' files, which are fetched. */
  readonly bytes: number;
  readonly parameters: number;
  /** What the page takes while the model is open. */
  readonly memory: number;
}

/** What each number takes in memory, whatever the file has; and the room that it has beside. */
const [NUMBER_BYTES, WORKING_BYTES] = [4, 64 * 2 ** 20];

/** A page's WebAssembly has at most 4 GiB of memory. */
const MOST_MEMORY = 2 ** 32;

/** What a folder's weights can be in, as `loadBert` looks for them: the first that is there. */
const WEIGHTS = [
  /^model\.safetensors$/,
  /^model-\d+-of-\d+\.safetensors$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model-\d+-of-\d+\.bin$/,
];

/**
 * Looks a model up: its tokenizer, its configuration and its list of files are fetched, and no weights.
 *
 * @throws BertError as `loadTokenizer` and `parseConfig`; ERR_HUB the list cannot be had; ERR_CHECKPOINT it has no
 *   weights that are read, or more than a page has memory for
 */
export async function lookUp({ hub, endpoint }: HubModel): Promise<HubSize> {
  if (!ID.test(hub)) throw noId(hub);
  const vocabulary = await loadTokenizer(hub, { endpoint }).catch(
    (error: unknown) => error as BertTokenizer | BertError,
  );
  if (vocabulary instanceof BertError && vocabulary.code !== "ERR_VOCABULARY") throw inPage(hub, vocabulary);
  const config = parseConfig(await textOf(`${endpoint}/${hub}/resolve/main/config.json`));
  if (vocabulary instanceof BertError) throw vocabulary; // what kind of model it is says more
  const parameters = parametersOf(config);
  const memory = NUMBER_BYTES * parameters + WORKING_BYTES;
  const bytes = bytesOf(await textOf(`${endpoint}/api/models/${hub}/revision/main?blobs=true`));
  if (bytes === 0)
    throw new BertError(
      "ERR_CHECKPOINT",
      `lookUp: ${hub} must have model.safetensors or pytorch_model.bin, has neither`,
    );
  if (memory > MOST_MEMORY) {
    const size = `${(memory / 1e9).toFixed(1)} GB`;
    throw new BertError(
      "ERR_CHECKPOINT",
      `lookUp: ${hub} is too large for a page: it takes ${size} of memory, where a page has 4.2 at most`,
    );
  }
  return { bytes, parameters, memory };
}

/** Signs of an id, `org/name` or `name`; the library knows more of what cannot be one. */
const ID = /^\w[\w.-]*(\/\w[\w.-]*)?$/;

const noId = (hub: string): BertError =>
  new BertError(
    "ERR_INPUT",
    `lookUp: the id must be that of a model of the hub, such as google-bert/bert-base-cased, got “${hub}”`,
  );

/** What the library says to a program, as it is said to who looks at a page. */
function inPage(hub: string, { code, message }: BertError): BertError {
  if (code === "ERR_INPUT") return noId(hub);
  if (/is there a network/.test(message)) return unreached(message);
  const said = message
    .replace(/neither a folder \S+ here nor a model/, "there is no model")
    .replace(", as the option token", ": plainbert explore --model takes yours");
  return new BertError(code, said);
}

/** The hub cannot be reached, in plain words. @param message the library's, with the hub's name */
function unreached(message: string): BertError {
  const [, host = "the hub"] = /no connection to ([^\s:]+(?::\d+)?)/.exec(message) ?? [];
  return new BertError("ERR_HUB", `lookUp: ${host} cannot be reached: is this machine connected to a network?`);
}

/** A small file of the hub. */
async function textOf(url: string): Promise<string> {
  const refused = (why: string) => new BertError("ERR_HUB", `lookUp: ${url} must be answered, got ${why}`);
  const answer = await fetch(url).catch(() =>
    Promise.reject(unreached(`no connection to ${new URL(url).host}: is there a network`)),
  );
  if (!answer.ok) throw refused(`the status ${answer.status}`);
  return answer.text();
}

/** The bytes of the weights' files in a hub's list. */
function bytesOf(listing: string): number {
  const { siblings = [] } = JSON.parse(listing) as {
    readonly siblings?: readonly { readonly rfilename: string; readonly size?: number }[];
  };
  const kinds = WEIGHTS.map((kind) => siblings.filter(({ rfilename }) => kind.test(rfilename.split("/").at(-1) ?? "")));
  const files = kinds.find(({ length }) => length > 0) ?? [];
  return files.reduce((sum, { size = 0 }) => sum + size, 0);
}
