import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { chromium } from "playwright-core";
import type { Found } from "./place.ts";

const TYPES: Readonly<Record<string, string>> = { js: "text/javascript", html: "text/html", json: "application/json" };

/**
 * Opens a program's page in Chromium, cross-origin isolated, and asks its `check`.
 *
 * @param folder what is served; `models` in it is the folder of the program's own model
 */
export async function foundByPage(folder: string): Promise<{ asItIs: Found; after: Found }> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname).replace(/\/$/, "/index.html");
    response.setHeader("Content-Type", TYPES[path.split(".").at(-1)!] ?? "application/octet-stream");
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    if (existsSync(join(folder, path))) response.end(readFileSync(join(folder, path)));
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
      ...["--disable-component-update", "--disable-sync"],
    ],
  });
  try {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on("pageerror", ({ message }) => problems.push(message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction("globalThis.check", undefined, { timeout: 20_000 }).catch((error) => {
      throw new Error(problems.join("\n") || String(error));
    });
    return (await page.evaluate(`check("/models/nli")`)) as { asItIs: Found; after: Found };
  } finally {
    await browser.close();
    server.close();
  }
}
