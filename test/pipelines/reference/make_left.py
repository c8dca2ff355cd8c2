"""What pipelines of transformers 5.24 and sentence-transformers 6.2 make of texts that are cut at their left end.

python make_left.py, in this folder. Writes left.json: the models are those of heads, with "truncation_side": "left" in
tokenizer_config.json.
"""

import json
import os
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import pipeline

LONG = " ".join(["Emma Smith lived in London with John and read a letter."] * 12) + " The door was open."
SHORT = "The window was shut."
double = {"torch_dtype": torch.float64}


def scores(answers, name):
    return [[answer[name], float(f"{answer['score']:.9g}")] for answer in answers]


with tempfile.TemporaryDirectory() as root:

    def folder(head):
        path = os.path.join(root, head)
        if not os.path.exists(path):
            shutil.copytree(os.path.join("heads", head), path)
            file = os.path.join(path, "tokenizer_config.json")
            config = json.load(open(file))
            json.dump({**config, "truncation_side": "left"}, open(file, "w"))
        return path

    classify = pipeline("text-classification", folder("nli"), dtype=torch.float64)
    pair = lambda text, other: scores(classify({"text": text, "text_pair": other}, truncation=True, top_k=None), "label")
    unmask = pipeline("fill-mask", folder("mlm"), dtype=torch.float64, tokenizer_kwargs={"truncation": True})
    zero = pipeline("zero-shot-classification", folder("nli"), dtype=torch.float64)(LONG, candidate_labels=["door", "letter"])
    embed = SentenceTransformer(folder("mlm"), model_kwargs=double)
    rank = CrossEncoder(folder("one_label"), model_kwargs=double)
    ranked = lambda query, documents: [[int(r["corpus_id"]), float(f"{r['score']:.9g}")] for r in rank.rank(query, documents)]
    features = pipeline("feature-extraction", folder("mlm"), dtype=torch.float64)(LONG, truncation=True)[0]
    result = {
        "torch": torch.__version__, "transformers": transformers.__version__,
        "long": LONG, "short": SHORT,
        "text-classification": scores(classify(LONG, truncation=True, top_k=None), "label"),
        "pairs": [pair(LONG, SHORT), pair(SHORT, LONG)],
        "fill-mask": scores(unmask(LONG + " The [MASK] was shut."), "token_str"),
        "zero-shot-classification": [[label, float(f"{score:.9g}")] for label, score in zip(zero["labels"], zero["scores"])],
        "embeddings": [[float(f"{x:.9g}") for x in vector] for vector in embed.encode([LONG, SHORT]).tolist()],
        "text-ranking": [ranked(SHORT, [LONG, "He read."]), ranked(LONG, ["He read.", SHORT])],
        "feature-extraction": [float(f"{x:.9g}") for x in features[1]],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in result.items())
    open("left.json", "w").write(f"{{\n{lines}\n}}\n")
