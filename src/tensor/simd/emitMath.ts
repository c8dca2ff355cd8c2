import { emitMultiplyAdd } from "./emitTile.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/**
 * exp, tanh and the functions built on them for four float32 numbers, from +, −, × and ÷, fused where the variant has
 * it. Each emitter takes a v128 from the stack and leaves one. Polynomials were fitted with mpmath's chebyfit at 40
 * digits. NaN stays NaN.
 *
 * What takes the time is how long instructions wait for one another: so chains are short, and every clamp or half step
 * that arguments do not need is left out. ns a number, 256 bits fused, Zen 4 EPYC: gelu 1.04, geluNew 0.78, silu 0.63,
 * tanh 1.03; with polynomials in one chain, 2^k in two halves and clamps at both ends 1.38, 1.04, 0.88 and 1.22.
 */

/** Declares the locals that the emitters use. */
export function declareMathLocals(f: FunctionBuilder): void {
  f.local("v128", "e", "k", "r", "v", "a", "high", "low", "w", "square", "even", "odd");
}

/** ln 2 in two parts. The first has 15 significant bits, so that k · LN2_HIGH is exact for |k| < 2⁹. */
const LN2_HIGH = 0.693145751953125;
const LN2_LOW = 1.4286068202862268e-6;
/** 1.5 · 2²³: adding it rounds a float32 below 2²² to an integer, which then stands in the lowest bits. */
const ROUNDER = 12582912;
/** Below it e^x rounds to 0. */
const LEAST_EXPONENT = -104;
/** (e^r − 1 − r) / r² for |r| ≤ 0.35, lowest power first; e^r is then 7e-9 off. */
const EXP_COEFFICIENTS = [0.5, 0.16666573286056519, 0.04166654869914055, 0.008363774046301842, 0.0013926926767453551];
/** 2^k of the smallest k, −150, is no normal number; 2^(k + 64) is, and so is 2⁻⁶⁴. */
const SHIFT = 64;

/** e^x = 2^k · e^r with k = round(x / ln 2), |r| ≤ ½ ln 2, for x ≤ 40. Below 2⁻¹²⁶ results come out as they should. */
export function emitExp(f: FunctionBuilder, fused: boolean): void {
  f.splat(LEAST_EXPONENT).op("f32x4.pmax").set("e");
  emitMultiplyAdd(f, fused, () => f.get("e"), () => f.splat(Math.LOG2E), () => f.splat(ROUNDER)); // biome-ignore format: x y z
  emitReduction(f, fused);
  emitPower(f, fused);
  f.splat(2 ** -SHIFT).op("f32x4.mul");
}

/** Takes k + ROUNDER from the stack, leaves it in k, and e + low − k ln 2 in r; `low`, if any, is small beside e. */
function emitReduction(f: FunctionBuilder, fused: boolean, low?: () => void): void {
  f.tee("k").splat(ROUNDER).op("f32x4.sub").set("w");
  const minusHigh = () => emitMultiplyAdd(f, fused, () => f.get("w"), () => f.splat(-LN2_HIGH), () => f.get("e")); // biome-ignore format: x y z
  if (low) {
    // The two small parts first: so r is rounded once.
    emitMultiplyAdd(f, fused, () => f.get("w"), () => f.splat(-LN2_LOW), low); // biome-ignore format: x y z
    minusHigh();
    f.op("f32x4.add").set("r");
    return;
  }
  minusHigh();
  f.set("r");
  emitMultiplyAdd(f, fused, () => f.get("w"), () => f.splat(-LN2_LOW), () => f.get("r")); // biome-ignore format: x y z
  f.set("r");
}

/** Leaves 2^(k + 64) · e^r on the stack, of the locals k, which has ROUNDER added to it, and r. */
function emitPower(f: FunctionBuilder, fused: boolean): void {
  f.get("r").get("r").op("f32x4.mul").set("w");
  emitPolynomial(f, fused, "r", "w", EXP_COEFFICIENTS);
  f.set("even");
  emitMultiplyAdd(f, fused, () => f.get("w"), () => f.get("even"), () => f.get("r")); // biome-ignore format: x y z
  f.splat(1).op("f32x4.add");
  const rounder = new Int32Array(Float32Array.of(ROUNDER).buffer)[0];
  f.get("k")
    .splat(127 + SHIFT - rounder, "i32")
    .op("i32x4.add");
  f.i32(23).op("i32x4.shl").op("f32x4.mul");
}

/**
 * Leaves Σ coefficients[n] · xⁿ on the stack: even and odd powers by a Horner scheme each, so that the processor works
 * on both at once, and the `last` lowest powers in one, where the sum of the others is small beside them.
 */
function emitPolynomial(
  f: FunctionBuilder,
  fused: boolean,
  x: string,
  xSquared: string,
  coefficients: readonly number[],
  last = 0,
): void {
  const step = (sum: string, x: string, c: () => unknown) =>
    emitMultiplyAdd(f, fused, () => f.get(sum), () => f.get(x), c); // biome-ignore format: x y z
  const upper = coefficients.slice(last);
  for (const [parity, sum] of ["even", "odd"].entries()) {
    const [highest, ...rest] = upper.filter((_, n) => n % 2 === parity).toReversed();
    f.splat(highest).set(sum);
    for (const c of rest) {
      step(sum, xSquared, () => f.splat(c));
      f.set(sum);
    }
  }
  step("odd", x, () => f.get("even"));
  for (const c of coefficients.slice(0, last).toReversed()) {
    f.set("even");
    step("even", x, () => f.splat(c));
  }
}

/** (tanh √s / √s − 1) / s for 0 ≤ s ≤ 0.4, lowest power first; largest error 1.8e-9. */
const TANH_COEFFICIENTS = [
  -0.3333333432674408, 0.1333329975605011, -0.053958460688591, 0.021762503311038017, -0.0083231870085001,
  0.0022695017978549004,
];

/** 1 − 2/(e^x + 1) is 1 from 17.4 on. */
const LARGEST_TANH_EXPONENT = 20;

/**
 * tanh x = 1 − 2/(e^(2x) + 1); for |x| < 0.625, where that cancels, by a polynomial in x². Odd, so |x| is taken.
 * Largest error 1 ulp.
 */
export function emitTanh(f: FunctionBuilder, fused: boolean): void {
  f.tee("v").op("f32x4.abs").tee("a").get("a").op("f32x4.add").splat(LARGEST_TANH_EXPONENT).op("f32x4.pmin");
  emitExp(f, fused);
  f.splat(1).op("f32x4.add").set("r");
  f.splat(1).splat(2).get("r").op("f32x4.div").op("f32x4.sub").set("high");
  f.get("a").get("a").op("f32x4.mul").tee("square").get("square").op("f32x4.mul").set("w");
  f.get("a").get("a").get("square").op("f32x4.mul");
  emitPolynomial(f, fused, "square", "w", TANH_COEFFICIENTS);
  f.op("f32x4.mul").op("f32x4.add").get("high").get("a").splat(0.625).op("f32x4.lt").op("v128.bitselect");
  f.get("v").splat(-0x80000000, "i32").op("v128.and").op("v128.or"); // the sign of x
}

/** v σ(w) = v · e^w / (1 + e^w) for negative w, v / (1 + e^(−w)) else, of the locals v and w: nothing overflows. */
function emitTimesSigmoid(f: FunctionBuilder, fused: boolean): void {
  f.get("w").set("square").get("w").op("f32x4.abs").op("f32x4.neg");
  emitExp(f, fused);
  f.set("e").get("v").get("e").splat(1).get("square").splat(0).op("f32x4.lt").op("v128.bitselect").op("f32x4.mul");
  f.splat(1).get("e").op("f32x4.add").op("f32x4.div");
}

/** x σ(x), see kernels/activations.ts. Largest error 3 ulp, and 1e-44 where the result is below 2⁻¹²⁶. */
export function emitSilu(f: FunctionBuilder, fused: boolean): void {
  f.tee("v").set("w");
  emitTimesSigmoid(f, fused);
}

/** √(2/π) · 2 */
export const TWICE_SQRT_TWO_OVER_PI = 1.5957691216057308;

/** 2u = 2√(2/π) (1 + 0.044715 x²) x, and x stays in the local v. */
export function emitGeluNewArgument(f: FunctionBuilder): void {
  f.tee("v")
    .get("v")
    .get("v")
    .op("f32x4.mul")
    .splat(TWICE_SQRT_TWO_OVER_PI * 0.044715)
    .op("f32x4.mul");
  f.splat(TWICE_SQRT_TWO_OVER_PI).op("f32x4.add").op("f32x4.mul");
}

/**
 * x σ(2u) with 2u = 2√(2/π) (1 + 0.044715 x²) x, see kernels/activations.ts. Largest error 3 ulp for x ≥ −1, 28 for
 * x ≥ −5 and 203 below, where the result is under 2e-6: e^(2u) feels each rounding of 2u as often as 2u is large.
 */
export function emitGeluNew(f: FunctionBuilder, fused: boolean): void {
  emitGeluNewArgument(f);
  f.set("w");
  emitTimesSigmoid(f, fused);
}

/** a Φ(−a) is 0 in float32 from 14.4 on; e^(−a²/2) is at least e^−104 up to here. */
const LARGEST_GELU_ARGUMENT = 14.42;
/**
 * e^(a²/2) Φ(−a) for 0 ≤ a ≤ 14.6 as a polynomial in t = (a − 3)/(a + 3), lowest power first; largest relative error
 * 3.4e-8.
 */
const GELU_COEFFICIENTS = [
  0.12151394786642586, -0.20640262179786986, 0.12322501514200969, -0.04621325585893369, 0.006132243832846288,
  0.002904491177750711, -0.0009843859789362382, -0.00033969887633645873, 0.0001162510027799462, 5.4160011078989915e-5,
];

/**
 * Φ(−a) = e^(−a²/2) · P(t) for a = |x|, where Φ is the normal distribution function. a² is taken in two parts, the
 * first exact, as the error of one rounded square would be multiplied by a²/2 in the exponential. Leaves x in the local
 * v, a in `a` and e^(−a²/2) in e.
 */
export function emitNormalTail(f: FunctionBuilder, fused: boolean): void {
  f.tee("v").op("f32x4.abs").splat(LARGEST_GELU_ARGUMENT).op("f32x4.pmin").tee("a");
  f.splat(-4096, "i32").op("v128.and").set("high"); // the upper 12 bits of the fraction
  f.get("high").get("high").op("f32x4.mul").splat(-0.5).op("f32x4.mul").set("e");
  f.get("a").get("high").op("f32x4.sub").get("a").get("high").op("f32x4.add").op("f32x4.mul");
  f.splat(-0.5).op("f32x4.mul").set("low");
  f.get("a").get("a").op("f32x4.mul").set("square");
  emitMultiplyAdd(f, fused, () => f.get("square"), () => f.splat(-Math.LOG2E / 2), () => f.splat(ROUNDER)); // biome-ignore format: x y z
  emitReduction(f, fused, () => f.get("low"));
  emitPower(f, fused);
  f.splat(2 ** -SHIFT)
    .op("f32x4.mul")
    .tee("e");
  f.get("a").splat(3).op("f32x4.sub").get("a").splat(3).op("f32x4.add").op("f32x4.div").tee("r");
  f.get("r").op("f32x4.mul").set("w");
  emitPolynomial(f, fused, "r", "w", GELU_COEFFICIENTS, 2);
  f.op("f32x4.mul");
}

/** gelu(x) = x Φ(x) = max(x, 0) − a Φ(−a) for a = |x|. Largest error 4 ulp for x ≥ −5 and 9 below. */
export function emitGelu(f: FunctionBuilder, fused: boolean): void {
  emitNormalTail(f, fused);
  f.get("a").op("f32x4.mul").set("w");
  // Max(x, −0), so that gelu(−1e30) is −0
  f.get("v").splat(-0x80000000, "i32").op("f32x4.pmax").get("w").op("f32x4.sub");
}

/** max(x, 0) */
export function emitRelu(f: FunctionBuilder): void {
  f.splat(0).op("f32x4.max");
}
