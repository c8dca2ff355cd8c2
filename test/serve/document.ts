import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { expect } from "vitest";
import type { RequestHandler } from "../../src/serve/index.ts";

/** What text-embeddings-inference 1.9.3 says of itself. */
const DOCUMENT = JSON.parse(readFileSync(join(import.meta.dirname, "tei-openapi.json"), "utf8"));

/** The paths of the document, each with its method. */
export const PATHS: readonly (readonly [path: string, method: string])[] = Object.entries<object>(
  DOCUMENT.paths,
).flatMap(([path, methods]) => Object.keys(methods).map((method) => [path, method.toUpperCase()] as const));

const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema(asJsonSchema({ components: DOCUMENT.components }) as object, "tei");

/** OpenAPI 3.0's `nullable` stands beside any schema, JSON Schema's types alone. */
function asJsonSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asJsonSchema);
  if (typeof value !== "object" || value === null) return value;
  const { nullable, ...rest } = value as { readonly nullable?: unknown };
  const schema = Object.fromEntries(Object.entries(rest).map(([name, inner]) => [name, asJsonSchema(inner)]));
  return nullable === true ? { anyOf: [schema, { type: "null" }] } : schema;
}

const compiled = new Map<string, ValidateFunction>();

/** Fails where a value is not what the document's schema of this name says. */
export function expectValid(name: string, value: unknown): void {
  const validate = compiled.get(name) ?? ajv.compile({ $ref: `tei#/components/schemas/${name}` });
  compiled.set(name, validate);
  validate(value);
  expect(validate.errors ?? [], `${name}: ${JSON.stringify(value)?.slice(0, 300)}`).toEqual([]);
}

/** The name of the schema of a body. */
function schemaName(content: Record<string, { readonly schema?: { readonly $ref?: string } }> | undefined) {
  return content?.["application/json"]?.schema?.$ref?.split("/").at(-1);
}

/** Fails where an answer with a body is not what the document says: of its own status, or of an error that it knows. */
export function expectTeiAnswer(request: Request, { status }: Response, text: string): void {
  const path = new URL(request.url).pathname;
  const operation = DOCUMENT.paths[path]?.[request.method.toLowerCase()];
  if (!operation || text === "") return;
  const { responses } = operation;
  const schema =
    schemaName(responses[status]?.content) ?? (status === 200 ? undefined : schemaName(responses[422]?.content));
  if (schema) expectValid(schema, JSON.parse(text));
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the document says what it is, and is asked
  readonly body: any;
}

/**
 * Asks a handler by POST. The request must be what the document says, unless `wrong`; `documentedHandler.ts` looks at
 * the answer.
 */
export async function post(
  handler: RequestHandler,
  path: string,
  body: unknown,
  { wrong = false, signal }: { wrong?: boolean; signal?: AbortSignal } = {},
): Promise<Answered> {
  if (!wrong) expectValid(schemaName(DOCUMENT.paths[path].post.requestBody.content) as string, body);
  const text = typeof body === "string" && wrong ? body : JSON.stringify(body);
  const headers = { "content-type": "application/json" };
  const request = new Request(`http://localhost${path}`, {
    method: "POST",
    headers,
    body: text,
    signal: signal ?? null,
  });
  const response = await handler(request);
  if (response.status === 499) return { status: 499, headers: response.headers, body: null };
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** Asks a handler by GET. */
export async function get(handler: RequestHandler, path: string): Promise<Response> {
  return handler(new Request(`http://localhost${path}`));
}
