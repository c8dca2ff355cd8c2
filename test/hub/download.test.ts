import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Fault, Seen } from "./server.ts";
import { gitSha1, sha256 } from "./server.ts";
import { MODEL, noise, Place, WEIGHTS } from "./support.ts";

const BLOB = sha256(WEIGHTS);
const FILE = "model.safetensors";

/** The weights' requests that carry bytes: the range that was asked for of the hub and of the other server. */
const ranges = (here: Place, server: Seen["server"]) =>
  here.hub.seen
    .filter((seen) => seen.server === server && seen.method === "GET" && seen.file === FILE)
    .map(({ headers }) => headers.range ?? "all");

/** Lets the n-th request for the weights' bytes go wrong; with Infinity all of them. */
function weightsFault(here: Place, faults: Fault | readonly Fault[], server: Seen["server"] = "cdn"): void {
  let count = 0;
  here.hub.fault = (seen) => {
    if (seen.server !== server || seen.method !== "GET" || seen.file !== FILE) return undefined;
    return Array.isArray(faults) ? faults[count++] : (faults as Fault);
  };
}

function expectWhole(here: Place, folder: string): void {
  expect(sha256(readFileSync(join(folder, FILE)))).toBe(BLOB);
  expect(readdirSync(here.inModel("blobs")).filter((name) => name.endsWith(".incomplete"))).toEqual([]);
  expect(readdirSync(here.at(".locks", "models--org--small"))).toEqual([]);
}

function leaveIncomplete(here: Place, data: Uint8Array): void {
  const path = here.inModel("blobs", `${BLOB}.free.incomplete`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
}

describe("a connection that breaks", () => {
  test("goes on where it stopped, as often as something arrives in between", async () => {
    await using here = await Place.make();
    const drops = Array.from({ length: 9 }, () => ({ dropAfter: 30_000 }));
    weightsFault(here, drops);
    const { folder } = await here.open();
    expectWhole(here, folder.path);
    expect(ranges(here, "cdn")).toEqual(["all", ...Array.from({ length: 9 }, (_, i) => `bytes=${30_000 * (i + 1)}-`)]);
    expect(here.waits).toEqual(Array(9).fill(1000));
  });

  test("without any progress it is over after five more attempts, with growing waits", async () => {
    await using here = await Place.make();
    weightsFault(here, { dropAfter: 0 });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(/^hub: org\/small: model\.safetensors: the connection broke after 0 bytes/),
    });
    expect(here.waits).toEqual([1000, 2000, 4000, 8000, 8000]);
  });

  test("a server that begins anew each time does not make it endless", async () => {
    await using here = await Place.make();
    weightsFault(here, { dropAfter: 30_000, ignoreRange: true });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(/the connection broke after \d+ bytes/),
    });
    expect(here.waits).toEqual([1000, 2000, 4000, 8000, 8000]);
  });

  test("a server that gives no parts sends it whole", async () => {
    await using here = await Place.make();
    weightsFault(here, [{ dropAfter: 40_000 }, { ignoreRange: true }]);
    expectWhole(here, (await here.open()).folder.path);
    expect(ranges(here, "cdn")).toEqual(["all", "bytes=40000-"]);
  });

  test("a server that says nothing for too long is asked again", async () => {
    await using here = await Place.make();
    here.env.HF_HUB_DOWNLOAD_TIMEOUT = "1";
    weightsFault(here, [{ hang: true }]);
    expectWhole(here, (await here.open()).folder.path);
    expect(here.waits).toEqual([1000]);
  });
});

describe("a body that is not what was announced", () => {
  test("too short, as far as HTTP can tell complete: the rest is asked for", async () => {
    await using here = await Place.make();
    weightsFault(here, [{ shorten: 1000 }]);
    expectWhole(here, (await here.open()).folder.path);
    expect(ranges(here, "cdn")).toEqual(["all", `bytes=${WEIGHTS.length - 1000}-`]);
  });

  test("always too short", async () => {
    await using here = await Place.make();
    weightsFault(here, { content: WEIGHTS.subarray(0, 1000), ignoreRange: true });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: "hub: org/small: model.safetensors: the answer ended after 1000 of 300000 bytes",
    });
  });

  test.each([
    [
      "other content",
      Uint8Array.from(WEIGHTS, (byte) => byte ^ 1),
      /must have the sha256 [0-9a-f]{64}, has [0-9a-f]{64}/,
    ],
    ["more content", noise(WEIGHTS.length + 50_000), /must have 300000 bytes, has 3\d{5}/],
  ])("%s: once it is downloaded anew, twice it is an error and nothing stays", async (_, content, message) => {
    await using here = await Place.make();
    weightsFault(here, [{ content }]);
    expectWhole(here, (await here.open()).folder.path);

    await using there = await Place.make();
    weightsFault(there, { content });
    await expect(there.open()).rejects.toMatchObject({ code: "ERR_HUB", message: expect.stringMatching(message) });
    expect(readdirSync(there.inModel("blobs")).filter((name) => name.startsWith(BLOB))).toEqual([]);
  });

  test("other content of a small file, whose hash is git's", async () => {
    await using here = await Place.make();
    here.hub.fault = ({ method, file }) =>
      method === "GET" && file === "vocab.txt" ? { content: noise(12) } : undefined;
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining(
        `vocab.txt: must have the sha1 ${gitSha1(Buffer.from(MODEL["vocab.txt"]))}, has`,
      ),
    });
  });

  test("an answer that is none of a hub", async () => {
    await using here = await Place.make();
    here.hub.fault = () => ({ headers: { "x-repo-commit": "main" } });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(
        /config\.json: the answer of http:.* must have the headers X-Repo-Commit and ETag/,
      ),
    });
    here.hub.fault = () => ({ headers: { etag: '"../../../escaped"' } });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(/must have the headers/),
    });
  });
});

describe("what was there before", () => {
  test.each([
    ["a part", WEIGHTS.subarray(0, 123_456), ["bytes=123456-"]],
    ["all of it", WEIGHTS, []],
    ["a part that is damaged", noise(1).fill(7, 0, 1), ["bytes=1-", "all"]],
    ["all of it, damaged", Uint8Array.from(WEIGHTS, () => 0), ["all"]],
    ["too much", noise(WEIGHTS.length + 1), ["all"]],
    ["nothing", new Uint8Array(0), ["all"]],
  ])("%s", async (_, before, expected) => {
    await using here = await Place.make();
    leaveIncomplete(here, before);
    expectWhole(here, (await here.open()).folder.path);
    expect(ranges(here, "cdn")).toEqual(expected);
  });

  test("If-Range goes to the hub, whose tag it is, and not to the other server", async () => {
    const small = noise(9_000); // the hub sends it itself
    await using here = await Place.make({ ...MODEL, [FILE]: small });
    const path = here.inModel("blobs", `${gitSha1(small)}.free.incomplete`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, small.subarray(0, 4_000));
    const { folder } = await here.open();
    expect(readFileSync(join(folder.path, FILE))).toEqual(Buffer.from(small));
    const [request] = here.hub.seen.filter(({ method, file }) => method === "GET" && file === FILE);
    expect(request.headers).toMatchObject({ range: "bytes=4000-", "if-range": `"${gitSha1(small)}"` });

    await using there = await Place.make();
    leaveIncomplete(there, WEIGHTS.subarray(0, 5));
    await there.open();
    const asked = there.hub.seen.filter(({ method, file }) => method === "GET" && file === FILE);
    expect(asked.map(({ server, headers }) => [server, headers["if-range"]])).toEqual([
      ["hub", `"${BLOB}"`],
      ["cdn", undefined],
    ]);
  });

  test("416: what is there cannot be continued", async () => {
    await using here = await Place.make();
    leaveIncomplete(here, WEIGHTS.subarray(0, 500));
    weightsFault(here, [{ status: 416 }]);
    expectWhole(here, (await here.open()).folder.path);
    expect(ranges(here, "cdn")).toEqual(["bytes=500-", "all"]);
  });

  test("another part than was asked for", async () => {
    await using here = await Place.make();
    leaveIncomplete(here, WEIGHTS.subarray(0, 500));
    weightsFault(here, [{ headers: { "content-range": `bytes 400-299999/300000` } }]);
    expectWhole(here, (await here.open()).folder.path);
    expect(ranges(here, "cdn")).toEqual(["bytes=500-", "all"]);
  });

  test("a blob of the wrong size, as a crash of the system leaves one, is fetched again", async () => {
    await using here = await Place.make();
    mkdirSync(here.inModel("blobs"), { recursive: true });
    writeFileSync(here.inModel("blobs", BLOB), WEIGHTS.subarray(0, 10));
    expectWhole(here, (await here.open()).folder.path);
  });
});

describe("statuses", () => {
  const sentence = (text: RegExp | string) => ({
    name: "BertError",
    code: "ERR_HUB",
    message: typeof text === "string" ? expect.stringContaining(text) : expect.stringMatching(text),
  });

  test.each([
    [
      401,
      "",
      /config\.json: 401.*neither a folder org\/small here nor a model org\/small on http.*needs a token.*HF_TOKEN/,
    ],
    [403, "GatedRepo", /config\.json: 403.*access must be asked for on http:.*\/org\/small; give a token/],
    [403, "", /403.*access must be asked for/],
    [404, "RepoNotFound", /config\.json: 404.*neither a folder org\/small here nor a model org\/small/],
    [404, "RevisionNotFound", /config\.json: 404.*org\/small has no revision main/],
    [400, "", /config\.json: 400: is no answer that this library understands/],
  ])("%i %s is final", async (status, code, message) => {
    await using here = await Place.make();
    here.hub.fault = () => ({ status, headers: { "x-error-code": code } });
    await expect(here.open()).rejects.toMatchObject(sentence(message));
    expect(here.hub.seen).toHaveLength(1);
    expect(here.waits).toEqual([]);
  });

  test("with a token the advice is another", async () => {
    await using here = await Place.make();
    here.hub.fault = () => ({ status: 401, headers: { "x-error-code": "RepoNotFound" } });
    await expect(here.open({ token: "hf_secret" })).rejects.toMatchObject(sentence("the token is not valid"));
    const shown = await here
      .open({ token: "hf_secret" })
      .catch((error) => JSON.stringify([error.message, error.stack]));
    expect(shown).not.toContain("hf_secret");
  });

  test.each([408, 429, 500, 502, 503, 504])("%i: again, and then it is right", async (status) => {
    await using here = await Place.make();
    let count = 0;
    here.hub.fault = () => (count++ < 2 ? { status } : undefined);
    expectWhole(here, (await here.open()).folder.path);
    expect(here.waits).toEqual([1000, 2000]);
  });

  test("a server that says when to come again is believed", async () => {
    await using here = await Place.make();
    weightsFault(here, [
      { status: 429, headers: { "retry-after": "7" } },
      { status: 503, headers: { "retry-after": new Date(Date.now() + 30_500).toUTCString() } },
    ]);
    expectWhole(here, (await here.open()).folder.path);
    expect(here.waits[0]).toBe(7000);
    expect(here.waits[1]).toBeGreaterThan(20_000);
    expect(here.waits[1]).toBeLessThanOrEqual(30_500);
  });

  test("but not waited for longer than a minute", async () => {
    await using here = await Place.make();
    here.hub.fault = () => ({ status: 429, headers: { "retry-after": "3600" } });
    await expect(here.open()).rejects.toMatchObject(sentence("429: too many requests; try again in 3600 seconds"));
    expect(here.waits).toEqual([]);
  });
});

describe("redirects and the token", () => {
  test("the token goes to the hub, and never to another server", async () => {
    await using here = await Place.make();
    here.hub.token = "hf_secret";
    expectWhole(here, (await here.open({ token: "hf_secret" })).folder.path);
    const by = (server: Seen["server"]) => here.hub.seen.filter((seen) => seen.server === server);
    expect(new Set(by("hub").map(({ headers }) => headers.authorization))).toEqual(new Set(["Bearer hf_secret"]));
    expect(by("cdn").map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test("nor from there back", async () => {
    await using here = await Place.make();
    weightsFault(here, [
      { status: 302, headers: { location: `${here.hub.endpoint}/org/small/resolve/main/config.json` } },
    ]);
    await here.open({ token: "hf_secret" }).catch(() => {});
    const last = here.hub.seen.findLast(({ method, file }) => method === "GET" && file === "config.json");
    expect(last?.headers.authorization).toBeUndefined();
  });

  test("a model that was renamed", async () => {
    await using here = await Place.make();
    here.hub.add("new/name", MODEL);
    let renamed = 0;
    here.hub.fault = ({ server, file, revision }) => {
      if (server !== "hub" || renamed > 0) return undefined;
      renamed++;
      return { status: 307, headers: { location: `/new/name/resolve/${revision}/${file}` } };
    };
    expectWhole(here, (await here.open({ token: "t" })).folder.path);
    expect(here.hub.seen[1].headers.authorization).toBe("Bearer t");
  });

  test("no end of redirects", async () => {
    await using here = await Place.make();
    here.hub.fault = () => ({ status: 307, headers: { location: "/org/small/resolve/main/config.json" } });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(/redirects more than 10 times/),
    });
  });

  test("a redirect to what is no address of the web", async () => {
    await using here = await Place.make();
    here.hub.fault = () => ({ status: 302, headers: { location: "file:///etc/passwd" } });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(/redirects to file:.*no http or https/),
    });
  });
});

describe("signal", () => {
  test("stops a download, and what has arrived is resumed", async () => {
    await using here = await Place.make();
    weightsFault(here, [{ slow: 10 }]);
    const reason = new Error("enough");
    const controller = new AbortController();
    const opening = here.open({
      signal: controller.signal,
      progress_callback: (info) => {
        if (info.status === "progress" && info.file === FILE && info.loaded > 50_000) controller.abort(reason);
      },
    });
    await expect(opening).rejects.toBe(reason);
    const part = readFileSync(here.inModel("blobs", `${BLOB}.free.incomplete`));
    expect(part.length).toBeGreaterThan(50_000);
    expect(part.length).toBeLessThan(WEIGHTS.length);
    expectWhole(here, (await here.open()).folder.path);
    expect(ranges(here, "cdn")[1]).toBe(`bytes=${part.length}-`);
  });

  test("stops before anything is asked, and while it waits", async () => {
    await using here = await Place.make();
    await expect(here.open({ signal: AbortSignal.abort("no") })).rejects.toBe("no");
    expect(here.hub.seen).toEqual([]);
    here.hub.fault = () => ({ hang: true });
    await expect(here.open({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: "TimeoutError" });
  });
});
