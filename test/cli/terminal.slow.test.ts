import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { MAIN } from "./run.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-progress-"));
afterAll(() => rm(folder, { recursive: true }));

describe("the bar, in a terminal", () => {
  const texts = join(folder, "texts.txt");
  const script = "script -q -e -c";
  const hasScript = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;

  test.skipIf(!hasScript)(`is shown: ${hasScript ? script : "skipped, as there is no script command"}`, async () => {
    // Enough work for more than the second before which there is no bar, however fast the machine: score has a pass per token.
    await writeFile(texts, "She opened the door and went into the room of the old house.\n".repeat(400));
    const command = `'${process.execPath}' '${MAIN}' pseudo-log-likelihood --backend plain --input '${texts}' --output '${join(folder, "b.csv")}'`;
    // The inner signal interrupts; the outer one is a second Ctrl-C, which ends at once, for a command that does not end.
    const ran = spawnSync("sh", ["-c", `timeout -s INT 30 ${script} "timeout -s INT 3 ${command}" /dev/null`], {
      encoding: "utf8",
    });
    expect(ran.stdout).toMatch(/\r {2}\d % .* lines {2}\d+\.\d\/s/);
    expect(ran.stdout.replaceAll("\u001b[K", "<wiped>")).toMatch(
      /\r<wiped>plainbert: interrupted; \d+ lines? (is|are) done/,
    );
    const piped = spawnSync(
      "sh",
      ["-c", `timeout -s INT 30 ${script} "timeout -s INT 3 ${command.replace(/--output .*/, "")} | cat" /dev/null`],
      { encoding: "utf8" },
    );
    expect(piped.stdout).toContain('"score"');
    expect(piped.stdout).not.toContain("lines");
  });
});
