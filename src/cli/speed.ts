import { type Bert, loadBert } from "../pipelines/index.ts";
import type { BackendInfo } from "../tensor/backend.ts";
import { chooseBackend } from "../tensor/chooseBackend.ts";
import { downloading, engineOptions, type MODEL_OPTIONS } from "./modelOptions.ts";
import type { ValuesOf } from "./option.ts";

/** What was measured. */
export interface Speed {
  readonly backend: BackendInfo;
  readonly gflops: number;
  /** Whose texts they are. */
  readonly model: string;
  /** A short text and the longest, each the median of several. */
  readonly texts: readonly { readonly tokens: number; readonly milliseconds: number }[];
}

const SHORT_TOKENS = 16;

/** How long each measurement may take, in milliseconds. */
const BUDGET_MS = 500;

/** Computes for a second or two, and says how fast that was. */
export async function measureSpeed(values: ValuesOf<typeof MODEL_OPTIONS>): Promise<Speed> {
  const gflops = await measureProducts(values);
  const load = { ...engineOptions(values), architecture: "BertModel" } as const;
  const bert = await downloading(values, (hub) => loadBert(values.model, { ...hub, ...load }));
  try {
    const { backend, config, dtype } = bert;
    const { numHiddenLayers: L, hiddenSize: H, maxPositionEmbeddings } = config;
    const texts = [];
    for (const tokens of [SHORT_TOKENS, maxPositionEmbeddings]) {
      texts.push({ tokens, milliseconds: await measureText(bert, tokens) });
    }
    const name = values.model ?? "the small one of the package";
    return { backend, gflops, model: `${name}, L = ${L}, H = ${H}, ${dtype}`, texts };
  } finally {
    await bert.dispose();
  }
}

/** GFLOP/s of the matrix products, in float32, of a feed-forward layer of BERT-base: 2 R I O operations each. */
async function measureProducts(values: ValuesOf<typeof MODEL_OPTIONS>): Promise<number> {
  const [R, I, O] = [256, 768, 3072];
  const backend = chooseBackend(values.backend, { threads: values.threads, dtype: values.dtype ?? "float32" });
  const k = backend.scope();
  const [y, x, weight, bias] = [k.zeros([R, O]), k.zeros([R, I]), k.zeros([O, I]), k.zeros([O])];
  for (const { data } of [x, weight]) for (let i = 0; i < data.length; i++) data[i] = ((i * 7919) % 1000) / 1000 - 0.5;
  const packed = k.packWeight(weight);
  const seconds = await best(() => {
    if (packed.dtype) k.linearStored(y.data, x.data, packed, bias.data, R);
    else k.linear(y.data, x.data, packed.data, bias.data, R, I, O);
  });
  k.release();
  await backend.dispose();
  return (2 * R * I * O) / seconds / 1e9;
}

/** Milliseconds of a text of so many tokens, the median. */
async function measureText(bert: Bert, tokens: number): Promise<number> {
  const inputIds = Array.from({ length: tokens }, (_, t) => t % bert.config.vocabSize);
  const times: number[] = [];
  const end = performance.now() + BUDGET_MS;
  while (times.length < 2 || (performance.now() < end && times.length < 100)) {
    const start = performance.now();
    await bert.forward([{ inputIds }]);
    times.push(performance.now() - start);
  }
  times.shift(); // the first one compiles
  return times.sort((a, b) => a - b)[times.length >> 1];
}

/** Seconds of the fastest of several runs, one at least. */
async function best(run: () => void): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const end = performance.now() + BUDGET_MS;
  do {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  } while (performance.now() < end);
  return least / 1000;
}
