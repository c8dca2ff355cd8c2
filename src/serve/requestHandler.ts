import type { Bert } from "../load/loadBert.ts";
import { classOf } from "../realm.ts";
import { corsHeaders, hasKey } from "./access.ts";
import { answerRequest } from "./answerRequest.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { type RequestHandlerOptions, wrongOption } from "./handlerSettings.ts";
import { HELD_BYTES } from "./heldMemory.ts";
import { Metrics } from "./metrics.ts";
import { PAGES, PUBLIC } from "./pages.ts";
import type { Running } from "./running.ts";
import { servicesOf } from "./services.ts";

/** Answers an HTTP request: what `Deno.serve`, `Bun.serve`, Hono's `mount` and route handlers of Next.js take. */
export interface RequestHandler {
  (request: Request): Promise<Response>;
  /**
   * Before the process ends: from now on /ready and new requests get 503, and so do those whose body does not come
   * whole within a second.
   *
   * @returns resolves when every request that has come is answered
   */
  drain(): Promise<void>;
}

/**
 * A service for a model, or for several, in the interface of Hugging Face's text-embeddings-inference 1.9 and, at
 * /v1/embeddings, of OpenAI. What its endpoints answer is, to the bit, what the pipelines answer.
 *
 * Which endpoints there are follows from the model's head: those of an embedding model, of a classifier
 * (`/predict`), or of a reranker, a classifier with one label (`/predict`, `/rerank`); and the tasks of its pipelines.
 * The others answer 424.
 * Requests are computed together, as calls of pipelines are. A request whose `signal` aborts is computed no further.
 *
 * Of several models a request chooses one by its name, as `model`; else the first answers that has what the path needs.
 * The options hold for each of them.
 *
 * An answer that is long is written as fast as it is read, so its body must be read, or cancelled.
 *
 * @param bert a model from `loadBert`, or several by the names that clients call them; they stay their owner's
 * @returns the handler; its promise rejects with ERR_INPUT for what is no `Request`, else only for a mistake in this
 *   library
 * @throws BertError ERR_INPUT no model with a tokenizer, or an option with a wrong value; ERR_CHECKPOINT the folder's
 *   modules cannot be read
 * @example
 * const bert = await loadBert(); // or of a folder, such as that of all-MiniLM-L6-v2
 * const handler = createRequestHandler(bert, { modelId: "small" });
 * const body = JSON.stringify({ inputs: "The door is open." });
 * const headers = { "content-type": "application/json" };
 * await (await handler(new Request("http://localhost/embed", { method: "POST", headers, body }))).json();
 */
export function createRequestHandler(
  bert: Bert | Readonly<Record<string, Bert>>,
  options: RequestHandlerOptions = {},
): RequestHandler {
  const services = servicesOf(bert, options);
  const [{ settings, metrics }] = services;
  const running: Running = {
    ...{ services, settings, metrics: services.length === 1 ? metrics : new Metrics() },
    ...{ requests: new Set(), calls: new Set(), reading: new Set(), memory: { free: HELD_BYTES } },
    ...{ failed: new Set(), drained: null, onIdle: () => {} },
  };
  return Object.assign((request: Request) => handle(request, running), { drain: () => drain(running) });
}

/** How long a body that is on its way has to come whole once the service is about to end, in milliseconds. */
const LAST_BODIES = 1000;

function drain(running: Running): Promise<void> {
  if (running.drained !== null) return running.drained;
  const late = setTimeout(() => {
    for (const refuse of running.reading) refuse();
  }, LAST_BODIES);
  const idle = new Promise<void>((resolve) => {
    running.onIdle = resolve;
    if (running.requests.size === 0) resolve();
  });
  running.drained = idle.then(() => clearTimeout(late));
  return running.drained;
}

async function handle(request: Request, running: Running): Promise<Response> {
  if (classOf(request) !== "Request") throw wrongOption("request", "a Request", request);
  const cors = corsHeaders(request, running.settings);
  // A browser asks what it may send, before it sends it
  const isPreflight = request.method === "OPTIONS" && request.headers.has("access-control-request-method");
  if (isPreflight && "access-control-allow-origin" in cors) {
    const headers = {
      ...cors,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "content-type, authorization",
    };
    return empty(204, headers);
  }
  const response = await route(request, running);
  for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
  return response;
}

async function route(request: Request, running: Running): Promise<Response> {
  const path = new URL(request.url).pathname;
  const gets = Object.hasOwn(PAGES, path) ? ["GET", "HEAD"] : [];
  const posts = Object.hasOwn(ENDPOINTS, path) ? ["POST"] : [];
  const allowed = [...gets, ...posts];
  if (allowed.length === 0) return empty(404);
  const isPublic = PUBLIC.includes(path) && !posts.includes(request.method);
  if (!isPublic && !hasKey(request, running.settings)) {
    return empty(401, { "www-authenticate": "Bearer" });
  }
  if (!allowed.includes(request.method)) {
    return empty(405, { allow: allowed.join(", ") });
  }
  return gets.includes(request.method) ? PAGES[path](running) : answerRequest(request, path, running);
}

/** An answer without a body. */
function empty(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers });
}
