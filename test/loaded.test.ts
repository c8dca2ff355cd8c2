import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loaded } from "../src/loaded.ts";
import { reachesOf } from "./support/imports.ts";
import { sourceFiles } from "./support/syntaxTree.ts";

test.skipIf(process.platform === "win32")(
  "without a file to open, each part that is loaded late is a BertError, and is loaded later",
  { timeout: 120_000 },
  () => {
    const root = join(import.meta.dirname, "..");
    const program = [
      join(root, "test", "support", "withoutFiles.ts"),
      join(root, "src", "index.ts"),
      join(root, "src", "training", "index.ts"),
    ];
    const said = execFileSync("sh", ["-c", 'ulimit -n 128; exec "$0" "$@"', process.execPath, ...program], {
      encoding: "utf8",
    });
    expect(said).toBe("done\n");
  },
);

test("an error of the module's own is not changed", async () => {
  const error = new RangeError("mine");
  await expect(loaded(() => Promise.reject(error))).rejects.toBe(error);
  expect(await loaded(async () => 1)).toBe(1);
  const cause = Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
  await expect(loaded(() => Promise.reject(cause))).rejects.toThrow(expect.objectContaining({ code: "ERR_FILE", cause })); // biome-ignore format: one line
});

test("src imports by loaded whatever it imports when that is needed", () => {
  const late = [...sourceFiles()].filter(([path, source]) => reachesOf(path, source).dynamic.length > 0);
  expect(late.length).toBeGreaterThan(5);
  const byItself = late.filter(([, source]) => {
    const byLoaded = /\bloaded\(\s*\(\) =>\s*(Promise\.all\(\[[^\]]*\]\)|import\("[^"]+"\))/g;
    return reachesOf("a.ts", source.replace(byLoaded, "loaded(0")).dynamic.length > 0;
  });
  // The first lists what runCommand.ts loads; the second is a page's; the third a worker's, which is one file when it is published.
  const known = ["cli/commands.ts", "explorer/page/furtherViews.ts", "tensor/simd/helperMain.ts"];
  expect(byItself.map(([path]) => path).sort()).toEqual(known);
});
