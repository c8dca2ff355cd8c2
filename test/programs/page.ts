import { join } from "node:path";
import { launch, Tab } from "../browser/browsers.ts";
import { ISOLATION, Site } from "../browser/site.ts";
import type { Found, Place } from "./place.ts";

/**
 * Opens the page that a program was built into, in Chromium and cross-origin isolated, and calls its `check`: of the small model, and of
 * the program's own, which the page fetches.
 *
 * @param folder what is served, in the program's folder; with `index.html` or the program as `page.js`
 * @param assets the path of the files that a bundler has left behind, on the site
 */
export async function foundByPage(place: Place, folder: string, assets?: string): Promise<Found> {
  await using site = await Site.start({ "/models/": join(place.model, ".."), "/": place.path(folder) });
  site.headers = ISOLATION;
  site.texts.set("/page.html", '<!doctype html><script src="/page.js" type="module"></script>');
  site.texts.set("/classic.html", '<!doctype html><script src="/classic.js"></script>');
  const browser = await launch("chromium");
  try {
    const page = ["index", "page", "classic"].find((name) =>
      site.has(`/${name === "index" ? "index.html" : `${name}.js`}`),
    );
    await using tab = await Tab.open(browser, `${site.origin}/${page}.html`);
    return await tab.call<Found>("check", { folder: "/models/nli/", ...(assets && { assets }) });
  } finally {
    await browser.close();
  }
}
