/**
 * The shortest number that is this float32 and no other has at most nine digits; the seventeen of a double are only
 * longer.
 */
export function shortest(x: number): number {
  return Number(x.toPrecision(9));
}
