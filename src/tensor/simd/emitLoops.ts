import type { FunctionBuilder } from "./functionBuilder.ts";

/** Declares the locals of `emitChunks`. */
export function declareLoopLocals(f: FunctionBuilder): void {
  f.local("i32", "chunks");
}

/**
 * Goes through arrays of `count` numbers eight at a time, as two adjacent vectors (emitTile.ts says why), then one at a
 * time. The pointers advance along.
 *
 * @param pointers the locals that point into the arrays
 * @param eight    handles numbers 0 … 7 past the pointers
 * @param one      handles number 0; the same arithmetic, so that a number's place does not change its result
 */
export function emitChunks(
  f: FunctionBuilder,
  count: string,
  pointers: readonly string[],
  eight: () => unknown,
  one: () => unknown,
): void {
  const repeat = (body: () => unknown, bytes: number) => {
    f.tee("chunks").if(() =>
      f.loop((again) => {
        body();
        for (const pointer of pointers) f.get(pointer).i32(bytes).op("i32.add").set(pointer);
        f.get("chunks").i32(1).op("i32.sub").tee("chunks").brIf(again);
      }),
    );
  };
  f.get(count).i32(3).op("i32.shr_u");
  repeat(eight, 32);
  f.get(count).i32(7).op("i32.and");
  repeat(one, 4);
}

/** Adds to a local of type i32. */
export function advance(f: FunctionBuilder, name: string, by: () => unknown): void {
  f.get(name);
  by();
  f.op("i32.add").set(name);
}

/**
 * Loads two adjacent vectors into the locals `name`0 and `name`1. Where several arrays are read, each pair is loaded by
 * itself before anything is computed: V8 widens two loads to one only if no other load comes between them.
 */
export function emitPair(f: FunctionBuilder, pointer: string, name: string): void {
  for (const i of [0, 1]) f.get(pointer).memory("v128.load", 16 * i).set(`${name}${i}`); // biome-ignore format: one line
}
