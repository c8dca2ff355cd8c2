/** The HTML around a page: head, bar, the list of pages, the list of headings. */
import { escaped } from "./html.ts";
import type { Heading } from "./markdown.ts";
import { addressFrom } from "./paths.ts";

/** A link in the list of pages. */
export interface Entry {
  readonly path: string;
  readonly title: string;
}

/** A part of the list of pages. */
export interface Group {
  readonly name: string;
  readonly entries: readonly Entry[];
}

/** What a page holds. */
interface Content {
  /** Its path from the site's root. */
  readonly path: string;
  readonly title: string;
  readonly html: string;
  readonly headings: readonly Heading[];
}

/** Everything of the page's own origin, and nothing else. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'", "img-src 'self' data:"],
  ...["connect-src 'self'", "worker-src 'self'", "base-uri 'none'", "form-action 'none'"],
].join("; ");

/** Pages that the bar links to. */
const BAR: readonly Entry[] = [
  { path: "docs/reading/index.html", title: "Tour" },
  { path: "docs/index.html", title: "Guide" },
  { path: "docs/api.html", title: "API" },
  { path: "explorer/index.html", title: "Explorer" },
];

/** More headings than these make a list too long to look through: then those of the second level alone are in it. */
const MOST_HEADINGS = 30;

/** A whole page. */
export function layout({ path, title, html, headings }: Content, groups: readonly Group[]): string {
  const to = (other: string) => escaped(addressFrom(path, other));
  const isHere = (other: string) => (other === path ? ' aria-current="page"' : "");
  const linkTo = (entry: Entry) => `<a href="${to(entry.path)}"${isHere(entry.path)}>${escaped(entry.title)}</a>`;
  const list = groups.map(
    ({ name, entries }) =>
      `<h2>${escaped(name)}</h2>\n<ul>${entries.map((one) => `<li>${linkTo(one)}</li>`).join("\n")}</ul>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(path === "index.html" ? title : `${title} · plainbert`)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${to("site.css")}">
<script type="module" src="${to("site.js")}"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the page</a>
<header>
<a class="home" href="${to("index.html")}"${isHere("index.html")}>plainbert</a>
<nav aria-label="Parts">${BAR.map(linkTo).join("")}<a class="all" href="#pages">All pages</a></nav>
<form role="search" hidden><input type="search" placeholder="Search" aria-label="Search the pages" autocomplete="off">
<span role="status"></span><ul hidden></ul></form>
</header>
<div class="columns">
<main id="content" tabindex="-1">
${html}
</main>
${outline(headings)}
<nav id="pages" class="pages" aria-label="All pages">
${list.join("\n")}
</nav>
</div>
</body>
</html>
`;
}

function outline(headings: readonly Heading[]): string {
  const below = headings.filter(({ depth }) => depth === 2 || depth === 3);
  const shown = below.length > MOST_HEADINGS ? below.filter(({ depth }) => depth === 2) : below;
  if (shown.length < 2) return "";
  const items = shown.map(
    ({ depth, id, html }) => `<li class="level-${depth}"><a href="#${escaped(id)}">${html}</a></li>`,
  );
  return `<nav class="outline" aria-label="On this page"><h2>On this page</h2>\n<ul>${items.join("\n")}</ul></nav>`;
}
