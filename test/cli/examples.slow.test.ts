import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { examplesOf, exampleWorld, helpOf, PAGES } from "./examples.ts";
import { shell } from "./run.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-examples-"));
const hub = await exampleWorld(folder);
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** `explore` and `serve` have no end; explore.test.ts and serve.test.ts start them. */
const ENDING = PAGES.filter((command) => command !== "explore" && command !== "serve");

test.each(ENDING)("every example works in a shell: plainbert %s --help", async (command) => {
  for (const line of examplesOf(await helpOf(command))) {
    const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, "cache") };
    const result = await shell(line, { cwd: folder, env });
    expect(result, line).toMatchObject({ code: 0, stderr: expect.stringMatching(/^( *\d+ % {2}update .*\n)*$/) });
    const [, , file] = /(--output|>) (\S+)$/.exec(line) ?? [];
    if (file) expect((await stat(join(folder, file))).size, line).toBeGreaterThan(0);
    else expect(result.stdout, line).not.toBe("");
  }
});
