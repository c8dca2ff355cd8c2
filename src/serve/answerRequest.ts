import { onAbort } from "../onAbort.ts";
import { observeCalls } from "../runtime/callTimes.ts";
import { ENDPOINTS } from "./endpoints.ts";
import { Share } from "./heldMemory.ts";
import { json, jsonAnswer } from "./jsonAnswer.ts";
import { type Body, readBody } from "./requestBody.ts";
import { clientGone, RequestError, requestErrorOf } from "./requestError.ts";
import type { Running } from "./running.ts";
import { type Call, countInputs } from "./service.ts";
import { serviceFor } from "./services.ts";

/** Answers what is asked by POST. */
export async function answerRequest(request: Request, path: string, running: Running): Promise<Response> {
  const { requests, calls, services, memory } = running;
  const started = performance.now();
  const controller = new AbortController();
  const { signal } = controller; // the request's own, by which its calls are known
  const abort = () => controller.abort(request.signal.reason);
  const end = onAbort(request.signal, abort);
  if (request.signal.aborted) abort();
  const share = new Share(memory);
  let call: Call | null = null;
  try {
    if (running.drained !== null) throw aboutToEnd();
    expectPlace(running);
    requests.add(request);
    const body = await bodyOf(request, running, share);
    expectPlace(running); // only now, so that a body that comes slowly keeps none from others
    const service = serviceFor(services, path, body);
    const times = observeCalls(signal, service.onPass);
    call = { service, signal, share, times, inputs: 0, characters: 0, tokenization: 0 };
    calls.add(call);
    const method = methodOf(body);
    service.metrics.count("te_request_count", method);
    const value = await ENDPOINTS[path](body, call);
    const total = performance.now() - started;
    const response = jsonAnswer(value, timesOf(call, total), share);
    running.failed.delete(service);
    service.metrics.count("te_request_success", method);
    countAnswered(call, total);
    return response;
  } catch (error) {
    share.end();
    return refusal(signal.aborted ? clientGone() : error, path, call, running);
  } finally {
    end();
    if (call) calls.delete(call);
    requests.delete(request);
    if (requests.size === 0) setTimeout(running.onIdle); // when the answer has been handed over
  }
}

/** Its body, unless the service is about to end, which a slow sender must not hold up. */
function bodyOf(request: Request, { reading, settings }: Running, share: Share): Promise<Body> {
  return new Promise<Body>((resolve, reject) => {
    const refuse = () => reject(aboutToEnd());
    reading.add(refuse);
    const read = readBody(request, settings.payloadLimit, share).finally(() => reading.delete(refuse));
    read.then(resolve, reject);
  });
}

function aboutToEnd(): RequestError {
  return new RequestError("Unhealthy", "The service is about to end");
}

/** @throws RequestError 429 so many requests are answered already */
function expectPlace({ calls, settings }: Running): void {
  if (calls.size >= settings.maxConcurrentRequests) throw new RequestError("Overloaded", "Model is overloaded");
}

/** Whether a request asks about one input or several, as the metrics tell them apart. */
function methodOf({ inputs, input = inputs, ids = input, texts }: Body): string {
  const isBatch = texts !== undefined || (Array.isArray(ids) && typeof ids[0] !== "number");
  return `method="${isBatch ? "batch" : "single"}"`;
}

/** The metrics of what has been answered; in seconds, as Prometheus has them. */
function countAnswered(call: Call, total: number): void {
  const { times, tokenization } = call;
  const { metrics } = call.service;
  countInputs(call, "success");
  const observe = (part: "" | "tokenization_" | "queue_" | "inference_", time: number) =>
    metrics.observe(`te_request_${part}duration`, time / 1000);
  observe("", total);
  observe("tokenization_", tokenization);
  observe("queue_", times.queued);
  observe("inference_", times.computed);
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

/**
 * The answer where there is none; what is a mistake of this library is thrown on.
 *
 * @param call null: which model is to answer is not known
 */
function refusal(error: unknown, path: string, call: Call | null, { metrics, failed }: Running): Response {
  const known = requestErrorOf(error);
  if (known === null) throw error;
  const { type, status, err } = known;
  (call?.service.metrics ?? metrics).count("te_request_failure", `err="${err}"`);
  if (status === 499) return new Response(null, { status });
  if (call && type === "Unhealthy") failed.add(call.service);
  return json(errorBody(path, known), status, type === "Unhealthy" ? { "retry-after": "1" } : {});
}

/** The paths whose errors are in OpenAI's form. */
const OPENAI = /^\/(v1\/|v2\/|embeddings$)/;

function errorBody(path: string, { message, type, status }: RequestError): unknown {
  if (!OPENAI.test(path)) return { error: message, error_type: type };
  const other = status === 404 && { type: "invalid_request_error", code: "model_not_found", param: "model" };
  // The document names `error_type`, and what is sent is `type`: clients find either. OpenAI's own look into `error`.
  return {
    message,
    code: status,
    type,
    error_type: type,
    error: { message, type, code: status, param: null, ...other },
  };
}
