/**
 * A service that answers over HTTP in JSON. Each request is a call of its own: the library computes those that wait
 * together, and stops one whose client has gone. Ctrl+C lets it answer what it was asked, and ends it; so tsx is
 * loaded into this process here, for as a command it ends its program at once.
 *
 *     $ PORT=8080 node --import tsx examples/service.ts
 *     $ curl --get --data-urlencode "text=The [MASK] is open." http://127.0.0.1:8080/fill-mask
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { BertError, pipeline } from "plainbert";

/** Ends the program, which has nothing to do without its port. */
function refuse(reason: string): never {
  console.error(`PORT must be a number from 0 to 65535 that is free: ${reason}`);
  process.exit(1);
}
const port = Number(process.env.PORT ?? 8080);
if (!(Number.isInteger(port) && port >= 0 && port < 65536)) refuse(`got ${process.env.PORT}`);

const unmask = await pipeline("fill-mask", process.argv[2]);

/** Status and content of an answer. */
async function answer(path: string, signal: AbortSignal): Promise<[number, unknown]> {
  const here = "http://localhost";
  if (!URL.canParse(path, here)) return [400, { error: "the request's URL cannot be read" }];
  const { pathname, searchParams } = new URL(path, here);
  if (pathname !== "/fill-mask") return [404, { error: "there is only /fill-mask?text=…" }];
  try {
    return [200, await unmask(searchParams.get("text") ?? "", { signal })];
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
  if (!server.listening) response.setHeader("connection", "close"); // the last answer, so that no client is waited for
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
});

server.once("error", ({ message }) => refuse(message));
server.listen(port, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/fill-mask?text=The+[MASK]+is+open.`);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.close(() => unmask.dispose()));
