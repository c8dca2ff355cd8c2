import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

/** The build's bundler fails where rolldown only warns. */
const { bundle } = (await import(join(import.meta.dirname, "..", "scripts", "bundle.mjs"))) as {
  bundle(options: object): Promise<void>;
};
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-bundle-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bundled = (source: string) => {
  const [input, file] = [join(folder, "input.js"), join(folder, "output.js")];
  writeFileSync(input, source);
  return bundle({ input, platform: "browser", output: { file } }).then(() => readFileSync(file, "utf8"));
};

test("a module that is found is in the bundle", async () => {
  writeFileSync(join(folder, "found.js"), "export const found = 42;");
  expect(await bundled('import { found } from "./found.js"; console.log(found);')).toMatch(/42/);
});

test("a module that is not found is an error that names it", async () => {
  await expect(bundled('import { absent } from "no-such-package"; console.log(absent);')).rejects.toThrow(
    "no-such-package",
  );
});
