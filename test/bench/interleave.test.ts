import { describe, expect, test } from "vitest";
import { type Clock, interleave, type Side, timed } from "../../bench/harness/interleave.ts";

/** A clock that stands still until somebody waits or works. */
class FakeClock implements Clock {
  ms = 0;
  now(): number {
    return this.ms;
  }
  async pause(ms: number): Promise<void> {
    this.ms += ms;
  }
}

/** A side whose work takes so long on the clock, and that gives 1, 2, 3 … as figures. */
class FakeSide implements Side {
  readonly name: string;
  readonly library: string;
  readonly trial?: { run(): Promise<unknown>; share: number };
  /** Of the whole work. */
  runs = 0;
  private readonly clock: FakeClock;
  private readonly ms: number;

  /** @param trials milliseconds of the first, second … trial, which is a hundredth of the work; none: there is no trial */
  constructor(clock: FakeClock, name: string, ms: number, library = name, trials: readonly number[] = []) {
    this.clock = clock;
    this.ms = ms;
    this.name = name;
    this.library = library;
    const waiting = trials.values();
    if (trials.length > 0) this.trial = { run: async () => clock.pause(waiting.next().value!), share: 1 / 100 };
    this.run = this.run.bind(this); // as a side's functions are used
  }

  async run(): Promise<number> {
    await this.clock.pause(this.ms);
    return ++this.runs;
  }
}

const ENOUGH = { caseMs: 1e6, limitMs: 1e5 };

describe("turns", () => {
  test("are taken one side after the other, after one untimed run of each", async () => {
    const turns: string[] = [];
    const clock = new FakeClock();
    const side = (name: string): Side => {
      let count = 0;
      return {
        name,
        library: name,
        async run() {
          turns.push(name);
          return ++count;
        },
      };
    };
    const options = { rounds: 3, turnMs: 0, ...ENOUGH };
    const { samples, leftOut } = await interleave([side("a"), side("b")], options, clock);
    expect(turns.join("")).toBe("ab" + "ab" + "ab" + "ab");
    expect(leftOut.size).toBe(0);
    expect([...samples]).toEqual([
      ["a", [2, 3, 4]],
      ["b", [2, 3, 4]],
    ]);
  });

  test("begin with an untimed run and last as long as was asked", async () => {
    const clock = new FakeClock();
    const { samples } = await interleave([new FakeSide(clock, "a", 9)], { rounds: 2, turnMs: 20, ...ENOUGH }, clock);
    expect(samples.get("a")).toEqual([3, 4, 5, 7, 8, 9]); // 27 ms each; 1, 2 and 6 are not timed
  });

  test("of long work have no untimed run", async () => {
    const clock = new FakeClock();
    const { samples } = await interleave([new FakeSide(clock, "a", 250)], { rounds: 2, turnMs: 20, ...ENOUGH }, clock);
    expect(samples.get("a")).toEqual([2, 3]);
  });

  test("are fewer for a slow side, one at least, and all for a quick one", async () => {
    const clock = new FakeClock();
    const sides = [
      new FakeSide(clock, "quick", 10),
      new FakeSide(clock, "slow", 1500),
      new FakeSide(clock, "slowest", 7000),
    ];
    const { samples } = await interleave(sides, { rounds: 4, turnMs: 0, caseMs: 15_000, limitMs: 8000 }, clock);
    expect([...samples.values()].map(({ length }) => length)).toEqual([4, 2, 1]);
    expect(clock.ms).toBeLessThan(20_000);
  });

  test("keep what gives more than one figure", async () => {
    const side: Side<{ readonly a: number }> = { name: "both", library: "both", run: async () => ({ a: 1 }) };
    const { samples } = await interleave([side], { rounds: 2, turnMs: 0, ...ENOUGH }, new FakeClock());
    expect(samples.get("both")).toEqual([{ a: 1 }, { a: 1 }]);
  });
});

describe("a side is left out, with a word,", () => {
  const options = { rounds: 1, turnMs: 0, caseMs: 1e6, limitMs: 20_000 };

  test("if its work takes longer than the limit, and is not run again", async () => {
    const clock = new FakeClock();
    const [quick, slow] = [new FakeSide(clock, "quick", 10), new FakeSide(clock, "slow", 31_000)];
    const { samples, leftOut } = await interleave([quick, slow], options, clock);
    expect([...samples.keys()]).toEqual(["quick"]);
    expect(leftOut).toEqual(new Map([["slow", "one run takes about 31 s, and 20 s is the limit"]]));
    expect(slow.runs).toBe(1);
  });

  test("if a part of the work says so, before the whole is ever run", async () => {
    const clock = new FakeClock();
    const large = new FakeSide(clock, "large", 31_000, "large", [310, 310]);
    const { leftOut } = await interleave([large], options, clock);
    expect(leftOut).toEqual(new Map([["large", "one run takes about 31 s, and 20 s is the limit"]]));
    expect(large.runs).toBe(0);
  });

  test("but not by a first trial that compiles", async () => {
    const clock = new FakeClock();
    const compiles = new FakeSide(clock, "compiles", 1000, "compiles", [900, 10]); // 90 s, and then 1 s
    const { samples, leftOut } = await interleave([compiles], options, clock);
    expect(leftOut.size).toBe(0);
    expect(samples.get("compiles")).toEqual([1]);
  });

  test("if it is the slower of a library's ways that take very long", async () => {
    const clock = new FakeClock();
    const sides = [
      new FakeSide(clock, "a fast", 5000, "a", [50, 50]),
      new FakeSide(clock, "a slow", 6000, "a", [60, 60]),
      new FakeSide(clock, "b", 7000, "b", [70, 70]),
      new FakeSide(clock, "c fast", 400, "c", [4]),
      new FakeSide(clock, "c slow", 900, "c", [9]),
    ];
    const { samples, leftOut } = await interleave(sides, options, clock);
    expect([...samples.keys()]).toEqual(["a fast", "b", "c fast", "c slow"]);
    expect(leftOut).toEqual(new Map([["a slow", "one run takes about 6.0 s, longer than a's other way"]]));
    expect(sides.map(({ runs }) => runs)).toEqual([1, 0, 1, 2, 1]); // work below 0.5 s was run once before
  });
});

test("a side measures its own time", async () => {
  const { name, library, run } = timed("a way", "a", () => new Promise<void>((done) => setTimeout(done, 20)));
  expect([name, library]).toEqual(["a way", "a"]);
  expect(await run()).toBeGreaterThan(15);
});
