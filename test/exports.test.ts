import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const { exports } = JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"));

test("a page gets what is for browsers, by import and by require", () => {
  // The first condition that holds decides; a bundler for the web has `browser` beside `import` or `require`.
  const forBrowsers = Object.entries<object | string>(exports).filter(
    ([, entry]) => typeof entry === "object" && "browser" in entry,
  );
  expect(forBrowsers.map(([subpath]) => subpath)).toEqual([".", "./training"]);
  for (const [subpath, entry] of forBrowsers) expect(Object.keys(entry)[0], subpath).toBe("browser");
});
