import { spawn } from "node:child_process";
import { copyFile, cp, link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { csv } from "../../src/cli/format.ts";
import { pipeline } from "../../src/pipelines/index.ts";
import { readSafetensors } from "../../src/safetensors/index.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { finished, head, MAIN, plainbert, shell, TINY } from "./run.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-output-"));
afterAll(() => rm(root, { recursive: true }));

/** A folder for each test. */
let cwd = "";
let count = 0;
beforeEach(async () => {
  cwd = join(root, String(count++));
  await mkdir(cwd);
});

const read = (name: string) => readFile(join(cwd, name), "utf8");
const run = ([command, ...args]: readonly string[], input = "") =>
  plainbert([command, ...TINY, ...args], { cwd, input });
const PLAIN = { backend: "plain" } as const;
const H = 24;

const TEXTS = Array.from({ length: 60 }, (_, i) => (i % 7 === 3 ? "" : `She opened door ${i}, "the old one".`));
const LINES = TEXTS.map((text) => `${text}\n`).join("");
/** A line of JSON for each text, and a blank one, which has no answer, in place of the empty ones. */
const JSONL = TEXTS.map((text) => `${text && JSON.stringify(text)}\n`).join("");

describe("formats", () => {
  test("embed: JSONL is what is printed; CSV and safetensors have the same numbers, and nothing but the file is left", async () => {
    await using extract = await pipeline("feature-extraction", head("mlm"), PLAIN);
    const vectors = await Promise.all(
      TEXTS.map(async (text) => (text ? (await extract(text, { pooling: "mean" })).data : null)),
    );
    const printed = await run(["embed", "--jsonl"], JSONL);
    for (const name of ["a.jsonl", "a.csv", "a.safetensors"]) {
      expect(await run(["embed", "--jsonl", "--output", name], JSONL)).toMatchObject({
        code: 0,
        stdout: "",
        stderr: "",
      });
    }
    expect(await readdir(cwd)).toEqual(["a.csv", "a.jsonl", "a.safetensors"]);
    expect(await read("a.jsonl")).toBe(printed.stdout);

    const [header, ...rows] = (await read("a.csv")).trimEnd().split("\n");
    expect(header).toBe(Array.from({ length: H }, (_, i) => i).join());
    const cells = rows.map((row) => row.split(","));
    expect(cells.map((row) => (row[0] === "" ? null : Float32Array.from(row, Number)))).toStrictEqual(vectors);
    expect(cells.map((row) => row.length)).toEqual(TEXTS.map(() => H));

    const file = readSafetensors(new Uint8Array(await readFile(join(cwd, "a.safetensors"))));
    expect(file.tensors.get("embeddings")).toMatchObject({ dtype: "F32", shape: [60, H] });
    const data = file.toFloat32("embeddings");
    for (const [i, vector] of vectors.entries()) {
      expect(data.slice(H * i, H * (i + 1)), TEXTS[i]).toStrictEqual(vector ?? new Float32Array(H).fill(Number.NaN));
    }
  });

  test("embed: --layers, --truncate-dim, --pooling none", async () => {
    await using extract = await pipeline("feature-extraction", undefined, PLAIN);
    const four = ["--model", WEIGHTS]; // layers
    const wide = ["--layers", "concat_last_4", "--truncate-dim", "600", "--normalize"];
    await run(["embed", ...four, ...wide, "--output", "a.safetensors"], "A door.\n");
    const file = readSafetensors(new Uint8Array(await readFile(join(cwd, "a.safetensors"))));
    const options = { pooling: "mean", layers: "concat_last_4", truncate_dim: 600, normalize: true } as const;
    expect(file.toFloat32("embeddings")).toStrictEqual((await extract("A door.", options)).data);
    await run(["embed", ...four, "--pooling", "none", "--output", "a.jsonl"], "A door.\n");
    const rows = JSON.parse(await read("a.jsonl")) as number[][];
    expect(Float32Array.from(rows.flat())).toStrictEqual((await extract("A door.")).data);
  });

  test("empty input gives files without lines", async () => {
    for (const name of ["a.jsonl", "a.csv", "a.safetensors"]) await run(["embed", "--output", name]);
    expect(await read("a.jsonl")).toBe("");
    expect((await read("a.csv")).split("\n").length).toBe(2);
    const file = readSafetensors(new Uint8Array(await readFile(join(cwd, "a.safetensors"))));
    expect(file.tensors.get("embeddings")?.shape).toEqual([0, H]);
  });

  test("a task's CSV has a row for each part of an answer, with the line's number", async () => {
    await using unmask = await pipeline("fill-mask", head("mlm"), PLAIN);
    const texts = ['A "[MASK]", and', "The [MASK] is [MASK]."];
    await run(["fill-mask", "--top-k", "2", "--output", "a.csv"], `${texts[0]}\n\n${texts[1]}\n`);
    const [one, two] = [
      await unmask(texts[0] as "[MASK]", { top_k: 2 }),
      await unmask(texts[1] as "[MASK] [MASK]", { top_k: 2 }),
    ];
    const rows = [[1, 1, one] as const, ...two.map((predictions, m) => [3, m + 1, predictions] as const)];
    const want = rows.flatMap(([line, mask, predictions]) =>
      predictions.map((p) => [line, mask, p.score, p.token, p.token_str, p.sequence].map(String)),
    );
    expect(parsedCsv(await read("a.csv"))).toEqual([
      ["line", "mask", "score", "token", "token_str", "sequence"],
      ...want,
    ]);
  });

  test("CSV of any texts can be read back", () => {
    const character = fc
      .integer({ min: 0, max: 0x10ffff })
      .filter((c) => c < 0xd800 || c > 0xdfff)
      .map((c) => String.fromCodePoint(c));
    const unit = fc.oneof(fc.constantFrom('"', ",", "\n", "\r"), character);
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ unit }), { minLength: 2, maxLength: 2 })), (rows) => {
        const { head, entry } = csv<string[][]>({ columns: ["a", "b"], rows: (result) => result });
        const text = Buffer.concat([head, entry(rows, 7)]).toString();
        expect(parsedCsv(text)).toEqual([["line", "a", "b"], ...rows.map((row) => ["7", ...row])]);
      }),
    );
  });
});

/** By RFC 4180, character by character. */
function parsedCsv(text: string): string[][] {
  const rows: string[][] = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const [row, c] = [rows[rows.length - 1], text[i]];
    if (quoted && c === '"' && text[i + 1] === '"') row[row.length - 1] += text[++i];
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === ",") row.push("");
    else if (!quoted && c === "\n") rows.push([""]);
    else row[row.length - 1] += c;
  }
  expect(rows.pop()).toEqual([""]);
  return rows;
}

test("a file where a folder is wanted is called that, in whatever command", async () => {
  await writeFile(join(cwd, "a.jsonl"), '{"text":"a","label":"b"}\n');
  await writeFile(join(cwd, "a.txt"), "One line.\nAnother.\n\nA new text.\n");
  const training = ["--task", "text-classification", "--train-file", "a.jsonl", "--output"];
  for (const [args, message] of [
    [["finetune", ...training, "a.jsonl"], "cannot write a.jsonl: is a file, not a folder"],
    [["finetune", ...training, "a.jsonl/b"], "cannot write a.jsonl/b: a part of the path is a file, not a folder"],
    [
      ["pretrain", "a.jsonl", "--max-steps", "1", "--output", "a.jsonl"],
      "cannot write a.jsonl: is a file, not a folder",
    ],
    [["make-examples", "a.txt", "--output", "a.txt/b"], "cannot write a.txt: is a file, not a folder"],
    [["convert", head("mlm"), "a.txt/b"], "cannot write a.txt: is a file, not a folder"],
    [
      ["embed", ...TINY, "a.txt", "--output", "a.txt/b.jsonl"],
      "cannot write a.txt/b.jsonl: a part of the path is a file, not a folder",
    ],
  ] as const) {
    const { code, stderr } = await plainbert(args, { cwd });
    expect({ code, stderr }, args.join(" ")).toEqual({ code: 1, stderr: `plainbert: ${message}\n` });
  }
  for (const args of [
    ["make-examples", "a.txt", "--output", "a.jsonl"],
    ["convert", head("mlm"), "a.jsonl"],
  ]) {
    const { code, stderr } = await plainbert(args, { cwd });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^plainbert: [^\n]*a\.jsonl: [^\n]*is a file, not a folder\n$/);
  }
  expect((await readdir(cwd)).sort()).toEqual(["a.jsonl", "a.txt"]);
});

describe("work that is cut short", () => {
  test("another input, option or model is refused, and nothing is touched; --restart", async () => {
    await run(
      ["embed", "--no-truncation", "--output", "a.jsonl"],
      `${TEXTS.slice(0, 20).join("\n")}\n${"long ".repeat(200)}\n`,
    );
    const files = () => Promise.all([read("a.jsonl.partial"), read("a.jsonl.partial.json")]);
    const before = await files();
    const { lines } = JSON.parse(before[1]);
    const anew = "; --restart begins anew\n";
    for (const [args, input, reason] of [
      [[], LINES.replace("door 1,", "door 2,"), `was made from another input, whose first ${lines} lines differ`],
      [[], "", `was made from another input, whose first ${lines} lines differ`],
      [[], "Another.\n", `was made from another input, whose first ${lines} lines differ`],
      [["--normalize"], LINES, "was made with other options, or by another model"],
      [["--model", head("nli")], LINES, "was made with other options, or by another model"],
      [["--backend", "simd"], LINES, "was made with other options, or by another model"],
      [["--dtype", "bfloat16"], LINES, "was made with other options, or by another model"],
    ] as const) {
      const refused = await run(["embed", "--no-truncation", ...args, "--output", "a.jsonl"], input);
      expect(refused).toEqual({
        code: 1,
        signal: null,
        stdout: "",
        stderr: `plainbert: a.jsonl.partial ${reason}${anew}`,
      });
      expect(await files()).toEqual(before);
    }
    expect(await run(["embed", "--restart", "--output", "a.jsonl"], "Another.\n")).toMatchObject({ code: 0 });
    expect((await read("a.jsonl")).split("\n").length).toBe(2);
    expect(await readdir(cwd)).toEqual(["a.jsonl"]);
  });

  test("an output that is read, by whatever name, is refused, and stays as it was", async () => {
    const text = '"The door is open."\n';
    for (const name of ["a.jsonl", "b.jsonl.partial", "vocab.txt"]) await writeFile(join(cwd, name), text);
    await symlink("a.jsonl", join(cwd, "soft.jsonl"));
    await link(join(cwd, "a.jsonl"), join(cwd, "hard.jsonl"));
    await cp(head("mlm"), join(cwd, "model"), { recursive: true });
    expect(await run(["index", "a.jsonl", "--output", "i.safetensors"])).toMatchObject({ code: 0 });
    await copyFile(join(cwd, "i.safetensors"), join(cwd, "i.csv"));
    const files = async () => (await readdir(cwd, { recursive: true })).sort();
    const before = await files();
    const of = (name: string) => `is the input, ${name}, which would be lost`;
    const same = "is the input, which would be lost";
    const model = ["--model", "model", "--backend", "plain"];
    for (const [args, written, reason] of [
      [["embed", ...TINY, "a.jsonl", "--output", "a.jsonl"], "a.jsonl", same],
      [["embed", ...TINY, "a.jsonl", "--output", "./a.jsonl"], "./a.jsonl", of("a.jsonl")],
      [["embed", ...TINY, "a.jsonl", "--output", "soft.jsonl", "--restart"], "soft.jsonl", of("a.jsonl")],
      [["embed", ...TINY, "soft.jsonl", "--output", "hard.jsonl"], "hard.jsonl", of("soft.jsonl")],
      [["embed", ...TINY, "b.jsonl.partial", "--output", "b.jsonl"], "b.jsonl.partial", same],
      [["fill-mask", ...TINY, "--input", "a.jsonl", "--output", "a.jsonl"], "a.jsonl", same],
      [["tokenize", "--input", "a.jsonl", "--output", "a.jsonl"], "a.jsonl", same],
      [["search", ...TINY, "i.safetensors", "--input", "a.jsonl", "--output", "a.jsonl"], "a.jsonl", same],
      [["search", ...TINY, "i.csv", "A door.", "--output", "i.csv"], "i.csv", same],
      [["embed", ...TINY, "--quantize", "--precision", "int8", "--ranges", "i.safetensors", "a.jsonl", "--output", "i.safetensors"], "i.safetensors", same], // biome-ignore format: one line
      [["embed", ...model, "a.jsonl", "--output", "model/model.safetensors"], "model/model.safetensors", same],
      [["index", ...model, "a.jsonl", "--output", "model/model.safetensors"], "model/model.safetensors", same],
      [["index", ...TINY, "i.safetensors", "--output", "i.safetensors"], "i.safetensors", same],
      [["evaluate", ...TINY, "--file", "a.jsonl", "--report", "hard.jsonl"], "hard.jsonl", of("a.jsonl")],
      [["train-vocab", "a.jsonl", "vocab.txt", "--output", "vocab.txt"], "vocab.txt", same],
      [["train-vocab", "vocab.txt", "--output", "."], "vocab.txt", same],
    ] as const) {
      const stderr = `plainbert: cannot write ${written}: ${reason}\n`;
      expect(await plainbert(args, { cwd }), args.join(" ")).toMatchObject({ code: 1, stdout: "", stderr });
      expect(await files()).toEqual(before);
    }
    for (const name of ["a.jsonl", "b.jsonl.partial", "vocab.txt"]) expect(await read(name)).toBe(text);
    const piped = await shell(`plainbert embed ${TINY.join(" ")} - --output a.jsonl < hard.jsonl`, { cwd });
    expect(piped.stderr).toBe(`plainbert: cannot write a.jsonl: ${of("standard input")}\n`);
    expect(await read("a.jsonl")).toBe(text);
  });

  test("two at once: one writes the file, the other one says which", async () => {
    const children = [0, 1].map(() => {
      const args = ["embed", ...TINY, "--output", "a.jsonl"];
      return spawn(process.execPath, [MAIN, ...args], { cwd });
    });
    for (const child of children) child.stdin.on("error", () => {}); // one ends before it has read anything
    const results = children.map((child) => finished(child));
    const first = await Promise.race(results.map((result, i) => result.then(() => i))); // the other waits for input
    const { code, stdout, stderr } = await results[first];
    const other = 1 - first;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      new RegExp(`^plainbert: a.jsonl: is being written by process ${children[other].pid}, since [-0-9: ]+ UTC\n$`),
    );
    children[other].stdin.end(LINES);
    expect(await results[other]).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
    expect(await read("a.jsonl")).toBe((await run(["embed"], LINES)).stdout);
    expect(await readdir(cwd)).toEqual(["a.jsonl"]);
  });

  test("a process on another machine: the sentence says what to do, and --restart does it", async () => {
    const lock = { pid: 7, started: "", host: "other", taken: new Date(0), token: crypto.randomUUID() };
    await writeFile(join(cwd, ".a.jsonl.lock"), JSON.stringify(lock));
    expect(await run(["embed", "--output", "a.jsonl"], LINES)).toMatchObject({
      code: 1,
      stderr: `plainbert: a.jsonl: is being written by process 7 on the machine "other", since 1970-01-01 00:00:00 UTC; if it has ended, delete ${join(cwd, ".a.jsonl.lock")}, or begin anew with --restart\n`,
    });
    expect(await run(["embed", "--output", "a.jsonl", "--restart"], LINES)).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(cwd)).toEqual(["a.jsonl"]);
  });

  test("a mark that was changed, or of plainbert 0.2, is refused; --restart begins anew", async () => {
    await run(
      ["embed", "--no-truncation", "--output", "a.jsonl"],
      `${TEXTS.slice(0, 20).join("\n")}\n${"long ".repeat(200)}\n`,
    );
    const mark = await read("a.jsonl.partial.json");
    const { work, lines, sha256, bytes } = JSON.parse(mark);
    const place = "plainbert: a.jsonl.partial.json: ";
    for (const [text, reason] of [
      [
        mark.replace(`"lines": ${lines}`, '"lines": true'),
        "is damaged or was changed: its checksum is not that of its text",
      ],
      [
        mark.replace(`"lines": ${lines}`, `"lines": ${lines - 1}`),
        "is damaged or was changed: its checksum is not that of its text",
      ],
      [mark.slice(0, -20), "must be JSON, got "],
      ["null", "must end with a checksum, has none: plainbert 0.2 wrote none"],
      [
        JSON.stringify({ work, lines, sha256, bytes, pid: 0 }),
        "must end with a checksum, has none: plainbert 0.2 wrote none",
      ],
    ]) {
      await writeFile(join(cwd, "a.jsonl.partial.json"), text);
      const { code, stderr } = await run(["embed", "--output", "a.jsonl"], LINES);
      expect(code).toBe(1);
      expect(stderr.startsWith(place + reason), stderr).toBe(true);
      expect(stderr.endsWith("; --restart begins anew\n"), stderr).toBe(true);
      expect(await read("a.jsonl.partial.json")).toBe(text);
    }
    expect(await run(["embed", "--restart", "--output", "a.jsonl"], LINES)).toMatchObject({ code: 0, stderr: "" });
    expect(await read("a.jsonl")).toBe((await run(["embed"], LINES)).stdout);
  });

  test("a wrong line: those before it stay; when it is right the command goes on there", async () => {
    const good = "A door.\n\nA window.\n";
    const long = "long ".repeat(200);
    const failed = await run(["embed", "--no-truncation", "--output", "a.csv"], `${good}${long}\nThe end.\n`);
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toMatch(
      /^plainbert: standard input, line 4: embeddings: text must be at most 64 tokens .*; 3 lines are done, in a\.csv\.partial: once the line is mended, the same command goes on there\n$/,
    );
    expect(await readdir(cwd)).toEqual(["a.csv.partial", "a.csv.partial.json"]);
    expect(await run(["embed", "--no-truncation", "--output", "a.csv"], `${good}The end.\n`)).toMatchObject({
      code: 0,
      stderr: "",
    });
    await run(["embed", "--no-truncation", "--output", "b.csv"], `${good}The end.\n`);
    expect(await read("a.csv")).toBe(await read("b.csv"));
  });

  test("a line that is too long for any model, no UTF-8 or no JSON: it is named, and goes on once it is mended", async () => {
    await writeFile(join(cwd, "whole.jsonl"), '"A door."\n\n"A window."\n"The end."\n');
    await run(["embed", "whole.jsonl", "--output", "whole.csv"]);
    for (const [bad, reason] of [
      [Buffer.alloc(10_000_001, "a"), "must be at most 10,000,000 bytes long, is longer"],
      [Buffer.from([0x22, 0xff, 0x22]), "must be UTF-8 text, is not"],
      [Buffer.from('"A window.'), "must be JSON, .*"],
    ] as const) {
      const lines = [Buffer.from('"A door."\n\n'), bad, Buffer.from('\n"The end."\n')];
      await writeFile(join(cwd, "lines.jsonl"), Buffer.concat(lines));
      const command = ["embed", "lines.jsonl", "--truncation", "--output", "a.csv"];
      const { code, stderr } = await run(command);
      expect(code).toBe(1);
      expect(stderr).toMatch(
        new RegExp(
          `^plainbert: lines\\.jsonl, line 3: ${reason}; 2 lines are done, in a\\.csv\\.partial: once the line is mended, the same command goes on there\n$`,
        ),
      );
      await copyFile(join(cwd, "whole.jsonl"), join(cwd, "lines.jsonl"));
      expect(await run(command)).toMatchObject({ code: 0, stderr: "" });
      expect(await read("a.csv")).toBe(await read("whole.csv"));
    }
  });

  test("a first line that is wrong leaves no file", async () => {
    expect((await run(["fill-mask", "--output", "a.jsonl"], "No mask.\n")).code).toBe(1);
    expect(await readdir(cwd)).toEqual([]);
  });

  test.runIf(process.platform === "linux")("a full disk is reported", async () => {
    await symlink("/dev/full", join(cwd, "a.csv.partial"));
    const { code, stderr } = await run(["embed", "--output", "a.csv"], LINES);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "plainbert: cannot write a.csv: the disk is full\n" });
  });

  test("a file that was there stays until the new one is whole", async () => {
    await writeFile(join(cwd, "a.jsonl"), "old");
    await run(["fill-mask", "--output", "a.jsonl"], "The [MASK].\nNo mask.\n");
    expect(await read("a.jsonl")).toBe("old");
    await run(["fill-mask", "--output", "a.jsonl"], "The [MASK].\n");
    expect(JSON.parse(await read("a.jsonl")).length).toBe(5);
  });
});
