import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/model/config.ts";
import { modelParams } from "../../src/model/params.ts";
import { BertTokenizer } from "../../src/tokenizer/index.ts";

/** What the config.json of each repository has beside what all of them have, and the parameters of its BertModel, pooler included. */
const COMMON = {
  architectures: ["BertForMaskedLM"],
  attention_probs_dropout_prob: 0.1,
  directionality: "bidi",
  hidden_act: "gelu",
  hidden_dropout_prob: 0.1,
  initializer_range: 0.02,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  model_type: "bert",
  pad_token_id: 0,
  pooler_fc_size: 768,
  pooler_num_attention_heads: 12,
  pooler_num_fc_layers: 3,
  pooler_size_per_head: 128,
  pooler_type: "first_token_transform",
  position_embedding_type: "absolute",
  type_vocab_size: 2,
  use_cache: true,
};
const BASE = { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12, num_hidden_layers: 12 };
const LARGE = { hidden_size: 1024, intermediate_size: 4096, num_attention_heads: 16, num_hidden_layers: 24 };

describe("checkpoints that Google published: sizes and number of parameters", () => {
  // The counts are those that PyTorch's model.num_parameters() gives (test/reference/count_parameters.py).
  test.each([
    ["bert-base-cased", { ...BASE, vocab_size: 28_996 }, 108_310_272],
    ["bert-base-uncased", { ...BASE, vocab_size: 30_522 }, 109_482_240],
    ["bert-base-multilingual-cased", { ...BASE, vocab_size: 119_547 }, 177_853_440],
    ["bert-base-multilingual-uncased", { ...BASE, vocab_size: 105_879 }, 167_356_416],
    ["bert-base-chinese", { ...BASE, vocab_size: 21_128 }, 102_267_648],
    ["bert-large-uncased", { ...LARGE, vocab_size: 30_522 }, 335_141_888],
    ["bert-large-cased", { ...LARGE, vocab_size: 28_996 }, 333_579_264],
  ])("%s", (_, sizes, parameters) => {
    const config = parseConfig(JSON.stringify({ ...COMMON, ...sizes }));
    expect(config.architecture).toBe("BertForMaskedLM");
    const names: string[] = [];
    let count = 0;
    const variant = { hasPooler: true, ownDecoder: false };
    modelParams({ ...config, architecture: "BertModel" }, variant, (name, shape) => {
      names.push(name);
      count += shape.reduce((product, n) => product * n, 1);
      return { shape, data: new Float32Array(0) };
    });
    expect(count).toBe(parameters);
    expect(new Set(names).size).toBe(5 + 16 * sizes.num_hidden_layers + 2);
  });

  test.each([
    ["distilbert-base-cased", 28_996, 65_190_912],
    ["distilbert-base-uncased", 30_522, 66_362_880],
    ["distilbert-base-multilingual-cased", 119_547, 134_734_080],
  ])("%s", (_, vocab_size, parameters) => {
    const json = {
      ...{
        activation: "gelu",
        architectures: ["DistilBertForMaskedLM"],
        attention_dropout: 0.1,
        dim: 768,
        dropout: 0.1,
      },
      ...{
        hidden_dim: 3072,
        initializer_range: 0.02,
        max_position_embeddings: 512,
        model_type: "distilbert",
        n_heads: 12,
      },
      ...{ n_layers: 6, output_past: true, pad_token_id: 0, qa_dropout: 0.1, seq_classif_dropout: 0.2, vocab_size },
      ...{ sinusoidal_pos_embds: false, tie_weights_: true },
    };
    const config = parseConfig(JSON.stringify(json));
    expect(config.architecture).toBe("DistilBertForMaskedLM");
    let count = 0;
    const variant = { hasPooler: false, ownDecoder: false };
    modelParams({ ...config, architecture: "DistilBertModel" }, variant, (name, shape) => {
      expect(name).toMatch(/^distilbert\./);
      count += shape.reduce((product, n) => product * n, 1);
      return { shape, data: new Float32Array(0) };
    });
    expect(count).toBe(parameters);
  });

  test("Google's own bert_config.json has none of Hugging Face's fields", () => {
    const { hidden_size, vocab_size } = { hidden_size: 1024, vocab_size: 30_522 };
    const config = parseConfig(
      JSON.stringify({
        ...{ attention_probs_dropout_prob: 0.1, hidden_act: "gelu", hidden_dropout_prob: 0.1, hidden_size },
        ...{ initializer_range: 0.02, intermediate_size: 4096, max_position_embeddings: 512 },
        ...{ num_attention_heads: 16, num_hidden_layers: 24, type_vocab_size: 2, vocab_size },
      }),
    );
    expect(config).toMatchObject({ architecture: "BertModel", layerNormEps: 1e-12, numHiddenLayers: 24 });
  });
});

describe("tokenizer settings of the repositories, on a small vocabulary", () => {
  const vocab = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "Ä",
    "##rger",
    "arger",
    "ärger",
    "你",
    "好",
    "你好",
    "カ",
    "##゙",
    "ガ",
  ];
  const tokens = (config: object, text: string) =>
    BertTokenizer.fromFiles({ "vocab.txt": `${vocab.join("\n")}\n`, "tokenizer_config.json": JSON.stringify(config) })
      .encode(text)
      .tokens()
      .slice(1, -1);

  // Lower-casing strips accents where strip_accents does not say otherwise (transformers, BertTokenizer).
  test.each([
    ["bert-base-uncased", { do_lower_case: true }, "Ärger 你好", ["arger", "你", "好"]],
    [
      "bert-base-cased, bert-base-multilingual-cased",
      { do_lower_case: false, model_max_length: 512 },
      "Ärger 你好",
      ["Ä", "##rger", "你", "好"],
    ],
    [
      "bert-base-chinese",
      { do_lower_case: false, tokenize_chinese_chars: true },
      "你好Ärger",
      ["你", "好", "Ä", "##rger"],
    ],
    ["a German uncased one", { do_lower_case: true, strip_accents: false }, "Ärger", ["ärger"]],
    ["one that strips accents alone", { do_lower_case: false, strip_accents: true }, "ärger", ["arger"]],
    [
      "cl-tohoku's, which splits before",
      { do_lower_case: false, tokenize_chinese_chars: false },
      "你好 ガ",
      ["你好", "ガ"],
    ],
  ])("%s", (_, config, text, want) => {
    expect(tokens(config, text)).toEqual(want);
  });
});
