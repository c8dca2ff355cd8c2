import { BertError, quote } from "../errors.ts";
import { HubError, statusError } from "../hub/hubError.ts";
import { type HubModel, isCommit } from "../hub/modelId.ts";
import { type Pause, questionRetries, retrying } from "../hub/retry.ts";
import type { Json } from "../json.ts";
import { bundledFolder, leftBehind, type NamedFiles } from "../load/modelFolder.ts";
import { messageOf } from "../realm.ts";
import type { HashName } from "./hash.ts";
import { type FileNote, LONGEST_LIST, noteOf, parseListing } from "./listing.ts";
import { type Answer, lengthOf, refused, request } from "./request.ts";

/** One file as it is fetched. */
export interface WebFile {
  /** What messages call the file. */
  readonly name: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Under which it is kept; null: nothing says whether it has changed, so that it is not. */
  readonly key: string | null;
  readonly etag: string | null;
  /** What it must have, in bytes; null: whatever comes. */
  readonly size: number | null;
  /** Of which algorithm `etag` is a digest, or null. */
  readonly hash: HashName | null;
  readonly isFolder: boolean;
  /** Whether an answer's headers are of the same state of the file, as far as they say. */
  isSame(headers: Headers): boolean;
  /** The error for an answer that does not have it. */
  refused(answer: Answer): HubError;
}

/** Where a model's files are. */
export interface Place {
  /** The model's id, or the folder. */
  readonly name: string;
  /** The key under which is noted which files there are. */
  readonly key: string;
  readonly isFolder: boolean;
  /** Whether it never changes, as a commit. */
  readonly isFixed: boolean;
  /**
   * Asks for a file's state.
   *
   * @param patient whether to ask again when there is no answer
   * @returns null if there is no such file
   * @throws HubError no answer, or none that helps
   */
  describe(file: string, patient: boolean): Promise<FileNote | null>;
  /** The commit whose files these are, once a file was described; null where there is no such thing. */
  commit: string | null;
  file(file: string, note: FileNote): WebFile;
}

/** A model on a hub. One request says of which commit the revision is, and which files that has. */
export class HubPlace implements Place {
  readonly name: string;
  readonly key: string;
  readonly isFolder = false;
  readonly isFixed: boolean;
  commit: string | null = null;
  private readonly model: HubModel;
  private readonly endpoint: string;
  private readonly token: string | null;
  private readonly signal: AbortSignal | undefined;
  private readonly wait: Pause;
  private files: Promise<ReadonlyMap<string, Json>> | null = null;

  constructor(model: HubModel, endpoint: string, token: string | null, signal: AbortSignal | undefined, wait: Pause) {
    this.model = model;
    this.name = model.id;
    this.endpoint = endpoint;
    this.token = token;
    this.signal = signal;
    this.wait = wait;
    this.key = `${endpoint}/${model.id}?plainbert=${encodeURIComponent(model.revision)}`;
    this.isFixed = isCommit(model.revision);
  }

  async describe(file: string, patient: boolean): Promise<FileNote | null> {
    this.files ??= this.list(patient);
    const listed = (await this.files).get(file);
    try {
      return listed ? noteOf(listed) : null;
    } catch (cause) {
      throw this.noList(cause);
    }
  }

  file(file: string, { etag, size }: FileNote): WebFile {
    const { endpoint, model, commit } = this;
    const path = file.split("/").map(encodeURIComponent).join("/");
    return {
      name: `${model.id}: ${file}`,
      url: new URL(`${endpoint}/${model.id}/resolve/${commit}/${path}`),
      headers: this.headers(),
      key: `${endpoint}/${model.id}?plainbert-file=${etag}`,
      etag,
      size,
      hash: etag?.length === 64 ? "sha256" : "sha1",
      isFolder: false,
      isSame: () => true, // a commit's file does not change, and its hash is checked
      refused: (answer) => this.refused(file, answer),
    };
  }

  private async list(patient: boolean): Promise<ReadonlyMap<string, Json>> {
    const { endpoint, model, signal } = this;
    const url = new URL(`${endpoint}/api/models/${model.id}/revision/${encodeURIComponent(model.revision)}?blobs=true`);
    const json = await retrying(
      async () => {
        const answer = await request({ method: "GET", url, headers: this.headers(), signal, folder: false });
        if (answer.status === 200) return answer.text(LONGEST_LIST);
        answer.cancel();
        throw this.refused("its list of files", answer);
      },
      patient ? questionRetries : () => 0,
      this.wait,
      signal,
    );
    try {
      const { commit, files } = parseListing(json);
      if (this.isFixed && commit !== model.revision)
        throw new BertError("ERR_HUB", `sha must be the commit, got ${commit}`);
      this.commit = commit;
      return files;
    } catch (cause) {
      throw this.noList(cause);
    }
  }

  /** What the hub has answered is no list of a hub. */
  private noList(cause: unknown): HubError {
    const { endpoint, model } = this;
    const must = `must be a hub's list of the files of ${model.revision}, with their hashes`;
    return new HubError(
      `${model.id}: the answer of ${endpoint} ${must} (${messageOf(cause)}); is the option endpoint right?`,
      { cause },
    );
  }

  private headers(): Readonly<Record<string, string>> {
    return this.token === null ? {} : { authorization: `Bearer ${this.token}` };
  }

  private refused(file: string, { status, headers }: Answer): HubError {
    const { endpoint, model, token } = this;
    const asked = { ...model, file, endpoint, token: token !== null, tokenFrom: "as the option token" };
    return statusError(asked, status, Object.fromEntries(headers));
  }
}

/** A folder on a server, or files that may be anywhere. */
export class FolderPlace implements Place {
  readonly name: string;
  readonly key: string;
  readonly isFolder = true;
  readonly isFixed = false;
  commit: string | null = null;
  private readonly urlOf: NamedFiles["urlOf"];
  /** null: a folder that a program has named. */
  private readonly bundled: NamedFiles | null;
  private readonly signal: AbortSignal | undefined;
  private readonly wait: Pause;

  /** @param name the folder as a program names it; or a model that comes with the package */
  constructor(name: string | NamedFiles, signal: AbortSignal | undefined, wait: Pause) {
    this.bundled = typeof name === "object" ? name : null;
    this.name = typeof name === "object" ? bundledFolder(name) : name;
    this.urlOf = typeof name === "object" ? orLeftBehind(name) : inFolder(folderUrl(name));
    this.key = withQuery(this.urlOf(this.bundled ? "model.safetensors" : "config.json") as URL, "plainbert", "");
    this.signal = signal;
    this.wait = wait;
  }

  async describe(file: string, patient: boolean): Promise<FileNote | null> {
    const url = this.urlOf(file);
    if (url === null) return null;
    if (isInline(url)) return { etag: null, size: null };
    return retrying(
      async () => {
        const ask = (method: "HEAD" | "GET") =>
          request({ method, url, headers: {}, signal: this.signal, folder: true });
        let answer = await ask("HEAD");
        if ([405, 501].includes(answer.status)) answer = await ask("GET"); // some servers answer nothing else
        const { status, headers } = answer;
        answer.cancel();
        // Servers of pages that are one program answer with the page where a file is missing.
        const isPage = status === 200 && /^text\/html/.test(headers.get("content-type") ?? "");
        const isMissing = isPage || status === 404 || status === 410;
        if (isMissing && this.bundled) throw leftBehind(this.bundled, file, `no file ${url.href}`);
        if (isMissing) return null;
        if (status !== 200) throw refused(url, answer);
        return { etag: stateOf(headers), size: lengthOf(headers) };
      },
      patient ? questionRetries : () => 0,
      this.wait,
      this.signal,
    );
  }

  file(file: string, { etag }: FileNote): WebFile {
    const url = this.urlOf(file) as URL;
    return {
      name: url.href,
      url,
      headers: {},
      key: etag && withQuery(url, "plainbert-file", etag),
      etag,
      size: null, // what is announced may be the length of a compressed form
      hash: null,
      isFolder: true,
      isSame: (headers) => etag !== null && stateOf(headers) === etag,
      refused: (answer) => refused(url, answer),
    };
  }
}

/** What changes when a file changes; null if the server says nothing, or nothing that this page may read. */
function stateOf(headers: Headers): string | null {
  return headers.get("etag") ?? headers.get("last-modified");
}

function withQuery(url: URL, name: string, value: string): string {
  const key = new URL(url);
  key.searchParams.set(name, value);
  return key.href;
}

/** Whether the URL is the file itself: bundlers make such ones of small files. */
export function isInline(url: URL): boolean {
  return url.protocol === "data:" || url.protocol === "blob:";
}

function inFolder(folder: URL): NamedFiles["urlOf"] {
  return (file) => new URL(file, folder);
}

/** Where a bundler has left no address, saying what to do. */
function orLeftBehind(files: NamedFiles): NamedFiles["urlOf"] {
  return (file) => {
    try {
      return files.urlOf(file);
    } catch (cause) {
      throw leftBehind(files, file, messageOf(cause), cause);
    }
  };
}

/**
 * The URL of a folder that was named by a URL or a path, from the page or, in a worker, from the worker's file.
 *
 * @throws BertError ERR_INPUT neither
 */
function folderUrl(name: string): URL {
  const base = globalThis.location?.href;
  const folder = name.replace(/\/*$/, "/");
  if (URL.canParse(folder, base)) return new URL(folder, base);
  throw new BertError(
    "ERR_INPUT",
    `hub: the model must be a URL, or a path from the address of the page or the worker; that is ${base}, got ${quote(name)}`,
  );
}
