/** The site as `npm run build:site` writes it, under two paths of a server; what its pages ask of others is counted. */
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { BrowserContext, Page } from "puppeteer-core";
import { launch } from "../browser/browsers.ts";
import { Site } from "../browser/site.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Where the site is written. */
export const SITE: string = join(ROOT, "dist", "site");
/** The paths that it is served under. */
export const BASES = ["/some/where/", "/"] as const;

/** The built site, served. */
interface Built extends AsyncDisposable {
  readonly context: BrowserContext;
  readonly origin: string;
  /** What pages and their workers asked of others than this machine, as a proxy sees it. */
  readonly outside: readonly string[];
  /** The paths that were asked for. */
  readonly asked: readonly string[];
}

/** Builds the site from the package's build in `dist`, and starts server and browser. */
export async function openSite(): Promise<Built> {
  for (const script of ["buildExplorer.ts", "buildSite.ts"])
    execFileSync(process.execPath, [join("scripts", script)], { cwd: ROOT });
  const outside: string[] = [];
  const proxy = createServer((request, response) => {
    outside.push(request.url ?? "");
    response.writeHead(204).end();
  });
  proxy.on("connect", ({ url }, socket) => {
    outside.push(url ?? "");
    socket.end();
  });
  await new Promise<void>((done) => proxy.listen(0, "127.0.0.1", done));
  const { port } = proxy.address() as AddressInfo;
  // Chromium asks its maker how to fill in forms, which no page has a part in; what it asks for itself is of no context.
  const browser = await launch("chromium", ["--disable-features=AutofillServerCommunication"]);
  const context = await browser.createBrowserContext({ proxyServer: `127.0.0.1:${port}` }); // of all but 127.0.0.1 itself
  const site = await Site.start(Object.fromEntries(BASES.map((base) => [base, SITE])));
  return {
    ...{ context, outside, origin: site.origin, asked: site.seen },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await site[Symbol.asyncDispose]();
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}

/** A page that keeps what goes wrong in it. */
export async function openPage(
  context: BrowserContext,
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  return { page, complaints };
}
