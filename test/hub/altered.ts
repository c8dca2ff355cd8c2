import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasEnded, processMark } from "../../src/disk/processes.ts";
import { BertError } from "../../src/errors.ts";
import { downloadFile } from "../../src/hub/downloadFile.ts";
import { hubSettings } from "../../src/hub/environment.ts";
import type { HttpClient } from "../../src/hub/httpClient.ts";
import { Hub } from "../../src/hub/hub.ts";
import { withLock } from "../../src/hub/lock.ts";
import { RepositoryCache } from "../../src/hub/repositoryCache.ts";
import { alteredBytes, alteredText } from "../support/altered.ts";
import { gitSha1, sha256 } from "./server.ts";
import { MODEL, noise, Place } from "./support.ts";

const COMMIT = "0123456789".repeat(4);
const CONTENT = noise(700);
const settings = (folder: string) => hubSettings({ endpoint: "http://hub.test", cache_dir: folder }, {});
const folder = () => mkdtempSync(join(tmpdir(), "plainbert-hostile-"));
const noWait = async () => {};
const ignore = () => {};

/** A hub that answers every request like this. */
async function hubOf(answer: (range: string | undefined) => object, cache = folder(), revision = "main"): Promise<Hub> {
  const request = async ({ headers }: { headers: Record<string, string> }) => answer(headers.range) as IncomingMessage;
  const client = { request, close: () => {} } as unknown as HttpClient;
  return new Hub({ id: "org/small", revision }, await settings(cache), client, noWait, undefined);
}

/** What others can write to the cache and answer for the hub, altered so often: a right answer or a BertError. */
export function testAltered(runs: number): void {
  describe(`altered ${runs} times`, { timeout: 600_000 }, () => {
    test("the headers of a hub's answer", async () => {
      const right = {
        "x-repo-commit": COMMIT,
        "x-linked-etag": `"${sha256(CONTENT)}"`,
        "x-linked-size": "700",
        etag: `W/"${gitSha1(CONTENT)}"`,
        "content-length": "700",
        "x-error-code": "EntryNotFound",
        "x-error-message": "said so",
        "retry-after": "7",
      };
      const header = (text: string) =>
        fc.oneof({ weight: 2, arbitrary: fc.constant(text) }, alteredText(text), fc.constant(undefined));
      const headers = fc.record(Object.fromEntries(Object.entries(right).map(([name, text]) => [name, header(text)])));
      const status = fc.constantFrom(200, 200, 200, 302, 404, 403, 429, 500, 999, 0);
      let current: object = {};
      const hub = await hubOf(() => current);
      const atCommit = await hubOf(() => current, folder(), COMMIT);
      await fc.assert(
        fc.asyncProperty(headers, status, fc.boolean(), async (headers, statusCode, isPinned) => {
          current = { statusCode, headers, resume: () => {}, destroy: () => {} };
          const told: string[] = [];
          const ask = isPinned ? atCommit : hub;
          try {
            const remote = await ask.describe(
              "f",
              isPinned ? COMMIT : "main",
              async (commit) => void told.push(commit),
              false,
            );
            for (const commit of [remote?.commit ?? COMMIT, ...told]) expect(commit).toMatch(/^[0-9a-f]{40}$/);
            if (remote === null) return;
            expect(remote.etag).toMatch(/^[\w-][\w.-]{0,127}$/);
            expect(remote.etag).not.toMatch(/\.incomplete$/);
            expect(remote.size === null || Number.isSafeInteger(remote.size)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(BertError);
            expect((error as BertError).message.length).toBeLessThan(1000);
          }
        }),
        { numRuns: runs },
      );
    });

    test("refs", async () => {
      await using here = await Place.make();
      const { folder: opened } = await here.open();
      const path = here.inModel("refs", "main");
      const cache = new RepositoryCache(here.at(), "org/small", true);
      let run = 0;
      await fc.assert(
        fc.asyncProperty(alteredText(COMMIT), async (text) => {
          writeFileSync(path, text);
          expect([null, text.trim()]).toContain(await cache.commitOf("main"));
          if (run++ % 40 > 0) return;
          try {
            expect((await here.open({ local_files_only: true })).folder.path).toBe(opened.path);
          } catch (error) {
            expect(error).toBeInstanceOf(BertError);
          }
          expect((await here.open()).folder.path).toBe(opened.path);
        }),
        { numRuns: runs },
      );
    });

    test("blobs", async () => {
      await using here = await Place.make();
      const { folder: opened } = await here.open();
      const vocab = new TextEncoder().encode(MODEL["vocab.txt"] as string);
      const blob = realpathSync(join(opened.path, "vocab.txt"));
      let run = 0;
      await fc.assert(
        fc.asyncProperty(alteredBytes(vocab), async (bytes) => {
          writeFileSync(blob, bytes);
          const isSame = Buffer.compare(bytes, vocab) === 0;
          const found = await new RepositoryCache(here.at(), "org/small", true).look(COMMIT, "vocab.txt");
          expect(found?.damage === null).toBe(isSame);
          if (run++ % 40 > 0) return;
          if (!isSame) await expect(here.open({ local_files_only: true })).rejects.toBeInstanceOf(BertError);
          expect(await (await here.open()).folder.readText("vocab.txt")).toBe(MODEL["vocab.txt"]);
        }),
        { numRuns: runs },
      );
    });

    test("parts of downloads", async () => {
      const hub = await hubOf((range) => {
        const from = Number(/\d+/.exec(range ?? "")?.[0] ?? 0);
        const headers = from > 0 ? { "content-range": `bytes ${from}-699/700` } : { "content-length": "700" };
        const message = Readable.from([Buffer.from(CONTENT.subarray(from))]);
        return Object.assign(message, { statusCode: from > 0 ? 206 : 200, headers });
      });
      const remote = { commit: COMMIT, etag: sha256(CONTENT), size: CONTENT.length };
      const cache = new RepositoryCache(hub.settings.cacheDir, "org/small", true);
      const blobs = join(cache.folder, "blobs");
      mkdirSync(blobs, { recursive: true });
      const prefix = fc
        .nat(CONTENT.length)
        .chain((length) =>
          fc.oneof(fc.constant(CONTENT.subarray(0, length)), alteredBytes(CONTENT.subarray(0, length))),
        );
      await fc.assert(
        fc.asyncProperty(fc.oneof(prefix, alteredBytes(CONTENT)), async (bytes) => {
          writeFileSync(join(blobs, `${remote.etag}.free.incomplete`), bytes);
          writeFileSync(cache.blob(remote.etag), ""); // so that it is fetched again
          await downloadFile(hub, cache, "f", remote, ignore, ignore);
          expect(Buffer.compare(readFileSync(cache.snapshot(COMMIT, "f")), CONTENT)).toBe(0);
          expect(readdirSync(blobs)).toEqual([remote.etag]);
        }),
        { numRuns: runs },
      );
    });

    test("locks and the marks in names: none is taken for dead that is alive, and none holds for ever", async () => {
      const path = join(folder(), "x.lock.pid");
      const mark = processMark();
      const text = `${process.pid}\nhost\nuuid\n${mark}\n`;
      const times = { heartbeat: 1000, stale: 0, poll: 0 };
      await fc.assert(
        fc.asyncProperty(alteredText(text), alteredText(mark), async (text, other) => {
          writeFileSync(path, text);
          expect(await withLock(path, undefined, async () => 5, times)).toBe(5);
          expect(typeof hasEnded(other)).toBe("boolean");
        }),
        { numRuns: runs },
      );
    });
  });
}
