import { layerNorm } from "../layers/addAndNorm.ts";
import { activate } from "../layers/feedForward.ts";
import { linear } from "../layers/linear.ts";
import type { Tap } from "../layers/tap.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BertConfig } from "./config.ts";
import type { MlmHeadParams } from "./params.ts";

/**
 * The masked-language-model head: for each row a score for every word piece of the vocabulary. The paper (§3.1) says
 * "an output softmax over the vocabulary"; the transform before it is in Google's code (run_pretraining.py,
 * get_masked_lm_output):
 *
 *     logits = LayerNorm(act(x Wᵀ + b)) Eᵀ + b_V        E the word embeddings
 *
 * @param x [M, H], hidden states of the tokens that are asked for
 * @param tap named below cls.predictions
 * @returns [M, V]
 */
export function mlmHead(k: Backend, p: MlmHeadParams, x: Tensor, c: BertConfig, tap?: Tap): Tensor {
  const dense = linear(k, p.transform.dense, x);
  tap?.see("transform.dense", dense);
  activate(k, c.hiddenAct, dense);
  tap?.see("transform.transform_act_fn", dense);
  const transformed = layerNorm(k, p.transform.LayerNorm, dense, c.layerNormEps);
  tap?.see("transform.LayerNorm", transformed);
  tap?.see("transform", transformed);
  const logits = linear(k, p.decoder, transformed);
  tap?.see("decoder", logits);
  return logits;
}
