import { expect, test } from "vitest";
import { interleave, type Side } from "../../bench/harness/interleave.ts";

/** A side that notes its turns and gives 1, 2, 3 … as figures. */
function noting(name: string, turns: string[]): Side {
  let count = 0;
  return {
    name,
    async run() {
      turns.push(name);
      return ++count;
    },
  };
}

test("sides take turns, after one untimed run of each", async () => {
  const turns: string[] = [];
  const samples = await interleave([noting("a", turns), noting("b", turns)], { rounds: 3, turnMs: 0, sideMs: 1000 });
  expect(turns.join("")).toBe("ab" + "ab" + "ab" + "ab");
  expect(samples).toEqual(
    new Map([
      ["a", [2, 3, 4]],
      ["b", [2, 3, 4]],
    ]),
  );
});

test("a turn begins with an untimed run and lasts as long as was asked", async () => {
  const sleeps: Side = { name: "sleeps", run: () => new Promise((done) => setTimeout(() => done(undefined), 4)) };
  const samples = (await interleave([sleeps], { rounds: 2, turnMs: 20, sideMs: 1000 })).get("sleeps")!;
  expect(samples.length).toBeGreaterThanOrEqual(4);
  expect(samples.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(40);
  for (const ms of samples) expect(ms).toBeGreaterThan(2);
});

test("a slow side has fewer turns, one at least", async () => {
  const sleeps = (name: string, ms: number): Side => ({
    name,
    run: () => new Promise((done) => setTimeout(() => done(undefined), ms)),
  });
  const sides = [sleeps("quick", 1), sleeps("slow", 40), sleeps("slowest", 120)];
  const samples = await interleave(sides, { rounds: 4, turnMs: 0, sideMs: 100 });
  expect([...samples.values()].map(({ length }) => length)).toEqual([4, 2, 1]);
});
