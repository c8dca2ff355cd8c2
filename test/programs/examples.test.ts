import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../scripts/npm.ts";
import { pipeline } from "../../src/index.ts";
import { CALLS, callsOf, copyExamples, PROGRAMS, runCall, TSX_IN_NODE } from "../support/examplePrograms.ts";
import { OUTSIDE, tarball } from "./place.ts";

/** Runs every program of examples with the packed package, in a folder of its own, and compares what is printed with what it says. */
const root = join(import.meta.dirname, "..", "..");
const PORT_MUST = "PORT must be a number from 0 to 65535 that is free";
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

const [LONG, SHOWN] = [`${"word ".repeat(300)}[MASK].`, 'npx tsx examples/tap.ts "The [MASK] is open."'];
test.each([
  ["no gap", 'npx tsx examples/tap.ts "No gap."', 'the text must have a [MASK], got "No gap."'],
  ["a long text", `npx tsx examples/tap.ts "${LONG}"`, "the model takes 256 tokens, got 304: give a shorter text"],
  ["a port that is none", "PORT=abc npx tsx examples/service.ts", `${PORT_MUST}: got abc`],
  ["a port that is none", "PORT=70000 npx tsx examples/page/serve.ts", `${PORT_MUST}: got 70000`],
])("one sentence says what is wrong: %s", (_, command, sentence) => {
  const { printed, stderr, status } = runCall(process.execPath, command, folder, OUTSIDE);
  expect({ printed, stderr, status }).toEqual({ printed: "", stderr: `${sentence}\n`, status: 1 });
});

test.each(["service.ts", "page/serve.ts"])("%s says that its port is in use", async (program) => {
  await using taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const command = `PORT=${port} npx tsx examples/${program}`;
  const { printed, stderr, status } = runCall(process.execPath, command, folder, OUTSIDE);
  const sentence = `${PORT_MUST}: listen EADDRINUSE: address already in use 127.0.0.1:${port}`;
  expect({ printed, stderr, status }).toEqual({ printed: "", stderr: `${sentence}\n`, status: 1 });
});

test("tap.ts takes a model of any kind", () => {
  for (const model of ["qa", "ner", "regression"]) {
    const command = `${SHOWN} test/pipelines/reference/heads/${model}`;
    const { printed, stderr } = runCall(process.execPath, command, folder, OUTSIDE);
    expect(stderr).toBe("");
    expect(printed).toMatch(/^(head \d: +\d+\.\d % {2}\S+\n?)+$/);
  }
});

test("fillMask.ts fills each of several gaps", async () => {
  const text = "[MASK] and [MASK]";
  const unmask = await pipeline("fill-mask");
  const lines = (await unmask(text)).flatMap((words, n) => [
    `gap ${n + 1}:`,
    ...words.map(({ score, token_str }) => `${(100 * score).toFixed(2).padStart(6)} %  ${token_str}`),
  ]);
  await unmask.dispose();
  expect(lines).toHaveLength(2 * 6);
  const { printed, stderr } = runCall(process.execPath, `npx tsx examples/fillMask.ts "${text}"`, folder, OUTSIDE);
  expect({ printed, stderr }).toEqual({ printed: lines.join("\n"), stderr: "" });
});

test("manyTexts.ts ends quietly when nobody reads on", () => {
  const command = "npx tsx examples/manyTexts.ts | head -n 1 | wc -l";
  const { printed, stderr, status } = runCall(process.execPath, command, folder, OUTSIDE);
  expect({ printed, stderr, status }).toEqual({ printed: "1", stderr: "", status: 0 });
});

test("examples/README.md names the files that the programs read", () => {
  const page = readFileSync(join(root, "examples", "README.md"), "utf8");
  const read = readdirSync(join(root, "examples")).filter((name) => /\.(txt|jsonl)$/.test(name));
  expect(read).toHaveLength(3);
  for (const name of read) expect(page).toContain(`\`${name}\``);
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
      const service = spawn(process.execPath, [...TSX_IN_NODE, "examples/service.ts"], {
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
      expect((await fetch(`${origin}//`)).status).toBe(400);

      // Each has its connection already, and the first takes long: once it is answered all have come, and wait.
      const askAll = () => Array.from({ length: 20 }, () => ask(`${"word ".repeat(200)}[MASK].`));
      for (const response of await Promise.all(askAll())) await response.text();
      const last = askAll();
      await Promise.race(last);
      service.kill(signal);
      for (const { status } of await Promise.all(last)) expect(status).toBe(200);
      expect(await ended).toEqual([0, null]);
      expect(complaints).toBe("");
    },
  );
});

describe("page/serve.ts", () => {
  let server: ChildProcess;
  let origin: string;
  beforeAll(async () => {
    server = spawn(process.execPath, [...TSX_IN_NODE, "examples/page/serve.ts"], {
      cwd: folder,
      env: { ...OUTSIDE, PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(server.stdout!.setEncoding("utf8"), "data");
    ({ origin } = new URL(String(line)));
  });
  afterAll(() => server?.kill());

  test("has no folder to give, no address that cannot be read, and goes on", async () => {
    expect((await fetch(`${origin}/plainbert/dist/tokenizer`)).status).toBe(404);
    expect((await fetch(`${origin}//`)).status).toBe(400);
    const file = await fetch(`${origin}/plainbert/weights/config.json?v=2`);
    expect(await file.text()).toBe(readFileSync(join(root, "weights", "config.json"), "utf8"));
  });

  test.runIf(process.platform === "linux")("closes the files of clients that have gone", async () => {
    const descriptors = `/proc/${server.pid}/fd`;
    const open = () =>
      readdirSync(descriptors).flatMap((name) => {
        try {
          return readlinkSync(join(descriptors, name)).endsWith("model.safetensors") ? [name] : [];
        } catch {
          return []; // it was closed meanwhile
        }
      });
    let most = 0;
    for (let n = 0; n < 5; n++) {
      const asked = request(`${origin}/plainbert/weights/model.safetensors`).end();
      const [response] = await once(asked, "response");
      await once(response, "readable");
      most = Math.max(most, open().length);
      asked.destroy();
    }
    expect(most).toBeGreaterThan(0); // so the files are seen
    for (const end = Date.now() + 10_000; open().length > 0 && Date.now() < end; ) await sleep(20);
    expect(open()).toEqual([]);
  });
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
