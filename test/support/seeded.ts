/** Whole numbers from 0 to n − 1 that seem random and are the same in every run (Press et al., Numerical Recipes, §7.1). */
export function seeded(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
