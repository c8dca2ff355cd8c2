import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { withOutput, withOutputFolder } from "../../src/disk/outputLock.ts";
import { thisProcess } from "../../src/disk/processes.ts";
import { BertError } from "../../src/errors.ts";

/** Set by a test: whether a file can have a second name. */
const disk = vi.hoisted(() => ({ links: true }));
vi.mock("node:fs", async (load) => {
  const real = await load<typeof import("node:fs")>();
  const linkSync = (from: string, to: string) => {
    if (!disk.links) throw Object.assign(new Error("EPERM"), { code: "EPERM" });
    real.linkSync(from, to);
  };
  return { ...real, linkSync };
});

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-lock-"));
});
afterEach(async () => {
  disk.links = true;
  for (const child of children.splice(0)) await killed(child);
  rmSync(folder, { recursive: true, force: true });
});
const at = (...names: string[]) => join(folder, ...names);

/** A process of its own that holds an output until it is killed; its first line says "held", or why it does not. */
async function holder(output: string): Promise<{ child: ChildProcess; says: string }> {
  const file = fileURLToPath(new URL("holdOutput.ts", import.meta.url));
  const child = spawn(process.execPath, [file, output], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const says = await new Promise<string>((resolve) => {
    child.stdout?.setEncoding("utf8").once("data", resolve);
    child.once("close", () => resolve("ended"));
  });
  return { child, says: says.trim() };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await closed;
}

const lockText = (changes: object) =>
  JSON.stringify({ ...thisProcess(), taken: new Date(), token: crypto.randomUUID(), ...changes });
const held = () => withOutput(at("out"), {}, async () => readdirSync(folder));

describe("withOutput", () => {
  test("holds the output while the work runs, and leaves nothing", async () => {
    const names = await withOutput(at("out"), {}, async () => {
      const lock = JSON.parse(readFileSync(at(".out.lock"), "utf8"));
      expect(lock).toMatchObject({ pid: process.pid, host: hostname() });
      return readdirSync(folder);
    });
    expect(names).toEqual([".out.lock"]);
    expect(readdirSync(folder)).toEqual([]);
    await expect(
      withOutput(at("out"), {}, async () => {
        throw new RangeError("no more");
      }),
    ).rejects.toThrow(new RangeError("no more"));
    expect(readdirSync(folder)).toEqual([]);
  });

  test("this process is refused too, and other outputs are not", async () => {
    await withOutput(at("out"), {}, async () => {
      const error = await held().catch((reason) => reason);
      expect(error).toBeInstanceOf(BertError);
      expect(error).toMatchObject({ code: "ERR_FILE" });
      expect(error.message).toMatch(/out: is being written by this process, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
      expect(await withOutput(at("out2"), {}, async () => 2)).toBe(2);
    });
    expect(await held()).toEqual([".out.lock"]);
  });

  test("a process that runs is named; one that was killed is not waited for", async () => {
    const { child, says } = await holder(at("out"));
    expect(says).toBe("held");
    await expect(held()).rejects.toThrow(`out: is being written by process ${child.pid}, since`);
    await expect(withOutput(at("out"), { restart: true }, async () => 1)).rejects.toThrow(`process ${child.pid}`);
    expect((await holder(at("out"))).says).toContain(`is being written by process ${child.pid}`);
    await killed(child);
    expect(readdirSync(folder)).toContain(".out.lock");
    expect(await held()).toEqual([".out.lock"]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a process's number that another one has got, as in a container that was started again", async () => {
    for (const started of [
      "another boot/1",
      thisProcess().started.replace(/\d+$/, (ticks) => `${Number(ticks) - 1}`),
    ]) {
      writeFileSync(at(".out.lock"), lockText({ started }));
      expect(await held()).toEqual([".out.lock"]);
    }
    writeFileSync(at(".out.lock"), lockText({ pid: 2_000_000_000 }));
    expect(await held()).toEqual([".out.lock"]);
  });

  test("where no start is known: a lock from before the machine was started", async () => {
    writeFileSync(at(".out.lock"), lockText({ started: "", taken: new Date(2020, 1) }));
    expect(await held()).toEqual([".out.lock"]);
    writeFileSync(at(".out.lock"), lockText({ started: "" }));
    await expect(held()).rejects.toThrow(
      /is being written by this process, since .* UTC; if that process is another program's, delete .*\.out\.lock$/,
    );
  });

  test("another machine's: what is to be done is said, and restart takes it over", async () => {
    writeFileSync(at(".out.lock"), lockText({ pid: 7, host: "other", taken: new Date(0) }));
    const options = { advice: "--restart begins anew" };
    await expect(withOutput(at("out"), options, async () => 1)).rejects.toThrow(
      new BertError(
        "ERR_FILE",
        `${at("out")}: is being written by process 7 on the machine "other", since 1970-01-01 00:00:00 UTC; if it has ended, delete ${at(".out.lock")}, or --restart begins anew`,
      ),
    );
    expect(await withOutput(at("out"), { ...options, restart: true }, async () => 1)).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("a file system where no file has two names", async () => {
    disk.links = false;
    expect(await held()).toEqual([".out.lock"]);
    writeFileSync(at(".out.lock"), lockText({ started: "another boot/1" }));
    expect(await held()).toEqual([".out.lock"]);
    await withOutput(at("out"), {}, () => expect(held()).rejects.toThrow("is being written by this process"));
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(["", lockText({ token: "../../x" }), lockText({ taken: "never" })])(
    "a lock that is none, as a full disk leaves it: %s",
    async (text) => {
      writeFileSync(at(".out.lock"), text);
      expect(await held()).toEqual([".out.lock"]);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test("of eight that begin together beside a lock of a process that has ended, one at a time works", async () => {
    for (let round = 0; round < 40; round++) {
      if (round % 2 === 0) writeFileSync(at(".out.lock"), lockText({ started: "another boot/1" }));
      let inside = 0;
      let most = 0;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () =>
          withOutput(at("out"), {}, async () => {
            most = Math.max(most, ++inside);
            await new Promise((resolve) => setTimeout(resolve, 2));
            inside--;
          }),
        ),
      );
      expect(most).toBe(1);
      expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
      for (const outcome of outcomes)
        if (outcome.status === "rejected") expect(outcome.reason.message).toContain("is being written by this process");
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  test("of four processes that begin together beside such a lock, one works", { timeout: 60_000 }, async () => {
    for (let round = 0; round < 3; round++) {
      writeFileSync(at(".out.lock"), lockText({ started: "another boot/1" }));
      const holders = await Promise.all([0, 1, 2, 3].map(() => holder(at("out"))));
      expect(holders.filter(({ says }) => says === "held").length).toBe(1);
      const { pid } = holders.find(({ says }) => says === "held")!.child;
      for (const { says } of holders) if (says !== "held") expect(says).toContain(`is being written by process ${pid}`);
      for (const { child } of holders) await killed(child);
    }
  });

  test("the lock of the lock of a process that was killed meanwhile is taken over too", async () => {
    const token = crypto.randomUUID();
    writeFileSync(at(".out.lock"), lockText({ started: "another boot/1", token }));
    writeFileSync(at(`.out.lock.${token}`), lockText({ started: "another boot/2" }));
    expect(await held()).toEqual([".out.lock"]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("removes what killed processes have left beside the output, and nothing else", async () => {
    const { child, says } = await holder(at("out"));
    expect(says).toBe("held");
    const live = readdirSync(folder).filter((name) => name.endsWith(".tmp"));
    await killed(child);
    const second = await holder(at("other"));
    const others = readdirSync(folder).filter((name) => name.startsWith(".other"));
    const foreign = ".out.1-00000000-00000000-00000000.tmp"; // another machine's
    const theirs = ".out.0b7a8d1c-8a0e-4c86-8f5a-0a3a7c5a9a11.tmp";
    for (const name of [foreign, theirs]) writeFileSync(at(name), "");
    expect(live.length).toBe(3); // a file, a folder, and a file whose name is longer
    expect((await held()).sort()).toEqual([".out.lock", foreign, theirs, ...others].sort());
    await killed(second.child);
  });

  test("a folder that a killed process was replacing gets its name again", async () => {
    const { child } = await holder(at("out"));
    const tag = readdirSync(folder)
      .find((name) => /^\.out\.\d/.test(name))!
      .slice(0, -3);
    await killed(child);
    mkdirSync(at(`${tag}replaced`));
    writeFileSync(at(`${tag}replaced`, "config.json"), "old");
    await held();
    expect(readFileSync(at("out", "config.json"), "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["out"]);
  });

  test("a folder that is not there", async () => {
    await expect(withOutput(at("no", "out"), {}, async () => 1)).rejects.toThrow(
      new BertError("ERR_FILE", `write: ${at("no", "out")}: there is no folder ${at("no")}`),
    );
    expect(await withOutput(at("no", "out"), { parents: true }, async () => readdirSync(at("no")))).toEqual([
      ".out.lock",
    ]);
  });
});

describe("withOutputFolder", () => {
  test("makes the folder, and takes it away if nothing came into it", async () => {
    expect(await withOutputFolder(at("a", "run"), async () => readdirSync(at("a", "run")))).toEqual([".lock"]);
    expect(readdirSync(at("a"))).toEqual([]);
    await withOutputFolder(at("run"), async () => writeFileSync(at("run", "x"), ""));
    expect(readdirSync(at("run"))).toEqual(["x"]);
    mkdirSync(at("empty"));
    await withOutputFolder(at("empty"), async () => {});
    expect(readdirSync(folder).sort()).toEqual(["a", "empty", "run"]);
  });
});
