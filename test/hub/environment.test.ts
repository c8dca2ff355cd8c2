import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { hubSettings, isTrue } from "../../src/hub/environment.ts";
import { Place } from "./support.ts";

describe("the cache's folder", () => {
  test.each([
    [{}, undefined, join(homedir(), ".cache", "huggingface", "hub")],
    [{ HOME: "/h" }, undefined, "/h/.cache/huggingface/hub"],
    [{ HOME: "/h", XDG_CACHE_HOME: "/x" }, undefined, "/x/huggingface/hub"],
    [{ XDG_CACHE_HOME: "/x", HF_HOME: "/hf" }, undefined, "/hf/hub"],
    [{ HF_HOME: "/hf", HUGGINGFACE_HUB_CACHE: "/old" }, undefined, "/old"],
    [{ HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" }, undefined, "/new"],
    [{ HF_HUB_CACHE: "/new" }, "/option", "/option"],
    [{ HOME: "/h", HF_HOME: "~/hf" }, undefined, "/h/hf/hub"],
    [{ HOME: "/h", A: "a", HF_HUB_CACHE: ["$HOME/$", "{A}/$NONE"].join("") }, undefined, "/h/a/$NONE"],
    [{ HOME: "/h" }, "~/c", "/h/c"],
    [{}, "relative", resolve("relative")],
    [{ HF_HUB_CACHE: "" }, undefined, join(homedir(), ".cache", "huggingface", "hub")],
  ])("%j and cache_dir %j", async (env, cache_dir, expected) => {
    const { cacheDir } = await hubSettings(cache_dir === undefined ? {} : { cache_dir }, env);
    expect(cacheDir).toBe(resolve(expected));
  });

  test.each(["", 5])("%j is no folder", async (cache_dir) => {
    await expect(hubSettings({ cache_dir: cache_dir as string }, {})).rejects.toMatchObject({ code: "ERR_INPUT" });
  });
});

describe("the token", () => {
  test("option, variables, file", async () => {
    await using here = await Place.make();
    const HF_HOME = here.folder;
    const of = async (env: Record<string, string>, token?: string | false) =>
      (await hubSettings(token === undefined ? {} : { token }, { HF_HOME, ...env })).token;
    expect(await of({})).toBeNull();
    writeFileSync(join(HF_HOME, "token"), "hf_file\n");
    expect(await of({})).toBe("hf_file");
    mkdirSync(join(HF_HOME, "other"));
    writeFileSync(join(HF_HOME, "other", "t"), "hf_other");
    expect(await of({ HF_TOKEN_PATH: "$HF_HOME/other/t" })).toBe("hf_other");
    expect(await of({ HUGGING_FACE_HUB_TOKEN: "hf_legacy" })).toBe("hf_legacy");
    expect(await of({ HUGGING_FACE_HUB_TOKEN: "hf_legacy", HF_TOKEN: " hf_variable\n" })).toBe("hf_variable");
    expect(await of({ HF_TOKEN: "hf_variable" }, "hf_option")).toBe("hf_option");
    expect(await of({ HF_TOKEN: "hf_variable" }, false)).toBeNull();
    expect(await of({ HF_TOKEN: "hf_variable", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeNull();
    expect(await of({ HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }, "hf_option")).toBe("hf_option");
  });

  test.each(["", "a b", "a\r\nx-evil: 1", "ü", 5])("%j is none, and the message does not show it", async (token) => {
    await expect(hubSettings({ token: token as string }, {})).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: "hub: token must be a token of printable ASCII characters, got something else",
    });
  });
});

test.each([
  [undefined, false],
  ["", false],
  ["0", false],
  ["false", false],
  ["2", false],
  ["1", true],
  ["on", true],
  ["Yes", true],
  ["TRUE", true],
])("the switch %j is %j", (text, expected) => {
  expect(isTrue(text)).toBe(expected);
});

test("the hub's address and the times", async () => {
  expect(await hubSettings({ token: false }, {})).toMatchObject({
    endpoint: "https://huggingface.co",
    offline: null,
    symlinks: true,
    etagTimeout: 10_000,
    downloadTimeout: 10_000,
  });
  const env = { HF_ENDPOINT: "http://mirror/x//", HF_HUB_ETAG_TIMEOUT: "3", HF_HUB_DOWNLOAD_TIMEOUT: "60" };
  expect(await hubSettings({}, env)).toMatchObject({
    endpoint: "http://mirror/x",
    etagTimeout: 3_000,
    downloadTimeout: 60_000,
  });
  expect(await hubSettings({ endpoint: "https://other/" }, env)).toMatchObject({ endpoint: "https://other" });
  await expect(hubSettings({ endpoint: "other" }, {})).rejects.toMatchObject({
    code: "ERR_INPUT",
    message: "hub: endpoint must be an http or https address without a name and a password",
  });
  for (const bad of [
    { HF_ENDPOINT: "mirror" },
    { HF_ENDPOINT: "ftp://x" },
    { HF_ENDPOINT: "http://me:secret@x" },
    { HF_HUB_ETAG_TIMEOUT: "0" },
    { HF_HUB_ETAG_TIMEOUT: "1.5" },
  ]) {
    await expect(hubSettings({}, bad)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringContaining(Object.keys(bad)[0]),
    });
  }
  await expect(hubSettings({ local_files_only: "yes" as never }, {})).rejects.toMatchObject({ code: "ERR_INPUT" });
});
