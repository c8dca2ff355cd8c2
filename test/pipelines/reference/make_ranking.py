"""Golden scores of sentence-transformers' CrossEncoder for the forms of folder that rerankers have.

python make_ranking.py, in this folder. Writes ranking/FORM/, the files that a form adds to heads/one_label, and ranking.jsonl: a line with
the versions, then for each form and call what `rank` gives, computed in float64.
"""

import json
import os
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import sentence_transformers
import torch
import transformers
from sentence_transformers import CrossEncoder
from torch import nn

BASE = "heads/one_label"
QUERY = "Who lived in London?"
LONG = "It was very long ago in a little house of the old street, she said, and they walked with him to the sea. " * 3
DOCUMENTS = ["Emma Smith lived in London with John.", "The door was open.", "", LONG + "Anna lived in London.", "The door was open.", LONG]
STRIDES = [0, 8]
# What each form adds to config.json.
FORMS = {
    "plain": {},
    "identity": {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0"}},
    "identity_before_4": {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    "tanh_and_before_4": {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"},
                          "sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"},
    "of_others": {"sbert_ce_default_activation_function": "my_package.Activation"},
    "null_before_4": {"sbert_ce_default_activation_function": None},
}
SAVED = {"saved": dict(), "saved_identity": dict(activation_fn=nn.Identity()), "saved_short": dict(max_length=20),
         "saved_call_length": dict(max_length=40)}
# What a saved form's sentence_bert_config.json is given beside.
CALLED = {"saved_call_length": {"processing_kwargs": {"text": {"max_length": 17, "truncation": True}}, "query_length": 5}}


def folder_of(name, into):
    shutil.copytree(BASE, into, dirs_exist_ok=True)
    path = os.path.join(into, "config.json")
    config = {**json.load(open(path)), **FORMS.get(name, {})}
    json.dump(config, open(path, "w"))
    if name in SAVED:
        shutil.copytree(os.path.join("ranking", name), into, dirs_exist_ok=True)


def save(name):
    """The files that the library writes beside the model's own, with its config.json."""
    with tempfile.TemporaryDirectory() as base, tempfile.TemporaryDirectory() as saved:
        folder_of("plain", base)
        CrossEncoder(base, device="cpu", **SAVED[name]).save_pretrained(saved)
        os.makedirs(os.path.join("ranking", name), exist_ok=True)
        for file in sorted(os.listdir(saved)):
            if file not in ("model.safetensors", "README.md", "vocab.txt"):
                shutil.copytree(os.path.join(saved, file), os.path.join("ranking", name, file)) if os.path.isdir(
                    os.path.join(saved, file)) else shutil.copy(os.path.join(saved, file), os.path.join("ranking", name, file))
    if name in CALLED:
        path = os.path.join("ranking", name, "sentence_bert_config.json")
        config = {**json.load(open(path)), **CALLED[name]}
        with open(path, "w") as file:
            json.dump(config, file, indent=4)


def windows(model, stride):
    """The best score of each document's windows."""
    scores = []
    for document in DOCUMENTS:
        batch = model.tokenizer([QUERY], [document], truncation="only_second", max_length=model.max_seq_length, stride=stride,
                                return_overflowing_tokens=True, padding=True, return_tensors="pt")
        batch.pop("overflow_to_sample_mapping", None)
        with torch.no_grad():
            scores.append(model.activation_fn(model.model(**batch).logits).max().item())
    return scores


def main():
    shutil.rmtree("ranking", ignore_errors=True)
    for name in SAVED:
        save(name)
    lines = [json.dumps(dict(sentence_transformers=sentence_transformers.__version__, transformers=transformers.__version__,
                             torch=torch.__version__, query=QUERY, documents=DOCUMENTS, config=FORMS))]
    for name in [*FORMS, *SAVED]:
        with tempfile.TemporaryDirectory() as folder:
            folder_of(name, folder)
            model = CrossEncoder(folder, device="cpu")
            model.double()
            for options, python in [({}, {}), (dict(top_k=2, return_documents=True),) * 2,
                                    (dict(activation="none"), dict(activation_fn=nn.Identity())),
                                    (dict(activation="sigmoid"), dict(activation_fn=nn.Sigmoid()))]:
                ranked = [dict(index=r.pop("corpus_id"), **r) for r in model.rank(QUERY, DOCUMENTS, **python)]
                lines.append(json.dumps(dict(form=name, options=options, ranked=ranked)))
            if name in ("plain", "identity"):
                lines += [json.dumps(dict(form=name, stride=stride, best=windows(model, stride))) for stride in STRIDES]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree("heads/nli", folder, dirs_exist_ok=True)
        try:
            CrossEncoder(folder, device="cpu").rank(QUERY, DOCUMENTS)
        except ValueError as error:
            lines.append(json.dumps(dict(form="several labels", error=str(error))))
    with open("ranking.jsonl", "w") as file:
        file.write("\n".join(lines) + "\n")


main()
