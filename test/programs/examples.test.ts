import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../scripts/npm.ts";
import { pipeline } from "../../src/index.ts";
import { CALLS, callsOf, copyExamples, PROGRAMS, runCall, TSX } from "../support/examplePrograms.ts";
import { OUTSIDE, tarball } from "./place.ts";

/** Runs every program of examples with the packed package, in a folder of its own, and compares what is printed with what it says. */
const root = join(import.meta.dirname, "..", "..");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-examples-"));
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--silent", tarball()], folder);
  copyExamples(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(CALLS)("$command", ({ command, output }) => {
  const { printed, stderr, status } = runCall(process.execPath, command, folder, OUTSIDE);
  expect({ printed, stderr, status }).toEqual({ printed: output.trim(), stderr: "", status: 0 });
});

describe("vectors.test.ts", () => {
  const [{ command }] = callsOf("vectors.test.ts");

  test("passes", () => {
    const { printed, status } = runCall(process.execPath, command, folder, OUTSIDE);
    expect(status, printed).toBe(0);
    expect(printed).toMatch(/pass 2$/m);
  });

  test("fails when a text is another", () => {
    const program = readFileSync(join(root, "examples", "vectors.test.ts"), "utf8");
    const changed = join(folder, "examples", "changed.test.ts");
    writeFileSync(changed, program.replace("The door is open.", "The door was open."));
    const { printed, status } = runCall(process.execPath, command.replace("vectors.", "changed."), folder, OUTSIDE);
    expect(status).toBe(1);
    expect(printed).toMatch(/fail 1$/m);
  });
});

describe("service.ts", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "answers many at once, refuses what is wrong, and ends on %s",
    async (signal) => {
      const service = spawn(process.execPath, [TSX, "examples/service.ts"], {
        cwd: folder,
        env: { ...OUTSIDE, PORT: "0" },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const ended = once(service, "exit");
      let complaints = "";
      service.stderr.setEncoding("utf8").on("data", (text: string) => {
        complaints += text;
      });
      const [line] = await once(service.stdout.setEncoding("utf8"), "data");
      const { origin } = new URL(String(line));
      const ask = (text: string) => fetch(`${origin}/fill-mask?${new URLSearchParams({ text })}`);

      const texts = ["door", "window", "letter", "sea"].flatMap((word) => [
        `The ${word} is [MASK].`,
        `A [MASK] ${word}.`,
      ]);
      const unmask = await pipeline("fill-mask");
      const want = await unmask(texts);
      await unmask.dispose();
      const answers = await Promise.all(texts.map(async (text) => (await ask(text)).json()));
      expect(answers).toEqual(want);

      const wrong = await ask("No gap.");
      expect(wrong.status).toBe(400);
      expect(await wrong.json()).toEqual({ error: 'fill-mask: text must be a text with [MASK], got "No gap."' });
      expect((await fetch(`${origin}/else`)).status).toBe(404);

      const last = Array.from({ length: 20 }, () => ask("The [MASK] is open."));
      await Promise.race(last); // then all have come, and the others wait for their turn
      service.kill(signal);
      for (const { status } of await Promise.all(last)) expect(status).toBe(200);
      expect(await ended).toEqual([0, null]);
      expect(complaints).toBe("");
    },
  );
});

test("examples/README.md names every program, and no other file", () => {
  const page = readFileSync(join(root, "examples", "README.md"), "utf8");
  const named = [...page.matchAll(/\]\(([\w./]+)\)/g)].map(([, path]) => path).filter((path) => path.endsWith(".ts"));
  expect(named.sort()).toEqual([...PROGRAMS]);
  expect(PROGRAMS.length).toBeGreaterThanOrEqual(8);
});

test.each([...PROGRAMS, "page/index.html"])("%s is short", (program) => {
  const lines = readFileSync(join(root, "examples", program), "utf8")
    .trimEnd()
    .split("\n");
  expect(lines.length).toBeLessThanOrEqual(60);
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(120);
});
