import type { HalfWeight } from "../tensor.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { advance } from "./emitLoops.ts";
import { emitHalf } from "./emitTile.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/**
 * Adds a function with the name of the type: n numbers of float16 or bfloat16 to float32, to the bits of
 * `decodeFloat16` and `decodeBfloat16` (numberFormats.ts). Parameters: the addresses to and from, and n.
 *
 * The numbers may be the second half of the room for the results. Each is read before its place is written to, as a
 * result goes to a place before that of the numbers that are still to be read.
 */
export function emitWiden(m: ModuleBuilder, dtype: HalfWeight["dtype"]): void {
  m.function(dtype, { params: { to: "i32", from: "i32", n: "i32" } }, (f) => {
    f.local("i32", "left").local("v128", "half", "y0", "y1");
    const repeat = (numbers: number, body: () => unknown) => {
      f.tee("left").if(() =>
        f.loop((again) => {
          body();
          advance(f, "from", () => f.i32(2 * numbers));
          advance(f, "to", () => f.i32(4 * numbers));
          f.get("left").i32(1).op("i32.sub").tee("left").brIf(again);
        }),
      );
    };
    f.get("n").i32(3).op("i32.shr_u");
    repeat(8, () => {
      for (const i of [0, 1]) f.get("from").memory("v128.load16x4_u", 8 * i).set(`y${i}`); // biome-ignore format: one line
      for (const i of [0, 1]) {
        f.get(`y${i}`);
        emitWidened(f, dtype);
        f.set(`y${i}`);
      }
      for (const i of [0, 1]) f.get("to").get(`y${i}`).memory("v128.store", 16 * i); // biome-ignore format: one line
    });
    f.get("n").i32(7).op("i32.and");
    repeat(1, () => {
      f.get("to").get("from").memory("i32.load16_u").op("i32x4.splat");
      emitWidened(f, dtype);
      f.lane(0).memory("f32.store");
    });
  });
}

/** Turns four numbers of 16 bits, each in a word, into float32. */
function emitWidened(f: FunctionBuilder, dtype: HalfWeight["dtype"]): void {
  if (dtype === "float16") f.tee("half");
  emitHalf(f, dtype, "lower");
  if (dtype === "bfloat16") return;
  // Infinity and NaN have the largest exponent of float16, and must get that of float32.
  f.get("half").splat(0x7c00, "i32").op("v128.and").splat(0x7bff, "i32").op("i32x4.gt_u");
  f.splat(0x7f800000, "i32").op("v128.and").op("v128.or");
}
