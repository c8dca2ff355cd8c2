import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { command as evaluateCommand } from "../../src/cli/evaluateCommand.ts";
import { command as finetuneCommand } from "../../src/cli/finetuneCommand.ts";
import { command as pretrainCommand } from "../../src/cli/pretrainCommand.ts";
import { withStreams } from "../../src/cli/streams.ts";
import { TrainingLine, trainingLine } from "../../src/cli/trainingRun.ts";
import { EVALUATE_OPTIONS } from "../../src/training/evaluateOptions.ts";
import { FINETUNE_OPTIONS } from "../../src/training/finetuneOptions.ts";
import { PRETRAIN_OPTIONS } from "../../src/training/pretrainOptions.ts";
import { REVIEWS, writeTinyModel } from "../support/tinyModel.ts";
import { head, plainbert, plainbertProcess } from "./run.ts";

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-cli-"));
  await writeTinyModel(folder);
  writeFileSync(join(folder, "train.jsonl"), REVIEWS.map((review) => `${JSON.stringify(review)}\n`).join(""));
  writeFileSync(
    join(folder, "train.csv"),
    `review,stars\n${REVIEWS.map(({ text, label }) => `${text},${label}\n`).join("")}`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const finetune = (...args: string[]) =>
  plainbert(["finetune", "--task", "text-classification", "--model", folder, "--backend", "plain", ...args]);

test("every option that finetune, pretrain and evaluate list is one of their function", () => {
  const columns = [
    ...["text", "text-pair", "label", "query", "anchor", "positive", "negative"],
    ...["sentence1", "sentence2", "score"],
  ].map((name) => `${name}-column-name`);
  const ownNames = {
    finetune: ["train-file", "validation-file", "json", ...columns],
    pretrain: ["json", "max-steps", "layers", "hidden", "heads", "intermediate", "eval-examples"],
    evaluate: ["file", "json", "report", ...columns],
  };
  for (const [command, known, own] of [
    [finetuneCommand, FINETUNE_OPTIONS, ownNames.finetune],
    [pretrainCommand, PRETRAIN_OPTIONS, ownNames.pretrain],
    [evaluateCommand, EVALUATE_OPTIONS, ownNames.evaluate],
  ] as const) {
    const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, "");
    const names = Object.keys(known).map(plain);
    expect(Object.keys(command.options).filter((name) => !own.includes(name) && !names.includes(plain(name)))).toEqual(
      [],
    );
  }
});

describe("vectors of texts", () => {
  const sentences = (command: string, ...args: string[]) =>
    plainbert([command, "--task", "sentence-embedding", "--model", folder, "--backend", "plain", ...args]);
  const columns = ["--anchor-column-name", "title", "--positive-column-name", "body", "--negative-column-name", "bad,worse"]; // biome-ignore format: one line

  test("columns, loss and dimensions; what the examples have chosen is said; evaluate knows the task", async () => {
    const file = join(folder, "pages.csv");
    writeFileSync(
      file,
      "title,body,bad,worse\nthe cat,it was a cat,a dog,not good\nthe dog,it was a dog,a film,poor\n",
    );
    const output = join(folder, "vectors");
    const { stdout, stderr, code } = await sentences("finetune", "--train-file", file, "--validation-file", file, ...columns, "--matryoshka-dims", "16,4", "--matryoshka-weights", "1,0.5", "--scale", "10", "--max-steps", "3", "--report", "--output", output); // biome-ignore format: one line
    expect([code, stderr.split("\n")[0]]).toEqual([0, "the examples are pairs with negatives: the loss is MultipleNegativesRankingLoss, --scale 10, --matryoshka-dims 16, 4, --matryoshka-weights 1, 0.5"]); // biome-ignore format: one line
    expect(stdout).toMatch(/^eval_cosine_mrr@10 +[01]\.\d{4}$/m);
    const report = readFileSync(join(output, "report.html"), "utf8");
    for (const told of ["MultipleNegativesRankingLoss", "Pooling mean", "16, 4"]) expect(report).toContain(told);
    const evaluated = await plainbert(["evaluate", "--model", output, "--file", file, ...columns, "--json"]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ task: "sentence-embedding", examples: 2, settings: { scale: 20 } }); // biome-ignore format: one line
  });

  test("a teacher: texts of a file, what is learned, how far it is, and what comes out", async () => {
    const [file, output] = [join(folder, "texts.txt"), join(folder, "distilled")];
    writeFileSync(file, "the cat was good\nthe dog was bad\nwho saw it ?\na film in paris\n");
    const args = ["--train-file", file, "--validation-file", file, "--teacher", head("ner"), "--max-steps", "3"];
    const { stdout, stderr, code } = await sentences("finetune", ...args, "--vector-loss-weight", "0.5", "--report", "--output", output); // biome-ignore format: one line
    expect([code, stderr.split("\n").slice(0, 3)]).toEqual([0, ["4 different texts of 4 examples learn the teacher's vectors: --vector-loss-weight 0.5, --similarity-loss-weight 1", expect.stringMatching(/^a projection from \d+ numbers to the teacher's 24 is trained, and thrown away in the end$/), "100 %  teacher's vectors  4 of 4 texts"]]); // biome-ignore format: one line
    expect(stdout).toMatch(/^eval_teacher_cosine +-?[01]\.\d{4}$/m);
    const report = readFileSync(join(output, "report.html"), "utf8");
    for (const told of ["distillation", "teacher", "similarityLossWeight", "teacher_cosine"]) expect(report).toContain(told); // biome-ignore format: one line
    const again = await sentences("finetune", ...args, "--keep-projection", "--output", join(folder, "kept"));
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining("a projection to the teacher's 24 numbers is trained, and kept as the last module")]); // biome-ignore format: one line
    expect((await sentences("finetune", ...args, "--loss", "CoSENTLoss", "--output", join(folder, "none"))).stderr).toContain("--loss must be left out where --teacher is given"); // biome-ignore format: one line
  });

  test("a loss that there is not, and one of other examples", async () => {
    const file = join(folder, "pairs.jsonl");
    writeFileSync(file, '{"anchor":"a","positive":"b"}\n{"anchor":"c","positive":"d"}\n');
    const args = ["--train-file", file, "--output", join(folder, "none")];
    expect((await sentences("finetune", ...args, "--loss", "TripletLoss")).stderr).toContain("--loss must be one of MultipleNegativesRankingLoss, CoSENTLoss, CosineSimilarityLoss"); // biome-ignore format: one line
    expect((await sentences("finetune", ...args, "--loss", "CoSENTLoss")).stderr).toContain("finetune: --loss must be MultipleNegativesRankingLoss for pairs"); // biome-ignore format: one line
    expect((await sentences("finetune", ...args, "--matryoshka-dims", "4,x")).stderr).toContain('--matryoshka-dims must be numbers with commas between them, got "4,x"'); // biome-ignore format: one line
    expect((await sentences("finetune", ...args, "--anchor-column-name", "b")).stderr).toContain('pairs.jsonl: there must be a column "b", as --anchor-column-name says'); // biome-ignore format: one line
    const bodies = join(folder, "bodies.jsonl");
    writeFileSync(bodies, '{"body":"the cat"}\n{"body":"the dog"}\n');
    const ofBodies = ["--train-file", bodies, "--output", join(folder, "none")];
    expect((await sentences("finetune", ...ofBodies)).stderr).toContain('bodies.jsonl: line 1: there must be columns "anchor" and "positive", or "sentence1", "sentence2" and "score", or with a teacher "text", unless --anchor-column-name and the like say which, got only "body"'); // biome-ignore format: one line
    expect((await sentences("finetune", ...ofBodies, "--text-column-name", "body")).stderr).toContain("finetune: --text-column-name must be left out without --teacher"); // biome-ignore format: one line
    expect((await sentences("finetune", ...ofBodies, "--text-column-name", "body", "--teacher", head("ner"), "--max-steps", "1", "--output", join(folder, "bodies"))).code).toBe(0); // biome-ignore format: one line
    const scored = join(folder, "scored.jsonl");
    writeFileSync(scored, ["cat", "dog", "film"].map((thing, i) => JSON.stringify({ sentence1: "the cat", sentence2: thing, score: 1 - i / 2 })).join("\n")); // biome-ignore format: one line
    const { stdout } = await sentences("evaluate", "--file", scored);
    expect(stdout).toMatch(/\n(No errors|(1 error|\d errors, the largest first)\n {2}.*scored\.jsonl: line \d: rank error 0\.5000|\d errors, the largest first\n {2}.*: rank error 1\.0000)\n/); // biome-ignore format: one line
    expect(stdout).not.toContain(": loss");
  });

  test("fill-mask reads the texts of lines of JSON, to learn and to evaluate with", async () => {
    const file = join(folder, "masks.jsonl");
    writeFileSync(file, '{"body":"the cat was good","id":1}\n{"body":"the dog was bad","id":2}\n');
    const run = (command: string, ...args: string[]) => plainbert([command, "--task", "fill-mask", "--model", folder, "--backend", "plain", ...args]); // biome-ignore format: one line
    const asked = await run("evaluate", "--file", file, "--text-column-name", "body", "--json");
    const lines = join(folder, "masks.txt");
    writeFileSync(lines, "the cat was good\nthe dog was bad\n");
    const plain = await run("evaluate", "--file", lines, "--json");
    expect(JSON.parse(asked.stdout).metrics).toEqual(JSON.parse(plain.stdout).metrics);
    const { stderr, code } = await run("finetune", "--train-file", file, "--output", join(folder, "none"));
    expect([code, stderr]).toEqual([1, expect.stringContaining('masks.jsonl: line 1: there must be a column "text", "sentence1" or "sentence", unless --text-column-name says which, got only "body", "id"')]); // biome-ignore format: one line
  });
});

describe("finetune", () => {
  test("columns of a table; what came out, for people and as JSON", async () => {
    const columns = ["--text-column-name", "review", "--label-column-name", "stars"];
    const file = join(folder, "train.csv");
    const output = join(folder, "table");
    const { stdout, stderr, code } = await finetune("--train-file", file, "--validation-file", file, ...columns, "--max-steps", "3", "--report", "--output", output); // biome-ignore format: one line
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^ 33 % {2}update 1 of 3 {2}loss \d\.\d{4} {2}[\d,]+ tokens\/s {2}0:\d\d left\n100 % {2}update 3 of 3 {2}evaluating\n {7}update 3 {2}eval_loss .* {2}eval_matthews_correlation \S+\n$/,
    );
    expect(stdout).toMatch(
      /^3 updates in 0:0\d: .*\/table\nloss +\d\.\d{4}\neval_loss +\d\.\d{4}\neval_accuracy +\d\.\d{4}\neval_f1_macro +\d\.\d{4}\neval_matthews_correlation +-?\d\.\d{4}\n$/,
    );
    expect(readdirSync(output)).toEqual(
      expect.arrayContaining(["checkpoint-3", "config.json", "curves.svg", "metrics.jsonl", "model.safetensors", "report.html", "vocab.txt"]), // biome-ignore format: one line
    );
    const again = await finetune("--train-file", file, "--validation-file", file, ...columns, "--max-steps", "3", "--resume", "--json", "--output", output); // biome-ignore format: one line
    const json = JSON.parse(again.stdout);
    expect(json).toMatchObject({ output, globalStep: 3, bestStep: 3 });
    const last = JSON.parse(readFileSync(join(output, "metrics.jsonl"), "utf8").trim().split("\n").at(-1) as string);
    expect(json.metrics.eval_accuracy).toBe(last.eval_accuracy);
  });

  test("weights of classes, written in each way", async () => {
    const run = async (weights: string) => {
      const output = join(folder, `weights-${weights}`);
      const more = [
        "--class-weights",
        weights,
        "--label-smoothing-factor",
        "0.1",
        "--max-steps",
        "2",
        "--output",
        output,
      ];
      const { code, stderr } = await finetune("--train-file", join(folder, "train.jsonl"), ...more);
      expect([code, stderr]).toEqual([0, expect.not.stringContaining("plainbert:")]);
      return readFileSync(join(output, "model.safetensors")).toString("base64");
    };
    const half = await run("1,0.5");
    expect(await run("positive=.5,negative=1")).toBe(half);
    expect(await run("positive=5e-1")).toBe(half);
    expect(await run("balanced")).not.toBe(half);
  });

  test("a reranker, from columns of any name; evaluate and rank take it", async () => {
    const file = join(folder, "pairs.tsv");
    writeFileSync(file, `asked\tfound\tgood\n${REVIEWS.map(({ text, label }, i) => `what was good ${i % 2 === 0 ? "." : "?"}\t${text}\t${Number(label === "positive")}\n`).join("")}`); // biome-ignore format: one line
    const columns = ["--query-column-name", "asked", "--text-column-name", "found", "--label-column-name", "good"];
    const output = join(folder, "reranker");
    const data = ["--train-file", file, "--validation-file", file, ...columns];
    const args = ["--task", "text-ranking", "--model", folder, "--backend", "plain", ...data, "--pos-weight", "1.5", "--at-k", "3"]; // biome-ignore format: one line
    const trained = await plainbert(["finetune", ...args, "--max-steps", "2", "--output", output]);
    expect([trained.code, trained.stdout]).toEqual([0, expect.stringMatching(/^eval_mrr@3 +\d\.\d{4}$/m)]);
    const { stdout } = await plainbert(["evaluate", "--model", output, "--file", file, ...columns, "--at-k", "3", "--backend", "plain", "--json"]); // biome-ignore format: one line
    expect(JSON.parse(stdout)).toMatchObject({ task: "text-ranking", settings: { atK: 3 } });
    const last = JSON.parse(readFileSync(join(output, "metrics.jsonl"), "utf8").trim().split("\n").at(-1) as string);
    expect(JSON.parse(stdout).metrics).toEqual(
      Object.fromEntries(Object.entries(last).filter(([name]) => name.startsWith("eval_"))),
    );
    expect((await plainbert(["rank", "--model", output, "what was good ?", "the cat was good.", "a dog."])).code).toBe(
      0,
    );
  });

  test.each([
    [[], "expected --task, one of text-classification,"],
    [["--task", "text-classification"], "expected --train-file FILE, and --output FOLDER\n"],
    [["--task", "text-classification", "--train-file", "x.jsonl"], "expected --output FOLDER"],
    [["--task", "sentiment"], "--task must be one of text-classification,"],
    [["--learning-rate", "-1"], '--learning-rate must be a finite number from 0, got "-1"'],
    [["--max-steps", "-.5"], '--max-steps must be a whole number from 1 to 999999999, got "-.5"'],
    [["--output", "-x"], '--output must have a value; one that begins with "-" is written --output=-…'],
    [["--learning-rate", "fast"], '--learning-rate must be a finite number from 0, got "fast"'],
    ...["-0.1", "1.5", "x"].map((value): [string[], string] => [
      ["--label-smoothing-factor", value],
      `--label-smoothing-factor must be a number from 0 to 1, got "${value}"`,
    ]),
    ...["-1", "0", "x"].map((value): [string[], string] => [
      ["--pos-weight", value],
      `--pos-weight must be a finite number above 0, got "${value}"`,
    ]),
    ...["-1", "0", "1.1"].map((value): [string[], string] => [
      ["--mlm-probability", value],
      `--mlm-probability must be a number above 0 and at most 1, got "${value}"`,
    ]),
    ...["0", "2", "x"].map((value): [string[], string] => [
      ["--max-length", value],
      `--max-length must be a whole number from 3 to 2147483648, got "${value}"`,
    ]),
    [["--class-weights", "good=5,good=6"], '--class-weights must name each label once, got "good" twice'],
    ...["1,bad=2", "bad=2,1"].map((value): [string[], string] => [
      ["--class-weights", value],
      `--class-weights must have a label before each number, as good=0.5,bad=2, or before none, as 0.5,2, got "${value}"`,
    ]),
    ...["0,1", "-1,1", "1,1e999", "positive=two", "a=", ""].map((value): [string[], string] => [
      [`--class-weights=${value}`],
      `--class-weights must be balanced, or numbers above 0 as 0.5,2 or good=0.5,bad=2, got "${value}"`,
    ]),
  ])("%j is a mistake in the command line", async (args, message) => {
    const { code, stderr } = await plainbert(["finetune", ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  test.each([
    [["--eval-steps", "2"], "finetune: --validation-file must be given with --eval-steps, is left out"],
    [["--doc-stride", "2"], "finetune: --doc-stride must be left out for text-classification, it is of question-answering, got 2"], // biome-ignore format: one line
    [["--freeze-layers", "99"], "finetune: --freeze-layers must be at most 2, the model's layers, got 99"],
    [["--max-steps", "1", "--warmup-steps", "2"], "finetune: --warmup-steps must be at most 1, all updates, got 2"],
    [["--max-steps", "1", "--num-train-epochs", "2"], "finetune: --num-train-epochs must be left out where --max-steps is given, got 2"], // biome-ignore format: one line
    [["--labels", "a,a"], 'finetune: --labels must be an array of different strings, at least one, got "a" twice'],
    [["--labels", "a,b", "--glue-task", "rte"], "finetune: --labels must be left out where --glue-task is given"],
    [["--label-column-name", "maxSteps"], 'train.jsonl: line 1: there must be a column "maxSteps", got only "where"'],
    [["--text-column-name", "review"], 'train.jsonl: line 1: there must be a column "review", got only "where"'],
    [["--train-file", "test/training/data/others.jsonl"], 'others.jsonl: line 1: there must be a column "text", "sentence1" or "sentence", unless --text-column-name says which, got only "review", "label"'], // biome-ignore format: one line
    [
      ["--class-weights", "1"],
      'finetune: --class-weights must be 2 numbers, in the order of the labels, "negative", "positive", got [1]',
    ],
  ])("%j is refused in the words of the command", async (args, message) => {
    const { code, stderr } = await finetune("--train-file", join(folder, "train.jsonl"), "--output", join(folder, "words"), ...args); // biome-ignore format: one line
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test("what goes on otherwise is refused in these words too", async () => {
    const file = join(folder, "train.jsonl");
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    const fewer = join(folder, "fewer.jsonl");
    writeFileSync(fewer, lines.slice(2).join("\n"));
    const output = join(folder, "gone-on");
    const run = (...args: string[]) => finetune("--train-file", file, "--output", output, ...args);
    expect((await run("--num-train-epochs", "1", "--batch-size", "16")).code).toBe(0);
    const same = ["--num-train-epochs", "1", "--batch-size", "16", "--resume"];
    expect((await run(...same)).code).toBe(0);
    const inRun = `as in the run in ${JSON.stringify(output)}`;
    for (const [args, message] of [
      [[...same, "--learning-rate", "1"], `--learning-rate must be 0.00005 ${inRun}, got 1`],
      [[...same, "--seed", "1"], `--seed must be 42 ${inRun}, got 1`],
      [[...same, "--backend", "simd"], `--backend must be "plain" ${inRun}, got "simd"`],
      [[...same, "--train-file", fewer], `--train-file must have 32 examples ${inRun}, has 30`],
      [[...same, "--validation-file", file], `--validation-file must be left out ${inRun}, has 32`],
      [[...same, "--max-length", "5"], `--max-length must be 32 ${inRun}, got 5`],
      [[...same, "--num-train-epochs", "2"], `--max-steps or --num-train-epochs must make 2 updates ${inRun}, got 4`],
      [[...same, "--warmup-ratio", "1"], `--warmup-steps or --warmup-ratio must make 0 updates of warm-up ${inRun}, got 2`], // biome-ignore format: one line
    ] as const) {
      expect(await run(...args)).toMatchObject({ code: 1, stderr: `plainbert: finetune: --resume: ${message}\n` });
    }
    expect((await run()).stderr).toMatch(
      / must be empty or not there, is neither; --resume goes on with the run in it\n$/,
    );
  });

  test("pretrain too: the phases are folders and three options", async () => {
    const [text, output] = [join(folder, "text.txt"), join(folder, "pretrained")];
    writeFileSync(text, "The cat was good.\nThe dog was bad.\n\nAnna saw it.\nParis was in it.\n");
    await plainbert(["make-examples", text, "--tokenizer", folder, "--output", join(folder, "phase"), "--max-seq-length", "16"]); // biome-ignore format: one line
    const sizes = ["--layers", "1", "--hidden", "16", "--heads", "1", "--backend", "plain", "--output", output];
    const run = (...args: string[]) => plainbert(["pretrain", join(folder, "phase"), ...sizes, ...args]);
    expect((await run("--max-steps", "2")).code).toBe(0);
    expect((await run("--max-steps", "3", "--resume")).stderr).toBe(
      `plainbert: pretrain: --resume: --max-steps, --batch-size and --gradient-accumulation-steps must be "2 steps of 1 × 32" as in the run in ${JSON.stringify(output)}, got "3 steps of 1 × 32"\n`,
    );
    const nowhere = await plainbert(["pretrain", folder, ...sizes, "--max-steps", "1", "--resume"]);
    expect(nowhere.stderr).toContain("pretrain: EXAMPLES must be a folder with examples-….safetensors");
  });

  test("too few examples, and an option whose other option is not there", async () => {
    const file = join(folder, "one.jsonl");
    writeFileSync(file, '{"anchor":"a","positive":"b"}\n');
    const learn = (...args: string[]) =>
      plainbert(["finetune", "--task", "sentence-embedding", "--model", folder, "--train-file", file, "--output", join(folder, "few"), ...args]); // biome-ignore format: one line
    expect((await learn()).stderr).toContain("finetune: --train-file must have 2 examples or more where examples are pairs"); // biome-ignore format: one line
    expect((await learn("--batch-size", "1")).stderr).toContain("finetune: --batch-size must be 2 or more where examples are pairs"); // biome-ignore format: one line
    expect((await learn("--vector-loss-weight", "2")).stderr).toContain("finetune: --vector-loss-weight must be left out without --teacher, got 2"); // biome-ignore format: one line
  });

  test("an error of pretrain and evaluate too", async () => {
    const sizes = ["--max-steps", "1", "--output", join(folder, "words")];
    const pretrained = await plainbert(["pretrain", "nowhere", ...sizes, "--eval-steps", "2"]);
    expect(pretrained.stderr).toContain("pretrain: --eval-examples must be given with --eval-steps, is left out");
    const evaluated = await plainbert(["evaluate", "--file", join(folder, "train.jsonl")]);
    expect(evaluated.stderr).toMatch(/^plainbert: evaluate: --task must be .*, is left out; --model is left out: /);
  });

  test("questions whose answers stand elsewhere are left out and counted, or refused", async () => {
    const ask = (id: string, text: string, answer_start: number) => ({
      ...{ id, question: "who saw it ?", context: "anna saw the cat in paris ." },
      answers: { text: [text], answer_start: [answer_start] },
    });
    const file = join(folder, "questions.jsonl");
    const questions = [ask("1", "anna", 0), ask("2", "the cat", 9), ask("3", "paris", 0), ask("4", "paris", 5)];
    writeFileSync(file, questions.map((question) => `${JSON.stringify(question)}\n`).join(""));
    const learn = (name: string, ...more: string[]) =>
      plainbert(["finetune", "--task", "question-answering", "--model", folder, "--backend", "plain", "--train-file", file, "--max-steps", "1", "--output", join(folder, name), ...more]); // biome-ignore format: one line
    const { stdout, stderr, code } = await learn("misplaced");
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^100 % {2}update 1 of 1 .* left\n$/)]);
    expect(stdout).toMatch(
      /^1 update in .*\n2 questions left out, whose answers do not stand where the file says\nloss +\d/,
    );
    expect(JSON.parse((await learn("misplaced-json", "--json")).stdout).skippedExamples).toBe(2);
    const refused = await learn("refused", "--misplaced-answers", "refuse");
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('questions.jsonl: line 3: the answer "paris" does not stand where it says; nor does that of 1 other question')]); // biome-ignore format: one line
  });

  test("a mistake in the data names file and line", async () => {
    const file = join(folder, "bad.jsonl");
    writeFileSync(file, '{"text":"good","label":"a"}\n{"text":"bad"}\n');
    const { code, stderr } = await finetune("--train-file", file, "--output", join(folder, "bad"));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/bad\.jsonl: line 2: "label" must be a column/)]);
  });
});

describe("pretrain", () => {
  test.each([
    [[], "expected a folder of examples or more, and --output FOLDER\n"],
    [
      ["a", "b", "--max-steps", "3", "--output", "c"],
      "expected --max-steps with a number for each of 2 folders, got 1",
    ],
    [["a", "--max-steps", "3", "--batch-size", "1,2", "--output", "c"], "expected --batch-size with one number, or one for each of 1 folders, got 2"], // biome-ignore format: one line
    [
      ["a", "--max-steps", "3", "--layers", "2", "--config", "x", "--output", "c"],
      "expected --config or --layers, got both",
    ],
    [
      ["a", "--max-steps", "3", "--layers", "2", "--model", "x", "--output", "c"],
      "expected --model or --layers, got both",
    ],
  ])("%j is a mistake in the command line", async (args, message) => {
    const { code, stderr } = await plainbert(["pretrain", ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe("how far a run is", () => {
  const progress = {
    ...{ step: 420, totalSteps: 1000, firstStep: 300, loss: 0.42134 },
    ...{ tokensPerSecond: 1234.5, secondsLeft: 290, evaluating: false },
  };

  test("in a line", () => {
    expect(trainingLine(progress)).toBe(" 42 %  update 420 of 1,000  loss 0.4213  1,235 tokens/s  4:50 left");
    expect(trainingLine({ ...progress, evaluating: true })).toBe(" 42 %  update 420 of 1,000  evaluating");
  });

  const shown = async (tell: (line: TrainingLine) => void, terminal: object = {}) => {
    const written: string[] = [];
    const write = (text: string) => written.push(text);
    const stderr = Object.assign(new Writable(), { write, ...terminal });
    await withStreams({ stdin: process.stdin, stdout: process.stdout, stderr }, async () => tell(new TrainingLine()));
    return written.join("");
  };
  const stepAt = (line: TrainingLine, ...seconds: number[]) => {
    for (const [i, at] of seconds.entries()) line.show({ ...progress, step: i + 1 }, 1000 * at);
  };

  test("in a log: after the first update, then after ten seconds, and at each evaluation; a line each", async () => {
    const text = await shown((line) => {
      stepAt(line, 0, 1, 9.9, 10, 11, 19.9, 25, 34, 36);
      line.show({ ...progress, step: 9, evaluating: true }, 36_500);
      line.tell({ step: 9, epoch: 1, loss: 0.5, learning_rate: 0.1 });
      line.tell({ step: 9, epoch: 1, eval_loss: 0.25, eval_pearson: Number.NaN });
      line.clear();
    });
    const steps = text.trimEnd().split("\n").map((one) => one.replace(/ of 1,000.*(?= left)/, "")); // biome-ignore format: one line
    expect(steps).toEqual([
      ...["  0 %  update 1 left", "  0 %  update 4 left", "  0 %  update 7 left", "  0 %  update 9 left"],
      ...["  0 %  update 9 of 1,000  evaluating", "       update 9  eval_loss 0.2500  eval_pearson -"],
    ]);
    for (const control of ["\r", "\u001b"]) expect(text).not.toContain(control);
  });

  test("on a terminal: one line that is drawn over and wiped away, and no line for an evaluation", async () => {
    const tell = (line: TrainingLine) => {
      stepAt(line, 0.001, 0.05, 0.2);
      line.tell({ step: 3, epoch: 1, eval_loss: 0.25 });
      line.clear();
    };
    const text = await shown(tell, { isTTY: true, columns: 40 });
    expect(text.split("\r").map((one) => one.replace(/ of 1,000.*?(?=.\[K)/, ""))).toEqual([
      ...["", "  0 %  update 1\u001b[K", "  0 %  update 3\u001b[K", "\u001b[K"],
    ]);
  });

  test("a child with a pipe for standard error writes lines while it works", async () => {
    const output = join(folder, "piped");
    const file = join(folder, "train.jsonl");
    const data = ["--train-file", file, "--validation-file", file, "--num-train-epochs", "2", "--output", output];
    const args = ["--task", "text-classification", "--model", folder, "--backend", "plain", ...data];
    const { code, stdout, stderr } = await plainbertProcess(["finetune", ...args, "--json"]);
    expect(code).toBe(0);
    const { metrics } = JSON.parse(stdout);
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^ 12 % {2}update 1 of 8 {2}loss \d\.\d{4} {2}[\d,]+ tokens\/s {2}\d:\d\d left$/);
    expect(lines.at(-1)).toContain(`update 8  eval_loss ${metrics.eval_loss.toFixed(4)}  eval_accuracy`);
    expect(lines.filter((line) => line.endsWith("  evaluating")).length).toBe(2);
    expect(stderr).not.toContain("\r");
  });
});
