import type { Tensor, Weight } from "../tensor/tensor.ts";

/**
 * The same tree as P, with the gradient of each parameter, of its shape, in its place; null where the
 * parameter is frozen, so that no gradient is computed for it.
 */
export type GradientsOf<P> = P extends Weight ? Tensor | null : { readonly [Name in keyof P]: GradientsOf<P[Name]> };

/** Whether a part of the tree has a parameter that is not frozen. */
export function hasTrained(tree: object | null): boolean {
  if (tree === null) return false;
  if ("data" in tree) return true;
  return Object.values(tree).some(hasTrained);
}
