import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { sha256 } from "./server.ts";
import { MODEL, noise, Place, WEIGHTS } from "./support.ts";

let warn: MockInstance<typeof process.emitWarning>;
beforeEach(() => {
  warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
});
afterEach(() => {
  warn.mockRestore();
});
const warnings = () => warn.mock.calls.map(([text]) => String(text));

/** A disk of its own, mounted with options; null, with a reason, where this user may not mount one. */
class Disk implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "plainbert-disk-"));

  static mount(options: string): Disk {
    const disk = new Disk();
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk.path], { stdio: "pipe" });
    return disk;
  }

  remount(options: string): void {
    execFileSync("mount", ["-o", `remount,${options}`, this.path], { stdio: "pipe" });
  }

  [Symbol.dispose](): void {
    execFileSync("umount", [this.path], { stdio: "pipe" });
    rmSync(this.path, { recursive: true });
  }
}

const canMount = (() => {
  try {
    Disk.mount("size=1m")[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!canMount)("disks (needs the right to mount one)", () => {
  test("a full disk: what does not fit goes into a temporary folder, which the caller releases", async () => {
    await using here = await Place.make({ ...MODEL, "model.safetensors": noise(2_000_000) });
    using disk = Disk.mount("size=1m");
    const { folder, release } = await here.open({ cache_dir: disk.path });
    expect(sha256(readFileSync(join(folder.path, "model.safetensors")))).toBe(sha256(noise(2_000_000)));
    expect(readFileSync(join(folder.path, "vocab.txt"), "utf8")).toBe(MODEL["vocab.txt"]);
    expect(warnings()).toEqual([
      expect.stringMatching(/^hub: the cache .* cannot be written \(ENOSPC: .*\); .* is used this time$/),
    ]);
    // It was seen before that it would not fit, so nothing of it was asked for twice.
    expect(here.hub.log().filter((line) => line === "cdn GET model.safetensors")).toHaveLength(1);
    await release();
    expect(existsSync(folder.path)).toBe(false);
    // What did fit is in the cache, and is as it should be.
    const blobs = readdirSync(join(disk.path, "models--org--small", "blobs"));
    expect(blobs.filter((name) => name.endsWith(".incomplete"))).toEqual([]);
    expect(existsSync(join(disk.path, "models--org--small", "refs", "main"))).toBe(false); // it is not complete
  });

  test("a disk that fills up during the download is left with the room it had", async () => {
    await using here = await Place.make({ ...MODEL, "model.safetensors": noise(700_000) });
    using disk = Disk.mount("size=1m");
    here.hub.fault = ({ server }) => {
      if (server === "cdn" && !existsSync(join(disk.path, "other"))) {
        writeFileSync(join(disk.path, "other"), new Uint8Array(600_000));
      }
      return undefined;
    };
    const { folder, release } = await here.open({ cache_dir: disk.path });
    expect(sha256(readFileSync(join(folder.path, "model.safetensors")))).toBe(sha256(noise(700_000)));
    await release();
    expect(warnings()).toEqual([expect.stringContaining("ENOSPC")]);
    const blobs = readdirSync(join(disk.path, "models--org--small", "blobs"));
    expect(blobs.filter((name) => name.endsWith(".incomplete"))).toEqual([]);
  });

  test("a disk that is read-only: what it has is used as it is", async () => {
    await using here = await Place.make();
    using disk = Disk.mount("size=4m");
    await here.open({ cache_dir: disk.path });
    disk.remount("ro");
    const { folder } = await here.open({ cache_dir: disk.path });
    expect(folder.path.startsWith(disk.path)).toBe(true);
    expect(warnings()).toEqual([]);
    // The branch has moved, and one file has changed: the others are taken from where they are.
    here.hub.add("org/small", { ...MODEL, "vocab.txt": "[PAD]\nnew\n" }, "f".repeat(40));
    const later = await here.open({ cache_dir: disk.path });
    expect(readFileSync(join(later.folder.path, "vocab.txt"), "utf8")).toBe("[PAD]\nnew\n");
    expect(sha256(readFileSync(join(later.folder.path, "model.safetensors")))).toBe(sha256(WEIGHTS));
    expect(warnings()).toEqual([expect.stringMatching(/cannot be written \(EROFS: /)]);
    await later.release();
    expect(existsSync(later.folder.path)).toBe(false);
  });

  test("nowhere to write", async () => {
    await using here = await Place.make();
    using disk = Disk.mount("size=1m");
    disk.remount("ro");
    vi.stubEnv("TMPDIR", disk.path);
    try {
      await expect(here.open({ cache_dir: join(disk.path, "cache") })).rejects.toMatchObject({
        code: "ERR_FILE",
        message: expect.stringMatching(/neither the cache .* nor .* can be written: EROFS.*HF_HUB_CACHE or cache_dir/),
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

test("a cache that is a file", async () => {
  await using here = await Place.make();
  writeFileSync(join(here.folder, "hub"), "");
  const { folder, release } = await here.open();
  expect(sha256(readFileSync(join(folder.path, "model.safetensors")))).toBe(sha256(WEIGHTS));
  await release();
  expect(warnings()).toEqual([expect.stringContaining("cannot be written")]);
});

test.skipIf(process.getuid?.() === 0)("a cache that is another user's (needs a user that is not root)", async () => {
  await using here = await Place.make();
  mkdirSync(here.at());
  chmodSync(here.at(), 0o555);
  const { folder, release } = await here.open();
  expect(sha256(readFileSync(join(folder.path, "model.safetensors")))).toBe(sha256(WEIGHTS));
  await release();
  expect(warnings()).toEqual([expect.stringContaining("EACCES")]);
});
