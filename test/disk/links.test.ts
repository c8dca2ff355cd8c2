import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { throughLinks, writeFileAtomically } from "../../src/disk/files.ts";
import { writeFolder } from "../../src/disk/folders.ts";
import { withOutput, withOutputFolder } from "../../src/disk/outputLock.ts";
import { buildIndex, loadBert, pipeline, saveBert } from "../../src/index.ts";
import { saveSafetensors } from "../../src/load/weightFiles.ts";
import { head, plainbert, TINY } from "../cli/run.ts";
import { temporaryFolder } from "../support/tinyModel.ts";

const bytes = (text: string) => [new TextEncoder().encode(text)];
const plain = { backend: "plain" } as const;

/** A folder with `real/`, and `link`, a link to a name in it. */
function folderWithLink(target: string) {
  const folder = temporaryFolder();
  const at = (...names: string[]) => join(folder.path, ...names);
  mkdirSync(at("real"));
  symlinkSync(`real/${target}`, at("link"));
  const isLink = () => lstatSync(at("link")).isSymbolicLink();
  return { at, isLink, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

describe("what is written under a link goes to its target, and the link stays", () => {
  test("a file, there or not", async () => {
    using link = folderWithLink("a");
    for (const text of ["new", "newer"]) {
      await writeFileAtomically(link.at("link"), bytes(text));
      expect([link.isLink(), readFileSync(link.at("real", "a"), "utf8")]).toEqual([true, text]);
    }
    expect(readdirSync(link.at("real"))).toEqual(["a"]);
    await saveSafetensors(link.at("link"), [["x", { shape: [1], data: new Float32Array(1) }]]);
    expect([link.isLink(), readFileSync(link.at("real", "a")).length]).toEqual([true, 8 + 56 + 4]);
  });

  test("through several links, of which one names its folder by `..`", async () => {
    using link = folderWithLink("sub/first");
    mkdirSync(link.at("far", "sub"), { recursive: true });
    symlinkSync(link.at("far", "sub"), link.at("real", "sub"));
    symlinkSync("../second", link.at("far", "sub", "first"));
    expect(await throughLinks(link.at("link"))).toBe(await throughLinks(link.at("far", "second")));
    await writeFileAtomically(link.at("link"), bytes("new"));
    expect(readFileSync(link.at("far", "second"), "utf8")).toBe("new");
  });

  test("links in a circle are an error", async () => {
    using link = folderWithLink("a");
    symlinkSync("../link", link.at("real", "a"));
    await expect(writeFileAtomically(link.at("link"), bytes("x"))).rejects.toMatchObject({
      code: "ERR_FILE",
      message: expect.stringContaining("links that lead in a circle"),
    });
  });

  test("a folder, there or not, with a slash behind it", async () => {
    using link = folderWithLink("model");
    const fill = (text: string) => async (folder: string) => writeFileSync(join(folder, "config.json"), text);
    await writeFolder(link.at("link"), fill("1"));
    await writeFolder(`${link.at("link")}/`, fill("2"), true);
    expect([link.isLink(), readFileSync(link.at("real", "model", "config.json"), "utf8")]).toEqual([true, "2"]);
    expect(readdirSync(link.at("real"))).toEqual(["model"]);
  });

  test("the folder of a run", async () => {
    using link = folderWithLink("run");
    await withOutputFolder(link.at("link"), async () => writeFileSync(link.at("link", "log.jsonl"), "1"));
    expect([link.isLink(), readdirSync(link.at("real", "run"))]).toEqual([true, ["log.jsonl"]]);
  });

  test("who writes the target holds it against who writes through the link", async () => {
    using link = folderWithLink("a");
    const through = () => withOutput(link.at("link"), {}, async () => {});
    const held = withOutput(link.at("real", "a"), {}, through);
    await expect(held).rejects.toThrow(`${link.at("link")}: is being written by this process`);
    await through();
  });

  test("saveBert and index.save", async () => {
    using model = folderWithLink("model");
    await using bert = await loadBert(head("mlm"), plain);
    await saveBert(bert, model.at("link"));
    expect([model.isLink(), readdirSync(model.at("real", "model")).includes("config.json")]).toEqual([true, true]);
    using file = folderWithLink("index.safetensors");
    const index = await buildIndex(await pipeline("embeddings", bert), ["the door"]);
    await index.save(file.at("link"));
    expect([file.isLink(), readdirSync(file.at("real"))]).toEqual([true, ["index.safetensors"]]);
  });

  test("--output of a command, which goes on where an earlier run has stopped beside the target", async () => {
    using link = folderWithLink("a.jsonl");
    symlinkSync("real/a.jsonl", link.at("b.jsonl"));
    const args = ["embed", ...TINY, "--no-truncation", "--output", link.at("b.jsonl")];
    const stopped = await plainbert(args, { input: `the door\n${"the ".repeat(100)}\n` });
    expect(stopped.stderr).toContain(`1 line is done, in ${link.at("real", "a.jsonl.partial")}`);
    const { code } = await plainbert([...args, "--restart"], { input: "the door\n" });
    expect([code, lstatSync(link.at("b.jsonl")).isSymbolicLink()]).toEqual([0, true]);
    expect(readdirSync(link.at("real"))).toEqual(["a.jsonl"]);
    expect(readFileSync(link.at("real", "a.jsonl"), "utf8")).toMatch(/^\[.*\]\n$/);
  });
});

test.each([171, 215, 240])("an output whose name has %d bytes is written, or said to be too long", async (length) => {
  using folder = temporaryFolder();
  const output = join(folder.path, "n".repeat(length));
  const written = withOutput(output, {}, () => writeFileAtomically(output, bytes("x")));
  if (length < 200) await written;
  if (length < 200) return;
  await expect(written).rejects.toThrow(
    `write: ${output}: the name is too long, as files beside it have longer ones: 170 bytes always fit`,
  );
});
