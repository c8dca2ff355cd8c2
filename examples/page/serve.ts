/**
 * Serves the page beside it, and the package, of which the page imports one file. Any server of static files does;
 * the two headers let the page's threads share memory, and without them one thread computes.
 *
 *     $ PORT=8080 npx tsx examples/page/serve.ts
 */
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, extname, join } from "node:path";

const plainbert = dirname(createRequire(import.meta.url).resolve("plainbert/package.json"));
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };
const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** The file that a path names; no part of it begins with a dot, so that none leads out of the package. */
function fileOf(path: string): string {
  const [, inPackage] = /^\/plainbert\/((?:dist|weights)(?:\/\w[\w.-]*)+)$/.exec(path) ?? [];
  return inPackage ? join(plainbert, inPackage) : join(import.meta.dirname, "index.html");
}

const server = createServer((request, response) => {
  const path = fileOf(request.url ?? "/");
  const file = createReadStream(path);
  file.once("error", () => response.writeHead(404).end());
  file.once("open", () => {
    response.writeHead(200, { ...ISOLATED, "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
    file.pipe(response);
  });
});

server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
process.once("SIGINT", () => server.close());
