import { describe, expect, test } from "vitest";
import { addressOfSources, collectPages } from "../../scripts/site/pages.ts";
import { SOURCE_LINES } from "../../src/explorer/page/stepper/sourceLines.ts";

/** Where links of pages lead: within the site, or to the repository that package.json names. */
const htmlOf = (file: string, repository?: string | { url: string }): string =>
  collectPages(repository).pages.find((page) => page.file === file)?.html ?? "";

describe("without a repository", () => {
  const { pages, copied } = collectPages(undefined);
  const find = (file: string) => pages.find((page) => page.file === file);

  test("sources have pages, data and pictures are copied", () => {
    expect(find("README.md")?.html).toContain('href="./source/src/model/bert.ts.html"');
    expect(find("src/model/bert.ts")?.path).toBe("source/src/model/bert.ts.html");
    expect([...copied]).toContain("docs/explorer.png");
    expect(find("README.md")?.html).toContain('srcset="./files/docs/explorer.png"');
  });

  test("the lines of the stepper's sources have anchors", () => {
    expect(addressOfSources("explorer/index.html", undefined)).toBe("../source/*.html");
    for (const { file, line } of Object.values(SOURCE_LINES)) {
      expect(find(file)?.path).toBe(`source/${file}.html`);
      expect(find(file)?.html).toContain(`id="L${line}"`);
    }
  });

  test("links between pages are those of the Markdown", () => {
    expect(find("README.md")?.html).toContain('href="./docs/fill-mask.html"');
    expect(find("docs/fine-tuning.md")?.html).toContain('href="./training/reranker.html"');
    expect(find("docs/reading/03-attention.md")?.html).toContain('href="./04-residual-and-layernorm.html"');
    expect(find("docs/runtimes.md")?.html).toContain('href="./hub.html"');
  });

  test("a tour's page leads to the explorer at its step, in the site", () => {
    const link =
      'href="../../explorer/index.html#v=1&amp;l=1&amp;more=stepper&amp;tap=bert.encoder.layer.1.attention.self.probs"';
    expect(find("docs/reading/03-attention.md")?.html).toContain(link);
    expect(find("docs/reading/01-tokens.md")?.html).toContain('href="../../explorer/index.html"');
  });
});

test.each([{ url: "git+https://github.com/someone/plainbert.git" }, "github:someone/plainbert", "someone/plainbert"])(
  "with the repository %o, sources are there",
  (repository) => {
    const html = htmlOf("README.md", repository);
    expect(html).toContain('href="https://github.com/someone/plainbert/blob/HEAD/src/model/bert.ts"');
    expect(html).toContain('href="./docs/fill-mask.html"');
    expect(html).not.toContain("./source/");
    const sources = addressOfSources("explorer/index.html", repository);
    expect(sources).toBe("https://github.com/someone/plainbert/blob/HEAD/*");
  },
);
