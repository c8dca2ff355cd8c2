import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sha256 } from "./server.ts";
import { listing, Place, restore } from "./support.ts";

/** The model that reference/make_reference.py has downloaded with Python's huggingface_hub. */
const FILES: Record<string, Uint8Array> = {
  "config.json": new TextEncoder().encode('{"model_type": "bert"}\n'),
  "vocab.txt": new TextEncoder().encode(Array.from({ length: 2000 }, (_, i) => `token${i}\n`).join("")),
  "model.safetensors": Uint8Array.from({ length: 256 * 400 }, (_, i) => i & 255),
  "onnx/model.onnx": new TextEncoder().encode("a file in a folder"),
};
const WANTED = {
  config: ["config.json"],
  optional: ["vocab.txt", "onnx/model.onnx", "tokenizer.json", "added_tokens.json"],
  weights: true,
};
const reference = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "reference", name), "utf8"));
const python: { commit: string; symlinks: Record<string, string>; copies: Record<string, string> } =
  reference("listing.json");

async function place(kind: "symlinks" | "copies"): Promise<Place> {
  const made = await Place.make();
  made.hub.add("org/small", FILES, python.commit);
  if (kind === "copies") made.env.HF_HUB_DISABLE_SYMLINKS = "1";
  return made;
}

/** Without what differs: Python's locks are files that stay, ours are gone; the text of CACHEDIR.TAG is its author's. */
function compared(paths: Record<string, string>): Record<string, string> {
  const kept = Object.entries(paths).filter(([path]) => !path.endsWith(".lock"));
  return Object.fromEntries(kept.map(([path, is]) => [path, path === "CACHEDIR.TAG" ? "a tag" : is]));
}

describe.each(["symlinks", "copies"] as const)("with %s", (kind) => {
  test("the cache is the one that Python makes, path for path and byte for byte", async () => {
    await using here = await place(kind);
    await here.open({}, WANTED);
    await here.open({ revision: "refs/pr/1" }, WANTED);
    expect(compared(listing(here.at()))).toEqual(compared(python[kind]));
    expect(readFileSync(here.at("CACHEDIR.TAG"), "utf8")).toMatch(/^Signature: 8a477f597d28d172789f06886806bc55\n/);
  });

  test("what Python has downloaded is found without the hub", async () => {
    await using here = await place(kind);
    restore(here.at(), { commit: python.commit, symlinks: python[kind] }, Object.values(FILES));
    const { folder } = await here.open({ local_files_only: true }, WANTED);
    for (const [name, data] of Object.entries(FILES))
      expect(sha256(readFileSync(join(folder.path, name)))).toBe(sha256(data));
    expect(here.hub.seen).toEqual([]);
    // With the hub, one question: where the branch stands. Nothing is asked again that Python found missing.
    await here.open({}, WANTED);
    expect(here.hub.log()).toEqual(["hub HEAD config.json"]);
    await here.open({ revision: python.commit }, WANTED);
    expect(here.hub.log()).toHaveLength(1);
  });
});

test("Python finds what this library has downloaded", async () => {
  const found: { files: Record<string, string>; scan_cache_dir: object } = reference("found.json");
  // It was looking for each file at each revision, and scanned the whole.
  expect(Object.keys(found.files)).toHaveLength(3 * 7);
  expect(found.scan_cache_dir).toMatchObject({ warnings: [], refs: ["main", "refs/pr/1"], files: 4 });
  await using here = await place("symlinks");
  await here.open({}, WANTED);
  await here.open({ revision: "refs/pr/1" }, WANTED);
  const ours = listing(here.at());
  for (const [asked, path] of Object.entries(found.files)) {
    const name = asked.split(" ")[1];
    const missing = `models--org--small/.no_exist/${python.commit}/${name}`;
    expect(ours).toHaveProperty([path === "known not to exist" ? missing : path]);
  }
});
