/** The page's worker: opens a model, and computes what the page shows of a text. It is a module, started by `client.ts`. */
import { type BertModel, type BertTokenizer, loadBert } from "../index.ts";
import { compute, type ExplorerRequest, type ExplorerResult } from "./result.ts";

/** What the page asks. */
export type ToWorker =
  | { readonly open: string; readonly backend?: "plain" }
  | { readonly id: number; readonly request: ExplorerRequest };

/** What the worker answers. */
export type FromWorker =
  | { readonly progress: number }
  | { readonly opened: ModelSummary }
  | { readonly id: number; readonly result: ExplorerResult }
  | { readonly id: number | null; readonly problem: string };

/** What the page tells of the model. */
export interface ModelSummary {
  readonly layers: number;
  readonly heads: number;
  readonly hiddenSize: number;
  readonly positions: number;
  readonly backend: string;
  readonly reason: string;
  readonly fingerprint: string;
}

/** The part of a worker's global scope that is used. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;
let open: Promise<{ model: BertModel; tokenizer: BertTokenizer }> | null = null;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function openModel(path: string, backend?: "plain"): Promise<{ model: BertModel; tokenizer: BertTokenizer }> {
  const bert = await loadBert(path, {
    ...(backend && { backend }),
    threads: 1, // this worker is the thread
    progress_callback(step) {
      if (step.status === "progress_total") scope.postMessage({ progress: step.progress });
    },
  });
  const { config, backend: info, fingerprint } = bert;
  scope.postMessage({
    opened: {
      ...{ layers: config.numHiddenLayers, heads: config.numAttentionHeads, hiddenSize: config.hiddenSize },
      positions: config.maxPositionEmbeddings,
      ...{ backend: `${info.name}, ${info.width} bits`, reason: info.reason, fingerprint },
    },
  });
  return { model: bert, tokenizer: bert.tokenizer };
}

scope.onmessage = async ({ data }) => {
  try {
    if ("open" in data) {
      open = openModel(data.open, data.backend);
      await open;
      return;
    }
    if (!open) return;
    const { model, tokenizer } = await open;
    const result = compute(model, tokenizer, data.request);
    scope.postMessage({ id: data.id, result }, [
      ...new Set(result.attentions.map(({ buffer }) => buffer as ArrayBuffer)),
    ]);
  } catch (error) {
    scope.postMessage({ id: "id" in data ? data.id : null, problem: messageOf(error) });
  }
};
