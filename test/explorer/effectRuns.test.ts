import { describe, expect, test } from "vitest";
import type { Change } from "../../src/explorer/effects/changedInput.ts";
import type { EffectRequest } from "../../src/explorer/effects/effect.ts";
import type { Effect } from "../../src/explorer/effects/outputAnswers.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { areQuick, EffectRuns } from "../../src/explorer/page/effectRuns.ts";
import type { View } from "../../src/explorer/page/view.ts";

/** Asking the worker one after the other: in order, stopped, gone on with, and dropped where something else is asked. */
const subject = { kind: "gap", position: 1 } as const;
const resultOf = (text: string) => ({ request: { text }, tokens: [{}, {}] }) as unknown as ExplorerResult;
const headsOff = (count: number): Change[] =>
  Array.from({ length: count }, (_, head) => ({ how: "heads", heads: [[0, head]] }));

/** A worker that answers when it is told to. */
class Hand {
  readonly open: { readonly asked: EffectRequest; settle(effect: Effect | Error): void }[] = [];
  readonly all: EffectRequest[] = [];
  redrawn = 0;
  readonly view = {
    look: (asked: EffectRequest) => {
      this.all.push(asked);
      return new Promise<Effect>((resolve, reject) => {
        this.open.push({ asked, settle: (what) => (what instanceof Error ? reject(what) : resolve(what)) });
      });
    },
    model: { fingerprint: "a model" },
    redraw: () => this.redrawn++,
  } as unknown as View;

  /** Answers the oldest question with an answer of this id. */
  async answer(id = 7): Promise<void> {
    const answers = [{ id, name: "", numbers: [], probability: null, score: 0, rank: 1 }];
    this.open.shift()?.settle({ answers, vector: null });
    await new Promise((done) => setImmediate(done));
  }
}

const offOf = ({ change }: EffectRequest) => (change?.how === "heads" ? change.heads[0][1] : null);

test("one is asked after the other, for the answers of the untouched model", async () => {
  const [hand, runs, result] = [new Hand(), new EffectRuns(), resultOf("a")];
  const asked = { result, subject, changes: headsOff(3) };
  runs.get(hand.view, asked, true);
  for (let n = 0; n < 4; n++) {
    expect(hand.open.length).toBe(1);
    await hand.answer();
  }
  expect(hand.all.map(offOf)).toEqual([null, 0, 1, 2]);
  expect(hand.all.map(({ ids }) => ids)).toEqual([[], [7], [7], [7]]);
  const { effects, isRunning, problem } = runs.get(hand.view, asked, true);
  expect([effects.every(Boolean), isRunning, problem]).toEqual([true, false, null]);
  expect(hand.redrawn).toBe(4);
  expect(hand.all.length).toBe(4);
});

test("of one change the answers that only it brings up are asked of the untouched model too", async () => {
  const [hand, runs] = [new Hand(), new EffectRuns()];
  const asked = { result: resultOf("a"), subject, changes: headsOff(1) };
  runs.get(hand.view, asked, true);
  for (const id of [7, 8, 9]) await hand.answer(id);
  expect(hand.all.map(({ change, ids }) => [change === null, ids])).toEqual([
    [true, []],
    [false, [7]],
    [true, [8]],
  ]);
  expect(runs.get(hand.view, asked, true).untouched?.answers[0].id).toBe(9);
});

describe("it is computed no further", () => {
  test("when it is stopped; it goes on with what has not come", async () => {
    const [hand, runs] = [new Hand(), new EffectRuns()];
    const asked = { result: resultOf("a"), subject, changes: headsOff(3) };
    expect(runs.get(hand.view, asked, false).isRunning).toBe(false);
    expect(hand.all.length).toBe(0);
    runs.start(hand.view);
    await hand.answer();
    runs.stop();
    await hand.answer(); // what was under way still comes
    const stopped = runs.get(hand.view, asked, true);
    expect([stopped.effects.map(Boolean), stopped.isRunning]).toEqual([[true, false, false], false]);
    expect(hand.open.length).toBe(0);
    runs.start(hand.view);
    runs.start(hand.view); // is running already
    await hand.answer();
    await hand.answer();
    expect(hand.all.map(offOf)).toEqual([null, 0, 1, 2]);
    expect(runs.get(hand.view, asked, true).effects.every(Boolean)).toBe(true);
  });

  test("when it is started anew before what was under way has come: one goes on alone", async () => {
    const [hand, runs] = [new Hand(), new EffectRuns()];
    const asked = { result: resultOf("a"), subject, changes: headsOff(4) };
    runs.get(hand.view, asked, true);
    await hand.answer();
    runs.stop();
    runs.start(hand.view);
    while (hand.open.length > 0) await hand.answer();
    expect(runs.get(hand.view, asked, true).effects.every(Boolean)).toBe(true);
    expect(runs.get(hand.view, asked, true).isRunning).toBe(false);
    expect(hand.all.length).toBeLessThanOrEqual(6); // the one that was under way may be asked twice
  });

  test.each([
    ["text", () => ({ result: resultOf("b"), subject, changes: headsOff(2) })],
    [
      "answer",
      (result: ExplorerResult) => ({
        result,
        subject: { kind: "vector", position: null } as const,
        changes: headsOff(2),
      }),
    ],
    ["change", (result: ExplorerResult) => ({ result, subject, changes: headsOff(3) })],
  ])("when another %s is asked for", async (_, otherOf) => {
    const [hand, runs, result] = [new Hand(), new EffectRuns(), resultOf("a")];
    runs.get(hand.view, { result, subject, changes: headsOff(2) }, true);
    await hand.answer();
    const other = otherOf(result);
    expect(runs.get(hand.view, other, true).untouched).toBeNull();
    while (hand.open.length > 0) await hand.answer();
    const { effects, untouched } = runs.get(hand.view, other, true);
    expect([effects.every(Boolean), untouched !== null]).toEqual([true, true]);
    // One of the first was under way; the rest is what was asked for then.
    expect(hand.all.length).toBe(2 + 1 + other.changes.length);
  });
});

test("the same text, computed again for another view, is not asked for again; of another model it is", async () => {
  const [hand, runs] = [new Hand(), new EffectRuns()];
  const asked = { result: resultOf("a"), subject, changes: headsOff(2) };
  runs.get(hand.view, asked, true);
  while (hand.open.length > 0) await hand.answer();
  const again = {
    ...asked,
    result: { ...asked.result, request: { ...asked.result.request, further: { lens: null } } },
  };
  expect(runs.get(hand.view, again, true).effects.every(Boolean)).toBe(true);
  const other = { ...hand.view, model: { ...hand.view.model, fingerprint: "another" } };
  expect(runs.get(other, asked, false).untouched).toBeNull();
});

test("what goes wrong is told, and it can be tried again", async () => {
  const [hand, runs] = [new Hand(), new EffectRuns()];
  const asked = { result: resultOf("a"), subject, changes: headsOff(2) };
  runs.get(hand.view, asked, true);
  hand.open.shift()?.settle(new Error("The worker that computes has stopped."));
  await new Promise((done) => setImmediate(done));
  const { problem, isRunning } = runs.get(hand.view, asked, true);
  expect([problem, isRunning]).toEqual(["The worker that computes has stopped.", false]);
  runs.start(hand.view);
  for (let n = 0; n < 3; n++) await hand.answer();
  expect(runs.get(hand.view, asked, true)).toMatchObject({ problem: null, isRunning: false });
});

test("the small model is computed without being asked for, a base model on request", () => {
  const viewOf = (layers: number, hiddenSize: number, tokens: number) =>
    ({ model: { layers, hiddenSize }, result: { tokens: Array(tokens) } }) as unknown as View;
  expect(areQuick(viewOf(4, 256, 30), 16)).toBe(true);
  expect(areQuick(viewOf(4, 256, 256), 240)).toBe(false);
  expect(areQuick(viewOf(12, 768, 16), 144)).toBe(false);
});
