import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { withLock } from "../../src/hub/lock.ts";
import { finished, plainbertProcess } from "../cli/run.ts";
import { sha256 } from "./server.ts";
import { MODEL, noise, Place, WEIGHTS } from "./support.ts";

const MAIN = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
const WEIGHTS_GET = "cdn GET model.safetensors";

test("two processes at once: one downloads, both succeed", async () => {
  await using here = await Place.make();
  here.hub.fault = ({ server }) => (server === "cdn" ? { slow: 30 } : undefined);
  const both = await Promise.all([1, 2].map(() => plainbertProcess(["download", "org/small"], { env: here.env })));
  for (const { code, stdout, stderr } of both) {
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(sha256(readFileSync(join(stdout.trim(), "model.safetensors")))).toBe(sha256(WEIGHTS));
  }
  expect(here.hub.log().filter((line) => line === WEIGHTS_GET)).toHaveLength(1);
  expect(here.hub.log().filter((line) => line === "hub GET vocab.txt")).toHaveLength(1);
});

test("two calls at once in one process", async () => {
  await using here = await Place.make();
  here.hub.fault = ({ server }) => (server === "cdn" ? { slow: 5 } : undefined);
  const [a, b] = await Promise.all([here.open(), here.open()]);
  expect(a.folder.path).toBe(b.folder.path);
  expect(here.hub.log().filter((line) => line === WEIGHTS_GET)).toHaveLength(1);
});

test.skipIf(process.platform === "win32")("killed in mid-download: the next one asks for the rest alone", async () => {
  const weights = noise(3_000_000);
  await using here = await Place.make({ ...MODEL, "model.safetensors": weights });
  here.hub.fault = ({ server }) => (server === "cdn" ? { slow: 10 } : undefined);
  const child = spawn(process.execPath, [MAIN, "download", "org/small"], { env: { ...process.env, ...here.env } });
  const ended = finished(child);
  const incomplete = await partOf(here, sha256(weights), 500_000);
  child.kill("SIGKILL");
  expect((await ended).signal).toBe("SIGKILL");

  const part = sizeOf(incomplete);
  expect(part).toBeLessThan(weights.length);
  expect(readFileSync(incomplete)).toEqual(Buffer.from(weights.subarray(0, part)));
  expect(readdirSync(here.at(".locks", "models--org--small"))).toHaveLength(1); // its lock is still there
  here.hub.fault = () => undefined;
  here.hub.seen.length = 0;
  const start = performance.now();
  const { code, stdout } = await plainbertProcess(["download", "org/small"], { env: here.env });
  expect(code).toBe(0);
  expect(performance.now() - start).toBeLessThan(10_000); // a dead holder on the same machine is not waited for
  expect(sha256(readFileSync(join(stdout.trim(), "model.safetensors")))).toBe(sha256(weights));
  const requests = here.hub.seen.filter(({ server }) => server === "cdn");
  expect(requests.map(({ headers }) => headers.range)).toEqual([`bytes=${part}-`]);
  expect(readdirSync(here.at(".locks", "models--org--small"))).toEqual([]);
});

describe.skipIf(process.platform === "win32")("a holder that stands still", () => {
  /** A download that was stopped (SIGSTOP) when a part of the weights was there, and whose lock is taken over. */
  async function stopped(here: Place, weights: Uint8Array) {
    here.hub.fault = ({ server }) => (server === "cdn" ? { slow: 10 } : undefined);
    const child = spawn(process.execPath, [MAIN, "download", "org/small"], { env: { ...process.env, ...here.env } });
    const ended = finished(child);
    const part = await partOf(here, sha256(weights), 500_000);
    child.kill("SIGSTOP");
    // As another does after half a minute
    rmSync(here.at(".locks", "models--org--small", `${sha256(weights)}.lock.pid`));
    here.hub.fault = () => undefined;
    return { child, ended, part };
  }

  test("writes nothing into what another has finished: neither more bytes nor, beginning anew, none", async () => {
    const weights = noise(3_000_000);
    await using here = await Place.make({ ...MODEL, "model.safetensors": weights });
    const { child, ended, part } = await stopped(here, weights);
    const { code, stdout } = await plainbertProcess(["download", "org/small"], { env: here.env });
    expect(code).toBe(0);
    const blob = here.inModel("blobs", sha256(weights));
    expect(realpathSync(join(stdout.trim(), "model.safetensors"))).toBe(realpathSync(blob));
    expect(existsSync(part)).toBe(true); // its writer may come back

    // It goes on, must begin anew, and gets another content.
    let seen = false;
    here.hub.fault = ({ server, headers }) => {
      if (server !== "cdn") return undefined;
      seen ||= headers.range !== undefined;
      return { ignoreRange: true, content: noise(3_000_000).fill(1), slow: 5 };
    };
    here.hub.dropConnections();
    child.kill("SIGCONT");
    const sizes = new Set<string>();
    while (!seen || sizeOf(part) < 200_000) {
      sizes.add(sha256(readFileSync(blob)));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    sizes.add(sha256(readFileSync(blob)));
    expect([...sizes]).toEqual([sha256(weights)]);
    child.kill("SIGKILL");
    await ended;

    // The next run deletes what it has left.
    expect((await plainbertProcess(["download", "org/small"], { env: here.env })).code).toBe(0);
    expect(readdirSync(here.inModel("blobs")).filter((name) => name.includes("incomplete"))).toEqual([]);
    expect(readdirSync(here.at(".locks", "models--org--small"))).toEqual([]);
    expect(sha256(readFileSync(blob))).toBe(sha256(weights));
  });

  test.each([0, 180])("and that goes on undisturbed ends well, as the other did: after %i seconds", async (seconds) => {
    const weights = noise(3_000_000);
    await using here = await Place.make({ ...MODEL, "model.safetensors": weights });
    const { child, ended, part } = await stopped(here, weights);
    const then = new Date(Date.now() - 1000 * seconds);
    utimesSync(part, then, then);
    here.hub.seen.length = 0;
    const other = await plainbertProcess(["download", "org/small"], { env: here.env });
    const resumed = here.hub.seen.some(({ server, headers }) => server === "cdn" && headers.range !== undefined);
    expect(resumed).toBe(seconds > 0);
    child.kill("SIGCONT");
    const first = await ended;
    expect([first.code, other.code]).toEqual([0, 0]);
    expect([first.stderr, other.stderr]).toEqual(["", ""]);
    expect(first.stdout).toBe(other.stdout);
    expect(sha256(readFileSync(join(first.stdout.trim(), "model.safetensors")))).toBe(sha256(weights));
    expect(readdirSync(here.inModel("blobs")).filter((name) => name.includes("incomplete"))).toEqual([]);
  });
});

describe("withLock", () => {
  test("one after the other, whatever the work does", async () => {
    await using here = await Place.make();
    const path = here.at(".locks", "x.lock.pid");
    let inside = 0;
    const order: number[] = [];
    const work = (n: number) => async () => {
      expect(++inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      order.push(n);
      inside--;
      if (n === 2) throw new Error("failed");
      return n;
    };
    const results = await Promise.allSettled([1, 2, 3].map((n) => withLock(path, undefined, work(n))));
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(order.sort()).toEqual([1, 2, 3]);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  const leave = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };

  test("waits for a live holder until the signal fires", async () => {
    await using here = await Place.make();
    const path = here.at("x");
    leave(path, `${process.pid}\n${hostname()}\nother\n`);
    const work = () => Promise.reject(new Error("not reached"));
    await expect(withLock(path, AbortSignal.timeout(200), work)).rejects.toMatchObject({ name: "TimeoutError" });
    expect(readFileSync(path, "utf8")).toContain("other");
  });

  test("a holder of another machine may be alive as long as it touches its lock", async () => {
    await using here = await Place.make();
    const path = here.at("x");
    leave(path, "1\nanother-machine\nother\n");
    utimesSync(path, new Date(0), new Date(0)); // its clock may be wrong: that alone says nothing
    await expect(withLock(path, AbortSignal.timeout(300), async () => {})).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });

  test("but not longer", async () => {
    await using here = await Place.make();
    const path = here.at("x");
    leave(path, "1\nanother-machine\nother\n");
    const times = { heartbeat: 10, stale: 100, poll: 5 };
    expect(await withLock(path, AbortSignal.timeout(5_000), async () => "taken over", times)).toBe("taken over");
  });

  test("a holder that works for long keeps its lock by touching it", async () => {
    await using here = await Place.make();
    const path = here.at("x");
    const times = { heartbeat: 20, stale: 300, poll: 5 };
    const order: string[] = [];
    const first = withLock(
      path,
      undefined,
      async () => {
        // As from another machine, so that nothing but the time of the file tells that it is alive.
        writeFileSync(path, "1\nanother-machine\nother\n");
        await new Promise((resolve) => setTimeout(resolve, 700));
        order.push("first");
        rmSync(path);
      },
      times,
    );
    while (sizeOf(path) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await withLock(path, undefined, async () => order.push("second"), times);
    await first;
    expect(order).toEqual(["first", "second"]);
  });

  test("where the file cannot be written, the work is done without", async () => {
    await using here = await Place.make();
    leave(here.at("file"), "");
    expect(await withLock(here.at("file", "x"), undefined, async () => 5)).toBe(5);
  });

  test("what another has taken over is not removed", async () => {
    await using here = await Place.make();
    const path = here.at("x");
    await withLock(path, undefined, async () => writeFileSync(path, "another"));
    expect(readFileSync(path, "utf8")).toBe("another");
  });
});

/** The path of a blob's part, as soon as so many bytes of it are there. */
async function partOf(here: Place, blob: string, bytes: number): Promise<string> {
  for (;;) {
    const names = existsSync(here.inModel("blobs")) ? readdirSync(here.inModel("blobs")) : [];
    const name = names.find((name) => name.startsWith(`${blob}.`));
    if (name !== undefined && sizeOf(here.inModel("blobs", name)) >= bytes) return here.inModel("blobs", name);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
