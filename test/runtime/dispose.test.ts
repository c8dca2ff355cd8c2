import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import {
  buildIndex,
  type FillMaskPrediction,
  loadBert,
  loadIndex,
  type Pipeline,
  pipeline,
  type SearchIndex,
  saveBert,
} from "../../src/pipelines/index.ts";
import { PushedSource, settle } from "../support/streams.ts";
import { temporaryFolder, writeTinyModel } from "../support/tinyModel.ts";
import { recordWorkers } from "../support/workers.ts";

const workers = recordWorkers();
const folder = temporaryFolder();
const TEXTS = [
  "the cat [MASK] good.",
  "a dog who saw [MASK] film",
  "[MASK] book was very [MASK].",
  "the film was not [MASK]",
];
/** What each text gives. */
const wanted: unknown[] = [];

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);

beforeAll(async () => {
  await writeTinyModel(folder.path);
  await using unmask = await pipeline("fill-mask", folder.path, { backend: "plain" });
  for (const text of TEXTS) wanted.push(rounded(await unmask(text)));
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  await settle();
  expect(unhandled).toEqual([]);
});
afterAll(() => {
  process.off("unhandledRejection", note);
  folder[Symbol.dispose]();
});

/** `simd` differs from `plain` in the last bits; that its own are always the same is shown in sharedPass.test.ts. */
function rounded(answer: unknown): unknown {
  const lists = answer as FillMaskPrediction[] | FillMaskPrediction[][];
  return lists.flat().map(({ token, score }) => `${token} ${score.toFixed(5)}`);
}

type Unmask = Pipeline<"fill-mask">;
const BACKENDS = [
  ["a worker", { backend: "simd", threads: 1 }],
  ["two threads", { backend: "simd", threads: 2 }],
  ["no worker", { backend: "plain" }],
] as const;

const REFUSED = { name: "BertError", code: "ERR_BACKEND", message: "bert: the model must not be used after dispose()" };

describe.each(BACKENDS)("dispose while a call is under way: %s", (_, options) => {
  const load = () => pipeline("fill-mask", folder.path, options);

  test("a promise that is returned without await is answered", async () => {
    async function answer(text: string) {
      const unmask = await load();
      try {
        return unmask(text);
      } finally {
        await unmask.dispose();
      }
    }
    expect(rounded(await answer(TEXTS[0]))).toEqual(wanted[0]);
    // Or it is rejected, and who waits for it gets to see that
    await expect(answer("no mask")).rejects.toMatchObject({ name: "BertError", code: "ERR_INPUT" });
  });

  test("one that is refused too: who waits for it gets to see that", async () => {
    const unmask = await load();
    const call = unmask(TEXTS[0]);
    const answer = async () => {
      try {
        return unmask(TEXTS[1]);
      } finally {
        await unmask.dispose();
      }
    };
    const [first, second] = [unmask.dispose(), answer()];
    await expect(second).rejects.toMatchObject(REFUSED);
    expect(rounded(await call)).toEqual(wanted[0]);
    await first;
  });

  test("await using", async () => {
    async function answer(text: string) {
      await using unmask = await load();
      return unmask(text);
    }
    expect(rounded(await answer(TEXTS[1]))).toEqual(wanted[1]);
  });

  test("a call of many passes is answered too; later ones are refused, a second dispose waits for the first", async () => {
    const unmask = await load();
    const many = Array.from({ length: 1000 }, (_, i) => TEXTS[i % TEXTS.length]);
    const answers = unmask(many);
    let freed = 0;
    const first = unmask.dispose().then(() => ++freed);
    const second = unmask.model.dispose().then(() => ++freed);
    await expect(unmask(TEXTS[0])).rejects.toMatchObject(REFUSED);
    expect(freed).toBe(0);
    const got = (await answers) as unknown[];
    expect(got.map(rounded)).toEqual(many.map((_, i) => wanted[i % TEXTS.length]));
    await Promise.all([first, second]);
    await expect(unmask(TEXTS[0])).rejects.toMatchObject(REFUSED);
    await unmask.dispose();
  });

  test("the model waits for a pipeline that was given it, and for forward", async () => {
    const bert = await loadBert(folder.path, options);
    const unmask = await pipeline("fill-mask", bert);
    const batch = bert.tokenizer.encodeBatch(TEXTS);
    const want = bert.forwardSync(batch);
    const pending = [unmask(TEXTS[0]), bert.forward(batch)] as const;
    await bert.dispose();
    expect(rounded(await pending[0])).toEqual(wanted[0]);
    expect(await pending[1]).toEqual(want);
    await expect(bert.forward(batch)).rejects.toMatchObject(REFUSED);
    expect(() => bert.forwardSync(batch)).toThrow(REFUSED.message);
  });

  test("what is aborted is not waited for", async () => {
    const unmask = await load();
    const controller = new AbortController();
    const call = unmask(Array(5000).fill(TEXTS[0]), { signal: controller.signal });
    const disposed = unmask.dispose();
    controller.abort("enough");
    await expect(call).rejects.toBe("enough");
    await disposed;
  });

  test("a stream is not waited for, and ends with an error that its reader sees", async () => {
    const unmask = await load();
    const source = new PushedSource<string>();
    const answers = unmask(source);
    source.push(TEXTS[0]);
    expect(rounded((await answers.next()).value)).toEqual(wanted[0]);
    const next = answers.next(); // of a source that gives nothing
    await unmask.dispose();
    source.push(TEXTS[1]);
    await expect(next).rejects.toMatchObject(REFUSED);
    expect(source.closed).toBe(1);
  });

  test("a stream that nobody reads any more fails silently", async () => {
    const unmask = await load();
    const answers = unmask(new Set(TEXTS));
    await answers.next();
    await unmask.dispose();
  });
});

describe.each(BACKENDS)("dispose beside a call of an index: %s", (_, options) => {
  const WORDS = ["the cat was good.", "a dog saw the film", "the book"];
  const load = () => pipeline("feature-extraction", folder.path, options);
  type Extract = Awaited<ReturnType<typeof load>>;
  const save = join(folder.path, "dispose.safetensors");

  /** What a call gives that is returned without await. */
  async function returned<Answer>(call: (extract: Extract, index: SearchIndex) => Promise<Answer>) {
    const extract = await load();
    const index = await buildIndex(extract, WORDS);
    const answer = async () => {
      try {
        return call(extract, index);
      } finally {
        await extract.dispose();
      }
    };
    return { answer: await answer(), index };
  }

  test("search, add, save, buildIndex, loadIndex and saveBert are waited for", async () => {
    const { answer: found } = await returned((_, index) => index.search("the cat", 2));
    expect(found).toHaveLength(2);
    const { answer: lists } = await returned((_, index) => index.search(["the cat", "a book"]));
    expect(lists.map((list) => list.length)).toEqual([3, 3]);
    expect((await returned((_, index) => index.add(["a film", "a cat"]))).index.size).toBe(5);
    expect((await returned((_, index) => index.add(["a film"].values()))).index.size).toBe(4);
    expect((await returned((extract) => buildIndex(extract, WORDS))).answer.size).toBe(3);
    await returned((_, index) => index.save(save));
    expect((await returned((extract) => loadIndex(extract, save))).answer.size).toBe(3);
    const copy = join(folder.path, `copy-${options.backend}-${"threads" in options ? options.threads : 0}`);
    await returned((extract) => saveBert(extract.model, copy));
    await (await loadBert(copy, options)).dispose();
  });

  test("or rejected, and who waits for them gets to see that", async () => {
    const expectInputError = (call: (extract: Extract, index: SearchIndex) => Promise<unknown>) =>
      expect(returned(call)).rejects.toMatchObject({ name: "BertError", code: "ERR_INPUT" });
    await expectInputError((_, index) => index.search("the cat", 0));
    await expectInputError((_, index) => index.search(["the cat", 3 as never]));
    await expectInputError((_, index) => index.add([3 as never]));
    await expectInputError((extract) => buildIndex(extract, [3 as never]));
    await expect(returned((extract) => loadIndex(extract, `${save}.none`))).rejects.toMatchObject({ code: "ERR_FILE" });
  });

  test("many calls at once, all made before dispose; later ones are refused", async () => {
    await using bert = await loadBert(folder.path, options);
    const extract = await pipeline("feature-extraction", bert);
    const index = await buildIndex(extract, WORDS);
    const want = await index.search("the cat");
    const searches = Array.from({ length: 20 }, () => index.search("the cat"));
    const added = index.add(["a film"]);
    const disposed = bert.dispose();
    await expect(index.search("the cat")).rejects.toMatchObject(REFUSED);
    await expect(index.add(["a cat"])).rejects.toMatchObject(REFUSED);
    await expect(buildIndex(extract, WORDS)).rejects.toMatchObject(REFUSED);
    expect(await Promise.all(searches)).toEqual(Array(20).fill(want));
    await added;
    await disposed;
    expect(index.size).toBe(4);
  });
});

test("the program ends well", () => {
  const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
  const program = `
    import { pipeline } from ${index};
    async function f(text) {
      const unmask = await pipeline("fill-mask", ${JSON.stringify(folder.path)}, { backend: "simd", threads: 2 });
      try { return unmask(text); } finally { await unmask.dispose(); }
    }
    console.log((await f("the cat [MASK]")).length);
    await f("no mask").catch(({ code }) => console.log(code));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect({ stdout, stderr, status }).toEqual({ stdout: "5\nERR_INPUT\n", stderr: "", status: 0 });
});

describe("a forgotten await hides no error", () => {
  const calls = {
    "of a pipeline": 'unmask("no mask")',
    "of forward": "unmask.model.forward([{ inputIds: [2, 3] }], { nope: 1 })",
    "of an index": 'buildIndex(await pipeline("feature-extraction", unmask.model), [3])',
    "of a call after dispose": 'unmask.dispose().then(() => void unmask("[MASK]"))',
    "of a call that is aborted": 'unmask("[MASK]", { signal: AbortSignal.abort(new Error("ERR_INPUT ERR_BACKEND")) })',
  };
  test.each(Object.entries(calls))("%s", (_, call) => {
    const index = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
    const program = `
      import { buildIndex, pipeline } from ${index};
      const unmask = await pipeline("fill-mask", ${JSON.stringify(folder.path)}, { backend: "plain" });
      void ${call};`;
    const { stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(stderr).toMatch(/ERR_INPUT|ERR_BACKEND/);
    expect(status).toBe(1);
  });
});

/** What a program may do with a pipeline, and how long it waits before. */
const step = fc.record({
  wait: fc.constantFrom(null, null, 0, 1, 5),
  kind: fc.constantFrom("text", "text", "text", "list", "stream", "forward", "abort", "kill", "returned"),
  n: fc.nat(20),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Does one thing; what it starts is in `pending`, each with whether its result is right. */
function perform(
  { kind, n }: Step,
  unmask: Unmask,
  first: number,
  pending: Promise<boolean>[],
  aborts: AbortController[],
) {
  const controller = new AbortController();
  const { signal } = controller;
  const i = n % TEXTS.length;
  const same = (answer: unknown, k: number) =>
    JSON.stringify(rounded(answer)) === JSON.stringify(wanted[k % TEXTS.length]);
  const own = (work: Promise<boolean>) => {
    aborts.push(controller);
    pending.push(
      work.catch((error) => error === "aborted" || (error instanceof BertError && error.code === "ERR_BACKEND")),
    );
  };
  if (kind === "text") own(unmask(TEXTS[i], { signal }).then((answer) => same(answer, i)));
  if (kind === "list") {
    const list = Array.from({ length: n * 40 + 1 }, (_, k) => TEXTS[k % TEXTS.length]);
    own(unmask(list, { signal }).then((answers) => (answers as unknown[]).every(same)));
  }
  if (kind === "stream") {
    own(
      (async () => {
        let k = 0;
        for await (const answer of unmask(new Set(TEXTS), { signal })) {
          if (!same(answer, k++)) return false;
          if (k > n % 6) return true;
        }
        return k === TEXTS.length;
      })(),
    );
  }
  if (kind === "forward") {
    const batch = unmask.tokenizer.encodeBatch(TEXTS.slice(0, i + 1));
    own(unmask.model.forward(batch, { signal }).then(({ lastHiddenState }) => lastHiddenState.shape[0] === i + 1));
  }
  if (kind === "abort") aborts[n % Math.max(1, aborts.length)]?.abort("aborted");
  if (kind === "kill")
    void workers
      .slice(first)
      .at(-1 - (n % 2))
      ?.terminate();
  if (kind === "returned") {
    const returned = async () => {
      try {
        return unmask(TEXTS[i]);
      } finally {
        await unmask.dispose();
      }
    };
    own(returned().then((answer) => same(answer, i)));
  }
}

test.each(BACKENDS)(
  "calls, streams, aborts, dying workers and dispose in any order: every promise settles, with the right answer or an error that its caller sees: %s",
  async (_, options) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40, size: "max" }), async (steps) => {
        const first = workers.length;
        const unmask = await pipeline("fill-mask", folder.path, options);
        const pending: Promise<boolean>[] = [];
        const aborts: AbortController[] = [];
        for (const one of steps) {
          if (one.wait !== null) await delay(one.wait);
          perform(one, unmask, first, pending, aborts);
        }
        const disposed = unmask.dispose();
        expect((await Promise.all(pending)).every((right) => right)).toBe(true);
        await disposed;
      }),
      { numRuns: 12 },
    );
  },
);
