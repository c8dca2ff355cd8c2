/** Failures of the hub, in sentences that say what to do. */
import { BertError, type BertErrorCode, printable } from "../errors.ts";

/** What went wrong between here and the hub. */
export class HubError extends BertError {
  /** The HTTP status; null if there was no answer at all. */
  readonly status: number | null;
  /** Whether the same request may succeed a moment later. */
  readonly transient: boolean;
  /** How many milliseconds the server asks to wait before the next request, if it says so. */
  readonly retryAfter: number | null;
  /** What of it does not exist, or null: the server did not say so. */
  readonly missing: "file" | "revision" | "repository" | null;

  constructor(
    message: string,
    details: {
      status?: number;
      transient?: boolean;
      retryAfter?: number | null;
      missing?: HubError["missing"];
      cause?: unknown;
      /** Whether no hub was asked but the server of a folder. */
      folder?: boolean;
    } = {},
  ) {
    super(
      (details.folder ? "ERR_FILE" : "ERR_HUB") satisfies BertErrorCode,
      `${details.folder ? "fetch" : "hub"}: ${message}`,
      details.cause === undefined ? {} : { cause: details.cause },
    );
    this.status = details.status ?? null;
    this.transient = details.transient ?? false;
    this.retryAfter = details.retryAfter ?? null;
    this.missing = details.missing ?? null;
  }
}

/** What was requested, for messages. */
export interface Asked {
  readonly id: string;
  readonly revision: string;
  readonly file: string;
  readonly endpoint: string;
  /** Whether a token went with it. */
  readonly token: boolean;
  /** How to give one. */
  readonly tokenFrom: string;
}

const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The error for an answer that is not what was requested. */
export function statusError(
  asked: Asked,
  status: number,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): HubError {
  const { id, file, revision, endpoint } = asked;
  const code = String(headers["x-error-code"] ?? "");
  const said = headers["x-error-message"] ? ` ("${printable(String(headers["x-error-message"]), 200)}")` : "";
  const what = `${id}: ${file}: ${status}${said}`;
  const fail = (
    advice: string,
    details: { missing?: HubError["missing"]; transient?: boolean; retryAfter?: number | null } = {},
  ) => new HubError(`${what}: ${advice}`, { status, ...details });

  if (code === "GatedRepo" || (status === 403 && code === "")) {
    const how = asked.token ? "the token's account has no access" : `give a token, ${asked.tokenFrom}`;
    return fail(`access must be asked for on ${endpoint}/${id}; ${how}`);
  }
  if (status === 401 || code === "RepoNotFound") {
    const how = asked.token
      ? "or the token is not valid or its account has no access"
      : `or it is private and needs a token, ${asked.tokenFrom}`;
    return fail(
      `neither a folder ${id} here nor a model ${id} on ${endpoint}, ${how}`,
      status === 404 ? { missing: "repository" } : {},
    );
  }
  if (code === "RevisionNotFound") return fail(`${id} has no revision ${revision}`, { missing: "revision" });
  if (status === 404) return fail(`${id} has no file ${file} at revision ${revision}`, { missing: "file" });
  if (status === 407)
    return fail("the proxy wants a name and a password, as in HTTPS_PROXY=http://name:password@host:port");
  const retryAfter = afterMilliseconds(headers["retry-after"]);
  if (status === 429) return fail(`too many requests; ${later(retryAfter)}`, { transient: true, retryAfter });
  if (TRANSIENT.has(status))
    return fail(`the server has a problem; ${later(retryAfter)}`, { transient: true, retryAfter });
  return fail("is no answer that this library understands");
}

function later(retryAfter: number | null): string {
  return retryAfter === null ? "try again later" : `try again in ${Math.ceil(retryAfter / 1000)} seconds`;
}

/** The header Retry-After, seconds or a date, in milliseconds from now. */
function afterMilliseconds(header: string | string[] | undefined): number | null {
  if (typeof header !== "string") return null;
  if (/^\d{1,9}$/.test(header.trim())) return 1000 * Number(header);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}
