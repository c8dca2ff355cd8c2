/** The list of all pages, in the order of docs/README.md. */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import type { Group } from "./layout.ts";
import type { SitePage } from "./pages.ts";

const GUIDE = "docs/README.md";

/** The groups of the list. A page of docs that docs/README.md does not name is in none. */
export function groupsOf(pages: readonly SitePage[]): Group[] {
  const group = (name: string, files: readonly string[]): Group => ({
    name,
    entries: [...new Set(files)].flatMap((file) => pages.filter((page) => page.file === file)),
  });
  const [tasks, more] = readFileSync(GUIDE, "utf8").split("\nBeside them:");
  const isInTour = ({ file }: SitePage) => /^docs\/reading\/\d/.test(file);
  const tour = pages.filter(isInTour).map(({ file }) => file);
  const start = group("Begin", ["README.md", GUIDE, "weights/README.md", "examples/README.md"]);
  const explorer = { path: "explorer/index.html", title: "The explorer" };
  return [
    { ...start, entries: [...start.entries, explorer] },
    group("Read", ["docs/reading/README.md", ...tour, "docs/reading/questions.md"]),
    group("Tasks", linkedIn(tasks)),
    group(
      "More",
      linkedIn(more).filter((file) => !file.startsWith("docs/reading/")),
    ),
    group("The project", ["CONTRIBUTING.md", "CHANGELOG.md"]),
  ];
}

/** The files that a text of docs/README.md links to. */
const linkedIn = (markdown: string): string[] =>
  Array.from(markdown.matchAll(/\]\(([^)#:]+\.md)/g), ([, link]) => posix.join(posix.dirname(GUIDE), link));
