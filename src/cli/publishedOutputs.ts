import type { ExpectedOutput } from "./outputs.ts";

/**
 * Outputs of real checkpoints that others published, to be compared with by a user who has the weights;
 * test/reference/published_outputs.json has them as they were found. Differences of 1e-4 are those that the publishers
 * allow; where they say nothing, the same.
 */
export const PUBLISHED_OUTPUTS: readonly ExpectedOutput[] = [
  {
    model: "google-bert/bert-base-cased",
    source:
      "huggingface/transformers@23c730f2ded4bd6291d9082f80dbdf82cc9db1e2:model_cards/bert-base-cased-README.md (Apache-2.0)",
    atol: 0.0001,
    task: "fill-mask",
    text: "Hello I'm a [MASK] model.",
    input_ids: [101, 8667, 146, 112, 182, 170, 103, 2235, 119, 102],
    top: [
      { token_str: "fashion", score: 0.09019174426794052 },
      { token_str: "new", score: 0.06349995732307434 },
      { token_str: "male", score: 0.06228214129805565 },
      { token_str: "professional", score: 0.0441727414727211 },
      { token_str: "super", score: 0.03326151892542839 },
    ],
  },
  {
    model: "google-bert/bert-base-cased",
    source:
      "huggingface/transformers@23c730f2ded4bd6291d9082f80dbdf82cc9db1e2:model_cards/bert-base-cased-README.md (Apache-2.0)",
    atol: 0.0001,
    task: "fill-mask",
    text: "The man worked as a [MASK].",
    input_ids: [101, 1109, 1299, 1589, 1112, 170, 103, 119, 102],
    top: [
      { token_str: "lawyer", score: 0.04804691672325134 },
      { token_str: "waiter", score: 0.037494491785764694 },
      { token_str: "cop", score: 0.035512614995241165 },
      { token_str: "detective", score: 0.031271643936634064 },
      { token_str: "doctor", score: 0.027423162013292313 },
    ],
  },
  {
    model: "google-bert/bert-base-cased",
    source:
      "huggingface/transformers@23c730f2ded4bd6291d9082f80dbdf82cc9db1e2:model_cards/bert-base-cased-README.md (Apache-2.0)",
    atol: 0.0001,
    task: "fill-mask",
    text: "The woman worked as a [MASK].",
    input_ids: [101, 1109, 1590, 1589, 1112, 170, 103, 119, 102],
    top: [
      { token_str: "nurse", score: 0.16927455365657806 },
      { token_str: "waitress", score: 0.1501094549894333 },
      { token_str: "maid", score: 0.05600163713097572 },
      { token_str: "housekeeper", score: 0.04838843643665314 },
      { token_str: "cook", score: 0.029980547726154327 },
    ],
  },
  {
    model: "google-bert/bert-base-uncased",
    source:
      "huggingface/transformers@00c2af6cca1d30a0f180f40ebd2fa214ddb44879:tests/models/bert/test_modeling_bert.py (Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "BertModel",
    output: "last_hidden_state",
    input_ids: [[0, 345, 232, 328, 740, 140, 1695, 69, 6078, 1588, 2]],
    attention_mask: [[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
    start: [0, 1, 1],
    values: [
      [
        [0.4249, 0.1008, 0.7531],
        [0.3771, 0.1188, 0.7467],
        [0.4152, 0.1098, 0.7108],
      ],
    ],
  },
  {
    model: "google-bert/bert-base-uncased",
    source: "elixir-nx/bumblebee (old test/bumblebee/text/bert_test.exs; stored file id 48080421009; Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "BertForMaskedLM",
    output: "logits",
    input_ids: [[101, 1996, 3007, 1997, 2605, 2003, 103, 1012, 102]],
    start: [0, 1, 1],
    values: [
      [
        [-14.724, -14.212, -14.6434],
        [-10.3125, -9.7459, -9.9923],
        [-15.1105, -14.8048, -14.9276],
      ],
    ],
  },
  {
    model: "google-bert/bert-base-uncased",
    source: "elixir-nx/bumblebee (old test/bumblebee/text/bert_test.exs; stored file id 48080421009; Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "BertForNextSentencePrediction",
    output: "logits",
    input_ids: [
      [
        101, 1999, 3304, 10733, 2003, 2366, 4895, 14540, 6610, 2094, 1012, 102, 2059, 1996, 8013, 20323, 2009, 2478,
        9292, 1998, 5442, 1012, 102,
      ],
    ],
    token_type_ids: [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
    values: [[6.1459, -5.782]],
  },
  {
    model: "textattack/bert-base-uncased-yelp-polarity",
    source: "elixir-nx/bumblebee (old test/bumblebee/text/bert_test.exs; stored file id 48080421009; Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "BertForSequenceClassification",
    output: "logits",
    input_ids: [[101, 7592, 1010, 2026, 3899, 2003, 10140, 2002, 7317, 4747, 102]],
    values: [[-1.3199, 1.5447]],
  },
  {
    model: "deepset/bert-base-cased-squad2",
    source: "elixir-nx/bumblebee (old test/bumblebee/text/bert_test.exs; stored file id 48080421009; Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "BertForQuestionAnswering",
    output: "start_logits",
    input_ids: [[101, 2627, 1108, 3104, 1124, 15703, 136, 102, 3104, 1124, 15703, 1108, 170, 3505, 16797, 102]],
    token_type_ids: [[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]],
    start: [0, 1],
    values: [[-6.9344, -6.9556, -2.8814]],
  },
  {
    model: "deepset/bert-base-cased-squad2",
    source: "elixir-nx/bumblebee (old test/bumblebee/text/bert_test.exs; stored file id 48080421009; Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "BertForQuestionAnswering",
    output: "end_logits",
    input_ids: [[101, 2627, 1108, 3104, 1124, 15703, 136, 102, 3104, 1124, 15703, 1108, 170, 3505, 16797, 102]],
    token_type_ids: [[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]],
    start: [0, 1],
    values: [[-7.3395, -7.9609, -7.4926]],
  },
  {
    model: "dbmdz/bert-large-cased-finetuned-conll03-english",
    source: "elixir-nx/bumblebee (old test/bumblebee/text/bert_test.exs; stored file id 48080421009; Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "BertForTokenClassification",
    output: "logits",
    input_ids: [[101, 20164, 10932, 2271, 7954, 1110, 1359, 1107, 2123, 1105, 1203, 1365, 102]],
    start: [0, 1, 1],
    values: [
      [
        [-3.1215, -0.4028, -3.3213],
        [-2.4627, 0.0613, -3.2501],
        [-3.1475, -0.7705, -2.8248],
      ],
    ],
  },
  {
    model: "dslim/bert-base-NER",
    source: "elixir-nx/bumblebee docs (lib/bumblebee/text.ex)",
    atol: 0.0001,
    task: "token-classification",
    text: "Rachel Green works at Ralph Lauren in New York City in the sitcom Friends",
    input_ids: [101, 4858, 2565, 1759, 1120, 6197, 10177, 1107, 1203, 1365, 1392, 1107, 1103, 13664, 7025, 102],
    entities: [
      { entity_group: "PER", score: 0.9997024834156036, word: "Rachel Green", start: 0, end: 12 },
      { entity_group: "ORG", score: 0.9968731701374054, word: "Ralph Lauren", start: 22, end: 34 },
      { entity_group: "LOC", score: 0.9995547334353129, word: "New York City", start: 38, end: 51 },
      { entity_group: "MISC", score: 0.6997143030166626, word: "Friends", start: 66, end: 73 },
    ],
  },
  {
    model: "distilbert/distilbert-base-uncased",
    source:
      "huggingface/transformers@19220704f7aba85987a7bca342b81a3c7419d428:model_cards/distilbert-base-uncased-README.md (Apache-2.0)",
    atol: 0.0001,
    task: "fill-mask",
    text: "Hello I'm a [MASK] model.",
    input_ids: [101, 7592, 1045, 1005, 1049, 1037, 103, 2944, 1012, 102],
    top: [
      { token_str: "role", score: 0.05292855575680733 },
      { token_str: "fashion", score: 0.03968575969338417 },
      { token_str: "business", score: 0.034743521362543106 },
      { token_str: "model", score: 0.03462274372577667 },
      { token_str: "modeling", score: 0.018145186826586723 },
    ],
  },
  {
    model: "distilbert/distilbert-base-uncased",
    source:
      "huggingface/transformers@77c2fe6546ddb8e0c2d7a717ffe7238e547938c6:tests/models/distilbert/test_modeling_distilbert.py (Apache-2.0)",
    atol: 0.0001,
    task: "forward",
    architecture: "DistilBertModel",
    output: "last_hidden_state",
    input_ids: [[0, 345, 232, 328, 740, 140, 1695, 69, 6078, 1588, 2]],
    attention_mask: [[0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]],
    start: [0, 1, 1],
    values: [
      [
        [-0.1639, 0.3299, 0.1648],
        [-0.1746, 0.3289, 0.171],
        [-0.1884, 0.3357, 0.181],
      ],
    ],
  },
];
