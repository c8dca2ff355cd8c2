import { type Agent, request } from "node:http";

/** What is sent. */
export interface Sent {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * Asks a server by Node's own client, which tells of everything that happens to a request.
 *
 * @param address with a slash at the end
 * @throws Error the connection breaks, or the signal aborts
 */
export function ask(
  agent: Agent,
  address: string,
  { body, path, ...sent }: Sent,
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? sent.headers : { ...sent.headers, "content-length": Buffer.byteLength(body) };
    const options = { ...sent, headers, agent, ...(signal && { signal }) };
    const asked = request(address + path.slice(1), options, (response) => {
      const chunks: Uint8Array[] = [];
      response.on("data", (chunk) => chunks.push(chunk)).on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    asked.on("error", reject).end(body);
  });
}
