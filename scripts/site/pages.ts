/** The pages of the site: README, all of docs, and whatever they lead to. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { posix } from "node:path";
import { SOURCE_LINES } from "../../src/explorer/page/stepper/sourceLines.ts";
import { allExamples } from "../../test/support/examples.ts";
import { escaped } from "./html.ts";
import { coloured, type Heading, render } from "./markdown.ts";
import { addressFrom, isCopied, isMarkdown, pathOf } from "./paths.ts";
import { explorerLink, STEPS } from "./tour.ts";

/** A page of the site. */
export interface SitePage {
  /** The file of the repository that it shows. */
  readonly file: string;
  readonly path: string;
  readonly title: string;
  readonly html: string;
  readonly headings: readonly Heading[];
}

/** Where the heading of docs/explorer.md is that the tour's pages link to: in the site, to the explorer itself. */
const TO_STEP = "docs/explorer.md#from-the-tour";

/** What package.json says of where the sources are. */
export type Repository = string | { readonly url: string } | undefined;

/** The site's pages, and the files that they show or link to as they are. */
export interface Collected {
  readonly pages: readonly SitePage[];
  readonly copied: ReadonlySet<string>;
}

/** Finds all pages. @throws Error a link leads nowhere */
export function collectPages(repository: Repository): Collected {
  const home = repositoryPage(repository);
  const ofSteps = home === null ? Object.values(SOURCE_LINES).map(({ file }) => file) : [];
  const waiting = ["README.md", ...docs("docs"), ...ofSteps];
  const [seen, copied] = [new Set<string>(), new Set<string>()];
  const pages: SitePage[] = [];
  const examples = allExamples();
  /** The address, on a page, of a file of the repository. */
  const take = (page: string, file: string): string => {
    if (isCopied(file)) copied.add(file);
    else if (!isMarkdown(file) && home !== null) return `${home}/${file}`;
    else waiting.push(file);
    return addressFrom(page, pathOf(file));
  };
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const path = pathOf(file);
    const text = readFileSync(file, "utf8");
    if (!isMarkdown(file)) pages.push(sourcePage(file, path, text));
    else {
      const address = (link: string) => addressOf(link, file as string, (named) => take(path, named));
      const own = examples.filter(({ page }) => page === file);
      pages.push({ file, path, ...render(text, { address, examples: own }) });
    }
  }
  return { pages, copied };
}

const docs = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => posix.join(folder, name))
    .sort();

/** Where source files can be read; null: package.json names no place, and the site has pages of them. */
function repositoryPage(repository: Repository): string | null {
  const url = typeof repository === "string" ? repository : repository?.url;
  if (url === undefined) return null;
  const address = url.replace(/^(?:github:)?([\w.-]+\/[\w.-]+)$/, "https://github.com/$1"); // npm's short forms
  return `${address.replaceAll(/^git\+|\.git$/g, "")}/blob/HEAD`;
}

/** The address, on a page, of source files: `*` stands for their path. */
export function addressOfSources(page: string, repository: Repository): string {
  const home = repositoryPage(repository);
  return home === null ? addressFrom(page, pathOf("*")) : `${home}/*`;
}

/**
 * Where a link of a page leads in the site.
 *
 * @param file the page; a link that begins with `/` is from the repository's root
 */
function addressOf(link: string, file: string, take: (named: string) => string): string {
  if (/^[a-z]+:/.test(link) || link.startsWith("#")) return link;
  const [relative, anchor] = link.split("#");
  const named = relative.startsWith("/") ? relative.slice(1) : posix.join(posix.dirname(file), relative);
  const step = posix.basename(file, ".md");
  if (`${named}#${anchor}` === TO_STEP && STEPS.some(({ page }) => page === step))
    return addressFrom(pathOf(file), "explorer/index.html") + explorerLink(step);
  if (!existsSync(named)) throw new Error(`collectPages: ${file} links to ${link}, which is not there`);
  const shown = statSync(named).isDirectory() ? posix.join(named, "README.md") : named;
  return take(shown) + (anchor === undefined ? "" : `#${anchor}`);
}

/** A page that shows a source file, with an anchor at each line such as GitHub's, `L12`. */
function sourcePage(file: string, path: string, text: string): SitePage {
  let line = 0;
  const code = coloured(text.trimEnd(), file.split(".").at(-1) ?? "").replaceAll(
    /^/gm,
    () => `<span class="line" id="L${++line}"></span>`,
  );
  const html = `<h1><code>${escaped(file)}</code></h1>\n<pre class="source"><code>${code}</code></pre>`;
  return { file, path, title: file, html, headings: [] };
}
