import { isIP } from "node:net";
import { loadBertFor } from "../load/loadBert.ts";
import { BATCH_TOKENS } from "../model/batch.ts";
import { stackOf } from "../realm.ts";
import { createRequestHandler } from "../serve/index.ts";
import { listen } from "../serve/nodeServer.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { untilInterrupted } from "./interrupt.ts";
import { downloading, EMBEDDING_MODEL_OPTIONS, engineOptions } from "./modelOptions.ts";
import { choice, count, libraryValues, list, type Option, type OptionTable, text, type ValuesOf } from "./option.ts";
import { print } from "./output.ts";
import { streams } from "./streams.ts";

/** What the handler is told. */
const HANDLER_OPTIONS = {
  "served-model-name": text("NAME", "What answers of /v1/embeddings call the model. Default: what --model says."),
  "max-concurrent-requests": count(
    "The most requests that are answered at the same time; those beyond get status 429 at once. Default 512.",
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

const OPTIONS = {
  ...EMBEDDING_MODEL_OPTIONS,
  hostname: text("HOST", "The address to listen at; 0.0.0.0 is every one of this machine's. Default 127.0.0.1."),
  port: count("The port to listen at; 0 is one that is free. Default 3000.", 0, 65_535),
  ...HANDLER_OPTIONS,
  "auto-truncate": choice(
    ["true", "false"],
    "Whether inputs that are too long are cut, where a request does not say it; else they get status 413. Default true.",
  ),
};

/** The options that the environment may give too, by the names that text-embeddings-inference has for them there. */
const VARIABLES: Readonly<Record<string, string>> = {
  MODEL_ID: "model",
  REVISION: "revision",
  DTYPE: "dtype",
  HOSTNAME: "hostname",
  PORT: "port",
  SERVED_MODEL_NAME: "served-model-name",
  MAX_CONCURRENT_REQUESTS: "max-concurrent-requests",
  MAX_CLIENT_BATCH_SIZE: "max-client-batch-size",
  PAYLOAD_LIMIT: "payload-limit",
  POOLING: "pooling",
  DEFAULT_PROMPT_NAME: "default-prompt-name",
  DEFAULT_PROMPT: "default-prompt",
  AUTO_TRUNCATE: "auto-truncate",
  API_KEY: "api-key",
  CORS_ALLOW_ORIGIN: "cors-allow-origin",
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]…"],
  description: `Serves a model over HTTP, in the interface of Hugging Face's text-embeddings-inference, so that its clients work unchanged: /embed, /embed_all, /embed_sparse, /similarity, /predict, /rerank, /tokenize, /decode, /info, /health, /metrics; OpenAI's /v1/embeddings; Cohere's /v1/rerank and /v2/rerank; and /fill-mask, /next-sentence, /text-classification, /token-classification and /question-answering, for the model's head. Prints the address when it is ready. Ctrl-C or SIGTERM ends it with status 0, once every request that has come is answered, while /ready and new requests get 503; a second one ends it at once.

Each of these options can be given in the environment as well, as there: ${Object.keys(VARIABLES).join(", ")}. The command line goes before. A HOSTNAME that is no IP address is not taken for one.

Requests that wait are computed together, up to ${BATCH_TOKENS.toLocaleString("en")} tokens at once.`,
  options: OPTIONS,
  examples: ["plainbert serve", "plainbert serve --model sentence-transformers/all-MiniLM-L6-v2 --port 8080"],
  endsByInterrupt: true,
  async run({ values: given, positionals }) {
    expectCount(positionals, 0, 0, "no argument");
    const values = withVariables(given, process.env);
    const { model, hostname = "127.0.0.1", port = 3000, "auto-truncate": truncate } = values;
    await using bert = await downloading(values, (hub) =>
      loadBertFor(model, { ...hub, ...engineOptions(values) }, "BertModel", "embeddings"),
    );
    const handler = createRequestHandler(bert, {
      modelId: model ?? "plainbert",
      ...libraryValues(HANDLER_OPTIONS, values),
      ...(truncate && { autoTruncate: truncate === "true" }),
    });
    const onError = (error: unknown) => void streams.stderr.write(`${stackOf(error)}\n`);
    const server = await listen(handler, { hostname, port, onError });
    const close = () => handler.drain().then(server.close);
    const ended = untilInterrupted(close, ["SIGINT", "SIGTERM"]);
    await print(`${server.address}\n`);
    await ended;
  },
});

type Values = ValuesOf<typeof OPTIONS>;

/** The values with those of the environment where the command line has none. @throws UsageError one is wrong */
function withVariables(values: Values, environment: NodeJS.ProcessEnv): Values {
  const all: Record<string, unknown> = { ...values };
  for (const [variable, name] of Object.entries(VARIABLES)) {
    const value = environment[variable];
    if (value === undefined || value === "" || all[name] !== undefined) continue;
    if (name === "hostname" && isIP(value) === 0) continue; // what many systems put there is a machine's name
    all[name] = (OPTIONS as Readonly<Record<string, Option>>)[name].parse([value], name);
  }
  return all as Values;
}
