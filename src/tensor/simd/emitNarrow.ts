import { MOST, SMALLEST_NORMAL } from "../storage.ts";
import type { StorageType } from "../tensor.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { advance } from "./emitLoops.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";
import { PANEL, PANEL_ROW } from "./panels.ts";

/**
 * Adds what rounds weights to a type of reduced precision, to the bits of `encodeWeight` (storage.ts), while they are
 * in panels:
 *
 * - `narrow`: steps of a panel of float32 numbers (packing.ts) to steps of the storage type (STEP_BYTES). Parameters:
 *   the addresses to and from, which must not overlap; that of the scales of the 16 columns, which int8 has; steps ≥ 1.
 *   It returns whether one of the numbers is not finite, before it is rounded or after; for int8 always 0, as then the
 *   scale is not finite.
 * - `columnScales`, for int8: the scales [16] of a panel [K, 16]. Parameters: the addresses scales and panel; K ≥ 1.
 */
export function emitNarrow(m: ModuleBuilder, storage: Exclude<StorageType, "float32">): void {
  if (storage === "int8") {
    emitColumnScales(m);
    emitNarrowInt8(m);
  } else emitNarrowHalf(m, storage);
}

const VECTORS = Array.from({ length: PANEL / 4 }, (_, j) => j);

/** The locals of a step's vectors. */
const RESULTS = VECTORS.map((j) => `result${j}`);

const PARAMS = { to: "i32", from: "i32", scales: "i32", steps: "i32" } as const;

/**
 * Goes through the steps.
 *
 * @param vector leaves numbers 4 j … 4 j + 3 of a step on the stack, as integers below 2¹⁶
 * @param store  leaves one half of the step on the stack, made of them
 */
function emitSteps(
  f: FunctionBuilder,
  bytes: number,
  vector: (j: number) => unknown,
  store: (half: number) => unknown,
): void {
  f.loop((nextStep) => {
    for (const j of VECTORS) {
      vector(j);
      f.set(RESULTS[j]);
    }
    for (const half of [0, 1]) {
      f.get("to");
      store(half);
      f.memory("v128.store", 16 * half);
    }
    advance(f, "from", () => f.i32(bytes));
    advance(f, "to", () => f.i32(2 * PANEL));
    f.get("steps").i32(1).op("i32.sub").tee("steps").brIf(nextStep);
  });
}

function emitNarrowHalf(m: ModuleBuilder, storage: "float16" | "bfloat16"): void {
  m.function("narrow", { params: PARAMS, result: "i32" }, (f) => {
    f.local("v128", "x", "magnitude", "half", "largest", ...RESULTS);
    const vector = (j: number) => {
      f.get("from").memory("v128.load", 16 * j).tee("x"); // biome-ignore format: one line
      f.splat(0x7fffffff, "i32").op("v128.and").set("magnitude");
      (storage === "float16" ? emitFloat16 : emitBfloat16)(f);
      f.get("x").i32(16).op("i32x4.shr_u").splat(0x8000, "i32").op("v128.and").get("half").op("v128.or");
    };
    emitSteps(f, PANEL_ROW, vector, (half) =>
      f
        .get(RESULTS[half + 2])
        .i32(16)
        .op("i32x4.shl")
        .get(RESULTS[half])
        .op("v128.or"),
    );
    const most = storage === "float16" ? 0x7bff : 0x7f7fffff; // of finite numbers
    f.get("largest").splat(most, "i32").op("i32x4.gt_u").op("v128.any_true");
  });
}

/**
 * `magnitude` as float16 into `half`, without its sign; the largest so far into `largest`. Below 2⁻¹⁴ the numbers of
 * float16 are multiples of 2⁻²⁴, as those of float32 are from ½ to 1: adding ½ rounds. From there on the exponent's
 * bias is smaller by 112, 0x38000000 as bits, and 13 bits of the fraction are rounded away: 0xfff is added first.
 */
function emitFloat16(f: FunctionBuilder): void {
  f.get("magnitude").splat(0.5).op("f32x4.add").splat(0x3f000000, "i32").op("i32x4.sub");
  f.get("magnitude").splat(0x37fff001, "i32").op("i32x4.sub");
  emitTies(f, 13).i32(13).op("i32x4.shr_u").splat(0x7c00, "i32").op("i32x4.min_u");
  f.splat(0x38800000, "i32").get("magnitude").op("i32x4.gt_u").op("v128.bitselect").tee("half");
  f.get("largest").op("i32x4.max_u").set("largest");
}

/** `magnitude` as bfloat16 into `half`, without its sign; the largest so far, before it is cut, into `largest`. */
function emitBfloat16(f: FunctionBuilder): void {
  f.get("magnitude").splat(0x7fff, "i32").op("i32x4.add");
  emitTies(f, 16).tee("half").get("largest").op("i32x4.max_u").set("largest");
  f.get("half").i32(16).op("i32x4.shr_u").set("half");
}

/** Adds the lowest bit of `magnitude` that is kept, so that a tie goes to the even one of its neighbours. */
function emitTies(f: FunctionBuilder, cut: number): FunctionBuilder {
  return f.get("magnitude").i32(cut).op("i32x4.shr_u").splat(1, "i32").op("v128.and").op("i32x4.add");
}

/** scale = max |column| / 127, or 1 where that is below the smallest normal number; NaN or ∞ if there is one. */
function emitColumnScales(m: ModuleBuilder): void {
  m.function("columnScales", { params: { scales: "i32", panel: "i32", K: "i32" } }, (f) => {
    f.local("v128", "share", ...VECTORS.map((j) => `m${j}`));
    f.loop((nextRow) => {
      for (const j of VECTORS)
        f.get("panel").memory("v128.load", 16 * j).op("f32x4.abs").get(`m${j}`).op("f32x4.max").set(`m${j}`); // biome-ignore format: a formula
      advance(f, "panel", () => f.i32(PANEL_ROW));
      f.get("K").i32(1).op("i32.sub").tee("K").brIf(nextRow);
    });
    for (const j of VECTORS) {
      f.get(`m${j}`).f32x4(MOST).op("f32x4.div").set("share");
      f.get("scales").f32x4(1).get("share").get("share").f32x4(SMALLEST_NORMAL).op("f32x4.lt").op("v128.bitselect");
      f.memory("v128.store", 16 * j);
    }
  });
}

/** A step is a pair of neighbours k, k + 1 of each column, each x / scale to the nearest integer. */
function emitNarrowInt8(m: ModuleBuilder): void {
  m.function("narrow", { params: PARAMS, result: "i32" }, (f) => {
    const scales = VECTORS.flatMap((j) => [`s${j},0`, `s${j},1`]);
    f.local("v128", "x", "low", "first", ...scales, ...RESULTS);
    for (const j of VECTORS) {
      f.get("scales").memory("v128.load", 16 * j).tee("x").op("f64x2.promote_low_f32x4").set(`s${j},0`); // biome-ignore format: one line
      f.get("x").get("x").shuffle(2, 3, 2, 3).op("f64x2.promote_low_f32x4").set(`s${j},1`);
    }
    const vector = (j: number) => {
      emitQuotients(f, j, 16 * j).set("first");
      emitQuotients(f, j, PANEL_ROW + 16 * j)
        .i32(8)
        .op("i32x4.shl")
        .get("first")
        .op("v128.or");
    };
    emitSteps(f, 2 * PANEL_ROW, vector, (half) =>
      f
        .get(RESULTS[2 * half])
        .get(RESULTS[2 * half + 1])
        .op("i16x8.narrow_i32x4_u"),
    );
    f.i32(0);
  });
}

/**
 * Leaves four integers x / scale on the stack, the lower 8 bits of each. They are quotients of float64, so that each is
 * rounded once: 1.5 · 2⁵² leaves no bit for a fraction, and the lower half of the sum is the integer
 * (`roundTiesToEven`).
 */
function emitQuotients(f: FunctionBuilder, j: number, offset: number): FunctionBuilder {
  const rounded = (half: number) =>
    f.op("f64x2.promote_low_f32x4").get(`s${j},${half}`).op("f64x2.div").f64(1.5 * 2 ** 52).op("f64x2.splat").op("f64x2.add"); // biome-ignore format: a formula
  f.get("from").memory("v128.load", offset).tee("x");
  rounded(0).set("low");
  f.get("x").get("x").shuffle(2, 3, 2, 3);
  rounded(1).set("x");
  return f.get("low").get("x").shuffle(0, 2, 4, 6).lanes(0xff, 0xff, 0xff, 0xff).op("v128.and");
}
