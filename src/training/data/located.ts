/** An example that errors can name. */
export type Located<Example> = Example & { readonly where: string };
