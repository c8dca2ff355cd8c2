/**
 * A number with so many digits after the point, and with a minus sign that is as wide as a plus. What is rounded to 0
 * has no sign.
 *
 * @example signed(-1.25, 1) // "−1.3"
 */
export const signed = (number: number, digits: number): string =>
  number
    .toFixed(digits)
    .replace(/^-(?=.*[1-9])/, "−")
    .replace(/^-/, "");
