/** The parts of a page that search finds. */
import { textOf } from "./html.ts";
import type { Part } from "./page/search.ts";
import type { SitePage } from "./pages.ts";

/** What stands below each heading of a page. */
export function partsOf({ path, title, html }: SitePage): Omit<Part, "id">[] {
  const [, ...sections] = html.split(/(?=<h[1-3] id=")/);
  return sections.map((section) => {
    const [, id, heading, rest] = /^<h\d id="([^"]*)">(.*?)<\/h\d>(.*)$/s.exec(section) as RegExpExecArray;
    const text = textOf(rest.replaceAll(/<\/(p|td|li|pre|div)>/g, " ")).replaceAll(/\s+/g, " ").trim(); // biome-ignore format: one line
    const isTop = section.startsWith("<h1");
    return { path: isTop ? path : `${path}#${id}`, title, heading: textOf(heading), text };
  });
}
