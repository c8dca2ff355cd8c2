/**
 * A service that answers over HTTP in JSON. Each request is a call of its own: the library computes those that wait
 * together, and stops one whose client has gone. Ctrl+C lets it answer what it was asked, and ends it.
 *
 *     $ PORT=8080 npx tsx examples/service.ts
 *     $ curl --get --data-urlencode "text=The [MASK] is open." http://127.0.0.1:8080/fill-mask
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BertError, pipeline } from "plainbert";

const unmask = await pipeline("fill-mask", process.argv[2]);

/** Status and content of an answer. */
async function answer(path: string, signal: AbortSignal): Promise<[number, unknown]> {
  try {
    const url = new URL(path, "http://localhost");
    if (url.pathname !== "/fill-mask") return [404, { error: "there is only /fill-mask?text=…" }];
    return [200, await unmask(url.searchParams.get("text") ?? "", { signal })];
  } catch (error) {
    if (error instanceof BertError && error.code === "ERR_INPUT") return [400, { error: error.message }];
    if (!signal.aborted) console.error(error);
    return [500, { error: "it went wrong here" }];
  }
}

const server = createServer(async (request, response) => {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const [status, content] = await answer(request.url ?? "/", gone.signal);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
});

server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/fill-mask?text=The+[MASK]+is+open.`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.close(() => unmask.dispose()));
