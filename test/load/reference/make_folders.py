"""Golden numbers of transformers for folders as people have them: names within another module's, tensors beside the model's, and so on.

python make_folders.py, in this folder. Writes folders.json: how each folder differs from a model of test/pipelines/reference/heads, which
the test applies too, and the mean of the last hidden state, and logits, in float64.
"""

import json
import os
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

HEADS = "../../pipelines/reference/heads"
TEXT = "Emma Smith lived in London with John."
CLASSES = {"mlm": AutoModelForMaskedLM, "nli": AutoModelForSequenceClassification, "ner": AutoModelForTokenClassification}
# base: of heads. config: fields to change, null removes one. prefix: before all names; strip: "bert." is taken off first. drop: names that
# are left out. add: tensors of ones by name. rows: of zeros behind the word embeddings and the decoder's bias. move: a name to another.
FOLDERS = {
    "module": dict(base="ner", prefix="module."),
    "orig_mod": dict(base="nli", prefix="_orig_mod."),
    "auto_model": dict(base="ner", strip=True, prefix="0.auto_model.", add={"2.linear.weight": [4, 24]}),
    "model": dict(base="ner", strip=True, prefix="model."),
    "module_model": dict(base="ner", prefix="module.model."),
    "beside": dict(base="ner", add={"fit_denses.0.weight": [3, 24], "crf.transitions": [5, 5], "loss_fct.weight": [5], "cls.extra.weight": [2]}),
    "padded": dict(base="ner", config={"vocab_size": 224}, rows=7),
    "padded_mlm": dict(base="mlm", config={"vocab_size": 224}, rows=7),
    "own_class": dict(base="nli", config={"architectures": ["BertForMyTask"]}),
    "no_class": dict(base="ner", config={"architectures": []}),
    "null_class": dict(base="nli", config={"architectures": None}),
    "second_class": dict(base="nli", config={"architectures": ["MyBert", "BertForSequenceClassification"]}),
    "decoder_only": dict(base="mlm", move={"bert.embeddings.word_embeddings.weight": "cls.predictions.decoder.weight"}),
    "decoder_bias_only": dict(base="mlm", move={"cls.predictions.bias": "cls.predictions.decoder.bias"}),
    "labels_are_numbers": dict(base="nli", config={"id2label": {"0": 0, "1": 1, "2": 2.5}, "label2id": None}),
    "fewer_labels": dict(base="nli", config={"id2label": {"0": "no", "1": "yes"}, "label2id": None, "num_labels": 3}),
}


def folder_of(spec, folder):
    base = os.path.join(HEADS, spec["base"])
    shutil.copytree(base, folder, dirs_exist_ok=True)
    path = os.path.join(folder, "config.json")
    config = json.load(open(path))
    for key, value in spec.get("config", {}).items():
        config[key] = value
        if value is None:
            del config[key]
    json.dump(config, open(path, "w"))
    tensors = load_file(os.path.join(base, "model.safetensors"))
    for name, other in spec.get("move", {}).items():
        tensors[other] = tensors.pop(name)
    for name in ("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"):
        if spec.get("rows") and name in tensors:
            shape = [spec["rows"], *tensors[name].shape[1:]]
            tensors[name] = torch.cat([tensors[name], torch.zeros(shape)])
    named = {}
    for name, tensor in tensors.items():
        name = name.removeprefix("bert.") if spec.get("strip") else name
        named[spec.get("prefix", "") + name] = tensor
    for name, shape in spec.get("add", {}).items():
        named[name] = torch.ones(shape)
    save_file(named, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def without_prefix(spec, folder):
    """The same weights under transformers' names: it takes no prefix off by itself; people rename them."""
    if not spec.get("prefix"):
        return
    path = os.path.join(folder, "model.safetensors")
    tensors = {}
    for name, tensor in load_file(path).items():
        if name.startswith(spec["prefix"]):
            name = name.removeprefix(spec["prefix"])
            is_encoder = name.split(".")[0] in ("embeddings", "encoder", "pooler")
            tensors[f"bert.{name}" if spec.get("strip") and is_encoder else name] = tensor
    save_file(tensors, path, metadata={"format": "pt"})


def main():
    results = {}
    for name, spec in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            folder_of(spec, folder)
            without_prefix(spec, folder)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            batch = tokenizer(TEXT, return_tensors="pt")
            with torch.no_grad():
                head = CLASSES[spec["base"]].from_pretrained(folder).double().eval()
                mean = head.base_model(**batch).last_hidden_state[0].mean(dim=0).tolist()
                logits = head(**batch).logits[0].reshape(-1).tolist()
            labels = [str(head.config.id2label[i]) for i in range(head.config.num_labels)]
            rounded = lambda numbers: [float(f"{x:.9g}") for x in numbers]
            results[name] = dict(**spec, labels=labels, mean=rounded(mean), logits=rounded(logits[: 24 * 24]), count=len(logits))
    with open("folders.json", "w") as file:
        file.write("{\n")
        file.write(f'"torch": "{torch.__version__}", "transformers": "{transformers.__version__}", "text": {json.dumps(TEXT)},\n"folders": {{\n')
        file.write(",\n".join(f"{json.dumps(name)}: {json.dumps(result)}" for name, result in results.items()) + "\n}}\n")


main()
