import { PARITY, ROTATIONS, ROUNDS } from "../../threefry.ts";
import type { ModuleBuilder } from "../assembler.ts";
import { advance } from "../emitLoops.ts";
import type { FunctionBuilder } from "../functionBuilder.ts";

/** Numbers of a turn of the loop: 8 blocks of Threefry-2x32 in the lanes of two vectors, two words each. */
export const DROPOUT_NUMBERS = 16;

/**
 * Adds `dropout` and `dropoutTwo`, which gives two matrices the same mask, see kernels/dropout.ts:
 *
 *     y[r, i] = x[r, i] · scale where word 2 (block + r · rowBlocks) + i is above `most`, else 0
 *
 * Parameters: the addresses y and x (for `dropoutTwo` also y2 and x2; y may be x), the bytes from row to row stride;
 * rows ≥ 1, and n, the numbers of a row, a multiple of 16; block and rowBlocks; seed, step, site, most; scale.
 */
export function emitDropout(m: ModuleBuilder): void {
  const rest = ["stride", "rows", "n", "block", "rowBlocks", "seed", "step", "site", "most"];
  for (const [name, pairs] of [
    ["dropout", [["y", "x"]]],
    ["dropoutTwo", [["y", "x"], ["y2", "x2"]]], // biome-ignore format: one line
  ] as const) {
    const names = [...pairs.flat(), ...rest].map((parameter) => [parameter, "i32" as const]);
    m.function(name, { params: { ...Object.fromEntries(names), scale: "f32" } }, (f) => {
      f.local("i32", "at", "from", "to", "left", "third");
      f.local("v128", "a0", "a1", "b0", "b1", "x0", "x1", "counter0", "counter1", "first", "second", "most4", "scale4");
      f.local("v128", ...[0, 1, 2].flatMap((turn) => [`next${turn}`, `after${turn}`]));
      emitKeys(f);
      f.loop((nextRow) => {
        emitCounters(f);
        f.i32(0).set("at").get("n").set("left");
        f.loop((next) => {
          emitBlocks(f);
          for (const [y, x] of pairs) emitMasked(f, y, x);
          for (const i of [0, 1])
            f.get(`counter${i}`)
              .splat(DROPOUT_NUMBERS / 2, "i32")
              .op("i32x4.add")
              .set(`counter${i}`);
          advance(f, "at", () => f.i32(4 * DROPOUT_NUMBERS));
          f.get("left").i32(DROPOUT_NUMBERS).op("i32.sub").tee("left").brIf(next);
        });
        for (const pointer of pairs.flat()) advance(f, pointer, () => f.get("stride"));
        advance(f, "block", () => f.get("rowBlocks"));
        f.get("rows").i32(1).op("i32.sub").tee("rows").brIf(nextRow);
      });
    });
  }
}

/** What does not change from block to block: the key schedule (random.ts). */
function emitKeys(f: FunctionBuilder): void {
  f.i32(PARITY).get("seed").op("i32.xor").get("step").op("i32.xor").set("third");
  const schedule = ["step", "third", "seed"];
  for (const turn of [0, 1, 2]) {
    f.get(schedule[turn]).op("i32x4.splat").set(`next${turn}`);
    f.get(schedule[(turn + 1) % 3])
      .i32(turn + 1)
      .op("i32.add")
      .op("i32x4.splat")
      .set(`after${turn}`);
  }
  f.get("site").get("step").op("i32.add").op("i32x4.splat").set("second");
  f.get("most").op("i32x4.splat").set("most4").get("scale").op("f32x4.splat").set("scale4");
}

/**
 * Blocks 0, 1, 4, 5 of the row in counter0 and 2, 3, 6, 7 in counter1, with the key's first word added: the words of
 * the lower lanes of both are then neighbours, and those of the upper ones, so that V8 can widen the stores.
 */
function emitCounters(f: FunctionBuilder): void {
  f.get("block").get("seed").op("i32.add").op("i32x4.splat").set("first");
  for (const i of [0, 1]) {
    f.get("first")
      .lanes(2 * i, 2 * i + 1, 2 * i + 4, 2 * i + 5)
      .op("i32x4.add")
      .set(`counter${i}`);
  }
}

/** Words 0 and 1 of eight blocks, in a0, a1 and b0, b1. */
function emitBlocks(f: FunctionBuilder): void {
  for (const i of [0, 1]) f.get(`counter${i}`).set(`a${i}`).get("second").set(`b${i}`);
  for (let round = 0; round < ROUNDS; round++) {
    const rotation = ROTATIONS[round % 8];
    for (const i of [0, 1]) f.get(`a${i}`).get(`b${i}`).op("i32x4.add").set(`a${i}`);
    for (const i of [0, 1]) {
      f.get(`b${i}`).i32(rotation).op("i32x4.shl");
      f.get(`b${i}`)
        .i32(32 - rotation)
        .op("i32x4.shr_u");
      f.op("v128.or").get(`a${i}`).op("v128.xor").set(`b${i}`);
    }
    if (round % 4 !== 3) continue;
    const turn = (round - 3) / 4;
    for (const i of [0, 1]) f.get(`a${i}`).get(`next${turn}`).op("i32x4.add").set(`a${i}`);
    for (const i of [0, 1]) f.get(`b${i}`).get(`after${turn}`).op("i32x4.add").set(`b${i}`);
  }
}

/** Sixteen numbers of x through the mask to y, `at` bytes past both. */
function emitMasked(f: FunctionBuilder, y: string, x: string): void {
  // One local for each: V8 widens stores by a common address, not by two sums that are equal. 0.80 ns a number, and
  // 1.24 where it does not widen them.
  f.get(y).get("at").op("i32.add").set("to").get(x).get("at").op("i32.add").set("from");
  for (const half of [0, 1]) {
    for (const i of [0, 1]) f.get("from").memory("v128.load", 32 * half + 16 * i).set(`x${i}`); // biome-ignore format: one line
    for (const i of [0, 1]) {
      f.get(`x${i}`).get("scale4").op("f32x4.mul").get(`a${i}`).get(`b${i}`);
      if (half === 0) f.shuffle(0, 4, 1, 5);
      else f.shuffle(2, 6, 3, 7);
      f.get("most4").op("i32x4.gt_u").op("v128.and").set(`x${i}`);
    }
    for (const i of [0, 1]) f.get("to").get(`x${i}`).memory("v128.store", 32 * half + 16 * i); // biome-ignore format: one line
  }
}
