import { loaded } from "../loaded.ts";
import { withoutDecoder } from "../pipelines/answerAll.ts";
import { infoOf, modelsOf, VERSION } from "./info.ts";
import { json } from "./jsonAnswer.ts";
import type { Running } from "./running.ts";

/** What is asked by GET. */
export const PAGES: Readonly<Record<string, (running: Running) => Promise<Response> | Response>> = {
  "/": health,
  "/health": health,
  "/ping": health,
  "/ready": (running) => (running.drained === null ? health(running) : unhealthy()),
  "/info": ({ services }) => json(infoOf(services)),
  "/v1/models": ({ services }) => json(modelsOf(services)),
  "/openapi.json": openApi,
  "/api-doc/openapi.json": openApi, // where text-embeddings-inference has its own
  "/metrics": metricsPage,
};

/** Those that need no key. */
export const PUBLIC: readonly string[] = Object.keys(PAGES).filter((path) => path !== "/info" && path !== "/v1/models");

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
    return unhealthy();
  }
}

/** A model does not answer, or will not. */
function unhealthy(): Response {
  return json({ error: "unhealthy", error_type: "Unhealthy" }, 503);
}

/** GET /openapi.json: what the service answers; loaded by those alone who ask for it. */
async function openApi({ settings }: Running): Promise<Response> {
  const { openApiOf } = await loaded(() => import("./openApi.ts"));
  return json(openApiOf(settings, VERSION));
}

/** GET /metrics. */
function metricsPage({ services, metrics, calls }: Running): Response {
  const blocks = new Map<string, string>();
  for (const service of services) {
    const own = Array.from(calls).filter((call) => call.service === service);
    service.metrics.write(
      blocks,
      own.reduce((sum, { times }) => sum + times.waiting, 0),
    );
  }
  if (services.length > 1) metrics.write(blocks, null);
  const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  return new Response(Array.from(blocks.values()).join("\n"), { headers });
}
