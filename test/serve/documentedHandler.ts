import type { Bert } from "../../src/pipelines/index.ts";
import * as serve from "../../src/serve/index.ts";
import { expectTeiAnswer } from "./document.ts";
import { expectDocumented } from "./ownDocument.ts";

/** A handler whose every request and answer must be what plainbert's document says, and text-embeddings-inference's. */
export function createRequestHandler(
  bert: Bert | Readonly<Record<string, Bert>>,
  options?: serve.RequestHandlerOptions,
): serve.RequestHandler {
  const handler = serve.createRequestHandler(bert, options);
  const documented = async (request: Request) => {
    const chunks: Uint8Array[] = [];
    const response = await handler(recorded(request, chunks));
    const text = await response.clone().text();
    expectDocumented({ request, asked: parsed(Buffer.concat(chunks)), response, text });
    expectTeiAnswer(request, response, text);
    return response;
  };
  return Object.assign(documented, { drain: handler.drain });
}

/** The same request, of which what is read of its body, and no more of it, is kept. */
function recorded(request: Request, chunks: Uint8Array[]): Request {
  if (request.body === null) return request;
  const reader = request.body.getReader();
  const body = new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        chunks.push(value);
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  const { method, headers, signal } = request;
  return new Request(request.url, { method, headers, signal, body, duplex: "half" } as RequestInit);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
