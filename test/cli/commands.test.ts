import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { helpPage } from "../../src/cli/help.ts";
import { parseArguments } from "../../src/cli/option.ts";
import { type FillMaskPrediction, pipeline } from "../../src/pipelines/index.ts";
import { casesOf, WEIGHTS } from "../pipelines/support.ts";
import { examplesOf, PAGES } from "./examples.ts";
import { head, plainbert, TINY } from "./run.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-cli-"));
afterAll(() => rm(folder, { recursive: true }));

const PLAIN = { backend: "plain" } as const;

/** JSON of each line. */
const jsonLines = (stdout: string) => stdout.trimEnd().split("\n").map((line) => JSON.parse(line)); // biome-ignore format: one line
const DOOR = "She opened the [MASK] and went into the room.";

type Row = Pick<FillMaskPrediction, "token_str" | "score">;
/** What Python computed with the small model. */
const EXPECTED = JSON.parse(await readFile(join(WEIGHTS, "expected.json"), "utf8"));
const BEST: Row[] = EXPECTED.fill_mask[0].top5[0];
/** The table that a command shows of it: labels to the left, scores to the right. */
function tableOf(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ token_str }) => token_str.length));
  const percent = (score: number) => `${(100 * score).toFixed(2).padStart(6)} %`;
  return rows.map(({ token_str, score }) => `  ${token_str.padEnd(width)}  ${percent(score)}\n`).join("");
}
/** Of the small model's vocabulary. */
const VOCABULARY = (await readFile(join(WEIGHTS, "vocab.txt"), "utf8")).split("\n");

describe("fill-mask", () => {
  test("piped: aligned text, neither colours nor bars", async () => {
    expect(await plainbert(["fill-mask", DOOR])).toEqual({
      code: 0,
      signal: null,
      stdout: `${DOOR}\n\n${tableOf(BEST)}`,
      stderr: "",
    });
  });

  test("several texts, several masks, --top-k", async () => {
    const { stdout } = await plainbert([
      "fill-mask",
      "--backend",
      "plain",
      "--top-k",
      "1",
      DOOR,
      "The [MASK] is a [MASK].",
    ]);
    const two = (await casesOf("fill-mask")).find(({ input }) => input === "The [MASK] is a [MASK].");
    const [first, second] = (two!.output as unknown as Row[][]).map(([best]) => tableOf([best]));
    const door = tableOf(BEST.slice(0, 1));
    expect(stdout).toBe(
      `${DOOR}\n\n${door}\nThe [MASK] is a [MASK].\n\n[MASK] 1 of 2\n${first}\n[MASK] 2 of 2\n${second}`,
    );
  });

  test("--json is what the pipeline gives", async () => {
    await using unmask = await pipeline("fill-mask", head("mlm"), PLAIN);
    const one = await plainbert(["fill-mask", ...TINY, "--json", "--top-k=2", DOOR]);
    expect(JSON.parse(one.stdout)).toEqual(await unmask(DOOR, { top_k: 2 }));
    const two = await plainbert(["fill-mask", ...TINY, "--json", DOOR, "A [MASK] and [MASK]."]);
    expect(jsonLines(two.stdout)).toEqual(await unmask([DOOR, "A [MASK] and [MASK]."]));
    const lines = await plainbert(["fill-mask", ...TINY], { input: `${DOOR}\n\nA [MASK] and [MASK].\n` });
    expect(jsonLines(lines.stdout)).toEqual([await unmask(DOOR), null, await unmask("A [MASK] and [MASK].")]);
  });

  test("--targets, for all masks or, given several times, for each", async () => {
    const { stdout } = await plainbert([
      "fill-mask",
      ...TINY,
      "--json",
      "--targets",
      "door,window",
      "It's the [MASK].",
    ]);
    const tokens = JSON.parse(stdout).map((p: { token_str: string }) => p.token_str);
    expect(tokens.sort()).toEqual(["door", "window"]);
    const each = ["--targets", "door,window", "--targets", "red"];
    const two = await plainbert(["fill-mask", ...TINY, "--json", ...each, "The [MASK] is [MASK]."]);
    await using unmask = await pipeline("fill-mask", head("mlm"), PLAIN);
    expect(JSON.parse(two.stdout)).toEqual(
      await unmask("The [MASK] is [MASK].", { targets: [["door", "window"], ["red"]] }),
    );
  });

  test("--model, and a text that begins with a hyphen", async () => {
    const { stdout } = await plainbert([
      "fill-mask",
      "--model",
      WEIGHTS,
      "--backend",
      "plain",
      "--top-k",
      "1",
      "--",
      `- ${DOOR}`,
    ]);
    await using unmask = await pipeline("fill-mask", WEIGHTS, PLAIN);
    expect(stdout).toBe(`- ${DOOR}\n\n${tableOf(await unmask(`- ${DOOR}` as const, { top_k: 1 }))}`);
  });

  test("colours and bars where colours are forced; FORCE_COLOR=0 and NO_COLOR are plain", async () => {
    const args = ["fill-mask", "--backend", "plain", "--top-k", "2", DOOR];
    const plain = (await plainbert(args)).stdout;
    const forced = (await plainbert(args, { env: { FORCE_COLOR: "1" } })).stdout;
    expect(forced).toContain("\u001b[");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const uncoloured = forced.replace(/\u001b\[\d+m/g, "");
    const [first, second] = tableOf(BEST.slice(0, 2)).trimEnd().split("\n");
    const eighths = Math.round((320 * BEST[1].score) / BEST[0].score); // the best has 40 whole blocks
    const bar = "█".repeat(Math.floor(eighths / 8)) + " ▏▎▍▌▋▊▉"[eighths % 8].trim();
    expect(uncoloured).toContain(`${first}  ${"█".repeat(40)}\n${second}  ${bar}\n`);
    expect(uncoloured.replace(/ {2}[█▏▎▍▌▋▊▉]+/g, "")).toBe(plain);
    const table = ["tokenize", "a"]; // whose heading is coloured by the same rule, without loading weights
    expect((await plainbert(table, { env: { FORCE_COLOR: "3" } })).stdout).toContain("\u001b[");
    expect((await plainbert(table, { env: { FORCE_COLOR: "0" } })).stdout).not.toContain("\u001b");
    expect((await plainbert(table, { env: { NO_COLOR: "1" } })).stdout).not.toContain("\u001b");
  });

  test("control characters and reversed text never reach the terminal", async () => {
    const { stdout } = await plainbert(["fill-mask", ...TINY, "--top-k", "1", "a\u001b[31m\tb\u202e [MASK]\nc"]);
    expect(stdout).toMatch(/^a\\u\{1b\}\[31m\\u\{9\}b\\u\{202e\} \[MASK\]\\u\{a\}c\n/);
    const json = await plainbert(["fill-mask", ...TINY, "--json", "--top-k", "1", "漢\u202e [MASK]"]);
    expect(json.stdout).toMatch(/^[ -~]*\n$/);
  });
});

describe("next-sentence", () => {
  test("both labels, likelier first", async () => {
    const [{ a, b, is_next }] = EXPECTED.next_sentence;
    const { stdout } = await plainbert(["next-sentence", a, b]);
    const rows = [
      { token_str: "IsNext", score: is_next },
      { token_str: "NotNext", score: 1 - is_next },
    ].sort((one, other) => other.score - one.score);
    expect(stdout).toBe(tableOf(rows));
  });

  test("--json, --truncation", async () => {
    await using isNext = await pipeline("next-sentence-prediction");
    const long = "It was locked. ".repeat(100);
    const { stdout } = await plainbert(["next-sentence", "--json", "--truncation", "She went.", long]);
    expect(JSON.parse(stdout)).toEqual(await isNext("She went.", long, { top_k: null, truncation: true }));
  });
});

describe("embed", () => {
  test("one vector for each line, exact to the float32; a blank line gives that of the empty text", async () => {
    const { stdout, code } = await plainbert(["embed", ...TINY], {
      input: "A text.\n\n \t\u200b\r\nAnother.\r\nThe last",
    });
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines.length).toBe(6);
    expect(lines[5]).toBe("");
    await using extract = await pipeline("feature-extraction", head("mlm"), PLAIN);
    for (const [line, text] of [
      [0, "A text."],
      [1, ""],
      [2, " "],
      [3, "Another."],
      [4, "The last"],
    ] as const) {
      const { data } = await extract(text, { pooling: "mean" });
      expect(Float32Array.from(JSON.parse(lines[line]))).toStrictEqual(data);
    }
  });

  test("a file, --pooling, --normalize, --truncation", async () => {
    const path = join(folder, "lines.txt");
    const long = "long ".repeat(200);
    await writeFile(path, `\ufeffA text.\n${long}\n`);
    const { stdout } = await plainbert(["embed", ...TINY, "--pooling", "cls", "--normalize", "--truncation", path]);
    const lines = stdout.trimEnd().split("\n");
    await using extract = await pipeline("feature-extraction", head("mlm"), PLAIN);
    const options = { pooling: "cls", normalize: true, truncation: true } as const;
    expect(lines.map((line) => Float32Array.from(JSON.parse(line)))).toStrictEqual(
      await Promise.all(["A text.", long].map(async (text) => (await extract(text, options)).data)),
    );
  });

  test("more lines than one group, and characters that are cut between two reads", async () => {
    const input = Array.from({ length: 300 }, (_, i) => `"é${i % 3 ? "" : " so"}"`).join("\n");
    const { stdout } = await plainbert(["embed", ...TINY, "--jsonl"], {
      input: `${"\n".repeat(65_535 - 300)}${input}`, // between lines of JSON a blank one has no answer
    });
    const lines = stdout.trimEnd().split("\n");
    expect(lines.length).toBe(65_535);
    expect(new Set(lines.slice(-300)).size).toBe(2);
    expect(new Set(lines.slice(0, -300))).toEqual(new Set(["null"]));
  });

  test.each([
    ['{"txt":"A text."}', 'unknown field "txt"; did you mean "text"?'],
    ['{"text":"A text.","id":3}', 'unknown field "id"; known are "text"'],
    ['["A text."]', 'must be a string, or an object with a string in its field text, got ["A text."]'],
    ["{}", "must be a string, or an object with a string in its field text, got {}"],
  ])("a line of JSON has a text and nothing else: %s", async (line, message) => {
    for (const command of [["embed", ...TINY], ["tokenize"], ["pseudo-log-likelihood", ...TINY]]) {
      const { code, stderr } = await plainbert([...command, "--jsonl"], { input: `"A text."\n${line}\n` });
      expect([code, stderr]).toEqual([1, expect.stringContaining("standard input, line 2: ")]);
      expect(stderr).toContain(message);
    }
  });

  test("empty input gives empty output", async () => {
    expect(await plainbert(["embed", ...TINY, "-"])).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
  });

  test("without input too a model that is not there is an error, and so is an index", async () => {
    const model = ["--local-files-only", "--model", "./nope"];
    const needed = ["text-classification", "token-classification", "question-answering", "multiple-choice"];
    for (const command of [
      "fill-mask",
      "next-sentence",
      "embed",
      "sentence-similarity",
      "pseudo-log-likelihood",
      "tokenize",
      ...needed,
    ]) {
      const { code, stdout, stderr } = await plainbert([command, ...model]);
      expect({ code, stdout }, command).toEqual({ code: 1, stdout: "" });
      expect(stderr, command).toContain("nope");
    }
    const labels = ["--labels", "a,b"];
    expect((await plainbert(["zero-shot-classification", ...model, ...labels])).stderr).toContain("nope");
    expect(await plainbert(["search", ...TINY, "nope.safetensors"])).toMatchObject({
      code: 1,
      stderr: "plainbert: search: nope.safetensors: no such file or folder\n",
    });
  });

  test("a wrong line is named by its number, and what stands before it is answered", async () => {
    const input = `one\n\ntwo\n${"long ".repeat(200)}\nthree\n`;
    const { code, stdout, stderr } = await plainbert(["embed", ...TINY, "--no-truncation"], { input });
    expect(code).toBe(1);
    expect(stdout.split("\n").length).toBe(4);
    expect(stderr).toMatch(/^plainbert: standard input, line 4: embeddings: text must be at most 64 tokens.*\n$/);
  });
});

describe("tokenize", () => {
  const TABLE = `token    id  start  end  text
[CLS]     2      0    0
Un     2230      0    2  Un
##aff  3183      2    5  aff
##able  495      5    9  able
,        14      9   10  ,
é       185     11   12  é
[SEP]     3      0    0
`;

  test("a text", async () => {
    const { stdout } = await plainbert(["tokenize", "Unaffable, é"]);
    const cells = (table: string) => table.split("\n").map((line) => line.split(/ +/));
    expect(cells(stdout).map((row) => [row[0], ...row.slice(2)])).toEqual(
      cells(TABLE).map((row) => [row[0], ...row.slice(2)]),
    );
    const widths = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.search(/ {2}\S*$/));
    expect(widths[1]).toBeGreaterThan(0);
  });

  test("wide characters keep the columns in line", async () => {
    const { stdout } = await plainbert(["tokenize", "漢 a"]);
    expect(stdout).toContain(`[UNK]   1      0    1  漢\na      ${VOCABULARY.indexOf("a")}      2    3  a\n`);
  });

  test("--json: a line for each text of a file or standard input", async () => {
    const path = join(folder, "texts.txt");
    await writeFile(path, "Unaffable\n\n[MASK] 😀\n");
    const fromFile = await plainbert(["tokenize", "--input", path]);
    const fromInput = await plainbert(["tokenize", "-"], { input: "Unaffable\n\n[MASK] 😀" });
    expect(fromInput.stdout).toBe(fromFile.stdout);
    const [first, second, third] = fromFile.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const tokens = ["[CLS]", "Un", "##aff", "##able", "[SEP]"];
    expect(first).toEqual({
      tokens,
      inputIds: tokens.map((token) => VOCABULARY.indexOf(token)),
      offsets: [
        [0, 0],
        [0, 2],
        [2, 5],
        [5, 9],
        [0, 0],
      ],
    });
    expect(second.inputIds).toEqual([2, 3]);
    expect(third.offsets.slice(1, -1)).toEqual([
      [0, 6],
      [7, 9],
    ]);
  });

  test("control characters of a text are shown, not sent", async () => {
    const { stdout } = await plainbert(["tokenize", "a\u001b[2Jb"]);
    expect(stdout).not.toContain("\u001b");
  });

  test("needs no weights", async () => {
    const path = join(folder, "vocab.txt");
    await writeFile(path, "[UNK]\n[CLS]\n[SEP]\na\n");
    const { stdout } = await plainbert(["tokenize", "--json", "--model", folder, "a b"]);
    expect(JSON.parse(stdout).inputIds).toEqual([1, 3, 0, 2]);
  });
});

describe("inspect", () => {
  test("the bundled model, a folder, a file", async () => {
    const { stdout, code } = await plainbert(["inspect"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^name +dtype +shape +elements +bytes\n/);
    expect(stdout).toMatch(/\nbert\.embeddings\.word_embeddings\.weight +BF16 +\[8192,256\] +2,097,152 +4,194,304\n/);
    expect((await plainbert(["inspect", WEIGHTS])).stdout).toContain("[8192,256]");
    const old = fileURLToPath(new URL("../pytorch/reference/old/pytorch_model.bin", import.meta.url));
    expect((await plainbert(["inspect", old])).stdout).toMatch(
      /\nbert\.embeddings\.position_ids +I64 +\[1,32\] +32 +256\n/,
    );
    const json = await plainbert(["inspect", "--json", join(WEIGHTS, "model.safetensors")]);
    expect(JSON.parse(json.stdout).tensors.length).toBeGreaterThan(70);
  });
});

describe("help", () => {
  test("a command that refuses to work without --model promises no default; the others do", async () => {
    for (const name of ["fill-mask", "embed", "text-classification", "rank", "ner", "question-answering"]) {
      const { stderr } = await plainbert([name, "a", "b"], { input: "a\n" });
      const isNeeded = stderr.includes("expected --model NAME");
      const help = (await plainbert([name, "--help"])).stdout.replace(/\s+/g, " ");
      const small = name === "embed" ? "small embedding model" : "small model";
      expect(help.includes(`Default: the ${small} that comes with plainbert.`), name).toBe(!isNeeded);
      expect(help.includes("It must be given: the small models"), name).toBe(isNeeded);
      expect(isNeeded, name).toBe(!["fill-mask", "embed"].includes(name));
    }
  });

  test("lists every command", async () => {
    const { code, stdout, stderr } = await plainbert(["--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(Object.keys(COMMANDS).length).toBeGreaterThan(15);
    for (const [name, { summary }] of Object.entries(COMMANDS)) {
      expect(stdout).toMatch(new RegExp(`^    ${name} +${summary}$`, "m"));
    }
    expect(await plainbert(["-h"])).toMatchObject({ code, stdout, stderr });
    expect(await plainbert([])).toMatchObject({ code, stdout, stderr });
  });

  test("--version is the package's", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    expect((await plainbert(["--version"])).stdout).toBe(`${version}\n`);
  });

  test.each(PAGES)(
    "a page is laid out as a manual's, and its lines fit a terminal: plainbert %s --help",
    async (command) => {
      const { code, stdout } = await plainbert([command, "--help"].filter(Boolean));
      expect(code).toBe(0);
      expect(examplesOf(stdout).length).toBeGreaterThan(0);
      const lines = stdout.split("\n").filter((line) => !line.startsWith("    $ "));
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
      expect(stdout.match(/^[A-Z ]+$/gm)).toEqual([
        "NAME",
        "SYNOPSIS",
        command ? "DESCRIPTION" : "COMMANDS",
        "OPTIONS",
        "EXAMPLES",
        "EXIT STATUS",
        "ENVIRONMENT",
      ]);
    },
  );

  /** examples.slow.test.ts runs them. */
  test("examples name commands and options that there are", async () => {
    for (const line of (await Promise.all(Object.values(COMMANDS).map(({ load }) => load()))).flatMap(
      ({ command }) => command.examples,
    )) {
      const calls = Array.from(line.matchAll(/plainbert ([a-z-]+)((?: (?:"[^"]*"|'[^']*'|[^\s|>&<)]+))*)/g));
      expect(calls.length, line).toBeGreaterThan(0);
      for (const [, name, rest] of calls) {
        const argv = Array.from(rest.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, plain]) => quoted ?? plain);
        const { command } = await COMMANDS[name].load();
        expect(() => parseArguments(argv, command.options), line).not.toThrow();
      }
    }
  });

  test("every option that a page lists is one that the command takes, and the reverse", async () => {
    for (const [name, { load }] of Object.entries(COMMANDS)) {
      const { command } = await load();
      const page = helpPage(name, { summary: "" }, command);
      const listed = Array.from(page.matchAll(/^ {4}(?:-\w, )?--([a-z0-9-]+)/gm), ([, option]) => option);
      expect(listed, name).toEqual([...Object.keys(command.options), "help"]);
    }
  });

  test("a task's own name is an alias", async () => {
    const page = (await plainbert(["embed", "--help"])).stdout;
    expect((await plainbert(["feature-extraction", "--help"])).stdout).toBe(page);
    expect(page).toContain("plainbert embed, feature-extraction - ");
    expect(Object.values(COMMANDS).flatMap(({ aliases = [] }) => aliases)).toEqual([
      "next-sentence-prediction",
      "sentiment-analysis",
      "ner",
      "text-ranking",
      "feature-extraction",
    ]);
  });
});
