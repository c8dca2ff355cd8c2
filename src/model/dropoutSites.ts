import type { LayerDropout } from "../layers/pass.ts";
import type { DropoutMask } from "../tensor/kernels/dropout.ts";
import { HEADS } from "./architectures.ts";
import type { BertConfig } from "./config.ts";
import { FAMILIES } from "./family.ts";

/** Which forward pass of which run: with it every dropout mask can be computed again. */
export interface DropoutKey {
  /** A whole number below 2³². */
  readonly seed: number;
  /** The number of the forward pass in the run, a whole number below 2³². */
  readonly step: number;
}

/** The dropouts of a forward pass; null where the probability is 0 or nothing is dropped. */
export interface DropoutSites {
  /** After the normalised embeddings. */
  readonly embeddings: DropoutMask | null;
  readonly layers: readonly LayerDropout[];
  /** Before the head's last linear map. */
  readonly classifier: DropoutMask | null;
}

/**
 * Where BERT drops while it trains (Devlin et al. 2019, §A.2: "a dropout probability of 0.1 on all layers"; the places
 * are those of Google's modeling.py and of Hugging Face). Sites are numbered from the embeddings, 0, upwards.
 *
 * @param key null for no dropout
 */
export function dropoutSites(c: BertConfig, key: DropoutKey | null): DropoutSites {
  const at = (site: number, probability: number): DropoutMask | null =>
    key && probability > 0 ? { probability, ...key, site } : null;
  const hidden = c.hiddenDropoutProb;
  const ofHead = HEADS[c.architecture].find(({ dropout }) => dropout)?.dropout; // no architecture has two such heads
  return {
    embeddings: at(0, hidden),
    layers: Array.from({ length: c.numHiddenLayers }, (_, n) => ({
      probs: at(3 * n + 1, c.attentionProbsDropoutProb),
      attentionOutput: at(3 * n + 2, FAMILIES[c.modelType].attentionOutputDropout ? hidden : 0),
      output: at(3 * n + 3, hidden),
    })),
    classifier: at(3 * c.numHiddenLayers + 1, ofHead?.(c) ?? 0),
  };
}
