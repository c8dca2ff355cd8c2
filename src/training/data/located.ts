/** An example that errors can name. */
export type Located<Example> = Example & { readonly where: string };

/**
 * Examples that errors can name: one without `where` by its place, `trainDataset[3]`.
 *
 * @param name what the examples are called together
 */
export function located<Example extends { readonly where?: string }>(
  name: string,
  examples: readonly Example[],
): Located<Example>[] {
  return examples.map((example, i) => ({ ...example, where: example.where ?? `${name}[${i}]` }));
}
