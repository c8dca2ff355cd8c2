/** Pages of Markdown as HTML: headings with GitHub's anchors, links within the site, code in colours, equations, examples. */
import hljs from "highlight.js/lib/common";
import { Marked, type Token, type Tokens } from "marked";
import type { Example } from "../../test/support/examples.ts";
import { equations } from "./equations.ts";
import { whyNotInPage } from "./examples.ts";
import { escaped, textOf } from "./html.ts";

/** A heading of a page. */
export interface Heading {
  readonly depth: number;
  readonly id: string;
  /** As HTML, without links. */
  readonly html: string;
}

/** A page as HTML. */
export interface Rendered {
  readonly title: string;
  readonly headings: readonly Heading[];
  readonly html: string;
}

/** What is around a page. */
export interface Surroundings {
  /** The address of what a link or a picture of the page names. */
  address(link: string): string;
  /** The programs of the page, in its order. */
  readonly examples: readonly Example[];
}

/** Languages of code blocks, as highlight.js calls them; others have no colours. */
const LANGUAGES: Readonly<Record<string, string>> = {
  ...{ ts: "typescript", js: "javascript", mjs: "javascript", json: "json", html: "xml", py: "python", yml: "yaml" },
  ...{ console: "shell", sh: "bash", css: "css", sql: "sql" },
};

/** Code in colours. */
export function coloured(code: string, language: string): string {
  const name = LANGUAGES[language];
  return name === undefined ? escaped(code) : hljs.highlight(code, { language: name }).value;
}

const codeBlock = (code: string, language: string): string =>
  `<pre><code>${coloured(code.replace(/\n$/, ""), language)}</code></pre>\n`;

/** Writes a page. */
export function render(markdown: string, { address, examples }: Surroundings): Rendered {
  const headings: Heading[] = [];
  const taken = new Map<string, number>();
  let section = "";
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const id = anchorOf(textOf(html), taken);
        section = textOf(html);
        headings.push({ depth, id, html: html.replaceAll(/<\/?a\b[^>]*>/g, "") });
        return `<h${depth} id="${id}">${html}</h${depth}>\n`;
      },
      code({ text, lang, codeBlockStyle }) {
        if (codeBlockStyle === "indented" && isEquation(text, section)) return equations(text);
        return codeBlock(text, lang ?? "");
      },
      link({ href, title, tokens }) {
        const attribute = title ? ` title="${escaped(title)}"` : "";
        return `<a href="${escaped(address(href))}"${attribute}>${this.parser.parseInline(tokens)}</a>`;
      },
      image: ({ href, text }) => `<img src="${escaped(address(href))}" alt="${escaped(text)}">`,
      html: ({ text }) => excerptOf(text, address) ?? withAddresses(text, address),
    },
  });
  const programs = examples[Symbol.iterator]();
  const withoutFields = markdown.replace(/^---\n.*?\n---\n/s, ""); // of a model card, which are for the hub
  const parts = inBlocks(marked.lexer(withoutFields)).map(([token, output]) => {
    if (token.type === "table") return `<div class="table">${marked.parser([token])}</div>\n`;
    if (token.type !== "code" || token.lang !== "ts") return marked.parser([token]);
    const { value: example } = programs.next();
    const shown = marked.parser([token]);
    if (!example) return shown + (output ? marked.parser([output]) : "");
    return exampleBox(example, shown, output !== null);
  });
  if (!programs.next().done) throw new Error("render: a program of the page is not among its blocks");
  return { title: textOf(headings[0].html), headings, html: parts.join("") };
}

/** Blocks of a page, each program with the block of what it prints. */
function inBlocks(tokens: readonly Token[]): (readonly [Token, Tokens.Code | null])[] {
  const blocks: [Token, Tokens.Code | null][] = [];
  for (const token of tokens) {
    const last = blocks.at(-1);
    const isOutput =
      token.type === "code" && token.lang === "text" && last?.[0].type === "code" && last[0].lang === "ts";
    if (isOutput && last[1] === null) last[1] = token as Tokens.Code;
    else if (token.type !== "space") blocks.push([token, null]);
  }
  return blocks;
}

/** A program, what it prints, and a button that runs it or why there is none. Scripts show the button. */
function exampleBox(example: Example, code: string, isShown: boolean): string {
  const why = whyNotInPage(example);
  const button =
    why === null
      ? `<button type="button" hidden><span>Run</span><span class="unseen"> example ${example.name.split("-").at(-1)}</span></button><span role="status"></span>`
      : `<span class="quiet">${why} So it does not run in this page.</span>`;
  return `<div class="example"${why === null ? ` data-run="${example.name}"` : ""}>${code}
<p class="bar">${button}</p>
<div class="outputs"><div class="expected"${isShown ? "" : " hidden"}><p class="label">It prints</p><pre><code>${escaped(example.output.trimEnd())}</code></pre></div></div>
</div>\n`;
}

/** An indented block of the equations of a page, or one by itself; other such blocks are what is done by hand, in columns. */
function isEquation(text: string, section: string): boolean {
  if (/^The equations?$/.test(section)) return true;
  return !text.includes("\n") && / [=←] /.test(text) && !/^(By hand|The rules?)$/.test(section);
}

/** Which lines of which file an excerpt shows. */
function excerptOf(comment: string, address: Surroundings["address"]): string | null {
  const [, path, name] = /^<!-- source: (\S+) (\S+)/.exec(comment) ?? [];
  if (path === undefined) return null;
  return `<p class="label"><code>${escaped(name)}</code> in <a href="${escaped(address(`/${path}`))}">${escaped(path)}</a></p>\n`;
}

const withAddresses = (html: string, address: Surroundings["address"]): string =>
  html.replaceAll(/(?<=\s(?:src|srcset|href)=")[^"]*/g, (link) => escaped(address(link)));

/** The anchor that GitHub gives to a heading: its words with hyphens between them, and a number if they were there. */
function anchorOf(text: string, taken: Map<string, number>): string {
  const words = text
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}_ -]/gu, "")
    .replaceAll(" ", "-");
  const count = taken.get(words) ?? 0;
  taken.set(words, count + 1);
  return count === 0 ? words : `${words}-${count}`;
}
