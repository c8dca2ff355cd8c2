/** Drops the names whose value is undefined. */
export function stripUndefined<T extends object>(
  object: {
    readonly [name in keyof T]: T[name] | undefined;
  },
): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
