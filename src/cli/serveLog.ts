import { printable } from "../errors.ts";
import { stackOf } from "../realm.ts";
import type { RequestHandler } from "../serve/index.ts";
import { jsonLine } from "./output.ts";
import { streams } from "./streams.ts";

/** The times of a request: in the log `total_time`, in the header `x-total-time`. */
const TIMES = ["total", "tokenization", "queue", "inference"] as const;

/** A request's times, and its path as `name`, the last. */
type Span = Readonly<Record<string, string>>;

/**
 * The log of `plainbert serve`, on standard error, as text-embeddings-inference writes its: a line when it is ready, a
 * line for each request, and errors. Nothing that a request holds is in it: no text, and no key.
 */
export class ServeLog {
  private readonly isJson: boolean;

  /** @param isJson whether lines are JSON, else text */
  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  info(message: string): void {
    this.write("INFO", message);
  }

  /** What is a mistake of the library. */
  error(error: unknown): void {
    this.write("ERROR", stackOf(error));
  }

  /** The same handler, with a line for each request that asks the model something. */
  of(handler: RequestHandler): RequestHandler {
    const logged = async (request: Request) => {
      const response = await handler(request);
      const isPath = response.status !== 404 || response.headers.has("content-type"); // else there is no such path
      if (request.method === "POST" && isPath) await this.tell(request, response);
      return response;
    };
    return Object.assign(logged, { drain: handler.drain });
  }

  private async tell(request: Request, response: Response): Promise<void> {
    const { status, headers } = response;
    const times = TIMES.flatMap((name) => {
      const value = headers.get(`x-${name}-time`);
      return value === null ? [] : [[`${name}_time`, `${value}ms`]];
    });
    const span = { ...Object.fromEntries(times), name: new URL(request.url).pathname.slice(1) || "/" };
    if (status === 200) this.write("INFO", "Success", status, span);
    else if (status === 499) this.write("INFO", "The client has gone", status, span);
    else this.write("ERROR", await failureOf(response), status, span);
  }

  private write(level: "INFO" | "ERROR", message: string, status?: number, span?: Span): void {
    const timestamp = new Date().toISOString();
    if (this.isJson) {
      streams.stderr.write(jsonLine({ timestamp, level, message, status, target: "plainbert::serve", span }));
      return;
    }
    const { name = "", ...times } = span ?? {};
    const fields = Object.entries(times).map(([field, value]) => `${field}="${value}"`).join(" "); // biome-ignore format: one line
    const where = span ? ` ${name}${fields && `{${fields}}`}:` : "";
    const text = message.split("\n").map((part) => printable(part, 2000));
    const end = status ? ` status=${status}` : "";
    streams.stderr.write(`${timestamp} ${level.padStart(5)}${where} ${text.join("\n")}${end}\n`);
  }
}

/** Why a request was refused, without what it holds. */
async function failureOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "application/json") {
    return response.status === 401 ? "The key is missing or wrong" : "Refused";
  }
  const { error, message = error, error_type } = await response.clone().json();
  // From 424 on the sentence is about the service: that of others may quote the request
  return response.status >= 424 ? message : `${error_type} error`;
}
