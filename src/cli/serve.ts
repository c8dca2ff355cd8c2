import { isIP } from "node:net";
import { quote } from "../errors.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { type Bert, loadBertFor } from "../load/loadBert.ts";
import { createRequestHandler, type RequestHandler } from "../serve/index.ts";
import { listen } from "../serve/nodeServer.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { untilInterrupted } from "./interrupt.ts";
import { downloading, EMBEDDING_MODELS_OPTIONS, engineOptions } from "./modelOptions.ts";
import {
  choice,
  count,
  filledText,
  flag,
  libraryValues,
  list,
  type Option,
  type OptionTable,
  text,
  texts,
  UsageError,
  type ValuesOf,
} from "./option.ts";
import { withOptionsOf } from "./optionWords.ts";
import { print } from "./output.ts";
import { ServeLog } from "./serveLog.ts";

/** What the handler is told. */
const HANDLER_OPTIONS = {
  "max-concurrent-requests": count(
    "The most requests that are answered at the same time; those beyond get status 429 at once. Default 512.",
  ),
  "max-batch-tokens": count(
    "The most tokens of requests that are computed together; longer inputs are cut to so many. More take more memory. Default 2048.",
  ),
  "max-client-batch-size": count("The most inputs of one request; those with more get status 413. Default 32."),
  "payload-limit": count("The most bytes of a request's body. Default 2000000."),
  pooling: choice(
    ["splade"],
    "/embed_sparse gives the embeddings, as SPLADE makes them with the masked-language-model head. Default: as the folder says.",
  ),
  "default-prompt-name": text("NAME", "The folder's prompt before each text to embed. Default: as the folder says."),
  "api-key": text(
    "KEY",
    "What each request must have as Authorization: Bearer KEY. Better the variable API_KEY, as others can see a command line.",
  ),
  "cors-allow-origin": list("The origins whose pages may read answers in a browser; * for all. Default: none."),
  "default-prompt": text("TEXT", "The prompt itself, in place of its name."),
} satisfies OptionTable;

/** What models are no part of. */
const SERVICE_OPTIONS = {
  hostname: filledText("HOST", "The address to listen at; 0.0.0.0 is every one of this machine's. Default 127.0.0.1."),
  port: { ...count("The port to listen at; 0 is one that is free. Default 3000.", 0, 65_535), short: "p" },
  "served-model-name": texts(
    "NAME",
    "What clients call the model; of several models as often as --model, in its order. Default: what --model says.",
  ),
  ...HANDLER_OPTIONS,
  "auto-truncate": choice(
    ["true", "false"],
    "Whether inputs that are too long are cut, where a request does not say it; else they get status 413. Default true, also without a value.",
  ),
  "json-output": flag("Write the log, on standard error, as lines of JSON, else as text."),
};

const OPTIONS = { ...EMBEDDING_MODELS_OPTIONS, ...SERVICE_OPTIONS };

/** The options that text-embeddings-inference has under the same name, and the environment under that in capitals. */
const SAME = ["revision", "dtype", ...Object.keys(SERVICE_OPTIONS)];

/** The options that the environment may give too, by the names that text-embeddings-inference has for them there. */
const VARIABLES: Readonly<Record<string, string>> = {
  MODEL_ID: "model",
  HUGGINGFACE_HUB_CACHE: "cache-dir",
  ...Object.fromEntries(SAME.map((name) => [name.replaceAll("-", "_").toUpperCase(), name])),
};

const ONE_PROCESS = "leave it out, one process does all";
const BY_METRICS = "leave it out, /metrics has counts and times";
const BY_VARIABLE = "set the variable HF_TOKEN instead";

/** The other options of text-embeddings-inference. */
const ELSEWHERE = {
  names: { "model-id": "model", "huggingface-hub-cache": "cache-dir" },
  values: { "auto-truncate": "true" },
  refused: {
    "tokenization-workers": ONE_PROCESS,
    "max-batch-requests": "leave it out, --max-batch-tokens is the limit",
    "uds-path": ONE_PROCESS,
    "prometheus-port": "leave it out, /metrics is at --port",
    "otlp-endpoint": BY_METRICS,
    "disable-spans": "leave it out, the log has a line a request",
    "otlp-service-name": BY_METRICS,
    "dense-path": "leave it out, the folder's modules.json names it",
    "device-id": "leave it out, the processor computes",
    "hf-token": BY_VARIABLE,
    "hf-api-token": BY_VARIABLE,
  },
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]…"],
  description: `Serves a model over HTTP, or several, in the interface of Hugging Face's text-embeddings-inference, so that its clients work unchanged: /embed, /predict, /rerank and others; at /v1/embeddings as OpenAI, at /v2/rerank as Cohere, and for other heads at the task, such as /fill-mask. /openapi.json describes every path. Prints the address when it is ready, and on standard error a line for each request, without its texts. Ctrl-C or SIGTERM ends it with status 0, once every request that has come is answered, while /ready and new requests get 503; a second one ends it at once.

Each of these options can be given in the environment as well, as there: ${Object.keys(VARIABLES).join(", ")}. The command line goes before. A HOSTNAME that is no IP address is not taken for one.

With several models, a request chooses by its field “model”; one without it gets the first model that has what the path needs. Every other option holds for each of them.`,
  elsewhere: ELSEWHERE,
  options: OPTIONS,
  examples: ["plainbert serve", "plainbert serve --model sentence-transformers/all-MiniLM-L6-v2 --port 8080"],
  endsByInterrupt: true,
  async run({ values: given, positionals }) {
    expectCount(positionals, 0, 0, "no argument");
    const values = withVariables(given, process.env);
    const { model: [...folders] = [undefined], "auto-truncate": truncate } = values;
    const names = namesOf(folders, values["served-model-name"]);
    const options = {
      ...libraryValues(HANDLER_OPTIONS, values),
      ...(truncate && { autoTruncate: truncate === "true" }),
    };
    const models: Bert[] = [];
    try {
      for (const folder of folders) {
        const loading = (hub: HubOptions) =>
          loadBertFor(folder, { ...hub, ...engineOptions(values) }, "BertModel", "embeddings");
        models.push(await downloading(values, loading));
      }
      const named = Object.fromEntries(names.map((name, i) => [name, models[i]]));
      const one = { ...options, modelId: folders[0] ?? "plainbert", servedModelName: names[0] };
      const create = () =>
        models.length > 1 ? createRequestHandler(named, options) : createRequestHandler(models[0], one);
      const handler = withOptionsOf(command, create);
      await serve(handler, values);
    } finally {
      await Promise.all(models.map((bert) => bert.dispose()));
    }
  },
});

/** Answers, and logs it, until the process is told to end. */
async function serve(handler: RequestHandler, values: Values): Promise<void> {
  const { hostname = "127.0.0.1", port = 3000, "json-output": isJson } = values;
  const log = new ServeLog(isJson);
  const server = await listen(log.of(handler), { hostname, port, onError: (error) => log.error(error) });
  const close = () => {
    log.info("Ending, once every request that has come is answered");
    return handler.drain().then(server.close);
  };
  const ended = untilInterrupted(close, ["SIGINT", "SIGTERM"]);
  await print(`${server.address}\n`);
  log.info("Ready");
  await ended;
}

/** What clients call each model. @throws UsageError not a name for each, or two of the same */
function namesOf(folders: readonly (string | undefined)[], given: readonly string[] | undefined): readonly string[] {
  const names = given ?? folders.map((folder) => folder ?? "plainbert");
  if (names.length !== folders.length) {
    throw new UsageError(`expected --served-model-name as often as --model, ${folders.length}, got ${names.length}`);
  }
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return names;
  throw new UsageError(`--served-model-name must give each model a name of its own, got ${quote(twice)} twice`);
}

type Values = ValuesOf<typeof OPTIONS>;

/** What the environment says against a flag, as text-embeddings-inference reads it. */
const NO = /^(n|no|f|false|off|0)$/i;

/** The values with those of the environment where the command line has none. @throws UsageError one is wrong */
function withVariables(values: Values, environment: NodeJS.ProcessEnv): Values {
  const all: Record<string, unknown> = { ...values };
  for (const [variable, name] of Object.entries(VARIABLES)) {
    const value = environment[variable];
    if (!value) continue;
    if (all[name] === false) all[name] = !NO.test(value); // a flag that was not given
    if (all[name] !== undefined) continue;
    if (name === "hostname" && isIP(value) === 0) continue; // what many systems put there is a machine's name
    all[name] = (OPTIONS as Readonly<Record<string, Option>>)[name].parse([value], name);
  }
  return all as Values;
}
