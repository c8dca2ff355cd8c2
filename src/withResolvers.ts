/** A promise and what settles it: `Promise.withResolvers` (ECMA-262 §27.2.4.9), which Node 20 does not have. */
export function withResolvers<Value>(): {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(reason: unknown): void;
} {
  let resolve!: (value: Value) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<Value>((...functions) => {
    [resolve, reject] = functions;
  });
  return { promise, resolve, reject };
}
