/**
 * What stands above mistakes, of which some may not be told. A regression makes no mistakes but errors, and hardly
 * meets a number exactly.
 *
 * @param told  how many follow
 * @param count how many there are
 */
export function mistakesTitle(told: number, count: number, isRegression: boolean): string {
  const of = count.toLocaleString("en-US");
  const [one, many] = isRegression ? ["error", "errors"] : ["mistake", "mistakes"];
  if (count === 0) return `No ${many}`;
  if (count === 1) return `1 ${one}`;
  if (told === 0) return `${of} ${many}`;
  if (told === count) return `${of} ${many}, the ${isRegression ? "largest" : "worst"} first`;
  return isRegression ? `The ${told} largest of ${of} errors` : `The ${told} worst of ${of} mistakes`;
}
