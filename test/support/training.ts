import { readFileSync } from "node:fs";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import type { SequenceInput } from "../../src/model/batch.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import type { SimdOptions } from "../../src/tensor/simd/simdOptions.ts";
import { createSimdTrainingBackend } from "../../src/tensor/simd/training/createSimdTrainingBackend.ts";
import type { TrainingBackend } from "../../src/tensor/trainingBackend.ts";
import type { TrainedModel } from "../../src/training/gradients.ts";
import type { Labels } from "../../src/training/packLabels.ts";
import type { TRAINING_TOLERANCE } from "../tolerances.ts";
import { reference, referenceJson } from "./reference.ts";

/** A backend to run the tests of training on. */
interface TestedTrainingBackend {
  /** `plain`, or `simd` and its variant. */
  readonly title: string;
  /** Whose tolerances hold. */
  readonly name: keyof typeof TRAINING_TOLERANCE;
  create(threads?: number): TrainingBackend;
}

/** `plain` and every variant of `simd` that this engine has; on an engine that widens nothing, fewer. */
export const TRAINING_BACKENDS: readonly TestedTrainingBackend[] = [
  { title: "plain", name: "plain", create: () => plainTraining },
  ...simdVariants(),
];

function simdVariants(): TestedTrainingBackend[] {
  const found = new Map<string, TestedTrainingBackend>();
  const all: SimdOptions[] = [{}, { wide: false }, { deterministic: true }, { wide: false, deterministic: true }];
  for (const options of all) {
    const create = (threads = 1) => createSimdTrainingBackend({ ...options, threads });
    const { width, fused } = create().info;
    const title = `simd, ${width} bits, ${fused ? "fused" : "multiply and add"}`;
    if (!found.has(title)) found.set(title, { title, name: fused ? "simd" : "deterministic", create });
  }
  return [...found.values()];
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
