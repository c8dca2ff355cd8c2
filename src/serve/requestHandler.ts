import { BertError, shown } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import { onAbort } from "../onAbort.ts";
import { withoutDecoder } from "../pipelines/answerAll.ts";
import { stepsOf } from "../pipelines/textEmbeddings.ts";
import { has } from "../realm.ts";
import { observeCalls } from "../runtime/callTimes.ts";
import { corsHeaders, hasKey, isPreflight, PREFLIGHT } from "./access.ts";
import { byKind } from "./defaultEndpoint.ts";
import { embed, embedAll, similarity } from "./embedEndpoints.ts";
import { type RequestHandlerOptions, settingsOf } from "./handlerSettings.ts";
import { infoOf, modelsOf } from "./info.ts";
import { Metrics } from "./metrics.ts";
import { openaiEmbeddings } from "./openaiEndpoint.ts";
import { cohereRerank, predict, rerank } from "./predictEndpoints.ts";
import { readBody } from "./requestBody.ts";
import { RequestError, requestErrorOf } from "./requestError.ts";
import { type Call, type Endpoint, type Service, serviceOf } from "./service.ts";
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
  "/": byKind,
  "/invocations": byKind,
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
  "/v2/rerank": cohereRerank,
  ...TASK_ENDPOINTS,
};

/** Those whose errors are in OpenAI's form. */
const OPENAI: readonly string[] = ["/v1/embeddings", "/embeddings", "/v1/rerank", "/v2/rerank"];

/** What is asked by GET. */
const PAGES: Readonly<Record<string, (running: Running) => Promise<Response> | Response>> = {
  "/": health,
  "/health": health,
  "/ping": health,
  "/ready": (running) => (running.drained === null ? health(running) : json(UNHEALTHY, 503)),
  "/info": ({ service }) => json(infoOf(service)),
  "/v1/models": ({ service }) => json(modelsOf(service)),
  "/metrics": ({ service, calls }) => {
    let waiting = 0;
    for (const { times } of calls) waiting += times.waiting;
    const text = service.metrics.render({ te_queue_size: waiting });
    return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
  },
};

/** What is asked by GET without a key. */
const PUBLIC: readonly string[] = ["/", "/health", "/ping", "/ready", "/metrics"];

/** The body where the model does not answer, or will not. */
const UNHEALTHY = { error: "unhealthy", error_type: "Unhealthy" } as const;

/** A service with what it does now. */
interface Running {
  readonly service: Service;
  readonly calls: Set<Call>;
  /** Whether the last request failed for the engine's sake. */
  failed: boolean;
  /** Resolves when the last request is answered, once there will be no others; null: there may be. */
  drained: Promise<void> | null;
  /** Is called when no request is left. */
  onIdle: () => void;
}

/**
 * A service for a model, in the interface of Hugging Face's text-embeddings-inference 1.9 and, at /v1/embeddings, of
 * OpenAI. What its endpoints answer is, to the bit, what the pipelines answer.
 *
 * Which endpoints there are follows from the model's head: those of an embedding model, of a classifier
 * (`/predict`), or of a reranker, a classifier with one label (`/predict`, `/rerank`); and the tasks of its pipelines.
 * The others answer 424.
 * Requests are computed together, as calls of pipelines are. A request whose `signal` aborts is computed no further.
 *
 * @param bert a model from `loadBert`; it stays its owner's
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
export function createRequestHandler(bert: Bert, options: RequestHandlerOptions = {}): RequestHandler {
  if (!has(bert, "hasTokenizer") || !bert.hasTokenizer) {
    const expected = "a model from loadBert with a tokenizer";
    throw new BertError("ERR_INPUT", `createRequestHandler: bert must be ${expected}, got ${shown(bert)}`);
  }
  const service = serviceOf(bert, settingsOf(bert, options), new Metrics());
  if (service.kind === "embedding") stepsOf(bert); // modules that cannot be read are an error now
  const running: Running = { service, calls: new Set(), failed: false, drained: null, onIdle: () => {} };
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
  const { settings } = running.service;
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
  const gets = Object.hasOwn(PAGES, path) ? ["GET", "HEAD"] : [];
  const posts = Object.hasOwn(ENDPOINTS, path) ? ["POST"] : [];
  const allowed = [...gets, ...posts];
  if (allowed.length === 0) return new Response(null, { status: 404 });
  if (!allowed.includes(request.method)) {
    return new Response(null, { status: 405, headers: { allow: allowed.join(", ") } });
  }
  const isPage = gets.includes(request.method);
  if (!(isPage && PUBLIC.includes(path)) && !hasKey(request, running.service.settings)) {
    return new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } });
  }
  return isPage ? PAGES[path](running) : answer(request, path, running);
}

/** Answers what is asked by POST. */
async function answer(request: Request, path: string, running: Running): Promise<Response> {
  const { service, calls } = running;
  const { metrics, settings } = service;
  const started = performance.now();
  const { signal, abort } = abortable();
  const end = onAbort(request.signal, () => abort(request.signal.reason));
  if (request.signal.aborted) abort(request.signal.reason);
  const call = { request, signal, times: observeCalls(signal), characters: 0, tokenization: 0 };
  try {
    if (running.drained !== null) throw new RequestError("Unhealthy", "The service is about to end");
    // Before its body is read: so many bodies, and no more, are held.
    if (calls.size >= settings.maxConcurrentRequests) throw new RequestError("Overloaded", "Model is overloaded");
    calls.add(call);
    const body = await readBody(request, settings.payloadLimit);
    metrics.count("te_request_count", `method="${methodOf(body)}"`);
    const value = await ENDPOINTS[path](service, body, call);
    metrics.count("te_request_success", `method="${methodOf(body)}"`);
    running.failed = false;
    const total = performance.now() - started;
    observe(metrics, call, total);
    return json(value, 200, timesOf(call, total));
  } catch (error) {
    return refusal(error, path, call, running);
  } finally {
    end();
    calls.delete(call);
    if (calls.size === 0) setTimeout(running.onIdle); // when the answer has been handed over
  }
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
function refusal(error: unknown, path: string, { signal }: Call, running: Running): Response {
  if (signal.aborted) return new Response(null, { status: 499 }); // nobody reads it
  const known = requestErrorOf(error);
  if (known === null) throw error;
  const { message, type, status, err } = known;
  running.service.metrics.count("te_request_failure", `err="${err}"`);
  running.failed ||= type === "Unhealthy" && running.drained === null;
  // The document names `error_type`, and what is sent is `type`: clients find either. OpenAI's own look into `error`.
  const body = OPENAI.includes(path)
    ? { message, code: status, type, error_type: type, error: { message, type, code: status, param: null } }
    : { error: message, error_type: type };
  return json(body, status, type === "Unhealthy" ? { "retry-after": "1" } : {});
}

/** GET /health: 200 if the model answers, which is tried where the last request failed. */
async function health(running: Running): Promise<Response> {
  if (!running.failed) return new Response(null);
  const { bert, tokenizer } = running.service;
  try {
    const inputIds = [tokenizer.clsTokenId, tokenizer.sepTokenId];
    await bert.forward([{ inputIds }], withoutDecoder(bert, 1));
    running.failed = false;
    return new Response(null);
  } catch {
    return json(UNHEALTHY, 503);
  }
}

function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json", ...headers } });
}
