import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type Mark, parseMark } from "../../src/cli/mark.ts";
import { PartialFile } from "../../src/cli/partialFile.ts";
import { parseSealedJson, sealedJson } from "../../src/disk/sealedJson.ts";
import { BertError } from "../../src/errors.ts";
import { mutatedText, mutatedValue, outcome, randomNumbers } from "../support/mutations.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-mark-"));
afterAll(() => rm(root, { recursive: true }));

const MARK: Mark = { work: '["jsonl",["embed",{"pooling":"mean"},"0123"]]', lines: 12, sha256: "ab".repeat(32), bytes: 3456, answers: "cd".repeat(32) }; // biome-ignore format: one line
const TEXT = sealedJson({ ...MARK });

test("a checksum: not a byte of the text can change", () => {
  expect(
    parseSealedJson(sealedJson({ a: "0".repeat(64) }), "f", "ERR_FILE")
      .get("a")
      .asString(),
  ).toBe("0".repeat(64));
  for (let i = 0; i < TEXT.length; i++) {
    for (const c of ["0", "1", " ", ""]) {
      const changed = TEXT.slice(0, i) + c + TEXT.slice(i + 1);
      if (changed !== TEXT)
        expect(
          outcome(() => parseMark(changed, "f")),
          changed,
        ).toBeInstanceOf(BertError);
    }
  }
});

test("10,000 changed marks: each is refused, unless it came out as it was", () => {
  const random = randomNumbers(1);
  let same = 0;
  for (let i = 0; i < 10_000; i++) {
    const text = mutatedText(TEXT, random);
    const read = outcome(() => parseMark(text, "out.csv.partial.json"));
    if (text === TEXT) same++;
    if (text === TEXT) expect(read).toStrictEqual(MARK);
    else {
      expect(read, text).toMatchObject({ code: "ERR_INPUT", message: expect.stringMatching(/^out\.csv\.partial\.json: .*; --restart begins anew$/s) }); // biome-ignore format: one line
    }
  }
  expect(same).toBeLessThan(500);
});

test("10,000 marks of other values with a checksum of their own: of the right types, or refused", () => {
  const random = randomNumbers(2);
  for (let i = 0; i < 10_000; i++) {
    const value = mutatedValue({ ...MARK }, random);
    if (typeof value !== "object" || value === null) continue;
    const read = outcome(() => parseMark(sealedJson(value as Record<string, unknown>), "f"));
    if (read instanceof BertError) expect(read.code).toBe("ERR_INPUT");
    else {
      const types = Object.values(read).map((field) => typeof field);
      expect(types).toEqual(["string", "number", "string", "number", "string"]);
    }
  }
});

/** Answers 30 lines, or the first `count` of them and stops; a head of four bytes has the number of lines at the end. */
const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
const whole = `head${lines.map((line) => `answer to ${line}\n`).join("")}`.replace("head", "0030");
async function write(path: string, count: number): Promise<void> {
  const file = await PartialFile.open(path, false);
  try {
    await file.begin("work", new TextEncoder().encode("head"));
    for (const [i, line] of lines.slice(0, count).entries()) {
      if (i < file.linesBefore) file.skip(line);
      else await file.write(line, new TextEncoder().encode(`answer to ${line}\n`));
    }
    if (count < lines.length) return;
    await file.finish(new TextEncoder().encode("0030"));
  } finally {
    await file.stop();
  }
}

test("200 changed marks beside a file: the bytes of an unbroken run, or nothing is touched", async () => {
  const random = randomNumbers(3);
  const cut = join(root, "cut");
  await mkdir(cut);
  await write(join(cut, "out"), 12);
  const mark = await readFile(join(cut, "out.partial.json"), "utf8");
  expect(parseMark(mark, "")).toMatchObject({ lines: 12 });
  for (let i = 0; i < 200; i++) {
    const folder = join(root, String(i));
    await mkdir(folder);
    const path = join(folder, "out");
    await copyFile(join(cut, "out.partial"), `${path}.partial`);
    const text = mutatedText(mark, random);
    await writeFile(`${path}.partial.json`, text);
    const error = await write(path, lines.length).then(
      () => null,
      (reason) => reason,
    );
    if (error === null) {
      expect(await readFile(path, "utf8")).toBe(whole);
      expect(await readdir(folder)).toEqual(["out"]);
    } else {
      expect(error).toBeInstanceOf(BertError);
      expect(await readFile(`${path}.partial.json`, "utf8")).toBe(text);
      expect(await readFile(`${path}.partial`)).toEqual(await readFile(join(cut, "out.partial")));
    }
  }
});

test("a bit of FILE.partial that was flipped: refused and nothing is touched; in the head, which is written anew, it is mended", async () => {
  const path = join(root, "flipped");
  await write(path, 7);
  await write(path, 12); // the hash goes on in the second run
  const mark = await readFile(`${path}.partial.json`);
  const bytes = await readFile(`${path}.partial`);
  expect(bytes.length).toBeGreaterThan(200);
  for (let i = 4; i < bytes.length; i++) {
    const flipped = Uint8Array.from(bytes);
    flipped[i] ^= 1 << (i % 8);
    await writeFile(`${path}.partial`, flipped);
    await expect(write(path, 30)).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: `${path}.partial is damaged or was changed: its checksum is not that of its mark; --restart begins anew`,
    });
    expect(await readFile(`${path}.partial`)).toEqual(Buffer.from(flipped));
    expect(await readFile(`${path}.partial.json`)).toEqual(mark);
  }
  await writeFile(`${path}.partial`, `0030${bytes.subarray(4)}and a line that was not fini`);
  await write(path, 20);
  await write(path, 30);
  expect(await readFile(path, "utf8")).toBe(whole);
});
