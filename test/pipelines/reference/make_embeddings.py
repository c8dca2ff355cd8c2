"""Golden vectors of sentence-transformers for the forms of folder that its versions write.

python make_embeddings.py, in this folder. Writes sentence/FORM/, what a form adds to heads/ner (without its transformer's files), and
embeddings.jsonl: a line with the versions, then for each form and call the vectors, computed in float64.
"""

import json
import os
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules as st
from torch import nn

BASE = "heads/ner"
H = 24
TEXTS = [
    "The door was open.",
    "The window was shut.",
    "He read a letter.",
    "Emma Smith lived in London with John and Anna from Bath, it was very long ago; they said she walked with him " * 3,
    "",
]
TRANSFORMER = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
FLAGS = ["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]


def module(idx, kind, path=None, package="sentence_transformers.models"):
    return {"idx": idx, "name": str(idx), "path": path if path is not None else f"{idx}_{kind}", "type": f"{package}.{kind}"}


def flags(*on):
    return {"word_embedding_dimension": H, **{f"pooling_mode_{name}": name in on for name in FLAGS}}


def dense(seed, i, o, activation, bias=True, **more):
    torch.manual_seed(seed)
    config = {"in_features": i, "out_features": o, "bias": bias, "activation_function": activation, **more}
    tensors = {"linear.weight": torch.randn(o, i) / i**0.5 * 2}
    if bias:
        tensors["linear.bias"] = torch.randn(o)
    if more.get("use_residual") and i != o:
        tensors["residual.weight"] = torch.randn(o, i) / i**0.5
    return config, tensors


def form(files, weights=(), moved=None):
    """The files of a form: JSON by path, weights by path, and the folder that the transformer's own files move to."""
    return dict(files=files, weights=dict(weights), moved=moved)


def pooled(config, **more):
    return form({"modules.json": [TRANSFORMER, module(1, "Pooling")], "1_Pooling/config.json": config, **more})


def with_dense(*layers, package="sentence_transformers.models", suffix="model.safetensors"):
    files = {"modules.json": [TRANSFORMER, module(1, "Pooling")], "1_Pooling/config.json": flags("mean_tokens")}
    weights = {}
    for n, (config, tensors) in enumerate(layers, 2):
        files["modules.json"].append(module(n, "Dense", package=package))
        files[f"{n}_Dense/config.json"] = config
        weights[f"{n}_Dense/{suffix}"] = tensors
    return form(files, weights)


def output(name):
    """sentence_bert_config.json of a model whose modules are given this output."""
    text = {"method": "forward", "method_output_name": name}
    return {"transformer_task": "feature-extraction", "modality_config": {"text": text}, "module_output_name": "token_embeddings"}


TANH, IDENTITY = "torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity"
torch.manual_seed(7)
NORM = {"norm.weight": torch.randn(H), "norm.bias": torch.randn(H)}
MEAN = flags("mean_tokens")
FORMS = {
    "plain": form({}),
    "mean": pooled(MEAN),
    "cls": pooled(flags("cls_token")),
    "max": pooled(flags("max_tokens")),
    "mean_sqrt_len": pooled(flags("mean_sqrt_len_tokens")),
    "weightedmean": pooled(flags("weightedmean_tokens")),
    "lasttoken": pooled(flags("lasttoken")),
    "no_flag": pooled(flags()),
    "several_flags": pooled(flags("lasttoken", "mean_tokens", "cls_token")),
    "pooling_mode": pooled({"embedding_dimension": H, "pooling_mode": "max", "include_prompt": True}),
    "pooling_modes": pooled({"embedding_dimension": H, "pooling_mode": ["weightedmean", "cls"], "include_prompt": True}),
    "mode_and_flags": pooled({**flags("cls_token"), "pooling_mode": "mean"}),
    "normalize": form(
        {"modules.json": [TRANSFORMER, module(1, "Pooling"), module(2, "Normalize")], "1_Pooling/config.json": MEAN}
    ),
    "layer_norm": form(
        {
            "modules.json": [TRANSFORMER, module(1, "Pooling"), module(2, "LayerNorm"), module(3, "Dropout"), module(4, "Normalize")],
            "1_Pooling/config.json": MEAN,
            "2_LayerNorm/config.json": {"dimension": H},
            "3_Dropout/config.json": {"dropout": 0.2},
        },
        {"2_LayerNorm/model.safetensors": NORM},
    ),
    "dense": with_dense(dense(1, H, 16, TANH)),
    "dense_bin": with_dense(dense(1, H, 16, TANH), suffix="pytorch_model.bin"),
    "dense_without_bias": with_dense(dense(2, H, 8, IDENTITY, bias=False)),
    "dense_of_others": with_dense(dense(4, H, 8, "my_package.MyActivation")),
    "dense_residual": with_dense(dense(5, H, H, TANH, use_residual=True), dense(6, H, 8, IDENTITY, use_residual=True)),
    "several_dense": with_dense(dense(1, H, 32, "torch.nn.modules.activation.GELU"), dense(3, 32, 8, IDENTITY)),
    "new_paths": form(
        {
            "modules.json": [
                {**TRANSFORMER, "type": "sentence_transformers.base.modules.transformer.Transformer"},
                module(1, "Pooling", package="sentence_transformers.sentence_transformer.modules.pooling"),
                module(2, "Normalize", package="sentence_transformers.base.modules.normalize"),
            ],
            "1_Pooling/config.json": {"embedding_dimension": H, "pooling_mode": "cls", "include_prompt": True},
            "2_Normalize/config.json": {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"},
        }
    ),
    "in_a_folder": form(
        {"modules.json": [{**TRANSFORMER, "path": "0_Transformer"}, module(1, "Pooling")], "1_Pooling/config.json": flags("cls_token"),
         "0_Transformer/sentence_bert_config.json": {"max_seq_length": 12, "do_lower_case": False}},
        moved="0_Transformer",
    ),
    "max_seq_length": pooled(MEAN, **{"sentence_bert_config.json": {"max_seq_length": 8, "do_lower_case": False}}),
    "do_lower_case": pooled(MEAN, **{"sentence_bert_config.json": {"max_seq_length": None, "do_lower_case": True}}),
    "processor_kwargs": pooled(MEAN, **{"sentence_bert_config.json": {"max_seq_length": 8, "processor_kwargs": {"model_max_length": 10}}}),
    # A length that the tokenizer is made with, under its old name too, which wins; and lengths that it is called with.
    "tokenizer_args": pooled(MEAN, **{"sentence_bert_config.json": {"tokenizer_args": {"model_max_length": 7},
                                                                    "processor_kwargs": {"model_max_length": 10}}}),
    "call_length": pooled(MEAN, **{"sentence_bert_config.json": {
        "max_seq_length": 20, "query_length": 6, "processing_kwargs": {"text": {"max_length": 9, "padding": "max_length"}}}}),
    "call_length_common": pooled(MEAN, **{"sentence_bert_config.json": {
        "processing_kwargs": {"text": {"max_length": 9, "return_length": True}, "common": {"max_length": 11}}}}),
    "call_length_null": pooled(MEAN, **{"sentence_bert_config.json": {
        "max_seq_length": 20, "query_length": 6, "processing_kwargs": {"text": {"max_length": None}, "of_others": {"max_length": 5}}}}),
    "query_length": pooled(
        {**MEAN, "include_prompt": False},
        **{"sentence_bert_config.json": {"max_seq_length": 12, "query_length": 7, "document_length": 15},
           "config_sentence_transformers.json": {"prompts": {"query": "read: "}}},
    ),
    "document_length": pooled(MEAN, **{"sentence_bert_config.json": {"document_length": 9}}),
    "hidden_state": pooled(MEAN, **{"sentence_bert_config.json": output(["hidden_states", 1])}),
    "hidden_state_from_end": pooled(flags("cls_token", "max_tokens"), **{"sentence_bert_config.json": output(["hidden_states", -3])}),
    "saved_by_6": pooled(MEAN, **{"sentence_bert_config.json": {
        **output("last_hidden_state"), "unpad_inputs": False, "query_length": None,
        "config_kwargs": {"output_hidden_states": True, "use_cache": False}, "model_kwargs": {"attn_implementation": "eager"}}}),
    "roberta_name": pooled(MEAN, **{"sentence_xlnet_config.json": {"max_seq_length": 5}, "sentence_roberta_config.json": {"max_seq_length": 8}}),
    "empty_then_roberta": pooled(MEAN, **{"sentence_bert_config.json": {}, "sentence_roberta_config.json": {"max_seq_length": 8}}),
    "default_prompt": pooled(
        MEAN, **{"config_sentence_transformers.json": {"prompts": {"read": "Represent this: "}, "default_prompt_name": "read"}}
    ),
    "prompts": pooled(
        MEAN,
        **{"config_sentence_transformers.json": {"prompts": {"query": "query: ", "document": None, "passage": "passage: "},
                                                 "default_prompt_name": None, "similarity_fn_name": "dot"}},
    ),
    "without_prompt": pooled(
        {**flags("cls_token", "max_tokens", "mean_tokens", "weightedmean_tokens", "lasttoken"), "include_prompt": False},
        **{"config_sentence_transformers.json": {"prompts": {"query": "Represent this letter: "}, "similarity_fn_name": "euclidean"}},
    ),
    "truncate_dim": pooled(MEAN, **{"config_sentence_transformers.json": {"truncate_dim": 10, "similarity_fn_name": "manhattan"}}),
}
# What each form is called with; all are called without options too.
CALLS = {
    "mean": [dict(normalize_embeddings=True), dict(truncate_dim=7), dict(truncate_dim=7, normalize_embeddings=True), dict(prompt="said: ")],
    "default_prompt": [dict(prompt=""), dict(prompt_name="query"), dict(role="query"), dict(role="document")],
    "prompts": [dict(prompt_name="passage"), dict(role="query"), dict(role="document"), dict(role="query", prompt_name="passage"),
                dict(role="document", prompt="said: ")],
    "call_length": [dict(role="query")],
    "call_length_null": [dict(role="query")],
    "query_length": [dict(role="query"), dict(role="document"), dict(prompt_name="query"), dict(role="query", prompt="")],
    "document_length": [dict(role="query"), dict(role="document")],
    "without_prompt": [dict(role="query"), dict(prompt="The door of the house was very old. " * 9)],
    "truncate_dim": [dict(truncate_dim=24)],
}


def write(name, folder):
    """Writes what a form adds to the base."""
    for path, content in FORMS[name]["files"].items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "w") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
    for path, tensors in FORMS[name]["weights"].items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        if path.endswith(".bin"):
            torch.save(tensors, os.path.join(folder, path))
        else:
            save_file(tensors, os.path.join(folder, path))


def rounded(x):
    return [float(f"{value:.9g}") for value in x]


def line(name, options, vectors, truncated):
    return json.dumps(dict(form=name, options=options, truncated=truncated, vectors=[rounded(v) for v in vectors.tolist()]))


def prompt_of(model, role, prompt=None, prompt_name=None, **_):
    if prompt is None and prompt_name is None:
        prompt_name = role
    return model._resolve_prompt(prompt, prompt_name) or ""


def count_truncated(model, prompt, role):
    lengths = [len(ids) for ids in model.tokenizer([prompt + text for text in TEXTS], truncation=False)["input_ids"]]
    rows = model.preprocess(TEXTS, prompt=prompt, task=role)["attention_mask"].sum(1).tolist()
    return sum(row < length for row, length in zip(rows, lengths))


def main():
    lines = [json.dumps(dict(sentence_transformers=sentence_transformers.__version__, transformers=transformers.__version__,
                             torch=torch.__version__, texts=TEXTS, moved={n: f["moved"] for n, f in FORMS.items() if f["moved"]}))]
    shutil.rmtree("sentence", ignore_errors=True)
    for name, spec in FORMS.items():
        if spec["files"]:
            write(name, os.path.join("sentence", name))
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(BASE, os.path.join(folder, spec["moved"] or ""), dirs_exist_ok=True)
            write(name, folder)
            model = SentenceTransformer(folder, device="cpu").double()
            for call in [{}, *CALLS.get(name, [])]:
                options = dict(call)
                role = options.pop("role", None)
                encode = {"query": model.encode_query, "document": model.encode_document}.get(role, model.encode)
                vectors = encode(TEXTS, convert_to_tensor=True, **options)
                lines.append(line(name, call, vectors, count_truncated(model, prompt_of(model, role, **options), role)))
                if name in ("prompts", "without_prompt", "truncate_dim", "mean") and not call:
                    scores = model.similarity(vectors, vectors)
                    lines.append(json.dumps(dict(form=name, similarity=model.similarity_fn_name, scores=[rounded(s) for s in scores.tolist()])))
    with open("embeddings.jsonl", "w") as file:
        file.write("\n".join(lines) + "\n")


main()
