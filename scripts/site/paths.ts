/** Where things stand in the site: paths from its root, and addresses from one of them to another. */
import { posix } from "node:path";

/** Files that a browser shows as they are, or that a program reads. */
const COPIED = /\.(svg|png|webp|gif|json|jsonl|csv|txt)$/;

/** The path in the site of a file of the repository: its page, or its copy. */
export function pathOf(file: string): string {
  if (isMarkdown(file)) {
    const page = file.replace(/\.md$/, ".html");
    return posix.join(
      posix.dirname(page),
      posix.basename(page) === "README.html" ? "index.html" : posix.basename(page),
    );
  }
  return isCopied(file) ? posix.join("files", file) : posix.join("source", `${file}.html`);
}

export const isMarkdown = (file: string): boolean => file.endsWith(".md");
export const isCopied = (file: string): boolean => COPIED.test(file);

/** The address of one path of the site on the page of another; it holds wherever the site stands. */
export function addressFrom(page: string, path: string): string {
  const address = posix.relative(posix.dirname(page), path);
  return address === "" || address.startsWith("..") ? address || posix.basename(path) : `./${address}`;
}
