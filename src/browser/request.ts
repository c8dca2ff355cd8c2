import { HubError } from "../hub/hubError.ts";
import { onAbort } from "../onAbort.ts";
import { messageOf } from "../realm.ts";

/** How long to wait for an answer, and for the next bytes of one, in milliseconds. */
const TIMEOUT = 10_000;

/** A request to a server. */
export interface WebRequest {
  readonly method: "HEAD" | "GET";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Whether it is of a folder, and not of a hub. */
  readonly folder: boolean;
}

/** An answer, whatever its status; its failures are `HubError`s or the signal's reason. */
export interface Answer {
  readonly status: number;
  /** The answer's headers; of another origin's answer, those that it shows to other origins. */
  readonly headers: Headers;
  /** The body as text. @param most bytes that it may have */
  text(most: number): Promise<string>;
  chunks(): AsyncGenerator<Uint8Array>;
  /** Drops the body, for a caller that does not read it. */
  cancel(): void;
}

/** How many bytes the body has, where the headers say it of the file itself and not of a compressed form. */
export function lengthOf(headers: Headers): number | null {
  const length = headers.get("content-length");
  return length === null || headers.get("content-encoding") !== null ? null : Number(length);
}

/** The error for a folder's server that does not answer with a file. */
export function refused(url: URL, { status }: Answer): HubError {
  const transient = status === 429 || status >= 500;
  const message = `${url.href}: must be answered with the file, got the status ${status}`;
  return new HubError(message, { status, transient, folder: true });
}

/**
 * Fetches, redirects followed. The browser sends no `authorization` to another origin that it is redirected to.
 *
 * @throws HubError no connection, or no answer in time; the signal's reason
 */
export async function request({ method, url, headers, signal, folder }: WebRequest): Promise<Answer> {
  signal?.throwIfAborted();
  const control = new AbortController();
  const end = onAbort(signal, () => control.abort());
  /** Some step of the answer, in time. */
  const inTime = async <T>(what: string, step: Promise<T>): Promise<T> => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      control.abort();
    }, TIMEOUT);
    try {
      return await step;
    } catch (cause) {
      signal?.throwIfAborted();
      const why = late
        ? `no bytes in ${TIMEOUT / 1000} seconds`
        : `${messageOf(cause)}; is there a network, and does the server let pages of other origins read (CORS)?`;
      throw new HubError(`${what}: ${why}`, { transient: true, folder, cause });
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    // What is kept is kept in parts; the browser need not keep it a second time.
    const sent = fetch(url, { method, headers, signal: control.signal, cache: "no-store" });
    const response = await inTime(`no connection to ${url.host}`, sent);
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      async text(most) {
        const decoder = new TextDecoder();
        let text = "";
        let bytes = 0;
        for await (const chunk of answer.chunks()) {
          bytes += chunk.length;
          if (bytes > most) throw new HubError(`${url.href}: the answer must have at most ${most} bytes`, { folder });
          text += decoder.decode(chunk, { stream: true });
        }
        return text + decoder.decode();
      },
      async *chunks() {
        const reader = response.body?.getReader();
        try {
          for (;;) {
            const read = await inTime(`the connection to ${url.host} broke`, Promise.resolve(reader?.read()));
            if (!read || read.done) return;
            yield read.value;
          }
        } finally {
          end();
          control.abort(); // the body is complete, or its reader has stopped
        }
      },
      cancel() {
        end();
        control.abort();
      },
    };
    return answer;
  } catch (error) {
    end();
    throw error;
  }
}
