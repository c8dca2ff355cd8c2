import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FileStore } from "../../src/browser/fileStore.ts";
import { keptFile } from "../../src/browser/keptFile.ts";
import { noteOf, parseListing } from "../../src/browser/listing.ts";
import { checksumOf, readNote } from "../../src/browser/modelNote.ts";
import { openModel } from "../../src/browser/openFetchedModel.ts";
import { HubPlace } from "../../src/browser/places.ts";
import { BertError } from "../../src/errors.ts";
import type { HubOptions } from "../../src/hub/hubOptions.ts";
import { isCommit } from "../../src/hub/modelId.ts";
import { Progress } from "../../src/hub/progress.ts";
import { readSentenceFolder } from "../../src/load/sentenceModules.ts";
import { writeSafetensors } from "../../src/safetensors/safetensorsWriter.ts";
import { gitSha1, sha256 } from "../hub/server.ts";
import { alteredBytes, alteredJson, RUNS } from "../support/altered.ts";

/** What a browser keeps is what was announced, or is fetched again: the twin's files by a Cache API and a hub in memory. */
const COMMIT = "0123456789".repeat(4);
const ENDPOINT = "https://hub.test";
const FILE = "model.safetensors";
const encoder = new TextEncoder();
const LARGE: Uint8Array = writeSafetensors([
  ["x", { shape: [3_000_000], data: new Float32Array(3_000_000).fill(0.5) }],
]);
const SMALL: Uint8Array = writeSafetensors([["x", { shape: [3], data: Float32Array.of(1, 2, 3) }]]);
const WANTED = {
  config: ["config.json", "bert_config.json"],
  optional: ["vocab.txt", "tokenizer.json"],
  weights: true,
};
const TEXTS: Readonly<Record<string, Uint8Array>> = {
  "config.json": encoder.encode('{"model_type":"bert"}'),
  "vocab.txt": encoder.encode("[PAD]\n[UNK]\n"),
};

const kept = new Map<string, Uint8Array<ArrayBuffer>>();
const cache = {
  match: async (key: string) => kept.has(key) && new Response(kept.get(key)),
  put: async (key: string, response: Response) => void kept.set(key, new Uint8Array(await response.arrayBuffer())),
  delete: async (key: string) => kept.delete(key),
};
/** What the hub, or a folder's server, has. */
let files: Readonly<Record<string, Uint8Array>> = {};
/** The files that were asked for. */
const asked: string[] = [];
let isReachable = true;

const listing = () => {
  const siblings = Object.entries(files).map(([rfilename, data]) => ({
    rfilename,
    size: data.length,
    blobId: gitSha1(data),
    ...(data.length > 1000 && { lfs: { sha256: sha256(data), size: data.length, pointerSize: 134 } }),
  }));
  return JSON.stringify({ id: "org/small", sha: COMMIT, private: false, siblings });
};

beforeEach(() => {
  kept.clear();
  asked.length = 0;
  files = { ...TEXTS, [FILE]: SMALL };
  isReachable = true;
  vi.stubGlobal("caches", {
    open: async () => ({ ...cache, match: async (key: string) => (await cache.match(key)) || undefined }),
  });
  vi.stubGlobal("fetch", async (url: URL, { method, headers }: { method: string; headers: Record<string, string> }) => {
    if (!isReachable) throw new TypeError("failed to fetch");
    if (url.pathname.startsWith("/api/")) return new Response(listing());
    const name = /\/resolve\/[^/]+\/(.*)$/.exec(url.pathname)?.[1] ?? url.pathname.split("/").at(-1) ?? "";
    const data = files[name];
    if (!data) return new Response(null, { status: 404 });
    const etag = `"${createHash("sha256").update(data).digest("hex")}"`;
    if (method === "HEAD") return new Response(null, { headers: { etag } });
    asked.push(name);
    const from = Number(/\d+/.exec(headers.range ?? "")?.[0] ?? 0);
    return new Response(data.slice(from), { status: headers.range ? 206 : 200, headers: { etag } });
  });
});
afterEach(() => vi.unstubAllGlobals());

/** Opens a model, and reads its texts and weights. */
async function read(options: HubOptions = {}, name = "org/small", hashed = false) {
  const place = name === "org/small" ? { endpoint: ENDPOINT } : {};
  const { folder } = await openModel(name, { ...WANTED, hashed }, { ...place, ...options });
  const weights = await folder.openWeights();
  const data = new Float32Array(weights.tensors.get("x")?.shape[0] ?? 0);
  await weights.readInto("x", data);
  return { config: await folder.readText("config.json"), vocab: await folder.readText("vocab.txt"), data };
}

const keysOf = (file: string, part = "&part=") =>
  [...kept.keys()].filter((key) => key.includes(file) && key.includes(part));
const hashIn = (file: string) => (files[file].length > 1000 ? sha256(files[file]) : gitSha1(files[file]));
const DAMAGES: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array])[] = [
  ["empty", () => new Uint8Array(0)],
  ["cut off", (bytes) => bytes.slice(0, -1)],
  ["longer", (bytes) => Uint8Array.of(...bytes.subarray(0, 100), 7, ...bytes.subarray(100, 200))],
  ["with a bit flipped", (bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte))],
];
function damageIn(part: string, damage: (bytes: Uint8Array) => Uint8Array): void {
  const [key] = keysOf(part);
  kept.set(key, Uint8Array.from(damage(kept.get(key) as Uint8Array)));
}

describe.each(DAMAGES)("a part that is %s", (_, damage) => {
  test.each(["config.json", "vocab.txt", FILE])("of %s: the file is fetched again, and nothing else", async (file) => {
    const before = await read();
    damageIn(hashIn(file), damage);
    asked.length = 0;
    expect(await read()).toEqual(before);
    expect(asked).toEqual([file]);
    expect(await read({ local_files_only: true })).toEqual(before);
    expect(asked).toEqual([file]);
  });

  test("of large weights: when they cannot be read, and once", async () => {
    files = { ...TEXTS, [FILE]: LARGE };
    const before = await read();
    expect(keysOf(sha256(LARGE))).toHaveLength(2);
    damageIn(sha256(LARGE), damage);
    asked.length = 0;
    expect(await read()).toEqual(before);
    expect(asked).toEqual([FILE]);
    expect(await read({ local_files_only: true })).toEqual(before);
  });

  test("offline, the sentence says what to delete", async () => {
    await read();
    damageIn(hashIn("vocab.txt"), damage);
    isReachable = false;
    const sentence = await read({ local_files_only: true }).catch((error) => error);
    expect(sentence).toMatchObject({ code: "ERR_HUB" });
    // Of another size than was noted: it is not complete.
    expect(sentence.message).toMatch(
      _ === "with a bit flipped"
        ? /^hub: org\/small: damaged in what this browser keeps: vocab\.txt \(must have the sha1 [0-9a-f]{40}, has [0-9a-f]{40}\), and local_files_only forbids to fetch it again; caches\.delete\("plainbert"\) deletes it$/
        : /^hub: org\/small: vocab\.txt is not kept by this browser, and local_files_only forbids to fetch it$/,
    );
  });
});

describe("a model of sentence-transformers with a module in a folder of its own", () => {
  const DENSE = join(import.meta.dirname, "../pipelines/reference/sentence/dense");
  const MODULES = ["modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"];
  beforeEach(() => {
    files = { ...files, ...Object.fromEntries(MODULES.map((file) => [file, readFileSync(join(DENSE, file))])) };
  });
  const modules = async (options: HubOptions = {}) => {
    const { folder } = await openModel("org/small", WANTED, { endpoint: ENDPOINT, ...options });
    const { modules, texts } = await readSentenceFolder(folder);
    if (modules instanceof BertError) throw modules;
    return JSON.stringify({ modules, texts: [...texts] });
  };

  test.each(MODULES)("%s is damaged: it is fetched again, and nothing else", async (file) => {
    const before = await modules();
    expect([...asked].sort()).toEqual(Object.keys(files).sort());
    damageIn(hashIn(file), (bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
    await expect(modules({ local_files_only: true })).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining(`damaged in what this browser keeps: ${file} (must have the sha`),
    });
    asked.length = 0;
    expect(await modules()).toEqual(before);
    expect(asked).toEqual([file]);
    expect(await modules({ local_files_only: true })).toEqual(before);
  });

  test("kept by a version that did not ask for modules.json: offline that is said", async () => {
    const withModules = files;
    files = { ...TEXTS, [FILE]: SMALL };
    await modules();
    for (const [key, note] of kept) {
      const text = new TextDecoder().decode(note);
      if (!text.includes('"modules.json"')) continue;
      const { checksum: _, ...old } = JSON.parse(text);
      delete old.files["modules.json"];
      kept.set(key, new TextEncoder().encode(JSON.stringify({ ...old, checksum: checksumOf(old) })));
    }
    await expect(modules({ local_files_only: true })).rejects.toThrow("whether the model has a modules.json");
    files = withModules;
    const before = await modules();
    expect(await modules({ local_files_only: true })).toEqual(before);
  });

  test("force_download fetches each file once", async () => {
    const before = await modules();
    asked.length = 0;
    expect(await modules({ force_download: true })).toEqual(before);
    expect([...asked].sort()).toEqual(Object.keys(files).sort());
  });
});

describe("large weights", () => {
  beforeEach(() => {
    files = { ...TEXTS, [FILE]: LARGE };
  });
  const flipAt = (at: number) => (bytes: Uint8Array) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

  test("with a bit flipped that nothing tells: all that is kept is hashed where that is asked for", async () => {
    const before = await read();
    damageIn(sha256(LARGE), flipAt(5_000_000));
    asked.length = 0;
    expect(await read({}, "org/small", true)).toEqual(before);
    expect(asked).toEqual([FILE]);
  });

  test("that cannot be read offline", async () => {
    await read();
    damageIn(sha256(LARGE), flipAt(0));
    await expect(read({ local_files_only: true })).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(
        /damaged in what this browser keeps: model\.safetensors .*caches\.delete\("plainbert"\) deletes it$/,
      ),
    });
  });

  test("as the hub has them: the reader's error, and nothing is fetched again", async () => {
    files = { ...TEXTS, [FILE]: new Uint8Array(5_000_000).fill(3) };
    await expect(read()).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
    asked.length = 0;
    await expect(read()).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
    expect(asked).toEqual([]);
  });
});

describe("a folder, whose server tells no hash", () => {
  const folder = "https://site.test/models/mine/";

  test("weights that cannot be read are fetched again, once", async () => {
    const before = await read({}, folder);
    damageIn("model.safetensors", (bytes) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
    asked.length = 0;
    await expect(read({ local_files_only: true }, folder)).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(
        /; if what this browser keeps is damaged, caches\.delete\("plainbert"\) deletes it$/,
      ),
    });
    expect(await read({}, folder)).toEqual(before);
    expect(asked.sort()).toEqual(["config.json", FILE, "vocab.txt"].sort());
    asked.length = 0;
    expect(await read({}, folder)).toEqual(before);
    expect(asked).toEqual([]);
  });

  test("and as the server has them: the reader's error", async () => {
    files = { ...TEXTS, [FILE]: new Uint8Array(100).fill(3) };
    await expect(read({}, folder)).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
    await expect(read({}, folder)).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
  });

  test("an index that is none is fetched again", async () => {
    const index = encoder.encode(JSON.stringify({ weight_map: { x: "model-1.safetensors" } }));
    files = { ...TEXTS, "model.safetensors.index.json": index, "model-1.safetensors": SMALL };
    const before = await read({}, folder);
    damageIn("model.safetensors.index.json", (bytes) => bytes.map((byte, i) => (i === 0 ? 0x78 : byte)));
    expect(await read({}, folder)).toEqual(before);
  });
});

describe("force_download", () => {
  test.each(["org/small", "https://site.test/models/mine/"])("%s: each file is fetched again", async (name) => {
    const before = await read({}, name);
    asked.length = 0;
    expect(await read({ force_download: true }, name)).toEqual(before);
    expect(asked.sort()).toEqual(["config.json", FILE, "vocab.txt"].sort());
    asked.length = 0;
    await read({}, name);
    expect(asked).toEqual([]);
  });

  test("a commit, too", async () => {
    await read({ revision: COMMIT });
    asked.length = 0;
    await read({ revision: COMMIT, force_download: true });
    expect(asked).toHaveLength(3);
  });

  test("local_files_only forbids it, and without an answer what is kept is no answer", async () => {
    await read();
    await expect(read({ force_download: true, local_files_only: true })).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: "hub: force_download must be false where local_files_only forbids to ask the hub, got true",
    });
    files = {};
    await expect(read({ force_download: true })).rejects.toMatchObject({ code: "ERR_HUB" });
  });
});

describe("altered 10,000 times, it is a right answer or a BertError", { timeout: 120_000 }, () => {
  test("the list that a hub answers with", () => {
    files = { ...TEXTS, [FILE]: LARGE.slice(0, 2000) };
    const own = Object.fromEntries(Object.keys(files).map((file) => [file, hashIn(file)]));
    const hashes = new Set([...JSON.stringify(listing()).matchAll(/[0-9a-f]{40,64}/g)].map(([hash]) => hash));
    expect(Object.values(own).every((hash) => hashes.has(hash))).toBe(true);
    fc.assert(
      fc.property(alteredJson(listing()), (text) => {
        try {
          const { commit, files } = parseListing(text);
          expect(isCommit(commit)).toBe(true);
          for (const file of files.values()) {
            const { etag, size } = noteOf(file);
            expect(etag).toMatch(/^([0-9a-f]{40}|[0-9a-f]{64})$/);
            expect(Number.isSafeInteger(size) && (size as number) >= 0).toBe(true);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(BertError);
          expect((error as BertError).message.length).toBeLessThan(1000);
        }
      }),
      { numRuns: RUNS },
    );
  });

  /** Alters what is kept under a key, looks at it alone, and now and then opens the model without and with the hub. */
  async function altered(
    key: string,
    arbitrary: fc.Arbitrary<Uint8Array<ArrayBuffer>>,
    look: (store: FileStore) => Promise<void>,
  ): Promise<void> {
    const before = await read();
    const whole = new Map(kept);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(arbitrary, async (bytes) => {
        kept.clear();
        for (const [name, value] of whole) kept.set(name, name === key ? bytes : value);
        await look(await FileStore.open());
        if (run++ % 40 > 0) return;
        try {
          expect(await read({ local_files_only: true })).toEqual(before);
        } catch (error) {
          expect(error).toBeInstanceOf(BertError);
        }
        expect(await read()).toEqual(before);
      }),
      { numRuns: RUNS },
    );
  }
  const textOf = (key: string) => new TextDecoder().decode(kept.get(key));
  const noteKey = `${ENDPOINT}/org/small?plainbert=main`;

  test("what is noted of a model", async () => {
    await read();
    const text = textOf(noteKey);
    const { commit, files } = JSON.parse(text);
    const arbitrary = alteredJson(text).map((text) => encoder.encode(text));
    await altered(noteKey, arbitrary, async (store) => {
      expect([null, { commit, files }]).toContainEqual(await store.note(noteKey, readNote));
    });
  });

  test("what is noted of a file", async () => {
    await read();
    const key = `${ENDPOINT}/org/small?plainbert-file=${hashIn("vocab.txt")}`;
    const arbitrary = alteredJson(textOf(key)).map((text) => encoder.encode(text));
    await altered(key, arbitrary, async (store) => {
      const parts = await store.file(key);
      if (parts) expect(await new Blob(parts).text()).toBe("[PAD]\n[UNK]\n");
    });
  });

  test.each(["config.json", FILE])("a part of %s", async (file) => {
    await read();
    const [key] = keysOf(hashIn(file));
    const place = new HubPlace({ id: "org/small", revision: COMMIT }, ENDPOINT, null, undefined, async () => {});
    const remote = place.file(file, { etag: hashIn(file), size: files[file].length });
    await altered(key, alteredBytes(files[file]), async (store) => {
      const fetching = { store, signal: undefined, force: false, hashesAll: false, whole: new Set<string>() };
      const found = await keptFile(file, remote, {
        ...fetching,
        wait: async () => {},
        progress: new Progress("", undefined),
      });
      if (found?.damage === null) expect(await new Blob(found.parts).bytes()).toEqual(Uint8Array.from(files[file]));
    });
  });
});
