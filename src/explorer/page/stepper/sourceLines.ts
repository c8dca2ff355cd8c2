// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are code
/** The line of the sources that computes each step. `npm run docs` writes this file. */
import type { StepKind } from "../../steps/modelSteps.ts";

/** A line of the sources. */
export interface SourceLine {
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

/** By step. */
// biome-ignore format: one line each
export const SOURCE_LINES: Readonly<Record<StepKind, SourceLine>> = {
  pieces: { file: "src/layers/embeddings.ts", line: 36, code: 'const words = see(pass, "embeddings.word_embeddings", gather(k, p.word_embeddings.weight, batch.inputIds));' },
  segments: { file: "src/layers/embeddings.ts", line: 39, code: "const types = gather(k, p.token_type_embeddings.weight, batch.tokenTypeIds);" },
  embeddings: { file: "src/layers/embeddings.ts", line: 30, code: 'return see(pass, "embeddings.LayerNorm", layerNorm(pass.k, p.LayerNorm, sum, pass.config.layerNormEps));' },
  query: { file: "src/layers/selfAttention.ts", line: 35, code: 'const query = see(pass, "attention.self.query", linear(k, p.query, x));' },
  key: { file: "src/layers/selfAttention.ts", line: 36, code: 'const key = see(pass, "attention.self.key", linear(k, p.key, all));' },
  value: { file: "src/layers/selfAttention.ts", line: 37, code: 'const value = see(pass, "attention.self.value", linear(k, p.value, all));' },
  probabilities: { file: "src/tensor/kernels/attention.ts", line: 45, code: "softmaxRows(P);" },
  context: { file: "src/tensor/kernels/attention.ts", line: 46, code: "matmul(headOf(out, readOffsets, b, a, H, D), P, V, headMask?.[a] ?? 1);" },
  attentionMap: { file: "src/model/encoderLayer.ts", line: 34, code: 'const projected = see(pass, "attention.output.dense", linear(pass.k, p.attention.output.dense, context));' },
  attentionNorm: { file: "src/model/encoderLayer.ts", line: 35, code: 'const attended = addAndNorm(pass, p.attention.output.LayerNorm, projected, x, "attentionOutput");' },
  firstMap: { file: "src/layers/feedForward.ts", line: 44, code: "const z = see(pass, before, linear(k, p, x));" },
  activation: { file: "src/layers/feedForward.ts", line: 45, code: "const y = activation(k, z, act, training ? k.empty(z.shape) : z);" },
  secondMap: { file: "src/layers/feedForward.ts", line: 76, code: 'return see(pass, "output.dense", linear(pass.k, p.output.dense, hidden));' },
  outputNorm: { file: "src/model/encoderLayer.ts", line: 39, code: 'const y = addAndNorm(pass, p.output.LayerNorm, transformed, attended, "output");' },
  poolerMap: { file: "src/layers/pooler.ts", line: 25, code: 'const pooled = see(pass, "pooler.dense", linear(k, p.dense, first));' },
  poolerActivation: { file: "src/layers/pooler.ts", line: 26, code: 'if (pass.config.poolerAct === "relu") k.relu(pooled.data, pooled.data); else k.tanh(pooled.data, pooled.data);' },
  gapMap: { file: "src/model/heads.ts", line: 61, code: "const dense = activated(pass, p.transform.dense, x, `${name}.dense`);" },
  gapActivation: { file: "src/model/heads.ts", line: 62, code: "see(pass, `${name}.transform_act_fn`, dense);" },
  gapNorm: { file: "src/model/heads.ts", line: 63, code: "const input = see(pass, `${name}.LayerNorm`, layerNorm(k, p.transform.LayerNorm, dense, config.layerNormEps));" },
  gapLogits: { file: "src/model/heads.ts", line: 65, code: 'return see(pass, "cls.predictions.decoder", linear(k, p.decoder, input));' },
  nextSentence: { file: "src/model/heads.ts", line: 110, code: "return linear(k, p, input);" },
  classifier: { file: "src/model/heads.ts", line: 110, code: "return linear(k, p, input);" },
  span: { file: "src/model/heads.ts", line: 110, code: "return linear(k, p, input);" },
};
