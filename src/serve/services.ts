import { listed, quote } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import { MASKED_LM } from "../pipelines/answerAll.ts";
import { isOfClass } from "../pipelines/arguments.ts";
import { classOf, has } from "../realm.ts";
import { type RequestHandlerOptions, wrongOption } from "./handlerSettings.ts";
import { modelLabel } from "./metrics.ts";
import { type Body, optionalTextOf } from "./requestBody.ts";
import { RequestError } from "./requestError.ts";
import { type Service, serviceOf } from "./service.ts";
import { TASKS } from "./taskEndpoints.ts";

/**
 * The services of one model, or of several by their names.
 *
 * @throws BertError as `createRequestHandler`
 */
export function servicesOf(models: Bert | Readonly<Record<string, Bert>>, options: RequestHandlerOptions): Service[] {
  if (isModel(models)) return [serviceOf(models, options, "")];
  if (classOf(models) !== "Object" || Object.keys(models).length === 0 || !Object.values(models).every(isModel)) {
    throw wrongOption("bert", "a model from loadBert with a tokenizer, or several by their names", models);
  }
  for (const name of ["modelId", "servedModelName"] as const) {
    if (options[name] !== undefined)
      throw wrongOption(name, "left out for several models, which have names", options[name]);
  }
  // Of several models pooling says how those make vectors that can
  const all = Object.values(models);
  const { pooling, ...others } = options;
  const hasHead = ({ config }: Bert) => pooling !== undefined && isOfClass(config, ...MASKED_LM);
  return Object.entries(models).map(([modelId, bert]) => {
    const own = hasHead(bert) || !all.some(hasHead) ? options : others;
    return serviceOf(bert, { ...own, modelId }, modelLabel(modelId));
  });
}

function isModel(value: unknown): value is Bert {
  return has(value, "hasTokenizer") && value.hasTokenizer === true;
}

/**
 * The service that is to answer: of several the one that `model` names, else the first whose model has what the path
 * needs; for vectors, of these the first that was made for them.
 *
 * @throws RequestError 404 none has this name, 422 it is no string
 */
export function serviceFor(services: readonly Service[], path: string, body: Body): Service {
  const name = optionalTextOf(body, "model");
  const [first] = services;
  if (services.length === 1) return first;
  if (name === null) {
    const able = services.filter((service) => suits(path, service));
    return able.find(({ bert }) => MAKES_VECTORS.test(path) && bert.sentence.texts.size > 0) ?? able[0] ?? first;
  }
  const named = services.find(({ settings }) => settings.servedModelName === name);
  if (named !== undefined) return named;
  const names = services.map(({ settings }) => quote(settings.servedModelName));
  throw new RequestError("Validation", `The model ${quote(name)} does not exist; there are ${listed(names)}`, {
    status: 404,
  });
}

/** Paths that any encoder can answer, and one best whose folder says how it makes vectors of texts. */
const MAKES_VECTORS = /\/(embed|embed_all|embeddings|similarity)$/;

/** Whether a model has what a path needs. */
function suits(path: string, { bert, kind, settings: { pooling } }: Service): boolean {
  if (MAKES_VECTORS.test(path)) return kind === "embedding" && pooling === null;
  if (path === "/embed_sparse") return pooling === "splade";
  if (path === "/predict") return kind !== "embedding";
  if (path.endsWith("/rerank")) return kind === "reranker";
  if (!Object.hasOwn(TASKS, path)) return true;
  const [, ...classes] = TASKS[path];
  return isOfClass(bert.config, ...classes);
}
