/** Output with its numbers rounded to the digits that a page shows. */
export function roundedLike(shown: string, printed: string): string {
  const number = /-?\d+\.\d+(?:e[+-]?\d+)?/g;
  const digits = [...shown.matchAll(number)].map(([text]) => text.split(".")[1].length);
  let n = 0;
  return printed.replace(number, (text) => Number(text).toFixed(Math.min(digits[n++] ?? 100, 100)));
}

/** Line breaks as spaces: the width of a number decides where console.log breaks a line. */
export function flat(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ");
}
