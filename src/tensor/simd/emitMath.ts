import { emitMultiplyAdd } from "./emitTile.ts";
import type { FunctionBuilder } from "./functionBuilder.ts";

/**
 * exp, tanh and the functions built on them for four float32 numbers, from +, −, × and ÷, fused where the variant has
 * it. Each emitter takes a v128 from the stack and leaves one. Polynomials were fitted with mpmath's chebyfit at 40
 * digits. NaN stays NaN.
 */

/** Declares the locals that the emitters use. */
export function declareMathLocals(f: FunctionBuilder): void {
  f.local("v128", "e", "k", "r", "low", "v", "a", "high", "w", "square", "p");
}

/** ln 2 in two parts. The first has 15 significant bits, so that k · LN2_HIGH is exact for |k| < 2⁹. */
const LN2_HIGH = 0.693145751953125;
const LN2_LOW = 1.4286068202862268e-6;
/** 1.5 · 2²³: adding it rounds a float32 below 2²² to an integer, which then stands in the lowest bits. */
const ROUNDER = 12582912;
/** Below the first e^x rounds to 0, above the second to infinity. */
const EXP_RANGE = [-104, 89] as const;
/** (e^r − 1 − r) / r² for |r| ≤ 0.35, lowest power first; e^r is then 7e-9 off. */
const EXP_COEFFICIENTS = [0.5, 0.16666573286056519, 0.04166654869914055, 0.008363774046301842, 0.0013926926767453551];

/**
 * e^x = 2^k · e^r with k = round(x / ln 2), |r| ≤ ½ ln 2. 2^k is multiplied in two halves, so that results below 2⁻¹²⁶
 * and above 2¹²⁷ come out as they should.
 */
export function emitExp(f: FunctionBuilder, fused: boolean): void {
  f.set("e").splat(0).set("low");
  emitExpOfSum(f, fused);
}

/** e^(e + low) of the locals; `low` must be small beside `e`. */
function emitExpOfSum(f: FunctionBuilder, fused: boolean): void {
  f.get("e").splat(EXP_RANGE[0]).op("f32x4.pmax").splat(EXP_RANGE[1]).op("f32x4.pmin").tee("e");
  f.get("low").op("f32x4.add").splat(Math.LOG2E).op("f32x4.mul").splat(ROUNDER).op("f32x4.add").tee("k");
  f.splat(ROUNDER).op("f32x4.sub").set("w"); // k as a float32; in k itself as an integer
  f.get("e").get("w").splat(LN2_HIGH).op("f32x4.mul").op("f32x4.sub");
  f.get("low").get("w").splat(LN2_LOW).op("f32x4.mul").op("f32x4.sub").op("f32x4.add").tee("r");
  f.get("r").get("r").op("f32x4.mul");
  emitPolynomial(f, fused, "r", EXP_COEFFICIENTS);
  f.op("f32x4.mul").op("f32x4.add").splat(1).op("f32x4.add");
  const rounder = new Int32Array(Float32Array.of(ROUNDER).buffer)[0];
  const timesPowerOf2 = () => f.splat(127, "i32").op("i32x4.add").i32(23).op("i32x4.shl").op("f32x4.mul");
  f.get("k").splat(rounder, "i32").op("i32x4.sub").tee("k").i32(1).op("i32x4.shr_s").tee("w");
  timesPowerOf2();
  f.get("k").get("w").op("i32x4.sub");
  timesPowerOf2();
}

/** Leaves Σ coefficients[n] · xⁿ on the stack, by Horner's scheme. */
function emitPolynomial(f: FunctionBuilder, fused: boolean, x: string, coefficients: readonly number[]): void {
  const highestFirst = coefficients.toReversed();
  f.splat(highestFirst[0]).set("p");
  for (const c of highestFirst.slice(1)) {
    emitMultiplyAdd(f, fused, () => f.get("p"), () => f.get(x), () => f.splat(c)); // biome-ignore format: x y z
    f.set("p");
  }
  f.get("p");
}

/** (tanh √s / √s − 1) / s for 0 ≤ s ≤ 0.4, lowest power first; largest error 1.8e-9. */
const TANH_COEFFICIENTS = [
  -0.3333333432674408, 0.1333329975605011, -0.053958460688591, 0.021762503311038017, -0.0083231870085001,
  0.0022695017978549004,
];

/**
 * tanh x = 1 − 2/(e^(2x) + 1); for |x| < 0.625, where that cancels, by a polynomial in x². Odd, so |x| is taken.
 * Largest error 1 ulp.
 */
export function emitTanh(f: FunctionBuilder, fused: boolean): void {
  f.tee("v").op("f32x4.abs").tee("a").get("a").op("f32x4.add");
  emitExp(f, fused);
  f.splat(1).op("f32x4.add").set("r");
  f.splat(1).splat(2).get("r").op("f32x4.div").op("f32x4.sub").set("w");
  f.get("a").get("a").op("f32x4.mul").set("square");
  f.get("a").get("a").get("square").op("f32x4.mul");
  emitPolynomial(f, fused, "square", TANH_COEFFICIENTS);
  f.op("f32x4.mul").op("f32x4.add").get("w").get("a").splat(0.625).op("f32x4.lt").op("v128.bitselect");
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

/** Φ(−a) is 0 in float32 beyond. */
const LARGEST_GELU_ARGUMENT = 14.6;
/**
 * e^(a²/2) Φ(−a) for 0 ≤ a ≤ 14.6 as a polynomial in t = (a − 3)/(a + 3), lowest power first; largest relative error
 * 3.4e-8.
 */
const GELU_COEFFICIENTS = [
  0.12151394786642586, -0.20640262179786986, 0.12322501514200969, -0.04621325585893369, 0.006132243832846288,
  0.002904491177750711, -0.0009843859789362382, -0.00033969887633645873, 0.0001162510027799462, 5.4160011078989915e-5,
];

/**
 * Φ(x), the normal distribution function: Φ(−a) = e^(−a²/2) · P(t) for a = |x| and Φ(a) = 1 − Φ(−a). a² is taken in two parts,
 * the first exact, as the error of one rounded square would be multiplied by a²/2 in the exponential. Leaves x in the local v, and
 * e^(−a²/2) in `exponential`.
 */
export function emitNormalDistribution(f: FunctionBuilder, fused: boolean, exponential: string): void {
  f.tee("v").op("f32x4.abs").splat(LARGEST_GELU_ARGUMENT).op("f32x4.pmin").tee("a");
  f.splat(-4096, "i32").op("v128.and").set("high"); // the upper 12 bits of the fraction
  f.get("high").get("high").op("f32x4.mul").splat(-0.5).op("f32x4.mul").set("e");
  f.get("a").get("high").op("f32x4.sub").get("a").get("high").op("f32x4.add").op("f32x4.mul");
  f.splat(-0.5).op("f32x4.mul").set("low");
  emitExpOfSum(f, fused);
  f.tee(exponential);
  f.get("a").splat(3).op("f32x4.sub").get("a").splat(3).op("f32x4.add").op("f32x4.div").set("r");
  emitPolynomial(f, fused, "r", GELU_COEFFICIENTS);
  f.op("f32x4.mul").tee("w").splat(1).get("w").op("f32x4.sub");
  f.get("v").splat(0).op("f32x4.lt").op("v128.bitselect");
}

/** gelu(x) = x Φ(x). Largest error 4 ulp for x ≥ −5 and 9 below. */
export function emitGelu(f: FunctionBuilder, fused: boolean): void {
  emitNormalDistribution(f, fused, "square");
  f.get("v").op("f32x4.mul");
}

/** max(x, 0) */
export function emitRelu(f: FunctionBuilder): void {
  f.splat(0).op("f32x4.max");
}
