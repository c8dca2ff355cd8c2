/**
 * Questions about values that may come from another realm, where `Error`, `Float32Array` and `Map` are other classes
 * and `instanceof` says no: errors of `node:fs` do in a test runner that runs tests in contexts of `node:vm`, and so
 * does what a worker posts there, or a frame in a page. A test refuses `instanceof` with a class of the platform.
 */

/** What an error says, whoever threw it. */
export function messageOf(error: unknown): string {
  return has(error, "message") && typeof error.message === "string" ? error.message : String(error);
}

/** The `code` of an error, such as ENOENT of one of Node's; undefined if it has none. */
export function codeOf(error: unknown): unknown {
  return has(error, "code") ? error.code : undefined;
}

/** The stack of an error; what it says if it has none. */
export function stackOf(error: unknown): string {
  return has(error, "stack") && typeof error.stack === "string" ? error.stack : messageOf(error);
}

/** Whether a value is an object with a field, its own or inherited. */
export function has<Name extends string>(value: unknown, name: Name): value is { readonly [name in Name]: unknown } {
  return typeof value === "object" && value !== null && name in value;
}

interface Classes {
  readonly Blob: Blob;
  readonly File: Blob;
  readonly ArrayBuffer: ArrayBuffer;
  readonly SharedArrayBuffer: SharedArrayBuffer;
  readonly Map: Map<unknown, unknown>;
  readonly Float32Array: Float32Array;
  readonly Float64Array: Float64Array;
  readonly Int8Array: Int8Array;
  readonly Uint8Array: Uint8Array;
  readonly BigInt64Array: BigInt64Array;
  readonly BigUint64Array: BigUint64Array;
}

/**
 * Whether a value is of a class of the platform.
 *
 * @example
 * isA(Buffer.of(1), "Uint8Array"); // true, in every realm
 */
export function isA<Name extends keyof Classes>(value: unknown, name: Name): value is Classes[Name] {
  return classOf(value) === name;
}

/** The name that the platform has for the class of a value, such as "Float32Array" or "Map". */
export function classOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
