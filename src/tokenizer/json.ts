import { BertError } from "../errors.ts";
import type { AddedToken } from "./addedTokens.ts";

/** A parsed JSON object. */
export type Json = { readonly [name: string]: unknown };

/** An added token as the files write it. */
export function readAddedToken(value: unknown, file: string): AddedToken {
  if (typeof value === "string") return { content: value };
  const token = asObject(value, file, "an added token");
  const { content, single_word: singleWord, lstrip, rstrip, normalized, special } = token as Record<string, never>;
  return stripUndefined({ content, singleWord, lstrip, rstrip, normalized, special });
}

/** Drops the names whose value is undefined. */
export function stripUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** The value if it is a JSON object. @throws BertError ERR_VOCABULARY */
export function asObject(value: unknown, file: string, what: string): Json {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new BertError(
    "ERR_VOCABULARY",
    `${file}: ${what} must be an object, got ${JSON.stringify(value)?.slice(0, 60)}`,
  );
}
