import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hasEnded, processMark } from "../../src/disk/processes.ts";
import { claimPart, letPartGo, ownPart, removeForgottenParts } from "../../src/hub/parts.ts";
import { sha256 } from "./server.ts";
import { noise, Place, WEIGHTS } from "./support.ts";

/** The mark of a process of this machine that has ended. */
function deadMark(): string {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  return processMark().replace(/^\d+/, String(pid));
}

const ELSEWHERE = "1-00000000-00000000-00000000";

const START_UNKNOWN = sha256(new Uint8Array(0)).slice(0, 8);

describe("marks of processes", () => {
  test("this process is alive, and no two marks are the same", () => {
    expect(hasEnded(processMark())).toBe(false);
    expect(processMark()).not.toBe(processMark());
    expect(processMark()).toMatch(/^\d+-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/);
  });

  test("a process that has ended is dead, one that stands still is not", async () => {
    expect(hasEnded(deadMark())).toBe(true);
    const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
    const mark = processMark().replace(/^\d+-(\w+)-\w+/, `${child.pid}-$1-${START_UNKNOWN}`);
    child.kill("SIGSTOP");
    expect(hasEnded(mark)).toBe(false);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.on("exit", resolve));
    expect(hasEnded(mark)).toBe(true);
  });

  test.skipIf(process.platform !== "linux")("a number that another process has by now is dead", () => {
    expect(hasEnded(processMark().replace(/-(\w+)-(\w+)$/, "-01234567-$2"))).toBe(true);
  });

  test.each([ELSEWHERE, "", "free", "x-1-1-y", `${"9".repeat(99)}-00000000-00000000-00000000`])(
    "of %j nothing can be told",
    (mark) => expect(hasEnded(mark)).toBe(false),
  );
});

describe("parts of a blob", () => {
  const blobs = () => mkdtempSync(join(tmpdir(), "plainbert-parts-"));
  const leave = (folder: string, name: string, bytes: number, age = 0) => {
    writeFileSync(join(folder, name), noise(bytes));
    const then = new Date(Date.now() - 1000 * age);
    utimesSync(join(folder, name), then, then);
  };
  const claim = async (folder: string) => {
    const own = ownPart(join(folder, "abc"));
    await claimPart(join(folder, "abc"), own);
    const names = readdirSync(folder).map((name) => (join(folder, name) === own ? "own" : name));
    return names.includes("own") ? [readFileSync(own).length, ...names] : names;
  };

  test("one that was let go is taken", async () => {
    const folder = blobs();
    leave(folder, "abc.free.incomplete", 5);
    expect(await claim(folder)).toEqual([5, "own"]);
  });

  test("one of a dead process is taken, the largest, and the others are deleted", async () => {
    const folder = blobs();
    for (const bytes of [3, 9, 4]) leave(folder, `abc.${deadMark()}.incomplete`, bytes);
    leave(folder, "abc.free.incomplete", 8);
    leave(folder, `abcd.${deadMark()}.incomplete`, 10);
    expect(await claim(folder)).toEqual([9, "own", expect.stringMatching(/^abcd/)]);
  });

  test("one of a living process is not, nor Python's, nor one that may be written", async () => {
    const folder = blobs();
    const names = [`abc.${processMark()}.incomplete`, `abc.${ELSEWHERE}.incomplete`, "abc.incomplete"];
    for (const name of names) leave(folder, name, 5);
    leave(folder, "abc.0123abcd.incomplete", 5, 1_000_000);
    expect((await claim(folder)).sort()).toEqual([...names, "abc.0123abcd.incomplete"].sort());
  });

  test("what nobody can tell whose it is is copied when it was not touched for two minutes", async () => {
    const folder = blobs();
    leave(folder, "abc.incomplete", 5, 130);
    leave(folder, `abc.${ELSEWHERE}.incomplete`, 4, 130);
    expect(await claim(folder)).toEqual([5, "own"]);
  });

  test("one that is let go takes the place of an earlier one; an empty one is deleted", async () => {
    const folder = blobs();
    for (const bytes of [5, 6, 0]) {
      const own = ownPart(join(folder, "abc"));
      writeFileSync(own, noise(bytes));
      await letPartGo(join(folder, "abc"), own);
    }
    expect(readdirSync(folder)).toEqual(["abc.free.incomplete"]);
    expect(readFileSync(join(folder, "abc.free.incomplete")).length).toBe(6);
  });

  test("those that nobody will go on with are deleted", async () => {
    const folder = blobs();
    const WEEK = 7 * 24 * 3600;
    leave(folder, "there", 10);
    leave(folder, `there.${deadMark()}.incomplete`, 5);
    leave(folder, "there.free.incomplete", 5);
    leave(folder, `there.${processMark()}.incomplete`, 5);
    leave(folder, "old.free.incomplete", 5, WEEK + 10);
    leave(folder, "older.incomplete", 5, WEEK + 10);
    leave(folder, "young.free.incomplete", 5, WEEK - 10);
    leave(folder, `young.${deadMark()}.incomplete`, 5, WEEK - 10);
    leave(folder, "python.0123abcd.incomplete", 5, WEEK + 10);
    symlinkSync("nowhere", join(folder, "link.incomplete"));
    mkdirSync(join(folder, "folder.incomplete"));
    await removeForgottenParts(folder);
    const left = readdirSync(folder).map((name) => name.replace(/\.[\w-]{20,}\./, ".mark."));
    expect(left.sort()).toEqual(
      ["folder.incomplete", "link.incomplete", "python.0123abcd.incomplete", "there", "there.mark.incomplete"].concat([
        "young.free.incomplete",
        "young.mark.incomplete",
      ]),
    );
  });
});

test("what killed processes have left of a model is resumed or deleted by the next download", async () => {
  await using here = await Place.make();
  mkdirSync(here.inModel("blobs"), { recursive: true });
  writeFileSync(here.inModel("blobs", `${sha256(WEIGHTS)}.${deadMark()}.incomplete`), WEIGHTS.subarray(0, 1000));
  writeFileSync(here.inModel("blobs", `${sha256(WEIGHTS)}.${deadMark()}.incomplete`), WEIGHTS.subarray(0, 2000));
  const locks = here.at(".locks", "models--org--small");
  mkdirSync(locks, { recursive: true });
  writeFileSync(join(locks, "other.lock.pid"), `1\n${hostname()}\nx\n${deadMark()}\n`);
  writeFileSync(join(locks, "python.lock"), "");
  mkdirSync(here.inModel("refs"));
  const living = `.main.${processMark()}.tmp`;
  for (const name of [`.main.${deadMark()}.tmp`, living]) writeFileSync(here.inModel("refs", name), "");
  writeFileSync(join(locks, "living.lock.pid"), `1\n${hostname()}\nx\n${processMark()}\n`);
  writeFileSync(join(locks, "elsewhere.lock.pid"), `1\nanother-machine\nx\n${ELSEWHERE}\n`);
  await here.open();
  const [{ headers }] = here.hub.seen.filter(({ server, method }) => server === "cdn" && method === "GET");
  expect(headers.range).toBe("bytes=2000-");
  expect(readdirSync(here.inModel("blobs")).filter((name) => name.includes("incomplete"))).toEqual([]);
  expect(readdirSync(here.inModel("refs")).sort()).toEqual([living, "main"]);
  expect(readdirSync(locks).sort()).toEqual(["elsewhere.lock.pid", "living.lock.pid", "python.lock"]);
});
