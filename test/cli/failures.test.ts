import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Command } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { modelCopy, POSITIONS, WEIGHTS } from "../pipelines/support.ts";
import { finished, head, plainbert, plainbertProcess, shell, shellProcess, TINY } from "./run.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-cli-"));
afterAll(() => rm(folder, { recursive: true }));

/** The tiny model in a shell. */
const MODEL = { MODEL: TINY[1] };
const EMBED = 'plainbert embed --model "$MODEL" --backend plain';

test("a process ends with the code that the command returns, and has written everything", async () => {
  const env = { PLAINBERT_THREADS: "2" };
  const right = ["fill-mask", "--model", TINY[1], "--json", "She opened the [MASK]."]; // with threads
  const calls: [string[], number][] = [
    [right, 0],
    [[], 0],
    [["fill-mask", ...TINY, "The door."], 1],
    [["embed", "--pooling", "sum"], 2],
  ];
  const results = await Promise.all(calls.map(([args]) => plainbertProcess(args, { env })));
  for (const [i, [args, code]] of calls.entries()) expect(results[i]).toEqual({ ...(await plainbert(args)), code });
});

describe.skipIf(!existsSync("/proc/self"))("a folder that is there, in which the system makes no file", async () => {
  const text = join(folder, "made.txt");
  const index = join(folder, "made.safetensors");
  const pairs = join(folder, "pairs.jsonl");
  await writeFile(text, "He read.\n");
  await writeFile(pairs, '{"text":"It rained.","text_pair":"He ran.","label":0}\n');
  await plainbert(["index", text, ...TINY, "--output", index]);

  test.each([
    ["embed", text, ...TINY, "--output", "/proc/x.jsonl"],
    ["fill-mask", ...TINY, "A [MASK].", "--output", "/proc/x.csv"],
    ["index", text, ...TINY, "--output", "/proc/x.safetensors"],
    ["search", index, "He", ...TINY, "--output", "/proc/x.jsonl"],
    ["activations", "He read.", ...TINY, "--output", "/proc/x.safetensors"],
    ["train-vocab", text, "--output", "/proc/x.txt"],
    ["make-examples", text, "--output", "/proc/x"],
    ["convert", TINY[1], "/proc/x"],
    ["evaluate", "--task", "next-sentence-prediction", "--file", pairs, "--report", "/proc/x.html"],
  ])("%s", async (...args) => {
    const output = args.find((arg) => arg.startsWith("/proc/"));
    expect(await plainbert(args)).toMatchObject({
      code: 1,
      stderr: `plainbert: cannot write ${output}: the folder /proc is there, but the system makes no file of this name in it\n`,
    });
  });
});

describe("wrong usage: exit code 2, and what is right", () => {
  test.each<[string, string[], string[]]>([
    ["an empty command", [""], ['unknown command ""; the commands are fill-mask, next-sentence, text-classification']],
    ["a mistyped command", ["fil-mask", "a"], ['unknown command "fil-mask"; did you mean fill-mask?']],
    ["a mistyped alias", ["sentiment"], ["the commands are fill-mask, next-sentence"]],
    ["an unknown command", ["translate"], ['unknown command "translate"; the commands are fill-mask']],
    ["a name of objects", ["constructor"], ['unknown command "constructor"']],
    ["an option before the command", ["--json", "fill-mask"], ['unknown command "--json"']],
    [
      "an unknown option",
      ["fill-mask", "--topk", "3", "[MASK]"],
      ["plainbert fill-mask: unknown option '--topk'; did you mean --top-k?\nTry: plainbert fill-mask --help"],
    ],
    [
      "another command's option",
      ["tokenize", "--pooling", "cls", "a"],
      ["plainbert tokenize: unknown option '--pooling'\nTry"],
    ],
    ["an option without its value", ["fill-mask", "[MASK]", "--top-k"], ["'--top-k <value>'", "missing"]],
    ["a value where there is none", ["fill-mask", "--json=yes", "[MASK]"], ["'--json'"]],
    ["--top-k 0", ["fill-mask", "--top-k", "0", "[MASK]"], ["--top-k must be a whole number from 1", '"0"']],
    ["--top-k -1", ["fill-mask", "--top-k=-1", "[MASK]"], ["--top-k must be a whole number from 1", '"-1"']],
    ["--top-k 1.5", ["fill-mask", "--top-k", "1.5", "[MASK]"], ['"1.5"']],
    ["--top-k NaN", ["fill-mask", "--top-k", "NaN", "[MASK]"], ['"NaN"']],
    [
      "--pooling sum",
      ["embed", "--pooling", "sum"],
      ["--pooling must be one of none, mean, cls, first_token, max", '"sum"'],
    ],
    ["a matrix for each line as CSV", ["embed", "--pooling", "none", "--output", "a.csv"], ["must end in .jsonl"]],
    ["--output of another kind", ["fill-mask", "--output", "a.safetensors"], ["must end in .jsonl, .csv", "a.safe"]],
    ["texts and a file", ["fill-mask", "--input", "a", "b"], ["texts or --input", "got both"]],
    ["no index", ["search"], ["expected an index"]],
    ["--alpha alone", ["search", "--alpha", "0.5", "a", "b"], ["--alpha goes with --hybrid"]],
    [
      "--alpha 1.5",
      ["search", "--hybrid", "--alpha", "1.5", "a", "b"],
      ["--alpha must be a number from 0 to 1", '"1.5"'],
    ],
    [
      "an index of nothing that goes nowhere",
      ["index"],
      ["expected a file, or - to type lines here, and --output FILE.safetensors\n"],
    ],
    ["an index that goes nowhere", ["index", "a.txt"], ["index: expected --output FILE.safetensors\n"]],
    ["an index as CSV", ["index", "--output", "a.csv"], [".safetensors", "a.csv"]],
    ["a sentence and nothing beside it", ["sentence-similarity", "a"], ["got 1"]],
    ["an unknown shell", ["completion", "tcsh"], ["bash, zsh, fish", '"tcsh"']],
    ["--threads 0", ["doctor", "--threads", "0"], ["--threads must be a whole number from 1 to 64, got", '"0"']],
    [
      "--threads 65",
      ["fill-mask", "--threads", "65", "[MASK]"],
      ["--threads must be a whole number from 1 to 64, got", '"65"'],
    ],
    [
      "--random-seed of ten digits",
      ["make-examples", "a", "--output", "x", "--random-seed", "4294967295"],
      ["--random-seed must be a whole number from 0 to 999999999, got"],
    ],
    ["--backend gpu", ["embed", "--backend", "gpu"], ["--backend must be one of auto, simd, plain"]],
    ["one text for next-sentence", ["next-sentence", "a"], ["expected two texts", "got 1"]],
    ["texts without quotes", ["next-sentence", "a", "b", "c"], ["got 3 arguments", "quotes"]],
    [
      "two files",
      ["embed", "a", "b"],
      ["one file at most, or texts on standard input, got 2 arguments", "needs quotes"],
    ],
  ])("%s", async (_, args, parts) => {
    const { code, stdout, stderr } = await plainbert(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    for (const part of parts) expect(stderr).toContain(part);
    expect(stderr).toMatch(/^plainbert.*\nTry: plainbert.* --help\n$/);
  });
});

describe("work that fails: exit code 1, one sentence, no stack", () => {
  test("memory that is not there", async () => {
    const run = async () => void new ArrayBuffer(2 ** 50);
    const command = { synopsis: [], description: "", options: {}, examples: [], run } as unknown as Command;
    const load = vi.spyOn(COMMANDS.doctor, "load").mockResolvedValue({ command });
    const stderr = "plainbert: there is not enough memory for this work: Array buffer allocation failed\n";
    expect(await plainbert(["doctor"])).toMatchObject({ code: 1, stdout: "", stderr });
    load.mockRestore();
  });

  const long = "long ".repeat(200);
  const number = join(folder, "number.jsonl");
  beforeAll(() => writeFile(number, "1\n"));

  test.each<[string, string[], string[]]>([
    ["no mask", ["fill-mask", ...TINY, "The door."], ["fill-mask: text must be a text with [MASK]", '"The door."']],
    ["no mask in the first of two", ["fill-mask", ...TINY, "The door.", "[MASK]"], ["text 1: fill-mask: text must be"]],
    ["empty text", ["fill-mask", ...TINY, ""], ['got ""']],
    ["too many masks", ["fill-mask", ...TINY, "[MASK]".repeat(200)], ["64 tokens", "got 202"]],
    [
      "past the positions",
      ["next-sentence", "--backend", "plain", long, long],
      [`${POSITIONS} tokens`, "got 403", "truncation"],
    ],
    ["a wrong target", ["fill-mask", ...TINY, "--targets", "door,qqqq", "[MASK]"], ["targets", '"qqqq"']],
    ["an empty target", ["fill-mask", ...TINY, "--targets", "", "[MASK]"], ["targets", 'got ""']],
    [
      "a model that is not there",
      ["fill-mask", "--model", "/nowhere", "[MASK]"],
      ["/nowhere", "no such file or folder"],
    ],
    [
      "a file as model",
      ["embed", "--model", join(WEIGHTS, "config.json")],
      ["config.json", "must be a folder, is a file"],
    ],
    ["a folder that is no model", ["next-sentence", "--model", folder, "a", "b"], ["must have a config.json"]],
    ["a folder without a vocabulary", ["tokenize", "--model", folder, "a"], ["vocab.txt"]],
    ["a file that is not there", ["embed", "nowhere.txt"], ["nowhere.txt: no such file or folder\n"]],
    ...[
      ["embed", "A text."],
      ["index", "--output", join(folder, "index.safetensors"), "A text."],
      ["train-vocab", "A text.", "--output", join(folder, "words.txt")],
      ["make-examples", "A text.", "--output", join(folder, "examples")],
      ["fill-mask", ...TINY, "--input", "A text."],
    ].map((args): [string, string[], string[]] => [
      `a text where ${args[0]} reads a file`,
      args,
      ["A text.: no such file or folder; if it is a text", "standard input", 'echo "A text."'],
    ]),
    ["a long text to embed", ["embed", long], ["too long; if it is a text"]],
    [
      "a query without an index",
      ["search", "Is it shut?"],
      ["no such file or folder; if it is a query", "INDEX QUERY"],
    ],
    ["a folder to embed", ["embed", WEIGHTS], ["weights", "must be a file, is a folder"]],
    ["a file that is not there to inspect", ["inspect", "nowhere.safetensors"], ["nowhere.safetensors: no such file"]],
    ["a folder without weights to inspect", ["inspect", folder], ["must hold model.safetensors"]],
    ["a file that is no checkpoint", ["inspect", join(WEIGHTS, "vocab.txt")], ["vocab.txt"]],
    [
      "a folder that is not there",
      ["embed", "--output", "/nowhere/a.csv"],
      ["plainbert: cannot write /nowhere/a.csv: there is no folder /nowhere\n"],
    ],
    [
      "an index in such a folder",
      ["index", "--output", "/nowhere/a.safetensors"],
      ["a.safetensors: there is no folder /nowhere\n"],
    ],
    [
      "a file that is no index",
      ["search", ...TINY, join(WEIGHTS, "model.safetensors"), "a"],
      ["model.safetensors must be a search index that plainbert index has written\n"],
    ],
    [
      "a file that is no index, without the library's names",
      ["search", ...TINY, "/nowhere/i", "a"],
      ["plainbert: search: /nowhere/i: no"],
    ],
    [
      "a file that is not there, without the library's names",
      ["inspect", "/nowhere.bin"],
      ["plainbert: /nowhere.bin: no"],
    ],
    [
      "a text that is too long",
      ["fill-mask", ...TINY, `[MASK] ${long}`],
      ["got 203; --truncation cuts what is longer\n"],
    ],
    [
      "a folder in the place of a new one",
      ["convert", head("mlm"), WEIGHTS],
      [`plainbert: ${WEIGHTS}`, "is neither; --force replaces"],
    ],
    ["a line that is no JSON", ["fill-mask", ...TINY, "--jsonl"], ["standard input, line 1: must be JSON, got "]],
    [
      "a line of the wrong JSON",
      ["next-sentence", "--backend", "plain", "--input", number],
      ["number.jsonl, line 1: next-sentence", "the line must be"],
    ],
    [
      "more numbers than there are",
      ["embed", ...TINY, "--truncate-dim", "25"],
      ["--truncate-dim must be at most 24", "got 25"],
    ],
    ["a name with control characters", ["embed", "\u001b[31mred"], ["\\u{1b}[31mred: no such file"]],
  ])("%s", async (_, args, parts) => {
    const { code, stdout, stderr } = await plainbert(args, { input: "a\n" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    for (const part of parts) expect(stderr).toContain(part);
    expect(stderr).toMatch(/^plainbert: [^\n]+\n$/);
    expect(stderr).not.toContain("\u001b");
  });

  test("a model without the task's head: its file, the head, and what is missing", async () => {
    const { code, stderr } = await plainbert(["fill-mask", "--model", head("nli"), "[MASK]"]);
    const [first, second] = stderr.split("\n");
    const weights = join(head("nli"), "model.safetensors");
    const what = "the weights must have the head of a BertForMaskedLM, 5 of its tensors are missing:";
    expect([code, first]).toEqual([1, `plainbert: ${weights}: ${what}`]);
    expect(second).toBe("  cls.predictions.transform.dense.weight: missing, must be [24,24]");
  });

  test("a model that is damaged", async () => {
    await using model = await modelCopy();
    await truncate(model.file("model.safetensors"), 2_000_000);
    const weights = await plainbert(["fill-mask", "--model", model.path, "[MASK]"]);
    expect(weights).toMatchObject({ code: 1, stdout: "" });
    expect(weights.stderr).toMatch(/^plainbert: .*model\.safetensors.*\n$/);
    await writeFile(model.file("config.json"), "{");
    const config = await plainbert(["fill-mask", "--model", model.path, "[MASK]"]);
    expect(config).toMatchObject({ code: 1, stdout: "" });
    expect(config.stderr).toMatch(/^plainbert: .*config.*\n$/);
    expect(config.stderr).not.toMatch(/\n\s+at /);
  });

  test("a folder as standard input", async () => {
    const { code, stderr } = await shell(`plainbert embed < "$MODEL"`, { env: { MODEL: WEIGHTS } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "plainbert: standard input: must be text, is a folder\n" });
  });

  test("a line that is not UTF-8 is named, and what stands before it is answered", async () => {
    const { code, stdout, stderr } = await plainbert(["embed", ...TINY], {
      input: Buffer.from("a\n\n\xff\nb\n", "latin1"),
    });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "plainbert: standard input, line 3: must be UTF-8 text, is not\n",
    });
    expect(stdout).toMatch(/^\[.*\]\n\[.*\]\n$/);
    const cut = await plainbert(["tokenize"], { input: Buffer.from("a\n\xc3", "latin1") });
    expect(cut).toMatchObject({ code: 1, stderr: "plainbert: standard input, line 2: must be UTF-8 text, is not\n" });
    const { tokens, inputIds } = JSON.parse(cut.stdout);
    expect(tokens).toEqual(["[CLS]", "a", "[SEP]"]);
    expect(inputIds).toEqual([2, (await readFile(join(WEIGHTS, "vocab.txt"), "utf8")).split("\n").indexOf("a"), 3]);
  });

  test("a line of a million characters, in linear time; one of 10 million is refused before it fills the memory", async () => {
    const million = await plainbert(["embed", ...TINY, "--no-truncation"], { input: "ab cd ".repeat(170_000) });
    expect(million).toMatchObject({ code: 1, stdout: "" });
    expect(million.stderr).toMatch(/line 1: .*64 tokens long.*got 680002/);
    const tokens = await plainbert(["tokenize"], { input: "a".repeat(1_000_000) });
    expect(JSON.parse(tokens.stdout)).toMatchObject({
      inputIds: [2, 1, 3],
      offsets: [
        [0, 0],
        [0, 1_000_000],
        [0, 0],
      ],
    });
    const endless = await plainbert(["embed", ...TINY], { input: Buffer.alloc(12_000_000, "a") });
    expect(endless.stderr).toBe(
      "plainbert: standard input, line 1: must be at most 10,000,000 bytes long, is longer\n",
    );
  });

  test("the limit of a line is the same to the byte, wherever pieces of the file end", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "plainbert-long-"));
    const limited = async (bytes: number, input: Buffer | null) => {
      const text = Buffer.concat([Buffer.from("é\n"), Buffer.alloc(bytes, "a"), Buffer.from("\né\n")]);
      await writeFile(join(cwd, "long.txt"), text);
      const args = ["tokenize", "--json", ...(input === null ? ["--input", "long.txt"] : [])];
      return plainbert(args, { cwd, ...(input && { input: text }) });
    };
    for (const input of [null, Buffer.alloc(1)]) {
      expect(await limited(10_000_000, input)).toMatchObject({ code: 0, stderr: "" });
      const { code, stdout, stderr } = await limited(10_000_001, input);
      expect({ code, lines: stdout.split("\n").length - 1 }).toEqual({ code: 1, lines: 1 });
      const name = input === null ? "long.txt" : "standard input";
      expect(stderr).toBe(`plainbert: ${name}, line 2: must be at most 10,000,000 bytes long, is longer\n`);
    }
    await rm(cwd, { recursive: true });
  });
});

describe("output that cannot be written", () => {
  test("a reader that has gone away ends the command quietly", async () => {
    const { code, stdout, stderr } = await shell(`{ yes 'A line.' | ${EMBED}; echo $? >&2; } | head -n 1`, {
      env: MODEL,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "0\n" });
    expect(JSON.parse(stdout).length).toBe(24);
  });

  test.runIf(process.platform === "linux")("a full disk is reported", async () => {
    const commands = ["inspect", "--help", 'fill-mask --model "$MODEL" --backend plain "[MASK]"'];
    const run = (command: string) => shell(`plainbert ${command} > /dev/full`, { env: MODEL });
    for (const result of await Promise.all(commands.map(run)))
      expect(result).toEqual({
        code: 1,
        signal: null,
        stdout: "",
        stderr: "plainbert: standard output: the disk is full\n",
      });
  });
});

test.skipIf(process.platform === "win32")(
  "Ctrl-C ends the command at once, without a stack; a shell reports 130",
  async () => {
    // As a terminal does: the signal goes to the shell, which takes no notice, and to the command.
    const child = shellProcess(`trap : INT; ${EMBED}; echo $?`, { group: true, env: MODEL });
    const result = finished(child);
    child.stdin?.write("A line.\n");
    await new Promise((resolve) => child.stdout?.once("data", resolve)); // a line is answered before the input has ended
    process.kill(-(child.pid as number), "SIGINT");
    const { stdout, stderr } = await result;
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^\[.*\]\n130\n$/);
  },
);
