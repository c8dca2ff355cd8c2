import { classOf, messageOf } from "../realm.ts";
import { parsedBytes, type Share } from "./heldMemory.ts";
import { clientGone, RequestError, wrongField } from "./requestError.ts";

/** The fields of a request's body. */
export type Body = Readonly<Record<string, unknown>>;

/**
 * Reads a request's body, no more of it than the limit, and parses it.
 *
 * @param limit in bytes
 * @throws RequestError 415 it is not said to be JSON, or is compressed, 413 it is too long, 499 it breaks off, 400 it
 *   is no JSON, 422 it is no object, and what `Share` throws
 */
export async function readBody(request: Request, limit: number, share: Share): Promise<Body> {
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(request.headers.get("content-type") ?? "")) {
    throw notRead("with `Content-Type: application/json`");
  }
  if (!/^(identity)?$/i.test(request.headers.get("content-encoding") ?? "")) {
    throw notRead("without `Content-Encoding`");
  }
  return objectOf("body", parsed(await readBytes(request, limit, share), share));
}

function notRead(expected: string): RequestError {
  return new RequestError("Validation", `Expected request ${expected}`, { status: 415 });
}

/** Its chunks are copied, not kept: each may be a byte of a body that comes slowly. */
async function readBytes(request: Request, limit: number, share: Share): Promise<Uint8Array> {
  if (request.bodyUsed || request.body?.locked) throw notJson("it has been read already");
  const tooLong = () => {
    const message = `Failed to buffer the request body: length limit exceeded, payload limit ${limit} bytes`;
    return new RequestError("Validation", message);
  };
  if (Number(request.headers.get("content-length")) > limit) throw tooLong();
  let bytes = new Uint8Array(0);
  let length = 0;
  const chunks = request.body?.values() ?? [];
  try {
    for await (const chunk of chunks) {
      if (length + chunk.length > limit) throw tooLong();
      if (length + chunk.length > bytes.length) {
        const size = Math.max(length + chunk.length, Math.min(2 * bytes.length, limit));
        share.take(size - bytes.length);
        const larger = new Uint8Array(size);
        larger.set(bytes);
        bytes = larger;
      }
      bytes.set(chunk, length);
      length += chunk.length;
    }
  } catch (error) {
    throw error instanceof RequestError ? error : clientGone(); // which Deno tells before the signal aborts
  }
  share.take(-bytes.length);
  return bytes.subarray(0, length);
}

function parsed(bytes: Uint8Array, share: Share): unknown {
  share.take(parsedBytes(bytes));
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw notJson(messageOf(error));
  }
}

/** 400: the body is no JSON. */
function notJson(reason: string): RequestError {
  const message = `Failed to parse the request body as JSON: ${reason}`;
  return new RequestError("Validation", message, { status: 400 });
}

/** A field that is true or false; null counts as left out. */
export function flagOf<Otherwise extends boolean>(body: Body, name: string, otherwise: Otherwise): boolean {
  const value = body[name] ?? otherwise;
  if (typeof value === "boolean") return value;
  throw wrongField(name, "true or false", value);
}

/** A field that is a text; null counts as left out. */
export function optionalTextOf(body: Body, name: string): string | null {
  const value = body[name] ?? null;
  return value === null ? null : textOf(name, value);
}

/** A field that is one of some names; null counts as left out. */
export function choiceOf<const Name extends string>(body: Body, name: string, names: readonly Name[]): Name | null {
  const value = body[name] ?? null;
  if (value === null || names.includes(value as Name)) return value as Name | null;
  throw wrongField(name, `one of ${names.join(", ")}`, value);
}

/** A field that is an object. */
export function objectOf(name: string, value: unknown): Body {
  if (classOf(value) === "Object") return value as Body;
  throw wrongField(name, "an object", value);
}

/** A list of texts. */
export function textsOf(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw wrongField(name, "a list of strings", value);
  return value.map((text, i) => textOf(`${name}[${i}]`, text));
}

/** @throws RequestError 422 it is no string, 400 it has half a surrogate pair, which is no character */
export function textOf(name: string, value: unknown): string {
  if (typeof value !== "string") throw wrongField(name, "a string", value);
  if (!value.isWellFormed()) throw notJson(`${name}: lone surrogate`);
  return value;
}

/** A whole number from 0. */
export function countOf(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw wrongField(name, "a whole number from 0", value);
}

/** Ids of tokens. */
export function idsOf(name: string, value: unknown): number[] {
  const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 32;
  if (Array.isArray(value) && value.every(isId)) return value;
  throw wrongField(name, "a list of token ids", value);
}
