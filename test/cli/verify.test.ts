import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ExpectedOutput, parseOutputs } from "../../src/cli/outputs.ts";
import { PUBLISHED_OUTPUTS } from "../../src/cli/publishedOutputs.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { reference, referenceInputs, referenceJson, referenceTensors } from "../support/reference.ts";
import { SENTENCES, sentenceFolder } from "../support/sentenceFolders.ts";
import { TOLERANCE } from "../tolerances.ts";
import { head, plainbert } from "./run.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-verify-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function outputsFile(name: string, outputs: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, JSON.stringify(outputs));
  return path;
}

const expected = JSON.parse(await readFile(join(WEIGHTS, "expected.json"), "utf8"));
const [{ text, ids, top5 }] = expected.fill_mask;
const door: ExpectedOutput = { task: "fill-mask", text, input_ids: ids, top: top5[0], atol: 1e-6 };

test("the small models: what Python computed with them", async () => {
  const { code, stdout, stderr } = await plainbert(["verify"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout.match(/^pass {2}/gm)?.length).toBe(10);
  expect(stdout.match(/^pass {2}embeddings [^\n]*\n {6}largest difference \d\.\de-\d+, allowed 1e-6$/gm)?.length).toBe(
    3,
  );
  expect(stdout).toMatch(
    /^pass {2}fill-mask "She opened the \[MASK\] [^\n]*\n {6}largest difference \d\.\de-\d, allowed 1e-5\n/,
  );
});

describe("a file of outputs", () => {
  const check = async (outputs: readonly unknown[], model = WEIGHTS) => {
    const { code, stdout, stderr } = await plainbert([
      "verify",
      ...["--backend", "plain", "--json"],
      "--outputs",
      await outputsFile("x.json", outputs),
      model,
    ]);
    const lines = stdout.split("\n").filter(Boolean);
    return { code, stderr, verdicts: lines.map((line) => JSON.parse(line)) };
  };

  test("passes as Python computed it", async () => {
    const { code, verdicts } = await check([door]);
    expect(code).toBe(0);
    expect(verdicts).toEqual([
      {
        passed: true,
        what: `fill-mask ${JSON.stringify(text)}`,
        difference: expect.any(Number),
        allowed: 1e-6,
        where: expect.stringMatching(/^\w+: must be 0\.\d+, is 0\.\d+$/),
      },
    ]);
    expect(verdicts[0].difference).toBeGreaterThan(0);
    expect(verdicts[0].difference).toBeLessThan(1e-6);
  });

  test("fails for a score, a token, their order, an id: exit code 1, and what differs", async () => {
    const [first, second, ...rest] = top5[0];
    const { code, stderr, verdicts } = await check([
      { ...door, top: [{ ...first, score: first.score + 2e-6 }, second, ...rest] },
      { ...door, top: [{ ...first, token_str: "gate" }, second, ...rest] },
      { ...door, top: [second, first, ...rest] },
      { ...door, input_ids: [...ids.slice(0, -1), 4] },
      door,
    ]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "plainbert: verify: 4 of 5 outputs differ\n" });
    expect(verdicts.map(({ passed }) => passed)).toEqual([false, false, false, false, true]);
    expect(Math.abs(verdicts[0].difference - 2e-6)).toBeLessThanOrEqual(TOLERANCE.plain.fillMask);
    expect(verdicts[0].where).toMatch(
      new RegExp(
        `^${first.token_str}: must be ${String(first.score + 2e-6).slice(0, 7)}\\d*, is ${String(first.score).slice(0, 7)}`,
      ),
    );
    expect(verdicts[1].where).toMatch(
      new RegExp(`^tokens: must be gate, ${second.token_str}, .*, are ${first.token_str}, ${second.token_str}, `),
    );
    expect(verdicts[2].where).toMatch(new RegExp(`^tokens: must be ${second.token_str}, ${first.token_str}, `));
    expect(verdicts[3].where).toMatch(new RegExp(`^token ids: must be 2 ${ids[1]} .* 4, are 2 ${ids[1]} .* 3$`));
  });

  test("next-sentence-prediction, right and wrong", async () => {
    const [{ a, b, ids: pairIds, is_next }] = expected.next_sentence;
    const item = { task: "next-sentence-prediction", text: a, text_pair: b, input_ids: pairIds, is_next, atol: 1e-6 };
    const { code, verdicts } = await check([item, { ...item, is_next: 1 - is_next }]);
    expect(code).toBe(1);
    expect(verdicts.map(({ passed }) => passed)).toEqual([true, false]);
  });

  test("forward: every output of the reference, whole and in part", async () => {
    const inputs = referenceInputs("tiny/inputs.json");
    const ids = {
      input_ids: inputs.inputIds,
      attention_mask: inputs.attentionMask,
      token_type_ids: inputs.tokenTypeIds,
    };
    const truth = referenceTensors("tiny/activations.float64.safetensors");
    const logits = [...truth.toFloat64("cls.seq_relationship")];
    const hidden = truth.toFloat64("bert.encoder.layer.1"); // [3, 17, 36]
    const part = [1, 2].map((t) => [3, 4, 5].map((h) => hidden[(17 + t) * 36 + h]));
    const task = { task: "forward", ...ids };
    const model = {
      ...task,
      architecture: "BertModel",
      output: "last_hidden_state",
      start: [1, 1, 3],
      values: [part],
      atol: 1e-5,
    };
    const pairs = [0, 1, 2].map((b) => logits.slice(2 * b, 2 * b + 2));
    const next = {
      ...task,
      architecture: "BertForPreTraining",
      output: "seq_relationship_logits",
      values: pairs,
      atol: 1e-5,
    };
    const wrong = { ...next, values: [...pairs.slice(0, 2), [pairs[2][0], pairs[2][1] + 1e-4]] };
    const tiny = join(folder, "tiny");
    await mkdir(tiny);
    for (const name of ["config.json", "model.safetensors"]) await cp(reference(`tiny/${name}`), join(tiny, name));
    const { code, verdicts } = await check(
      [model, next, wrong, { ...model, start: [1, 16, 3] }, { ...next, output: "start_logits" }],
      tiny,
    );
    expect(code).toBe(1);
    expect(verdicts.map(({ passed, what }) => [passed, what])).toEqual([
      [true, "BertModel last_hidden_state from [1,1,3]"],
      [false, "BertModel last_hidden_state from [1,16,3]"],
      [true, "BertForPreTraining seq_relationship_logits"],
      [false, "BertForPreTraining seq_relationship_logits"],
      [false, "BertForPreTraining start_logits"],
    ]);
    expect(verdicts[3].where).toMatch(/^\[2,1\]: must be /);
    expect(verdicts[4].where).toBe("start_logits: the model has no such output");
    expect((await check([{ ...next, values: [1, 2] }], tiny)).stderr).toContain("values must have 2 levels of lists");
  });

  test("token-classification: the oracle's entities, and wrong ones", async () => {
    const lines = (await readFile(new URL("../pipelines/reference/heads.jsonl", import.meta.url), "utf8"))
      .trim()
      .split("\n");
    const found = lines
      .map((line) => JSON.parse(line))
      .find(
        (line) =>
          JSON.stringify(line).includes('"aggregation_strategy":"simple"') &&
          JSON.stringify(line.output).includes("entity_group"),
      );
    expect(found).toBeDefined();
    const entities = found.output;
    const task = { task: "token-classification", text: found.input, entities, atol: 1e-5 };
    const moved = entities.map((entity: { end: number }, i: number) =>
      i ? entity : { ...entity, end: entity.end + 1 },
    );
    const { verdicts } = await check([task, { ...task, entities: moved }], head("ner"));
    expect(verdicts.map(({ passed }) => passed)).toEqual([true, false]);
    expect(verdicts[1].where).toMatch(/^entities: must be .*, are /);
  });

  test.each<[unknown, string]>([
    [{}, "must be an array of expected outputs"],
    [[], "must be an array of expected outputs"],
    [[null], "[0] must be an object, got null"],
    [
      [door, { task: "toString" }],
      "[1].task must be one of fill-mask, next-sentence-prediction, token-classification, embeddings, forward, got ",
    ],
    [[{ ...door, atol: undefined }], "[0].atol must be what the field is in an output of fill-mask, "],
    [[{ ...door, atol: -1 }], "[0].atol must be what the field is in an output of fill-mask, "],
    [[{ ...door, top: [] }], "[0].top must be what the field is in an output of fill-mask, "],
    [[{ ...door, text: 3 }], "[0].text must be what the field is in an output of fill-mask, "],
    [
      [{ task: "forward", atol: 1, architecture: "GPT2", output: "logits", input_ids: [[1]], values: [1] }],
      "architecture",
    ],
    [
      [{ task: "forward", atol: 1, architecture: "BertModel", output: "x", input_ids: [[1]], values: [1] }],
      '[0].output must be what the field is in an output of forward, got "x"',
    ],
    [
      [{ task: "forward", atol: 1, architecture: "BertModel", output: "logits", input_ids: [[1]], values: [["1"]] }],
      "values",
    ],
  ])("that is none: %j", (outputs, message) => {
    expect(() => parseOutputs(JSON.stringify(outputs), "x.json")).toThrow(
      expect.objectContaining({ name: "BertError", code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  });

  test("that is not there, or no JSON", async () => {
    expect((await plainbert(["verify", "--outputs", join(folder, "no.json")])).stderr).toContain(
      "no such file or folder",
    );
    const text = await outputsFile("text.json", {});
    const { code, stdout, stderr } = await plainbert(["verify", "--outputs", text]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe(`plainbert: verify: ${text}: must be an array of expected outputs, got {}\n`);
    expect(() => parseOutputs("text", "x.json")).toThrow("verify: x.json: must be JSON");
  });
});

describe("published outputs", () => {
  test("are those that were found: every number and id", () => {
    const { items } = referenceJson<{ items: Record<string, unknown>[] }>("published_outputs.json");
    const withNumbers = items.filter((item) => item.file === undefined); // one names a file that was not found
    expect(withNumbers.length).toBe(items.length - 1);
    const numbers = (value: unknown): unknown[] => (Array.isArray(value) ? value.flatMap(numbers) : [value]);
    const found = withNumbers.flatMap((item) =>
      [
        "input_ids",
        "attention_mask",
        "token_type_ids",
        "expected_slice",
        "expected_logits",
        "start_logits[:,1:4]",
        "end_logits[:,1:4]",
      ].flatMap((field) => numbers(item[field] ?? [])),
    );
    const ours = PUBLISHED_OUTPUTS.flatMap((output) =>
      output.task === "forward"
        ? [
            output.values,
            output.output === "end_logits"
              ? []
              : [output.input_ids, output.attention_mask ?? [], output.token_type_ids ?? []],
          ]
        : ["input_ids" in output ? output.input_ids : []],
    ).flatMap(numbers);
    const sorted = (list: unknown[]) => list.map(Number).sort((a, b) => a - b);
    expect(sorted(ours)).toEqual(sorted(found));

    const masks = PUBLISHED_OUTPUTS.filter((output) => output.task === "fill-mask");
    const theirs = withNumbers.filter((item) => item.task === "fill-mask");
    expect(masks.map(({ text, top }) => ({ text, top }))).toEqual(
      theirs.map(({ text, top5 }) => ({
        text,
        top: (top5 as { token_str: string; score: number }[]).map(({ token_str, score }) => ({ token_str, score })),
      })),
    );
    for (const { source, model } of PUBLISHED_OUTPUTS)
      expect(withNumbers.some((item) => item.source === source && model?.endsWith(String(item.model)))).toBe(true);
  });

  test("--list names their models; another model is told of them", async () => {
    const { stdout } = await plainbert(["verify", "--list"]);
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(["google-bert/bert-base-cased", "dslim/bert-base-NER"]));
    const { code, stderr } = await plainbert(["verify", WEIGHTS]);
    expect(code).toBe(2);
    expect(stderr).toContain('no published outputs of "weights" are known, only of google-bert/bert-base-cased');
  });

  test.each([
    ["its folder's name", "bert-base-cased", []],
    ["the cache's folder", "models--google-bert--bert-base-cased/snapshots/0123", []],
    ["--as", "mine", ["--as", "google-bert/bert-base-cased"]],
  ])("a model is known by %s, and a tiny one is not BERT-base", async (_, path, args) => {
    const copy = join(folder, path);
    await cp(head("mlm"), copy, { recursive: true });
    const { code, stdout, stderr } = await plainbert(["verify", "--backend", "plain", ...args, copy]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "plainbert: verify: 3 of 3 outputs differ\n" });
    expect(stdout).toMatch(/^FAIL {2}fill-mask "Hello I'm a \[MASK\] model\."\n {6}token ids: must be 101 8667 /);
  });
});

test("vectors of texts, with a prompt and without, as Python computed them", async () => {
  const model = await sentenceFolder(folder, "prompts");
  const lines = (await readFile(join(import.meta.dirname, "../pipelines/reference/embeddings.jsonl"), "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const of = (options: object) =>
    lines.find((line) => line.form === "prompts" && JSON.stringify(line.options) === JSON.stringify(options))
      .vectors[0];
  const atol = 1e-6;
  const [text] = SENTENCES;
  const outputs = [
    { task: "embeddings", text, embedding: of({}), atol },
    { task: "embeddings", text, prompt_name: "passage", embedding: of({ prompt_name: "passage" }), atol },
    { task: "embeddings", text, prompt: "passage: ", embedding: of({ prompt_name: "passage" }), atol },
    { task: "embeddings", text, prompt_name: "query", embedding: of({ prompt_name: "passage" }), atol },
    { task: "embeddings", text, embedding: of({}).slice(1), atol },
  ];
  const file = await outputsFile("vectors.json", outputs);
  const { code, stdout } = await plainbert(["verify", "--backend", "plain", "--json", "--outputs", file, model]);
  const verdicts = stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  expect(verdicts.map(({ passed }) => passed)).toEqual([true, true, true, false, false]);
  expect(verdicts[0].what).toBe(`embeddings ${JSON.stringify(text)}`);
  expect(verdicts[0].difference).toBeGreaterThan(0);
  expect(verdicts[3].where).toMatch(/^\[\d+\]: must be -?[\d.]+, is -?[\d.]+$/);
  expect(verdicts[4].where).toBe("numbers of a vector: must be 23, are 24");
  expect(code).toBe(1);
});
