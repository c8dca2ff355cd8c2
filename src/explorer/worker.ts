/** The page's worker: opens a model, and computes what the page shows of a text. `start.ts` starts it. */
import {
  type Bert,
  type BertConfig,
  type BertTokenizer,
  loadBert,
  type ModelFiles,
  writeSafetensors,
} from "../index.ts";
import { computeCompared } from "./comparedResult.ts";
import { type EffectRequest, effectOf } from "./effects/effect.ts";
import type { Effect } from "./effects/outputAnswers.ts";
import type { ExplorerRequest, ExplorerResult } from "./explorerResult.ts";
import { type HubModel, type HubSize, lookUp } from "./hubModel.ts";
import { type Step, stepsOf } from "./steps/modelSteps.ts";
import { type TapNumbers, type TapRequest, type TapTerms, tapNumbers, tapTerms } from "./steps/tapAnswers.ts";

/** Where a model is: the address of its folder, its files, those in the page, or a hub. */
export type ModelSource = string | ModelFiles | FilesInPage | HubModel;

/** What the page asks. */
export type ToWorker =
  | { readonly open: ModelSource; readonly backend?: "plain" }
  | { readonly lookUp: HubModel }
  | { readonly beside: ModelSource | null }
  | { readonly write: TensorsToWrite }
  | { readonly id: number; readonly request: ExplorerRequest }
  | { readonly look: number; readonly at: TapRequest | EffectRequest };

/** A model's files as text, which is read in the worker, as it is large: JSON of each file's base64 by its name. */
export interface FilesInPage {
  readonly json: string;
}

/** A file of tensors that the worker writes. */
export interface TensorsToWrite {
  readonly tensors: readonly (readonly [
    name: string,
    tensor: { readonly shape: readonly number[]; readonly data: Float32Array },
  ])[];
  /** Of the file's header. */
  readonly metadata: readonly (readonly [string, string])[];
}

/** What the worker answers. */
export type FromWorker =
  | { readonly progress: number }
  | { readonly opened: ModelSummary }
  | { readonly found: HubSize }
  | { readonly beside: BesideNews }
  | { readonly id: number; readonly result: ExplorerResult }
  | { readonly look: number; readonly seen: TapNumbers | TapTerms | Effect }
  | { readonly look: number; readonly unseen: string }
  | { readonly written: Uint8Array }
  | { readonly unwritten: string }
  | { readonly id: number | null; readonly problem: string };

/** How a model comes that the other one is compared with: percent of it, the model, or why it does not come. */
export type BesideNews =
  | { readonly progress: number }
  | { readonly opened: ModelSummary }
  | { readonly problem: string };

/** What the page tells of the model. */
export interface ModelSummary {
  readonly config: BertConfig;
  readonly layers: number;
  readonly heads: number;
  readonly hiddenSize: number;
  readonly positions: number;
  readonly backend: string;
  readonly reason: string;
  readonly fingerprint: string;
  /** Of its forward pass, in order. */
  readonly steps: readonly Step[];
}

/** The part of a worker's global scope that is used. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;
let open: Promise<Opened> | null = null;
/** The model that the other one is compared with; null: itself. */
let beside: Opened | null = null;
/** Stops what opens that. */
let stopBeside = new AbortController();

/** What went wrong, without the name of the function that the library's errors begin with. */
const messageOf = (error: unknown): string =>
  String((error as Partial<Error> | null)?.message ?? error).replace(/^(([A-Z]\w*|bert)\.)?[a-z]\w*: /, "");

interface Opened {
  readonly bert: Bert;
  readonly tokenizer: BertTokenizer;
}

/** Opens a model, which must have a tokenizer. */
async function openModel(
  source: ModelSource,
  progress: (percent: number) => void,
  rest: { readonly backend?: "plain"; readonly signal?: AbortSignal },
): Promise<Opened> {
  const bert = await loadBert(typeof source === "string" ? source : pathOf(source), {
    ...rest,
    ...(typeof source !== "string" && "hub" in source && { endpoint: source.endpoint }),
    threads: 1, // this worker is the thread
    progress_callback(step) {
      if (step.status === "progress_total") progress(step.progress);
    },
  });
  return { bert, tokenizer: bert.tokenizer };
}

/** What `loadBert` is given. */
function pathOf(source: Exclude<ModelSource, string>): string | ModelFiles {
  if ("hub" in source) return source.hub;
  return "json" in source ? filesOf(source) : source;
}

function filesOf({ json }: FilesInPage): ModelFiles {
  const files = Object.entries(JSON.parse(json) as Readonly<Record<string, string>>);
  const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
  return new Map(files.map(([name, base64]) => [name, new Blob([bytesOf(base64)])]));
}

/** What the page tells of a model. */
function summaryOf({ bert }: Opened): ModelSummary {
  const { config, backend, fingerprint } = bert;
  return {
    config,
    ...{ layers: config.numHiddenLayers, heads: config.numAttentionHeads, hiddenSize: config.hiddenSize },
    positions: config.maxPositionEmbeddings,
    ...{ backend: `${backend.name}, ${backend.width} bits`, reason: backend.reason, fingerprint },
    steps: stepsOf(bert),
  };
}

/** Opens a model beside the one that there is, in place of another; null: none. */
async function openBeside(source: ModelSource | null): Promise<void> {
  stopBeside.abort();
  stopBeside = new AbortController();
  const { signal } = stopBeside;
  await beside?.bert.dispose();
  beside = null;
  if (source === null) return;
  const tell = (news: BesideNews): void => {
    if (!signal.aborted) scope.postMessage({ beside: news });
  };
  try {
    const opened = await openModel(source, (progress) => tell({ progress }), { signal });
    if (signal.aborted) return opened.bert.dispose();
    beside = opened;
    tell({ opened: summaryOf(opened) });
  } catch (error) {
    tell({ problem: messageOf(error) });
  }
}

/** Writes a file here, as a large one takes a while. */
function write({ tensors, metadata }: TensorsToWrite): void {
  try {
    const written = writeSafetensors(tensors, metadata);
    scope.postMessage({ written }, [written.buffer as ArrayBuffer]);
  } catch (error) {
    scope.postMessage({ unwritten: messageOf(error) });
  }
}

/** Looks at a tap, of which it copies what is asked for; or at what the model answers with something taken away. */
function look({ bert, tokenizer }: Opened, id: number, at: TapRequest | EffectRequest): void {
  try {
    if ("change" in at) scope.postMessage({ look: id, seen: effectOf(bert, tokenizer, at) });
    else if (at.place !== null) scope.postMessage({ look: id, seen: tapTerms(bert, tokenizer, at) });
    else {
      const seen = tapNumbers(bert, tokenizer, at);
      scope.postMessage({ look: id, seen }, [seen.data.buffer as ArrayBuffer]);
    }
  } catch (error) {
    scope.postMessage({ look: id, unseen: messageOf(error) });
  }
}

scope.onmessage = async ({ data }) => {
  try {
    if ("open" in data) {
      open = openModel(data.open, (progress) => scope.postMessage({ progress }), {
        ...(data.backend && { backend: data.backend }),
      });
      scope.postMessage({ opened: summaryOf(await open) });
      return;
    }
    if ("lookUp" in data) {
      scope.postMessage({ found: await lookUp(data.lookUp) });
      return;
    }
    if ("beside" in data) return openBeside(data.beside);
    if ("write" in data) return write(data.write);
    if (!open) return;
    if ("look" in data) return look(await open, data.look, data.at);
    const own = await open;
    const result = computeCompared(own, beside ?? own, data.request);
    const attentions = [...result.attentions, ...(result.compared?.result.attentions ?? [])];
    scope.postMessage({ id: data.id, result }, [...new Set(attentions.map(({ buffer }) => buffer as ArrayBuffer))]);
  } catch (error) {
    scope.postMessage({ id: "id" in data ? data.id : null, problem: messageOf(error) });
  }
};
