import type { IncomingMessage } from "node:http";
import type { HubSettings } from "./environment.ts";
import { type HttpClient, isRedirect } from "./httpClient.ts";
import { type Asked, HubError, statusError } from "./hubError.ts";
import { type HubModel, isCommit } from "./modelId.ts";
import type { RemoteFile } from "./repositoryCache.ts";
import { type Pause, questionRetries, RETRIES, retrying } from "./retry.ts";

/** One model on the hub: what its files are, and their bytes. */
export class Hub {
  readonly model: HubModel;
  readonly settings: HubSettings;
  readonly signal: AbortSignal | undefined;
  private readonly client: HttpClient;
  private readonly wait: Pause;

  constructor(
    model: HubModel,
    settings: HubSettings,
    client: HttpClient,
    wait: Pause,
    signal: AbortSignal | undefined,
  ) {
    this.model = model;
    this.settings = settings;
    this.client = client;
    this.wait = wait;
    this.signal = signal;
  }

  /**
   * Asks what a file is, without its content.
   *
   * @param revision the commit, once it is known, so that all files are those of one commit
   * @param patient   whether to ask again when there is no answer
   * @param onMissing called with the commit that has no such file
   * @returns null if there is no such file
   * @throws HubError no such model or revision, no access, no connection, or an answer that is none of a hub
   */
  async describe(
    file: string,
    revision: string,
    onMissing: (commit: string) => Promise<void>,
    patient: boolean,
  ): Promise<RemoteFile | null> {
    const { etagTimeout: timeout } = this.settings;
    return retrying(
      async () => {
        // The answer for a large file is a redirect to where its bytes are; the size and the hash stand in its headers.
        const follow = (response: IncomingMessage) => response.headers["x-repo-commit"] === undefined;
        const response = await this.request("HEAD", file, revision, {}, timeout, follow);
        response.resume();
        const { headers, statusCode: status = 0 } = response;
        if (status === 200 || isRedirect(status)) return this.remoteFile(file, revision, response);
        const error = statusError(this.asked(file, revision), status, headers);
        if (error.missing !== "file") throw error;
        const commit = String(headers["x-repo-commit"] ?? "");
        if (isCommit(commit)) await onMissing(commit);
        return null;
      },
      patient ? questionRetries : () => 0,
      this.wait,
      this.signal,
    );
  }

  /**
   * Asks for a file's bytes from a position on.
   *
   * @throws HubError as `describe`; `status` 416: there are not so many bytes
   */
  async open(file: string, { commit, etag }: RemoteFile, position: number): Promise<IncomingMessage> {
    const { downloadTimeout: timeout } = this.settings;
    const range = { range: `bytes=${position}-`, "if-range": `"${etag}"` };
    const response = await this.request("GET", file, commit, position > 0 ? range : {}, timeout, () => true);
    const { statusCode: status = 0, headers } = response;
    if (status === 200 || (status === 206 && position > 0)) return response;
    response.destroy();
    throw statusError(this.asked(file, commit), status, headers);
  }

  /** `retrying` with this hub's waits and signal. */
  retrying<T>(attempt: (progressed: () => void) => Promise<T>): Promise<T> {
    return retrying(attempt, () => RETRIES, this.wait, this.signal);
  }

  private request(
    method: "HEAD" | "GET",
    file: string,
    revision: string,
    headers: Readonly<Record<string, string>>,
    timeout: number,
    follow: (response: IncomingMessage) => boolean,
  ): Promise<IncomingMessage> {
    const { endpoint, token } = this.settings;
    const path = file.split("/").map(encodeURIComponent).join("/");
    return this.client.request({
      method,
      url: `${endpoint}/${this.model.id}/resolve/${encodeURIComponent(revision)}/${path}`,
      headers: {
        "user-agent": "plainbert",
        "accept-encoding": "identity", // sizes and positions are those of the file itself
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      timeout,
      signal: this.signal,
      follow,
    });
  }

  private remoteFile(file: string, revision: string, { headers, statusCode }: IncomingMessage): RemoteFile {
    const commit = String(headers["x-repo-commit"] ?? "");
    const etag = String(headers["x-linked-etag"] ?? headers.etag ?? "")
      .replace(/^W\//, "")
      .replace(/^"|"$/g, "");
    const length = headers["x-linked-size"] ?? (isRedirect(statusCode) ? undefined : headers["content-length"]);
    if (isCommit(revision) && isCommit(commit) && commit !== revision) {
      throw new HubError(`${this.model.id}: ${file}: of commit ${revision} was asked for, of ${commit} is the answer`);
    }
    // Both become names of files.
    if (isCommit(commit) && /^[\w-][\w.-]{0,127}$/.test(etag) && !etag.endsWith(".incomplete")) {
      return { commit, etag, size: /^\d{1,15}$/.test(String(length)) ? Number(length) : null };
    }
    throw new HubError(
      `${this.model.id}: ${file}: the answer of ${this.settings.endpoint} must have the headers X-Repo-Commit and ETag of a ` +
        "hub; is HF_ENDPOINT right, and is there a proxy or a login page in between?",
    );
  }

  private asked(file: string, revision: string): Asked {
    const { endpoint, token } = this.settings;
    const tokenFrom = "as the option token or in HF_TOKEN";
    return { id: this.model.id, revision, file, endpoint, token: token !== null, tokenFrom };
  }
}
