import type { Bert } from "../load/loadBert.ts";
import { onAbort } from "../onAbort.ts";
import { withoutDecoder } from "../pipelines/answerAll.ts";
import { observeCalls } from "../runtime/callTimes.ts";
import { corsHeaders, hasKey, isPreflight, PREFLIGHT } from "./access.ts";
import { embed, embedAll, similarity } from "./embedEndpoints.ts";
import type { HandlerSettings, RequestHandlerOptions } from "./handlerSettings.ts";
import { HELD_BYTES, type Memory, Share } from "./heldMemory.ts";
import { infoOf, modelsOf } from "./info.ts";
import { json, jsonAnswer } from "./jsonAnswer.ts";
import { Metrics, rendered } from "./metrics.ts";
import { openaiEmbeddings } from "./openaiEndpoint.ts";
import { cohereRerank, predict, rerank } from "./predictEndpoints.ts";
import { readBody } from "./requestBody.ts";
import { RequestError, requestErrorOf } from "./requestError.ts";
import type { Call, Endpoint, Service } from "./service.ts";
import { serviceFor, servicesOf } from "./services.ts";
import { embedSparse } from "./sparseEndpoint.ts";
import { TASK_ENDPOINTS } from "./taskEndpoints.ts";
import { decode, tokenize } from "./tokenizeEndpoints.ts";

/** Answers an HTTP request: what `Deno.serve`, `Bun.serve`, Hono's `mount` and route handlers of Next.js take. */
export interface RequestHandler {
  (request: Request): Promise<Response>;
  /**
   * Before the process ends: from now on /ready and new requests get 503.
   *
   * @returns resolves when every request that has come is answered
   */
  drain(): Promise<void>;
}

/** What is asked by POST. */
const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "/embed": embed,
  "/embed_all": embedAll,
  "/embed_sparse": embedSparse,
  "/similarity": similarity,
  "/predict": predict,
  "/rerank": rerank,
  "/tokenize": tokenize,
  "/decode": decode,
  "/v1/embeddings": openaiEmbeddings,
  "/embeddings": openaiEmbeddings,
  "/v1/rerank": cohereRerank,
  ...TASK_ENDPOINTS,
};

/** Those whose errors are in OpenAI's form. */
const OPENAI: readonly string[] = ["/v1/embeddings", "/embeddings", "/v1/rerank"];

/** What is asked by GET. */
const PAGES: Readonly<Record<string, (running: Running) => Promise<Response> | Response>> = {
  "/health": health,
  "/ping": health,
  "/ready": (running) => (running.drained === null ? health(running) : json(UNHEALTHY, 503)),
  "/info": ({ services }) => json(JSON.stringify(infoOf(services))),
  "/v1/models": ({ services }) => json(JSON.stringify(modelsOf(services))),
  "/metrics": metricsPage,
};

/** What is asked without a key. */
const PUBLIC: readonly string[] = ["/health", "/ping", "/ready", "/metrics"];

/** The body where the model does not answer, or will not. */
const UNHEALTHY = JSON.stringify({ error: "unhealthy", error_type: "Unhealthy" });

/** The services with what they do now. */
interface Running {
  readonly services: readonly Service[];
  /** What holds for all models. */
  readonly settings: HandlerSettings;
  /** Of the only model, else of requests of which it is not known which model they are for. */
  readonly metrics: Metrics;
  /** The requests that have come. */
  readonly calls: Set<Call>;
  /** How many of them have been read: so many, and no more, have a place. */
  places: number;
  readonly memory: Memory;
  /** The models whose last request failed for the engine's sake. */
  readonly failed: Set<Service>;
  /** Resolves when the last request is answered, once there will be no others; null: there may be. */
  drained: Promise<void> | null;
  /** Is called when no request is left. */
  onIdle: () => void;
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
 * @returns the handler; its promise rejects only for a mistake in this library
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
    ...{ calls: new Set(), places: 0, memory: { free: HELD_BYTES } },
    ...{ failed: new Set(), drained: null, onIdle: () => {} },
  };
  return Object.assign((request: Request) => handle(request, running), { drain: () => drain(running) });
}

function drain(running: Running): Promise<void> {
  running.drained ??= new Promise((resolve) => {
    running.onIdle = resolve;
    if (running.calls.size === 0) resolve();
  });
  return running.drained;
}

async function handle(request: Request, running: Running): Promise<Response> {
  const { settings } = running;
  const cors = corsHeaders(request, settings);
  if ("access-control-allow-origin" in cors && isPreflight(request)) {
    return new Response(null, { status: 204, headers: { ...cors, ...PREFLIGHT } });
  }
  const response = await route(request, running);
  for (const [name, value] of Object.entries(cors)) response.headers.set(name, value);
  return response;
}

async function route(request: Request, running: Running): Promise<Response> {
  const path = new URL(request.url).pathname;
  const isPage = Object.hasOwn(PAGES, path);
  if (!isPage && !Object.hasOwn(ENDPOINTS, path)) return new Response(null, { status: 404 });
  const allowed = isPage ? ["GET", "HEAD"] : ["POST"];
  if (!allowed.includes(request.method)) {
    return new Response(null, { status: 405, headers: { allow: allowed.join(", ") } });
  }
  if (!PUBLIC.includes(path) && !hasKey(request, running.settings)) {
    return new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
  }
  return isPage ? PAGES[path](running) : answer(request, path, running);
}

/** Answers what is asked by POST. */
async function answer(request: Request, path: string, running: Running): Promise<Response> {
  const started = performance.now();
  const { signal, abort } = abortable();
  const end = onAbort(request.signal, () => abort(request.signal.reason));
  if (request.signal.aborted) abort(request.signal.reason);
  const share = new Share(running.memory);
  const call: Call = {
    ...{ request, signal, share, service: null },
    ...{ times: observeCalls(signal), characters: 0, tokenization: 0 },
  };
  let places = 0;
  try {
    if (running.drained !== null) throw new RequestError("Unhealthy", "The service is about to end");
    expectPlace(running);
    running.calls.add(call);
    const body = await readBody(request, running.settings.payloadLimit, share);
    expectPlace(running); // only now, so that a body that comes slowly keeps none from others
    running.places += ++places;
    const service = serviceFor(running.services, path, body);
    call.service = service;
    service.metrics.count("te_request_count", `method="${methodOf(body)}"`);
    const value = await ENDPOINTS[path](service, body, call);
    const total = performance.now() - started;
    const response = jsonAnswer(value, timesOf(call, total), share);
    service.metrics.count("te_request_success", `method="${methodOf(body)}"`);
    running.failed.delete(service);
    observe(service.metrics, call, total);
    return response;
  } catch (error) {
    share.end();
    return refusal(error, path, call, running);
  } finally {
    end();
    running.places -= places;
    running.calls.delete(call);
    if (running.calls.size === 0) setTimeout(running.onIdle); // when the answer has been handed over
  }
}

/** @throws RequestError 429 so many requests are answered already */
function expectPlace({ places, settings }: Running): void {
  if (places >= settings.maxConcurrentRequests) throw new RequestError("Overloaded", "Model is overloaded");
}

/** A signal of a request's own, by which its calls are known. */
function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason: unknown) => controller.abort(reason) };
}

/** Whether a request asks about one input or several, as the metrics tell them apart. */
function methodOf({ inputs, input = inputs, ids = input, texts }: Readonly<Record<string, unknown>>): string {
  const isBatch = texts !== undefined || (Array.isArray(ids) && typeof ids[0] !== "number");
  return isBatch ? "batch" : "single";
}

/** Seconds, as Prometheus has them. */
function observe(metrics: Metrics, { times, tokenization }: Call, total: number): void {
  metrics.observe("te_request_duration", total / 1000);
  metrics.observe("te_request_tokenization_duration", tokenization / 1000);
  metrics.observe("te_request_queue_duration", times.queued / 1000);
  metrics.observe("te_request_inference_duration", times.computed / 1000);
}

/** What text-embeddings-inference says of a request in headers: times in whole milliseconds. */
function timesOf({ times, characters, tokenization }: Call, total: number): Record<string, string> {
  const numbers = {
    "x-compute-time": total,
    "x-compute-characters": characters,
    "x-compute-tokens": times.tokens,
    "x-total-time": total,
    "x-tokenization-time": tokenization,
    "x-queue-time": times.queued,
    "x-inference-time": times.computed,
  };
  const headers = Object.entries(numbers).map(([name, value]) => [name, String(Math.trunc(value))]);
  return { "x-compute-type": "cpu", ...Object.fromEntries(headers) };
}

/** The answer where there is none; what is a mistake of this library is thrown on. */
function refusal(error: unknown, path: string, { signal, service }: Call, running: Running): Response {
  if (signal.aborted) return new Response(null, { status: 499 }); // nobody reads it
  const known = requestErrorOf(error);
  if (known === null) throw error;
  const { type, status, err } = known;
  (service ?? running).metrics.count("te_request_failure", `err="${err}"`);
  if (service !== null && type === "Unhealthy") running.failed.add(service);
  return json(JSON.stringify(errorBody(path, known)), status, type === "Unhealthy" ? { "retry-after": "1" } : {});
}

function errorBody(path: string, { message, type, status }: RequestError): unknown {
  if (!OPENAI.includes(path)) return { error: message, error_type: type };
  if (status === 404) {
    return { error: { message, type: "invalid_request_error", param: "model", code: "model_not_found" } };
  }
  // The document names `error_type`, and what is sent is `type`: clients find either.
  return { message, code: status, type, error_type: type };
}

/** GET /health: 200 if the models answer, which is tried of those whose last request failed. */
async function health({ failed }: Running): Promise<Response> {
  try {
    for (const service of failed) {
      const { bert, tokenizer } = service;
      const inputIds = [tokenizer.clsTokenId, tokenizer.sepTokenId];
      await bert.forward([{ inputIds }], withoutDecoder(bert, 1));
      failed.delete(service);
    }
    return new Response(null);
  } catch {
    return json(UNHEALTHY, 503);
  }
}

/** GET /metrics. */
function metricsPage({ services, metrics, calls }: Running): Response {
  const waitingFor = (service: Service) => {
    let waiting = 0;
    for (const call of calls) if (call.service === service) waiting += call.times.waiting;
    return waiting;
  };
  const lines = services.flatMap((service) => service.metrics.lines(waitingFor(service)));
  const others = services.length === 1 ? [] : metrics.lines(null);
  const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(rendered([...lines, ...others]), { headers });
}
