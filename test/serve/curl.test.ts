import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { finished, head, shell, shellProcess } from "../cli/run.ts";
import { patternOf, type Shown, shownIn, trimmedLines } from "../support/console.ts";
import { blocks } from "../support/examples.ts";
import { REWRITE, rewriteShown } from "../support/rewrite.ts";

/** Starts each service of docs/serving-with-curl.md, and compares what its lines print with what the page says. */
const PAGE = "docs/serving-with-curl.md";
const root = join(import.meta.dirname, "../..");
const markdown = readFileSync(join(root, PAGE), "utf8");
const ADDRESS = "http://127.0.0.1:3000";

/** A command that starts a service, and the lines below it. */
const services = markdown
  .split(/^(?=```sh\n)/m)
  .slice(1)
  .map((part): [string, Shown[]] => [blocks(part, "sh")[0].trim(), shownIn(part)]);

/** What the page takes to be there: the package, installed, and the tiny models. */
const folder = mkdtempSync(join(tmpdir(), "plainbert-curl-"));
mkdirSync(join(folder, "node_modules"));
symlinkSync(root, join(folder, "node_modules", "plainbert"), "junction");
symlinkSync(join(head("mlm"), ".."), join(folder, "models"), "junction");
afterAll(() => rmSync(folder, { recursive: true }));

const hasCurl = spawnSync("curl", ["--json", "{}", "--version"]).status === 0;

describe.skipIf(!hasCurl)("curl", () => {
  test.each(services)("%s", async (start, all) => {
    expect(all.length).toBeGreaterThan(0);
    const line = `exec ${start.replace("npx plainbert", '"$NODE" "$MAIN"')} --backend plain --port 0`;
    const service = shellProcess(line, { cwd: folder });
    const result = finished(service);
    const printed = new Promise<string>((resolve) => service.stdout?.once("data", resolve));
    const address = await Promise.race([printed, result.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
    try {
      for (const { command, output } of all) {
        const here = command.replaceAll(ADDRESS, address.trim().replace(/\/$/, ""));
        const answer = trimmedLines((await shell(here, { cwd: folder })).stdout);
        if (REWRITE && answer !== output.trimEnd()) rewriteShown(PAGE, { command, output }, answer);
        else expect.soft(answer, command).toMatch(patternOf(output));
      }
    } finally {
      service.kill("SIGTERM");
      await result;
    }
  });
});

test("shows every path that docs/serving.md has", () => {
  const serving = readFileSync(join(root, "docs/serving.md"), "utf8");
  const rows = serving.match(/^\| (GET|POST) [^|]+/gm)!;
  const paths = rows.flatMap((row) => row.match(/\/[\w/-]*/g)!);
  expect(paths.length).toBeGreaterThan(20);
  const lines = services.flatMap(([, all]) => all.map(({ command }) => `${command} `)).join("\n");
  for (const path of paths) expect(lines).toContain(`${ADDRESS}${path} `);
});
