/** The page as `npm run build:explorer` writes it, on a server of its own, in a browser. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { launch } from "../browser/browsers.ts";
import { Site } from "../browser/site.ts";

export const ROOT: string = join(import.meta.dirname, "..", "..");

/** For a new page: keeps the files that leave it, in `left`. */
export const LEAVING = `globalThis.left = [];
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { left.push(blob); return make.call(URL, blob); };
HTMLAnchorElement.prototype.click = () => {};`;

/** Builds the page, and starts both. */
export async function openBuilt(): Promise<{ readonly browser: Browser; readonly site: Site } & AsyncDisposable> {
  execFileSync(process.execPath, [join("scripts", "buildExplorer.ts")], { cwd: ROOT });
  const [browser, site] = [await launch("chromium"), await Site.start({ "/": join(ROOT, "dist", "explorer") })];
  return {
    browser,
    site,
    async [Symbol.asyncDispose]() {
      await browser.close();
      await site[Symbol.asyncDispose]();
    },
  };
}
