import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { downloadModel } from "../../src/load/loadBert.ts";
import { writeSafetensors } from "../../src/safetensors/safetensorsWriter.ts";
import { gitSha1, sha256 } from "./server.ts";
import { MODEL, Place, WANTED } from "./support.ts";

/** What the cache has is what its name says, or is fetched again. */
const COMMIT = "0123456789".repeat(4);
const FILE = "model.safetensors";
/** More than what is hashed at each start. */
const LARGE: Uint8Array = writeSafetensors([
  ["x", { shape: [1_200_000], data: new Float32Array(1_200_000).fill(0.5) }],
]);
const SMALL: Uint8Array = writeSafetensors([["x", { shape: [3], data: Float32Array.of(1, 2, 3) }]]);

const place = (files: Readonly<Record<string, Uint8Array | string>> = {}) =>
  Place.make({ ...MODEL, [FILE]: LARGE, ...files });
const gets = (here: Place) => [
  ...new Set(here.hub.seen.filter(({ method }) => method === "GET").map(({ file }) => file)),
];
const inSnapshot = (here: Place, file: string) => here.inModel("snapshots", COMMIT, file);

/** Ways in which a file can be damaged. */
const DAMAGES: readonly (readonly [string, (path: string) => void])[] = [
  ["empty", (path) => truncateSync(path)],
  ["cut off", (path) => truncateSync(path, lstatSync(path).size - 1)],
  ["longer", (path) => writeFileSync(path, "x", { flag: "a" })],
  ["with a bit flipped at its beginning", (path) => flip(path, 0)],
  ["with a bit flipped in the middle", (path) => flip(path, lstatSync(path).size >> 1)],
];

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] ^= 1;
  writeFileSync(path, bytes);
}

/** Opens the model and reads its weights. */
async function read(here: Place, options: object = {}) {
  const { folder, release } = await here.open(options);
  const weights = await folder.openWeights();
  await weights.close();
  await release();
  return folder.path;
}

describe.each(DAMAGES)("a blob that is %s", (_, damage) => {
  test.each(["config.json", "vocab.txt", FILE])(
    "%s: the next start fetches it again, and nothing else",
    async (file) => {
      await using here = await place({ [FILE]: SMALL });
      const path = await read(here);
      const before = readFileSync(join(path, file));
      damage(realpathSync(join(path, file)));
      here.hub.seen.length = 0;
      expect(await read(here)).toBe(path);
      expect(readFileSync(join(path, file))).toEqual(before);
      expect(lstatSync(join(path, file)).isSymbolicLink()).toBe(true);
      expect(gets(here)).toEqual([file]);
      here.hub.seen.length = 0;
      await read(here, { local_files_only: true });
      expect(here.hub.seen).toEqual([]);
    },
  );

  test("large weights: downloadModel fetches them again", async () => {
    await using here = await place();
    const { folder } = await here.open();
    damage(realpathSync(join(folder.path, FILE)));
    here.hub.seen.length = 0;
    const { hub, folder: home } = here;
    const path = await downloadModel("org/small", { endpoint: hub.endpoint, cache_dir: join(home, "hub") });
    expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
    expect(gets(here)).toEqual([FILE]);
    here.hub.seen.length = 0;
    await downloadModel("org/small", { endpoint: hub.endpoint, cache_dir: join(home, "hub") });
    expect(gets(here)).toEqual([]);
  });

  test("offline, the sentence says what to delete", async () => {
    await using here = await place({ [FILE]: SMALL });
    const path = await read(here);
    const blob = realpathSync(join(path, "vocab.txt"));
    damage(blob);
    here.hub.seen.length = 0;
    await expect(here.open({ local_files_only: true })).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(
        new RegExp(
          `^hub: org/small: damaged in the cache: vocab\\.txt \\(must have the sha1 ${gitSha1(Buffer.from(MODEL["vocab.txt"]))}, ` +
            `has [0-9a-f]{40}\\); delete ${blob} and fetch it again where local_files_only does not forbid to ask the hub$`,
        ),
      ),
    });
    expect(here.hub.seen).toEqual([]);
    unlinkSync(blob);
    await expect(here.open({ local_files_only: true })).resolves.toBeDefined(); // a vocabulary is no necessary file
  });
});

describe("large weights that cannot be read", () => {
  const broken: typeof DAMAGES = DAMAGES.filter(([name]) => !name.includes("middle"));

  test.each(broken)("%s: they are hashed, and fetched again, once", async (_, damage) => {
    await using here = await place();
    const path = await read(here);
    damage(realpathSync(join(path, FILE)));
    here.hub.seen.length = 0;
    expect(await read(here)).toBe(path);
    expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
    expect(here.hub.seen.filter(({ server, method }) => server === "cdn" && method === "GET")).toHaveLength(1);
  });

  test.each(broken)("%s: of several files the one that is damaged", async (_, damage) => {
    const shard = (name: string) =>
      writeSafetensors([[name, { shape: [1_200_000], data: new Float32Array(1_200_000).fill(0.5) }]]);
    const shards = { "model-1.safetensors": shard("a"), "model-2.safetensors": shard("b") };
    const index = JSON.stringify({ weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" } });
    await using here = await Place.make({ "config.json": "{}", "model.safetensors.index.json": index, ...shards });
    const path = await read(here);
    damage(realpathSync(join(path, "model-2.safetensors")));
    here.hub.seen.length = 0;
    await read(here);
    expect(gets(here)).toEqual(["model-2.safetensors"]);
    expect(sha256(readFileSync(join(path, "model-2.safetensors")))).toBe(sha256(shards["model-2.safetensors"]));
  });

  test.each(broken)("%s: offline, the sentence says what to delete", async (_, damage) => {
    await using here = await place();
    const path = await read(here);
    const blob = realpathSync(join(path, FILE));
    damage(blob);
    here.env.HF_HUB_OFFLINE = "1";
    await expect(read(here)).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining(`; delete ${blob} and fetch it again where HF_HUB_OFFLINE does not forbid`),
    });
  });

  test.each(broken)("%s: without a network too", async (_, damage) => {
    await using here = await place();
    const path = await read(here);
    const blob = realpathSync(join(path, FILE));
    damage(blob);
    here.hub.fault = ({ method, server }) => (method === "GET" || server === "cdn" ? { status: 503 } : undefined);
    await expect(read(here)).rejects.toMatchObject({ code: "ERR_HUB", message: expect.stringContaining("503") });
    here.env.HF_ENDPOINT = "http://127.0.0.1:9";
    await expect(read(here, { revision: COMMIT })).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(
        `^hub: no connection to 127.0.0.1:9: .*; damaged in the cache: ${FILE} .*; delete ${blob} and fetch it again when the hub answers$`,
      ),
    });
  });

  test("as the hub has them: the reader's error, and nothing is fetched again", async () => {
    await using here = await place({ [FILE]: new Uint8Array(5_000_000).fill(3) });
    await expect(read(here)).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
    here.hub.seen.length = 0;
    await expect(read(here)).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
    expect(gets(here)).toEqual([]);
  });
});

describe("a snapshot without links, as on Windows", () => {
  const copies = async (files: Readonly<Record<string, Uint8Array | string>> = {}) => {
    const here = await place(files);
    here.env.HF_HUB_DISABLE_SYMLINKS = "1";
    return here;
  };

  test.each(DAMAGES.filter(([name]) => !name.includes("middle")))("large weights that are %s", async (_, damage) => {
    await using here = await copies();
    const path = await read(here);
    expect(lstatSync(join(path, FILE)).isFile()).toBe(true);
    damage(join(path, FILE));
    here.hub.seen.length = 0;
    await read(here);
    expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
    expect(gets(here)).toEqual([FILE]);

    damage(join(path, FILE));
    await expect(read(here, { local_files_only: true })).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringMatching(
        /; if it is damaged, delete .*model\.safetensors and fetch it again where the hub may be asked$/,
      ),
    });
  });

  test.each(DAMAGES)("downloadModel asks the hub what each must be: %s", async (_, damage) => {
    await using here = await copies();
    const path = await read(here);
    for (const file of ["vocab.txt", FILE]) damage(join(path, file));
    here.hub.seen.length = 0;
    await here.open({}, { ...WANTED, hashed: true });
    expect(gets(here)).toEqual(["vocab.txt", FILE]);
    expect(readFileSync(join(path, "vocab.txt"), "utf8")).toBe(MODEL["vocab.txt"]);
    expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
  });

  test("an index that is none: it is fetched again, and offline it is said", async () => {
    const index = JSON.stringify({ weight_map: { x: "model-1.safetensors" } });
    await using here = await Place.make({
      "config.json": "{}",
      "model.safetensors.index.json": index,
      "model-1.safetensors": SMALL,
    });
    here.env.HF_HUB_DISABLE_SYMLINKS = "1";
    const path = await read(here);
    const file = join(path, "model.safetensors.index.json");
    truncateSync(file, 10);
    await expect(here.open({ local_files_only: true })).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining(`; delete ${file} and fetch it again where local_files_only`),
    });
    await read(here);
    expect(readFileSync(file, "utf8")).toBe(index);
  });
});

describe("the rest of a cache", () => {
  test("a link that leads nowhere: it is fetched again; offline it is missing", async () => {
    await using here = await place();
    const path = await read(here);
    unlinkSync(realpathSync(join(path, FILE)));
    await expect(here.open({ local_files_only: true })).rejects.toThrow(`${FILE} is not in the cache`);
    expect(await read(here)).toBe(path);
    expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
  });

  test("a blob that another commit has too is hashed before a new snapshot gets it", async () => {
    await using here = await place();
    flip(realpathSync(join(await read(here), FILE)), 4_000_000);
    here.hub.add("org/small", { ...MODEL, [FILE]: LARGE, "vocab.txt": "[PAD]\nnew\n" }, "f".repeat(40));
    const path = await read(here);
    expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
  });

  test("a copy where a link could be: it stays, and is replaced by a link when it must be fetched", async () => {
    await using here = await place();
    const path = await read(here);
    const file = join(path, "vocab.txt");
    const blob = realpathSync(file);
    rmSync(file);
    copyFileSync(blob, file);
    await read(here);
    expect(lstatSync(file).isFile()).toBe(true);
    truncateSync(file, 3);
    await here.open({}, { ...WANTED, hashed: true });
    expect(readFileSync(file, "utf8")).toBe(MODEL["vocab.txt"]);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
  });

  test("a folder where a file must be: the temporary folder is used", async () => {
    await using here = await place();
    mkdirSync(inSnapshot(here, "vocab.txt"), { recursive: true });
    const { folder, release } = await here.open();
    expect(await folder.readText("vocab.txt")).toBe(MODEL["vocab.txt"]);
    await release();
  });

  test.each(["", "main", "f".repeat(39), "F".repeat(40), "../../x", `${"0".repeat(40)}${"\n".repeat(200)}x`, "\0"])(
    "refs/main is %j: the hub is asked; offline there is no such revision",
    async (text) => {
      await using here = await place();
      await read(here);
      writeFileSync(here.inModel("refs", "main"), text);
      await expect(here.open({ local_files_only: true })).rejects.toMatchObject({ code: "ERR_HUB" });
      await read(here);
      expect(readFileSync(here.inModel("refs", "main"), "utf8")).toBe(COMMIT);
    },
  );
});

describe("force_download", () => {
  test.each(["links", "copies"])(
    "fetches each file again and puts it in the place of the old one, %s",
    async (kind) => {
      await using here = await place();
      if (kind === "copies") here.env.HF_HUB_DISABLE_SYMLINKS = "1";
      const path = await read(here);
      flip(realpathSync(join(path, FILE)), 4_000_000);
      here.hub.seen.length = 0;
      expect(await read(here, { force_download: true })).toBe(path);
      expect(gets(here)).toEqual(["config.json", "vocab.txt", FILE]);
      expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
      expect(lstatSync(join(path, FILE)).isSymbolicLink()).toBe(kind === "links");
      expect(readdirSync(here.inModel("blobs")).filter((name) => name.includes("incomplete"))).toEqual([]);
      here.hub.seen.length = 0;
      await read(here);
      expect(gets(here)).toEqual([]);
    },
  );

  test("of a commit, too; and what is in the way of an index of the cache does not stop it", async () => {
    const index = JSON.stringify({ weight_map: { x: "model-1.safetensors" } });
    await using here = await Place.make({
      "config.json": "{}",
      "model.safetensors.index.json": index,
      "model-1.safetensors": SMALL,
    });
    const path = await read(here, { revision: COMMIT });
    const file = realpathSync(join(path, "model.safetensors.index.json"));
    truncateSync(file, 10);
    await read(here, { revision: COMMIT, force_download: true });
    expect(readFileSync(file, "utf8")).toBe(index);
  });

  test("a part of an earlier download is not used", async () => {
    await using here = await place();
    mkdirSync(here.inModel("blobs"), { recursive: true });
    writeFileSync(here.inModel("blobs", `${sha256(LARGE)}.free.incomplete`), LARGE.subarray(0, 1000));
    await read(here, { force_download: true });
    const [{ headers }] = here.hub.seen.filter(({ server, method }) => server === "cdn" && method === "GET");
    expect(headers.range).toBeUndefined();
    expect(existsSync(here.inModel("blobs", `${sha256(LARGE)}.free.incomplete`))).toBe(false);
  });

  test.each(["HF_HUB_OFFLINE", "local_files_only"])("%s forbids it", async (how) => {
    await using here = await place();
    await read(here);
    if (how !== "local_files_only") here.env[how] = "1";
    const options = { force_download: true, ...(how === "local_files_only" && { local_files_only: true }) };
    await expect(here.open(options)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: `hub: force_download must be false where ${how} forbids to ask the hub, got true`,
    });
  });

  test("without an answer the cache is no answer", async () => {
    await using here = await place();
    const path = await read(here);
    here.hub.fault = () => ({ status: 503 });
    await expect(here.open({ force_download: true })).rejects.toMatchObject({ code: "ERR_HUB" });
    expect(sha256(readFileSync(join(path, FILE)))).toBe(sha256(LARGE));
  });

  test.each([1, "true", null])("%j is neither true nor false", async (force_download) => {
    await using here = await place();
    await expect(here.open({ force_download: force_download as never })).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringMatching(/^hub: force_download must be true or false, got /),
    });
  });
});
