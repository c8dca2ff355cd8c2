import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect } from "vitest";
import { VERSION } from "../../src/serve/info.ts";
import { openApiOf } from "../../src/serve/openApi.ts";

/** What plainbert says of itself where no key is asked for. */
// biome-ignore lint/suspicious/noExplicitAny: a validator says what it is
export const OWN: any = openApiOf({ apiKey: null }, VERSION);

const ajv = new Ajv2020({ strict: false, strictNumbers: true, allErrors: true });
ajv.addSchema(OWN, "own");
/** Its answers have the fields that are listed, and no others. */
ajv.addSchema(closed(OWN) as object, "closed");

function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closed(one)]));
  return "properties" in value && "type" in value ? { ...inner, additionalProperties: false } : inner;
}

const compiled = new Map<string, ValidateFunction>();

/** What is wrong with a value, by the schema at a place of the document. */
function faults(document: "own" | "closed", place: readonly string[], value: unknown): string {
  const $ref = `${document}#/${place.map((name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`; // biome-ignore format: one line
  const validate = compiled.get($ref) ?? ajv.compile({ $ref });
  compiled.set($ref, validate);
  return validate(value) ? "" : ajv.errorsText(validate.errors);
}

/** A request with what is known of its body, and the answer. */
export interface Exchange {
  readonly request: Request;
  /** undefined: it is no JSON, or was not read to its end. */
  readonly asked: unknown;
  readonly response: Response;
  /** The answer's body. */
  readonly text: string;
}

/** Fails where a request, its answer or its status is not what the document says. */
export function expectDocumented({ request, asked, response, text }: Exchange): void {
  const path = new URL(request.url).pathname;
  const method = request.method.toLowerCase();
  const { status } = response;
  const where = `${request.method} ${path} ${status}`;
  const isPath = Object.hasOwn(OWN.paths, path);
  const operation = isPath ? OWN.paths[path][method] : undefined;
  if (method === "options" && status === 204) return; // the Fetch Standard's own
  if (status === 499) return; // nobody reads it
  if (!operation) expect(isPath ? [401, 405] : [404], where).toContain(status);
  const place = operation ? ["paths", path, method, "responses", String(status)] : ["components", "responses", String(status)]; // biome-ignore format: one line
  let documented = operation ? operation.responses[status] : OWN.components.responses[status];
  expect(documented, where).toBeDefined();
  if (documented.$ref) {
    place.splice(0, place.length, ...documented.$ref.slice(2).split("/"));
    documented = OWN.components.responses[documented.$ref.split("/").at(-1)];
  }
  expectHeaders(where, documented.headers ?? {}, response.headers);
  if (method === "head") return;
  const [[type] = []] = Object.entries<object>(documented.content ?? {});
  expect(response.headers.get("content-type")?.split(";")[0], where).toBe(type);
  if (type === undefined) expect(text, where).toBe("");
  else {
    const value = type === "application/json" ? JSON.parse(text) : text;
    expect(faults("closed", [...place, "content", type, "schema"], value), `${where} ${text.slice(0, 300)}`).toBe("");
  }
  if (method === "post") expectRequest(where, path, { asked, status, text });
}

function expectHeaders(where: string, documented: Record<string, { $ref: string }>, headers: Headers): void {
  for (const name of Object.keys(OWN.components.headers)) {
    const value = headers.get(name);
    expect(value !== null, `${where} ${name}`).toBe(name in documented);
    if (value === null) continue;
    const { type } = OWN.components.headers[name].schema;
    const place = ["components", "headers", name, "schema"];
    expect(faults("own", place, type === "integer" ? Number(value) : value), `${where} ${name}: ${value}`).toBe("");
  }
}

/** What is answered must be a request of the document, and what is refused for its form must be none. */
function expectRequest(
  where: string,
  path: string,
  { asked, status, text }: { asked: unknown; status: number; text: string },
): void {
  const place = ["paths", path, "post", "requestBody", "content", "application/json", "schema"];
  const name = `${where} ${JSON.stringify(asked)?.slice(0, 300)}`;
  if (status === 200) expect(faults("own", place, asked), name).toBe("");
  if (status !== 422 || JSON.parse(text).error_type !== "Validation") return; // Tokenizer: what the model cannot read
  if (!text.includes("JSON body")) return; // an option that there is not, or a text without a mask
  expect(faults("own", place, asked), name).not.toBe("");
}
