/** What sentence_bert_config.json passes on: how model and tokenizer are made, and how the tokenizer is called. */
import { shown } from "../errors.ts";
import type { Json } from "../json.ts";

/** Where files come from, which the library overrides by what its caller says. */
const OF_THE_HUB = ["trust_remote_code", "local_files_only", "token", "revision", "cache_dir", "subfolder"];

/** What is made in Python, its old name, what changes no number of it, and what to do about any other argument. */
const MADE = [
  {
    ...{ name: "processor_kwargs", old: "tokenizer_args", remedy: "write it into tokenizer_config.json" },
    withoutEffect: [...OF_THE_HUB, "use_fast"],
  },
  {
    ...{ name: "model_kwargs", old: "model_args", remedy: "take it out if the model is the same without it" },
    // With `dtype` Python computes in that type, and we in float32: nearer to the same numbers.
    withoutEffect: [
      ...[...OF_THE_HUB, "torch_dtype", "dtype", "attn_implementation", "use_safetensors", "low_cpu_mem_usage"],
      ...["device_map", "add_pooling_layer", "unpad_inputs", "use_memory_efficient_attention"],
    ],
  },
  {
    ...{ name: "config_kwargs", old: "config_args", remedy: "write it into config.json" },
    withoutEffect: [
      ...[...OF_THE_HUB, "torch_dtype", "dtype", "attn_implementation", "use_cache", "return_dict"],
      ...["output_hidden_states", "output_attentions", "unpad_inputs", "use_memory_efficient_attention"],
      ...["hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"],
      ...["dropout", "attention_dropout", "seq_classif_dropout", "qa_dropout"],
    ],
  },
];

/**
 * `model_max_length` among the arguments that the tokenizer is made with, which wins over `max_seq_length`; undefined:
 * there is none. Where a field is there under its old name too, that counts.
 *
 * @throws BertError ERR_CHECKPOINT an argument that changes tokens or numbers in a way that is not followed here
 */
export function madeWithLength(json: Json): number | undefined {
  let length: number | undefined;
  for (const { name, old, withoutEffect, remedy } of MADE) {
    const made = json.get(Object.hasOwn(json.asObject(), old) ? old : name);
    for (const [key, value] of made.or([], (args) => args.entries())) {
      if (name === "processor_kwargs" && key === "model_max_length") length = value.asInteger({ min: 2 });
      else if (name === "processor_kwargs" && key === "padding_side") expectOneOf(value, ["right"]);
      else if (!withoutEffect.includes(key)) throw value.fault(`is not followed here: ${remedy}`);
    }
  }
  return length;
}

/**
 * The arguments of a tokenizer's call that change tokens, but `max_length`, with the values that leave them as they
 * are. Others (`pad_to_multiple_of`, `return_length`, `verbose`, …) change none; unknown ones are ignored in Python.
 */
const CALL: Readonly<Record<string, readonly unknown[]>> = {
  add_special_tokens: [true],
  truncation: [true, "longest_first"],
  padding: [true, "longest", "max_length"],
  padding_side: ["right", null],
  stride: [0],
  is_split_into_words: [false],
  split_special_tokens: [false],
  return_tensors: ["pt"],
  return_token_type_ids: [true, null],
  return_attention_mask: [true, null],
  return_overflowing_tokens: [false],
  ...{ text: [], text_pair: [], text_target: [], text_pair_target: [] },
};

/**
 * `max_length` among the arguments that the tokenizer is called with, which wins over all other lengths; undefined:
 * there is none. Those of `common` win over those of `text`; other modalities and templates of chats have no effect.
 *
 * @returns null: the length that the tokenizer was made with
 * @throws BertError ERR_CHECKPOINT an argument that changes tokens in a way that is not followed here
 */
export function callLength(processing: Json): number | null | undefined {
  if (processing.isMissing) return undefined;
  let length: number | null | undefined;
  for (const group of ["text", "common"]) {
    for (const [key, value] of processing.get(group).or([], (args) => args.entries())) {
      if (key === "max_length") length = value.or(null, (given) => given.asInteger({ min: 2 }));
      else if (Object.hasOwn(CALL, key)) expectOneOf(value, CALL[key]);
    }
  }
  return length;
}

function expectOneOf(value: Json, choices: readonly unknown[]): void {
  if (choices.includes(value.value)) return;
  if (choices.length === 0) throw value.fault("is not followed here: the texts are those of the call");
  throw value.error(`${choices.map(shown).join(" or ")}, as nothing else is followed here`);
}
