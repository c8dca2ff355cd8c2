import { describe, expect, test, vi } from "vitest";
import { BertError } from "../../src/errors.ts";
import { ARCHITECTURES } from "../../src/model/architectures.ts";
import { CONFIG_FIELDS, parseConfig } from "../../src/model/config.ts";

const parse = (fields: Record<string, unknown>) => parseConfig(JSON.stringify(fields));

test("what is left out, or null, has Hugging Face's default", () => {
  const defaults = {
    modelType: "bert",
    vocabSize: 30522,
    hiddenSize: 768,
    numHiddenLayers: 12,
    numAttentionHeads: 12,
    intermediateSize: 3072,
    hiddenAct: "gelu",
    maxPositionEmbeddings: 512,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    padTokenId: 0,
    hiddenDropoutProb: 0.1,
    attentionProbsDropoutProb: 0.1,
    classifierDropout: null,
    qaDropout: 0,
    poolerAct: "tanh",
    initializerRange: 0.02,
    tieWordEmbeddings: true,
    architecture: "BertModel",
    labels: ["LABEL_0", "LABEL_1"],
    problemType: null,
  };
  expect(parse({})).toEqual(defaults);
  expect(parse({ vocab_size: null, hidden_act: null, id2label: null, problem_type: null, pad_token_id: null })).toEqual(
    defaults,
  );
});

test("fields are read", () => {
  const config = parse({
    model_type: "bert",
    architectures: ["BertForSequenceClassification"],
    vocab_size: 28996,
    hidden_size: 256,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    intermediate_size: 1024,
    hidden_act: "gelu_pytorch_tanh",
    max_position_embeddings: 128,
    type_vocab_size: 3,
    layer_norm_eps: 1e-5,
    pad_token_id: 1,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0.2,
    classifier_dropout: 0.3,
    initializer_range: 0.1,
    tie_word_embeddings: false,
    id2label: { "1": "positive", "0": "negative", "2": "neutral" },
    problem_type: "multi_label_classification",
    transformers_version: "5.18.0",
  });
  expect(config).toEqual({
    modelType: "bert",
    architecture: "BertForSequenceClassification",
    vocabSize: 28996,
    hiddenSize: 256,
    numHiddenLayers: 4,
    numAttentionHeads: 4,
    intermediateSize: 1024,
    hiddenAct: "gelu_new",
    maxPositionEmbeddings: 128,
    typeVocabSize: 3,
    layerNormEps: 1e-5,
    padTokenId: 1,
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0.2,
    classifierDropout: 0.3,
    qaDropout: 0,
    poolerAct: "tanh",
    initializerRange: 0.1,
    tieWordEmbeddings: false,
    labels: ["negative", "positive", "neutral"],
    problemType: "multi_label_classification",
  });
  expect(parse({ num_labels: 3 }).labels).toEqual(["LABEL_0", "LABEL_1", "LABEL_2"]);
  expect(parse({ hidden_act: "swish" }).hiddenAct).toBe("silu");
});

test("fields of a DistilBERT are read by their own names, and what is left out has its defaults", () => {
  const bert = parse({});
  const defaults = {
    ...bert,
    ...{ modelType: "distilbert", architecture: "DistilBertModel", numHiddenLayers: 6, typeVocabSize: 0 },
    ...{ classifierDropout: 0.2, qaDropout: 0.1, poolerAct: "relu" },
  };
  expect(parse({ model_type: "distilbert" })).toEqual(defaults);
  const json = {
    ...{ architectures: ["SomebodysOwn", "DistilBertForQuestionAnswering"], model_type: "distilbert", vocab_size: 100 },
    ...{ dim: 24, n_layers: 3, n_heads: 4, hidden_dim: 48, activation: "relu", dropout: 0.3, attention_dropout: 0.4 },
    ...{ seq_classif_dropout: 0.5, qa_dropout: 0.6, sinusoidal_pos_embds: true, max_position_embeddings: 40 },
    ...{ tie_weights_: true, initializer_range: 0.1, pad_token_id: 3, layer_norm_eps: 0.5, type_vocab_size: 2 },
  };
  const config = {
    ...defaults,
    ...{ architecture: "DistilBertForQuestionAnswering", vocabSize: 100, hiddenSize: 24, numHiddenLayers: 3 },
    ...{ numAttentionHeads: 4, intermediateSize: 48, hiddenAct: "relu", hiddenDropoutProb: 0.3 },
    ...{ attentionProbsDropoutProb: 0.4, classifierDropout: 0.5, qaDropout: 0.6, maxPositionEmbeddings: 40 },
    ...{ initializerRange: 0.1, padTokenId: 3 },
  };
  expect(parse(json)).toEqual(config);
  // Files of 2019 name no model_type
  const { model_type: _, ...old } = json;
  expect(parse(old)).toEqual(config);
  expect(parse({ dim: 24 }).modelType).toBe("distilbert");
  expect(parse({ architectures: ["DistilBertModel"] }).modelType).toBe("distilbert");
  // Another family's class is none of its own
  expect(parse({ ...json, architectures: ["BertForMaskedLM"] }).architecture).toBe("DistilBertModel");
});

test.each(ARCHITECTURES)("%s", (name) => {
  expect(parse({ architectures: [name] }).architecture).toBe(name);
});

describe("refused with the reason", () => {
  const LIST =
    "BertModel, BertForPreTraining, BertForMaskedLM, BertForNextSentencePrediction, BertForSequenceClassification, BertForTokenClassification, BertForQuestionAnswering, BertForMultipleChoice, DistilBertModel, DistilBertForMaskedLM, DistilBertForSequenceClassification, DistilBertForTokenClassification, DistilBertForQuestionAnswering, DistilBertForMultipleChoice";
  const INSTEAD = "take a BERT or a DistilBERT that was trained for the same";
  const ACTS =
    "gelu, gelu_10, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, hardswish, laplace, leaky_relu, linear, mish, quick_gelu, relu, relu2, relu6, sigmoid, silu, sqrtsoftplus, swish, tanh";
  const cases: [what: string, fields: Record<string, unknown>, message: string][] = [
    ...["BERT", "toString", "flaubert"].map((type): [string, Record<string, unknown>, string] => [
      `model_type ${type}`,
      { model_type: type, architectures: ["BertModel"] },
      `model_type must be "bert" or "distilbert", got "${type}": ${INSTEAD}`,
    ]),
    ...Object.entries({
      roberta: "texts are split by byte-level BPE or SentencePiece there",
      "xlm-roberta": "texts are split by byte-level BPE or SentencePiece there",
      albert: "all layers share one layer's weights there",
      electra: "the embeddings may be smaller than the layers there",
      mpnet: "every layer adds a bias there",
      "deberta-v2": "attention has terms of its own there",
      modernbert: "positions are rotations of queries and keys there",
    }).map(([type, why]): [string, Record<string, unknown>, string] => [
      `model_type ${type}`,
      { model_type: type, architectures: ["BertModel"] },
      `model_type must be "bert" or "distilbert", got "${type}": ${why}`,
    ]),
    ...["RobertaModel", "XLMRobertaForMaskedLM", "AlbertModel", "DebertaV2Model"].map(
      (name): [string, Record<string, unknown>, string] => [
        `architecture ${name} of a file without model_type`,
        { architectures: [name] },
        `architectures[0] must be a class of BERT or DistilBERT, got "${name}": `,
      ],
    ),
    ...["DistilBertForNothing", "BertLMHeadModel", "BertGenerationEncoder"].map(
      (name): [string, Record<string, unknown>, string] => [
        `architecture ${name}`,
        { architectures: [name] },
        `architectures[0] must be one of ${LIST}, got "${name}"`,
      ],
    ),
    [
      "positions relative to the query too",
      { position_embedding_type: "relative_key_query" },
      'position_embedding_type must be "absolute", got "relative_key_query": relative positions add terms',
    ],
    [
      "BERT as a language model",
      { model_type: "bert", architectures: ["BertLMHeadModel"], is_decoder: true },
      "is_decoder and add_cross_attention must be false: this is BERT's bidirectional encoder, without causal mask",
    ],
    [
      "relative positions",
      { position_embedding_type: "relative_key" },
      'position_embedding_type must be "absolute", got "relative_key": relative positions add terms',
    ],
    ["a decoder", { is_decoder: true }, "is_decoder and add_cross_attention must be false"],
    ["cross-attention", { add_cross_attention: true }, "is_decoder and add_cross_attention must be false"],
    ["an unknown activation", { hidden_act: "elu" }, `hidden_act must be one of ${ACTS}, got "elu"`],
    ...["prelu", "xielu"].map((act): [string, Record<string, unknown>, string] => [
      `the activation ${act}`,
      { hidden_act: act },
      `hidden_act must be one of ${ACTS}, got "${act}": that one has parameters of its own (intermediate_act_fn.* in each layer), for which this model has no place`,
    ]),
    ["an inherited name", { hidden_act: "toString" }, "hidden_act must be one of gelu"],
    [
      "a DistilBERT's field, by its own name",
      { model_type: "distilbert", n_layers: 0 },
      "n_layers must be a whole number from 1 to 10000, got 0",
    ],
    [
      "a DistilBERT's sizes that contradict each other",
      { model_type: "distilbert", dim: 10, n_heads: 3 },
      "dim must be a multiple of n_heads, got 10 and 3",
    ],
    ["a size of text", { hidden_size: "768" }, 'hidden_size must be a whole number from 1 to 2147483647, got "768"'],
    ["a size of nothing", { vocab_size: 0 }, "vocab_size must be a whole number from 1 to 2147483647, got 0"],
    ["half a layer", { num_hidden_layers: 1.5 }, "num_hidden_layers must be a whole number from 1 to 10000, got 1.5"],
    [
      "a billion layers",
      { num_hidden_layers: 1e9 },
      "num_hidden_layers must be a whole number from 1 to 10000, got 1000000000",
    ],
    [
      "heads that do not divide H",
      { hidden_size: 768, num_attention_heads: 7 },
      "hidden_size must be a multiple of num_attention_heads, got 768 and 7",
    ],
    ["a negative eps", { layer_norm_eps: -1 }, "layer_norm_eps must be a number from 0 to 1, got -1"],
    ["a dropout of 2", { hidden_dropout_prob: 2 }, "hidden_dropout_prob must be a number from 0 to 1, got 2"],
    [
      "labels with a gap",
      { id2label: { "0": "a", "2": "b" } },
      "id2label must map each of 0 … 1 to a string, has nothing for 1",
    ],
    ["labels as a list", { id2label: ["a"] }, 'id2label must be an object, got ["a"]'],
    ["no labels", { id2label: {} }, "id2label must name at least one label"],
    ["a billion labels", { num_labels: 1e9 }, "num_labels must be a whole number from 1 to 100000, got 1000000000"],
    [
      "an unknown problem",
      { problem_type: "ranking" },
      'problem_type must be one of regression, single_label_classification, multi_label_classification, got "ranking"',
    ],
    ["a flag of text", { tie_word_embeddings: "no" }, 'tie_word_embeddings must be true or false, got "no"'],
  ];
  test("a model_type that has no form as a string", () => {
    expect(() => parse({ model_type: { toString: {} } })).toThrow(
      /^config\.json: model_type must be "bert" or "distilbert", got /,
    );
  });

  test.each(cases)("%s", (_, fields, message) => {
    expect(() => parse(fields)).toThrow(BertError);
    expect(() => parse(fields)).toThrow(`config.json: ${message}`);
  });

  test.each([
    ["[]", "must be an object, got "],
    ["null", "must be an object, got "],
    ["{", "must be JSON, got "],
    ["", "must be JSON, got "],
  ])("%j", (text, message) => {
    expect(() => parseConfig(text)).toThrow(BertError);
    expect(() => parseConfig(text)).toThrow(`config.json: ${message}`);
  });
});

test("CONFIG_FIELDS are the fields that are read", () => {
  const asked = new Set<string>();
  const record = new Proxy({}, { getOwnPropertyDescriptor: (_, name) => void asked.add(String(name)) });
  const read = vi.spyOn(JSON, "parse").mockReturnValueOnce(record);
  parseConfig("{}");
  read.mockRestore();
  expect([...asked].sort()).toEqual([...CONFIG_FIELDS].sort());
});
