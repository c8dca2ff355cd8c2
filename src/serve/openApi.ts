import type { HandlerSettings } from "./handlerSettings.ts";
import type { Post } from "./jsonSchema.ts";
import { POSTS } from "./openApiPosts.ts";
import { SCHEMAS } from "./openApiSchemas.ts";

/** A part of the document. */
type Part = Readonly<Record<string, unknown>>;

/** What a request has taken. */
const TIMES: Readonly<Record<string, string>> = {
  "x-compute-type": "What computes: cpu.",
  "x-compute-time": "The whole request, in milliseconds.",
  "x-compute-characters": "Code points of the inputs.",
  "x-compute-tokens": "Tokens that the model has read.",
  "x-total-time": "The same as x-compute-time.",
  "x-tokenization-time": "Making tokens, in milliseconds.",
  "x-queue-time": "Waiting for the model, in milliseconds.",
  "x-inference-time": "The model, in milliseconds.",
};

/** Every status but 200, in a few words. */
const STATUSES: Readonly<Record<number, string>> = {
  400: "The body is no JSON, or an input is empty.",
  401: "The key is missing or wrong.",
  404: "There is no such path.",
  405: "The path has no such method; `allow` lists those that it has.",
  408: "The request did not come whole in time.",
  413: "Too many inputs, an input that is too long, a value out of its bounds, or too many bytes.",
  415: "The body is not said to be JSON, or is compressed.",
  422: "A field is not what it must be.",
  429: "Too many requests at the same time, or they hold too much memory.",
  503: "The model does not answer now, or the service is about to end.",
};

const ref = (kind: string, name: string): Part => ({ $ref: `#/components/${kind}/${name}` });
const schema = (name: string): Part => ref("schemas", name);
const content = (value: Part, type = "application/json"): Part => ({ content: { [type]: { schema: value } } });
const headers = (names: readonly string[]): Part => ({
  headers: Object.fromEntries(names.map((name) => [name, ref("headers", name)])),
});

/** An operation's name: the path's, in letters that any language takes. */
const operationId = (path: string): string => path.slice(1).replaceAll(/\W+/g, "_") || "root";

function post(path: string, { summary, request, answer, wrongModel, isOpenAi = false }: Post): Part {
  const form = isOpenAi ? "OpenAI" : "";
  const failed = [400, 413, 415, 422, 429, 503].map((status) => [status, ref("responses", `${form}${status}`)]);
  return {
    operationId: operationId(path),
    summary,
    requestBody: { required: true, ...content(request) },
    responses: {
      200: { description: "The answer.", ...headers(Object.keys(TIMES)), ...content(answer) },
      401: ref("responses", "401"),
      408: ref("responses", "408"),
      404: { description: "No model has the name that `model` says.", ...content(schema(`${form}Error`)) },
      ...Object.fromEntries(failed),
      ...(wrongModel && { 424: { description: wrongModel, ...content(schema(`${form}Error`)) } }),
    },
  };
}

/** What is asked by GET, and by HEAD, which has no body. */
interface Page {
  readonly summary: string;
  readonly answer?: Part;
  /** Whether it needs no key. */
  readonly isOpen?: boolean;
  /** Whether it may be 503. */
  readonly mayFail?: boolean;
}

const HEALTH = { isOpen: true, mayFail: true };
const DOCUMENT = { isOpen: true, answer: content({ type: "object" }) };
const PAGES: Readonly<Record<string, Page>> = {
  "/": { summary: "The same as /health.", ...HEALTH },
  "/health": { summary: "Whether each model answers.", ...HEALTH },
  "/ping": { summary: "The same as /health.", ...HEALTH },
  "/ready": { summary: "Whether the service takes requests.", ...HEALTH },
  "/info": { summary: "The model, of several the first, and the limits.", answer: content(schema("Info")) },
  "/v1/models": { summary: "The models, as OpenAI's API lists them.", answer: content(schema("Models")) },
  "/metrics": {
    summary: "Counts and times, as Prometheus reads them.",
    isOpen: true,
    answer: content({ type: "string" }, "text/plain"),
  },
  "/openapi.json": { summary: "This document.", ...DOCUMENT },
  "/api-doc/openapi.json": { summary: "The same as /openapi.json.", ...DOCUMENT },
};

function page(path: string, { summary, answer = {}, isOpen = false, mayFail = false }: Page): Part {
  const operation = (name: string, own: Part, unhealthy: Part) => ({
    operationId: name,
    summary,
    ...(isOpen && { security: [] }),
    responses: {
      200: { description: "The answer.", ...own },
      ...(!isOpen && { 401: ref("responses", "401") }),
      ...(mayFail && { 503: { description: STATUSES[503], ...unhealthy } }),
    },
  });
  return {
    get: operation(
      Object.hasOwn(POSTS, path) ? `get_${operationId(path)}` : operationId(path),
      answer,
      content(schema("Error")),
    ),
    head: operation(`head_${operationId(path)}`, {}, {}),
  };
}

/** What a path answers, by method. */
function operations(path: string): Part {
  return {
    ...(Object.hasOwn(POSTS, path) && { post: post(path, POSTS[path]) }),
    ...(Object.hasOwn(PAGES, path) && page(path, PAGES[path])),
  };
}

/** The answers that several paths have. */
function responses(): Part {
  const entries = [400, 413, 415, 422, 429, 503].flatMap((status) => {
    const response = { description: STATUSES[status], ...(status === 503 && headers(["retry-after"])) };
    return ["", "OpenAI"].map((form) => [`${form}${status}`, { ...response, ...content(schema(`${form}Error`)) }]);
  });
  return {
    ...Object.fromEntries(entries),
    401: { description: STATUSES[401], ...headers(["www-authenticate"]) },
    404: { description: STATUSES[404] },
    405: { description: STATUSES[405], ...headers(["allow"]) },
    408: { description: STATUSES[408] },
  };
}

function header(name: string, description: string): Part {
  const type = name.endsWith("type") ? "string" : "integer";
  return { description, required: true, schema: type === "string" ? { type } : { type, minimum: 0 } };
}

const OTHER_HEADERS = {
  allow: { description: "The path's methods.", required: true, schema: { type: "string" } },
  "retry-after": { description: "Seconds until another try makes sense.", required: true, schema: { type: "integer" } },
  "www-authenticate": { description: "How to send the key.", required: true, schema: { const: "Bearer" } },
};

/** GET /openapi.json: all of this service, in OpenAPI 3.1. @param version the package's */
export function openApiOf({ apiKey }: Pick<HandlerSettings, "apiKey">, version: string): unknown {
  const paths = new Set([...Object.keys(POSTS), ...Object.keys(PAGES)]);
  return {
    openapi: "3.1.0",
    info: {
      title: "plainbert",
      version,
      description:
        "A BERT model as a service, in the interface of text-embeddings-inference 1.9 and, beside it, of OpenAI, " +
        "Cohere and Jina. Fields that are not listed have no effect. Of several models a request chooses by `model`; " +
        "else the first answers that has what the path needs. Any other path is 404, any other method 405, " +
        "both without a body. Where pages of other origins may ask, OPTIONS is answered too, as the Fetch Standard " +
        "has it.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    security: apiKey === null ? [] : [{ key: [] }],
    paths: Object.fromEntries(Array.from(paths, (path) => [path, operations(path)])),
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "The service's key, where it asks for one." },
      },
      headers: {
        ...Object.fromEntries(Object.entries(TIMES).map(([name, text]) => [name, header(name, text)])),
        ...OTHER_HEADERS,
      },
      responses: responses(),
      schemas: SCHEMAS,
    },
  };
}
