import { readFileSync } from "node:fs";
import { openWeights } from "../../src/hub/files.ts";
import type { SequenceInput } from "../../src/model/batch.ts";
import { loadParams } from "../../src/model/checkpoint.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import type { BackendScope } from "../../src/tensor/backend.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import { createSimdBackend } from "../../src/tensor/simd/createSimdBackend.ts";
import type { TrainingBackend, TrainingScope } from "../../src/tensor/trainingBackend.ts";
import type { TrainedModel } from "../../src/training/gradients.ts";
import type { Labels } from "../../src/training/labels.ts";
import type { TRAINING_TOLERANCE } from "../tolerances.ts";
import { reference, referenceJson } from "./reference.ts";

/** A backend to run the tests of training on. */
interface TestedTrainingBackend {
  readonly title: string;
  /** Whose tolerances hold. */
  readonly name: keyof typeof TRAINING_TOLERANCE;
  create(): TrainingBackend;
}

export const TRAINING_BACKENDS: readonly TestedTrainingBackend[] = [
  { title: "plain", name: "plain", create: () => plainTraining },
  {
    title: "forward of simd, backward of plain",
    name: "simd",
    create: () => mixed(createSimdBackend({ deterministic: true })),
  },
];

/**
 * The kernels of `plain` for training on the memory of `simd`, where what is freed is soon overwritten: a tensor that is read
 * after its scope's end has other numbers in it.
 */
function mixed(k: BackendScope): TrainingScope {
  return {
    ...plainTraining,
    info: k.info,
    zeros: (shape) => k.zeros(shape),
    empty: (shape) => k.empty(shape),
    scope: () => mixed(k.scope()),
    release: (keep) => k.release(keep),
    allFinite: (data) => k.allFinite(data),
    linear: (...args) => k.linear(...args),
    attention: (...args) => k.attention(...args),
    layerNorm: (...args) => k.layerNorm(...args),
    gelu: (y, x) => k.gelu(y, x),
    geluNew: (y, x) => k.geluNew(y, x),
    relu: (y, x) => k.relu(y, x),
    silu: (y, x) => k.silu(y, x),
    tanh: (y, x) => k.tanh(y, x),
    add: (y, a, b) => k.add(y, a, b),
    gatherRows: (...args) => k.gatherRows(...args),
    dispose: () => k.dispose(),
  };
}

/** A model of test/reference, to be trained; dropout is off in all of them. */
export async function loadTrained(
  folder: string,
  changes: Partial<BertConfig> = {},
  kernels: TrainingBackend = plainTraining,
): Promise<TrainedModel> {
  const config = { ...parseConfig(readFileSync(reference(`${folder}/config.json`), "utf8")), ...changes };
  const weights = await openWeights(reference(`${folder}/model.safetensors`));
  try {
    return { config, params: await loadParams(weights, config, kernels), kernels };
  } finally {
    await weights.close();
  }
}

type Numbers = readonly number[];
interface Json {
  readonly input_ids: readonly Numbers[] | readonly (readonly Numbers[])[];
  readonly attention_mask: Json["input_ids"];
  readonly token_type_ids: Json["input_ids"];
  readonly labels?: Numbers | readonly Numbers[];
  readonly mlm_labels?: readonly Numbers[];
  readonly next_sentence_label?: Numbers;
  readonly start_positions?: Numbers;
  readonly end_positions?: Numbers;
}

/** The batch and labels of an inputs.json; [B, choices, T] becomes [B · choices, T]. */
export function labelledBatch(folder: string): { batch: SequenceInput[]; labels: Labels } {
  const json = referenceJson<Json>(`${folder}/inputs.json`);
  const rows = (field: Json["input_ids"]) => (Array.isArray(field[0][0]) ? field.flat() : field) as Numbers[];
  const [masks, types] = [rows(json.attention_mask), rows(json.token_type_ids)];
  const batch = rows(json.input_ids).map((inputIds, b) => ({
    inputIds,
    attentionMask: masks[b],
    tokenTypeIds: types[b],
  }));
  const labels = {
    labels: json.labels ?? json.mlm_labels,
    nextSentenceLabel: json.next_sentence_label,
    startPositions: json.start_positions,
    endPositions: json.end_positions,
  };
  return { batch, labels: Object.fromEntries(Object.entries(labels).filter(([, value]) => value)) };
}
