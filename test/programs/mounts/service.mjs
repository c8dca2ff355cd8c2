import { loadBert } from "plainbert";
import { createRequestHandler } from "plainbert/serve";

/** What each program here mounts. */
const isFast = process.env.BACKEND === "auto";
const bert = await loadBert(undefined, { backend: isFast ? "auto" : "plain", threads: 1 });
export const handler = createRequestHandler(bert, {
  ...{ maxConcurrentRequests: 1, maxClientBatchSize: 600, payloadLimit: 1_000_000 },
  ...(isFast && { defaultPrompt: "door ".repeat(240) }), // so that a short request takes long
});
