import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/model/config.ts";
import type { ForwardOptions, HeadOutput } from "../../src/model/forward.ts";
import { type ForwardRequest, forwardRequest } from "../../src/model/forwardRequest.ts";
import { observeCalls } from "../../src/runtime/callTimes.ts";
import { ForwardQueue } from "../../src/runtime/forwardQueue.ts";

const config = parseConfig(
  JSON.stringify({
    ...{ architectures: ["BertForMaskedLM"], vocab_size: 20_000, max_position_embeddings: 4000 },
    ...{ hidden_size: 4, num_hidden_layers: 1, num_attention_heads: 1, intermediate_size: 4 },
  }),
);

/** A pass that was asked for. */
interface HandPass {
  /** The first ids of each request's sequences. */
  readonly ids: number[][];
  readonly tokens: number;
  readonly signal: AbortSignal;
  answer(): void;
  fail(error: Error): void;
}

/** A queue whose passes are answered by hand, with the first id of each sequence as its pooler output. */
function handQueue() {
  const passes: HandPass[] = [];
  const queue = new ForwardQueue(config, (requests, _tap, signal) => {
    const ids = requests.map(({ batch: { inputIds, offsets, B } }) =>
      Array.from({ length: B }, (_, b) => inputIds[offsets[b]]),
    );
    return new Promise<HeadOutput[]>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      passes.push({
        ids,
        tokens: requests.reduce((sum, { batch }) => sum + batch.inputIds.length, 0),
        signal,
        answer: () =>
          resolve(ids.map((list) => ({ poolerOutput: { data: Float32Array.from(list), shape: [list.length, 1] } }))),
        fail: reject,
      });
    });
  });
  const add = (request: ForwardRequest, signal?: AbortSignal) => queue.add(request, undefined, signal);
  return { passes, add, queue };
}

const none = new Map();
/** Sequences of these lengths, which begin with these ids. */
const call = (lengths: readonly number[], id: number, options: ForwardOptions = {}) =>
  forwardRequest(
    lengths.map((T, b) => ({ inputIds: Array(T).fill(id + b) })),
    options,
    { config, taps: none },
  );
const idsOf = ({ poolerOutput }: HeadOutput) => Array.from(poolerOutput!.data);
/** Lets everything happen that needs no time. */
const turn = () => delay(0);

describe("what waits is computed together", () => {
  test("calls of one turn are one pass, those that come meanwhile the next, in their order", async () => {
    const { passes, add } = handQueue();
    const answers = [add(call([3], 1)), add(call([4, 2], 2))];
    await null;
    expect(passes.map(({ ids }) => ids)).toEqual([[[1], [2, 3]]]);
    answers.push(add(call([5], 4)));
    await turn();
    answers.push(add(call([5], 5)));
    await turn();
    expect(passes.length).toBe(1);
    passes[0].answer();
    await turn();
    expect(passes[1].ids).toEqual([[4], [5]]);
    passes[1].answer();
    expect((await Promise.all(answers)).map(idsOf)).toEqual([[1], [2, 3], [4], [5]]);
  });

  test("a lone call waits for no timer", async () => {
    const { passes, add } = handQueue();
    let late = false;
    setTimeout(() => {
      late = true;
    });
    const answer = add(call([3], 1));
    await null;
    expect([passes.length, late]).toEqual([1, false]);
    passes[0].answer();
    await answer;
    expect(late).toBe(false);
  });

  test("a pass has up to as many tokens as are set, or one sequence", async () => {
    const { passes, add, queue } = handQueue();
    queue.batchTokens = 10;
    const answers = [add(call([4, 4, 4, 12], 1)), add(call([3], 9))];
    for (const ids of [[[1, 2]], [[9], [3]], [[4]]]) {
      await turn();
      expect(passes.at(-1)!.ids).toEqual(ids);
      passes.at(-1)!.answer();
    }
    expect((await Promise.all(answers)).map(idsOf)).toEqual([[1, 2, 3, 4], [9]]);
    expect(passes.map(({ tokens }) => tokens)).toEqual([8, 7, 12]);
  });

  test("a pass has up to 2,048 tokens; the next call waits if it does not fit, and so do all behind it", async () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 60 })), {
      minLength: 1,
      maxLength: 200,
      size: "max",
    });
    await fc.assert(
      fc.asyncProperty(lengths, async (list) => {
        const { passes, add } = handQueue();
        const answers = list.map((T, i) => add(call([T], i)));
        let n = 0;
        for (await null; n < passes.length; await turn()) passes[n++].answer();
        expect((await Promise.all(answers)).flatMap(idsOf)).toEqual([...list.keys()]);
        expect(passes.flatMap(({ ids }) => ids.flat())).toEqual([...list.keys()]);
        for (const [n, { ids, tokens }] of passes.entries()) {
          expect(ids.length === 1 || tokens <= 2048).toBe(true);
          if (n + 1 < passes.length) expect(tokens + list[passes[n + 1].ids[0][0]]).toBeGreaterThan(2048);
        }
      }),
      { numRuns: 30 },
    );
  });
});

test("a listener is told once of each pass that takes its calls, with all that the pass takes", async () => {
  const { passes, add } = handQueue();
  const told: string[] = [];
  const signals = ["first", "second"].map((name) => {
    const listener = (sequences: number, tokens: number) => told.push(`${name} ${sequences} ${tokens}`);
    return Array.from({ length: 2 }, () => {
      const { signal } = new AbortController();
      observeCalls(signal, listener);
      return signal;
    });
  });
  const answers = [add(call([3], 1), signals[0][0]), add(call([4, 2], 2), signals[0][1]), add(call([5], 4))];
  await turn();
  expect(told).toEqual(["first 4 14"]);
  answers.push(add(call([6], 5), signals[1][0]), add(call([7], 6), signals[0][0]));
  passes[0].answer();
  await turn();
  expect(told).toEqual(["first 4 14", "second 2 13", "first 2 13"]);
  passes[1].answer();
  answers.push(add(call([8], 7)));
  await turn();
  passes[2].answer();
  expect((await Promise.all(answers)).map(idsOf)).toEqual([[1], [2, 3], [4], [5], [6], [7]]);
  expect(told.length).toBe(3); // nobody observes the last
});

describe("a long call does not keep short ones waiting, nor they it", () => {
  test("after each part it goes behind those that wait; its output is that of the whole", async () => {
    const { passes, add } = handQueue();
    const long = add(call(Array(10).fill(500), 100)); // 4 sequences in a pass
    await null;
    expect(passes[0].ids).toEqual([[100, 101, 102, 103]]);
    const short = add(call([60], 1));
    passes[0].answer();
    await turn();
    // what was left went to the end before the short one came, which finds no room beside it
    expect(passes[1].ids).toEqual([[104, 105, 106, 107]]);
    const other = add(call([60], 2));
    passes[1].answer();
    await turn();
    expect(passes[2].ids).toEqual([[1], [108, 109], [2]]);
    passes[2].answer();
    expect((await Promise.all([short, other])).flatMap(idsOf)).toEqual([1, 2]);
    expect(idsOf(await long)).toEqual([100, 101, 102, 103, 104, 105, 106, 107, 108, 109]);
    expect((await long).poolerOutput?.shape).toEqual([10, 1]);
  });

  test("short calls without end do not keep the long one waiting", async () => {
    const { passes, add } = handQueue();
    let answered = false;
    add(call([100], 0));
    void add(call(Array(8).fill(1000), 100)).then(() => {
      answered = true;
    });
    for (let n = 0; !answered; n++) {
      expect(n).toBeLessThan(20);
      for (let i = 0; i < 15; i++) void add(call([100], i)); // three quarters of a pass
      await turn();
      passes[n].answer();
      await turn();
    }
  });

  test("a call that fits into a pass is computed in one", async () => {
    const { passes, add } = handQueue();
    void add(call([1000], 1));
    void add(call([1000, 1000], 2));
    await null;
    expect(passes[0].ids).toEqual([[1]]);
    passes[0].answer();
    await turn();
    expect(passes[1].ids).toEqual([[2, 3]]);
  });
});

describe("what cannot be computed together", () => {
  const mask = (value: number) => [[value]];
  test.each([
    ["attentions", { attentions: true }, { attentions: true }],
    ["taps", { taps: [] }, {}],
    ["other head masks", { headMask: mask(0) }, { headMask: mask(1) }],
    ["a head mask and none", {}, { headMask: mask(1) }],
  ])("%s", async (_, a, b) => {
    const { passes, add } = handQueue();
    const answers = [add(call([2], 1, a)), add(call([2], 2, b)), add(call([2], 3, a))];
    for (let n = 0; n < passes.length || n === 0; n++) {
      await turn();
      passes[n].answer();
      await turn();
    }
    expect((await Promise.all(answers)).flatMap(idsOf)).toEqual([1, 2, 3]);
    for (const { ids } of passes) expect(ids.flat().includes(1) && ids.flat().includes(2)).toBe(false);
    expect(passes[0].ids[0]).toEqual([1]);
  });

  test.each([
    ["what is read", { lastHiddenState: false }, {}],
    ["hidden states", { hiddenStates: true }, {}],
    ["masked tokens", { maskedLmPositions: [[0]] }, { maskedLmPositions: [[]] }],
    ["the same head mask", { headMask: mask(0.5) }, { headMask: mask(0.5) }],
  ])("can be: %s", async (_, a, b) => {
    const { passes, add } = handQueue();
    void add(call([2], 1, a));
    void add(call([2], 2, b));
    await turn();
    expect(passes[0].ids).toEqual([[1], [2]]);
  });
});

describe("abort", () => {
  test("takes a call out of the queue at once, and nobody else", async () => {
    const { passes, add } = handQueue();
    const controller = new AbortController();
    const answers = [add(call([2], 1)), add(call([2], 2)), add(call([2], 3), controller.signal)];
    await null;
    const waits = [add(call([2], 4), controller.signal), add(call([2], 5))];
    controller.abort("enough");
    expect(passes[0].signal.aborted).toBe(false); // the others still want it
    const reasons = await Promise.allSettled([answers[2], waits[0]]);
    expect(reasons).toEqual([
      { status: "rejected", reason: "enough" },
      { status: "rejected", reason: "enough" },
    ]);
    passes[0].answer();
    expect((await Promise.all(answers.slice(0, 2))).flatMap(idsOf)).toEqual([1, 2]);
    await turn();
    expect(passes[1].ids).toEqual([[5]]);
  });

  test("stops a pass that nobody wants any more, and the next begins", async () => {
    const { passes, add } = handQueue();
    const controller = new AbortController();
    const both = Promise.allSettled([1, 2].map((id) => add(call([2], id), controller.signal)));
    await null;
    const next = add(call([2], 3));
    controller.abort("enough");
    expect(passes[0].signal.aborted).toBe(true);
    await both;
    await turn();
    passes[1].answer();
    expect(idsOf(await next)).toEqual([3]);
  });

  test("of a long call leaves the rest of it uncomputed", async () => {
    const { passes, add } = handQueue();
    const controller = new AbortController();
    const long = add(call(Array(10).fill(500), 100), controller.signal);
    await null;
    passes[0].answer();
    await turn();
    controller.abort("enough");
    await expect(long).rejects.toBe("enough");
    void add(call([2], 1));
    await turn();
    expect(passes[2].ids).toEqual([[1]]);
  });
});

describe("an error", () => {
  test("of a shared pass is nobody's: each is computed alone, before what came later", async () => {
    const { passes, add } = handQueue();
    const answers = [1, 2, 3].map((id) => add(call([2], id)));
    const outcomes = Promise.allSettled(answers);
    await null;
    answers.push(add(call([2], 4)));
    passes[0].fail(new Error("no room"));
    await turn();
    passes[1].answer();
    await turn();
    passes[2].fail(new Error("still no room"));
    await turn();
    passes[3].answer();
    await turn();
    expect(passes.slice(1).map(({ ids }) => ids)).toEqual([[[1]], [[2]], [[3]], [[4]]]);
    const [a, b, c] = await outcomes;
    expect([a.status, b, c.status]).toEqual([
      "fulfilled",
      { status: "rejected", reason: expect.objectContaining({ message: "still no room" }) },
      "fulfilled",
    ]);
  });

  test("of a pass that a part of a long call shared: the part is computed alone", async () => {
    const { passes, add } = handQueue();
    const answers = [add(call([100], 1)), add(call(Array(6).fill(500), 100))];
    await null;
    expect(passes[0].ids).toEqual([[1], [100, 101, 102]]);
    passes[0].fail(new Error("no room"));
    for (let n = 1; n < 4; n++) {
      await turn();
      passes[n].answer();
    }
    expect((await Promise.all(answers)).map(idsOf)).toEqual([[1], [100, 101, 102, 103, 104, 105]]);
    expect(passes.slice(1).map(({ ids }) => ids)).toEqual([[[1]], [[100, 101, 102, 103]], [[104, 105]]]);
  });

  test("of a long call's part is the call's, and nothing more of it is computed", async () => {
    const { passes, add } = handQueue();
    const long = add(call(Array(10).fill(500), 100));
    await null;
    passes[0].answer();
    await turn();
    passes[1].fail(new Error("no room"));
    await expect(long).rejects.toThrow("no room");
    void add(call([2], 1));
    await turn();
    expect(passes[2].ids).toEqual([[1]]);
  });
});
