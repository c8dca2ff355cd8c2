/**
 * Serves the page beside it, and the package, of which the page imports one file. Any server of static files does;
 * the two headers let the page's threads share memory, and without them one thread computes.
 *
 *     $ PORT=8080 npx tsx examples/page/serve.ts
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";

const plainbert = dirname(createRequire(import.meta.url).resolve("plainbert/package.json"));
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const HERE = "http://localhost";

/** The file that a path names; no part of it begins with a dot, so that none leads out of the package. */
function fileOf(path: string): string {
  const [, inPackage] = /^\/plainbert\/((?:dist|weights)(?:\/\w[\w.-]*)+)$/.exec(path) ?? [];
  return inPackage ? join(plainbert, inPackage) : join(import.meta.dirname, "index.html");
}

const server = createServer(async ({ url = "/" }, response) => {
  if (!URL.canParse(url, HERE)) return void response.writeHead(400).end();
  const path = fileOf(new URL(url, HERE).pathname);
  const found = await stat(path).catch(() => null);
  if (!found?.isFile()) return void response.writeHead(404).end();
  response.writeHead(200, { ...ISOLATED, "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
  await pipeline(createReadStream(path), response).catch(() => {}); // the client has gone; the file is closed
});

/** Ends the program, which has nothing to do without its port. */
function refuse(reason: string): never {
  console.error(`PORT must be a number from 0 to 65535 that is free: ${reason}`);
  process.exit(1);
}
const port = Number(process.env.PORT ?? 8080);
if (!(Number.isInteger(port) && port >= 0 && port < 65536)) refuse(`got ${process.env.PORT}`);
server.once("error", ({ message }) => refuse(message));
server.listen(port, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
process.once("SIGINT", () => server.close());
