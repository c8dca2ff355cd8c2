/**
 * `plainbert/serve`: a model as a service, in the interface that clients of Hugging Face's text-embeddings-inference
 * and of OpenAI's embeddings speak. `npx plainbert serve` is the same as a command.
 *
 * @module
 */

export type { RequestHandlerOptions } from "./handlerSettings.ts";
export { createRequestHandler, type RequestHandler } from "./requestHandler.ts";
