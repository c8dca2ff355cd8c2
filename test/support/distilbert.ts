import { readFileSync } from "node:fs";
import { loadParams } from "../../src/checkpoint/loadParams.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import type { SequenceInput } from "../../src/model/batch.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import type { BertModel } from "../../src/runtime/bertModel.ts";
import type { Safetensors } from "../../src/safetensors/index.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import type { StorageType } from "../../src/tensor/tensor.ts";
import type { TrainingBackend } from "../../src/tensor/trainingBackend.ts";
import type { TrainedModel } from "../../src/training/gradients.ts";
import type { Labels } from "../../src/training/packLabels.ts";
import { loadModel, reference, referenceJson, referenceTensors } from "./reference.ts";

/** The folders of test/reference/distilbert that make_distilbert.py writes, with a model and numbers in float64 each. */
export const DISTILBERT = {
  base: "DistilBertModel",
  mlm: "DistilBertForMaskedLM",
  "sequence-classification": "DistilBertForSequenceClassification",
  "one-label": "DistilBertForSequenceClassification",
  "token-classification": "DistilBertForTokenClassification",
  "question-answering": "DistilBertForQuestionAnswering",
  "multiple-choice": "DistilBertForMultipleChoice",
} as const;
export type DistilbertFolder = keyof typeof DISTILBERT;
export const DISTILBERT_FOLDERS: readonly DistilbertFolder[] = Object.keys(DISTILBERT) as DistilbertFolder[];

type Rows = readonly (readonly number[])[];

/** A reference.json. */
export interface DistilbertReference {
  readonly inputs: {
    readonly input_ids: Rows;
    readonly attention_mask: Rows;
    readonly labels?: readonly number[] | Rows;
    readonly start_positions?: readonly number[];
    readonly end_positions?: readonly number[];
  };
  readonly loss: number;
  readonly pytorch_float32_rms: Readonly<Record<string, number>>;
  readonly pytorch_float32_weights_max: Readonly<Record<string, number>>;
  readonly adamw: readonly { readonly loss: number; readonly lr: number; readonly grad_norm: number }[];
}

/** The path of a model's folder. */
export function distilbertPath(folder: DistilbertFolder): string {
  return reference(`distilbert/${folder}`);
}

/** What transformers made of a folder's model: numbers, and the tensors outputs.*, activations.*, gradients.*, final.*. */
export function distilbertReference(folder: DistilbertFolder): DistilbertReference & { readonly tensors: Safetensors } {
  const json = referenceJson<DistilbertReference>(`distilbert/${folder}/reference.json`);
  return { ...json, tensors: referenceTensors(`distilbert/${folder}/reference.safetensors`) };
}

/** The batch of a reference.json, padded as it is there, and its labels. */
export function distilbertBatch(folder: DistilbertFolder): {
  readonly batch: SequenceInput[];
  readonly labels: Labels;
} {
  const { inputs } = distilbertReference(folder);
  const { input_ids, attention_mask, labels, start_positions, end_positions } = inputs;
  return {
    batch: input_ids.map((inputIds, b) => ({ inputIds, attentionMask: attention_mask[b] })),
    labels: {
      ...(labels && { labels }),
      ...(start_positions && end_positions && { startPositions: start_positions, endPositions: end_positions }),
    },
  };
}

function configText(folder: DistilbertFolder): string {
  return readFileSync(`${distilbertPath(folder)}/config.json`, "utf8");
}

export function loadDistilbert(
  folder: DistilbertFolder,
  backend?: Backend,
  changes: Partial<BertConfig> = {},
  dtype?: StorageType,
): Promise<BertModel> {
  return loadModel(`${distilbertPath(folder)}/model.safetensors`, configText(folder), changes, backend, dtype);
}

/** One that is trained. */
export async function trainedDistilbert(folder: DistilbertFolder, kernels: TrainingBackend): Promise<TrainedModel> {
  const config = parseConfig(configText(folder));
  const weights = await openWeights(`${distilbertPath(folder)}/model.safetensors`);
  try {
    return { config, params: await loadParams(weights, config, kernels), kernels };
  } finally {
    await weights.close();
  }
}
