"""Writes expected.jsonl, a case in each line: what Hugging Face's pipelines answer with the weights of ../../../weights, in float64.

Made with Python 3.11, torch 2.15.0, transformers 5.24.0:  python make_pipelines.py
"""
import json
from pathlib import Path

import torch
import transformers
from transformers import BertForNextSentencePrediction, BertForMaskedLM, BertModel, BertTokenizer, pipeline

here = Path(__file__).parent
weights = here.parent.parent.parent / "weights"
torch.set_grad_enabled(False)


def load(cls):
    return cls.from_pretrained(weights, dtype=torch.float64)


tokenizer = BertTokenizer.from_pretrained(weights)
fill_mask = pipeline("fill-mask", model=load(BertForMaskedLM), tokenizer=tokenizer, device="cpu")
FILL_MASK = [
    ("She opened the [MASK] and went into the room.", {}),
    ("She opened the [MASK] and went into the room.", {"top_k": 1}),
    ("It's the [MASK].", {"top_k": 20}),
    ("The [MASK] is a [MASK].", {"top_k": 3}),
    ("[MASK] [MASK] [MASK]", {"top_k": 2}),
    ("It's the [MASK].", {"targets": ["door", "window", "un", "door"]}),
    ("It's the [MASK].", {"targets": "door"}),
    ("The [MASK] is a [MASK].", {"targets": ["door", "##s", "window"], "top_k": 2}),
    ("[CLS] The [SEP] [MASK].", {"top_k": 2}),
    ("The [PAD] [MASK] and [MASK].", {"top_k": 2}),
    ("don't [MASK] , he said . £ ☃", {"top_k": 2}),
    ("un[MASK]able", {"top_k": 2}),
    ("It's the [MASK].", {"targets": ["[PAD]", "[MASK]", "door"]}),
    (["The [MASK].", "A [MASK] and [MASK]!", "\tMr.  [MASK]\n"], {"top_k": 2}),
    # The vocabulary whole: 8,192 predictions, of which the file keeps every 97th.
    ("The [MASK] of it.", {"top_k": 8192}),
]

nsp = load(BertForNextSentencePrediction)
NEXT_SENTENCE = [
    (["She went to the door.", "It was locked."], False),
    (["She went to the door.", "The price of corn rose again."], False),
    (["Yes", "No"], False),
    (["She went to the door. " * 20, "It was locked. " * 40], True),
    (["It was locked.", "She went to the door. " * 40], True),
]


def is_next(pair, truncation):
    inputs = tokenizer(*pair, return_tensors="pt", truncation=truncation)
    return nsp(**inputs).logits.softmax(-1)[0, 0].item()


encoder = load(BertModel)
TEXTS = ["A text.", "It was a dark and stormy night; the rain fell in torrents.", "door", "long " * 300]


def features(text):
    hidden = encoder(**tokenizer(text, return_tensors="pt", truncation=True)).last_hidden_state[0]
    pooled = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.max(0).values}
    # transformers.js: normalize(2, -1), p-norm 2 along the last dimension
    return {
        "text": text,
        "tokens": hidden.shape[0],
        **{name: vector.tolist() for name, vector in pooled.items()},
        **({"none": hidden.tolist()} if len(hidden) < 6 else {}),
        "mean_normalized": torch.nn.functional.normalize(pooled["mean"], dim=-1).tolist(),
    }


def rounded(value):
    """17 digits would tell what nobody can compare in float32."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {key: rounded(item) for key, item in value.items()} if isinstance(value, dict) else value


def thinned(options, output):
    return output[::97] if options.get("top_k") == 8192 else output


cases = [{"kind": "versions", "torch": torch.__version__, "transformers": transformers.__version__}]
for text, options in FILL_MASK:
    output = thinned(options, fill_mask(text, **options))
    cases.append({"kind": "fill-mask", "input": text, "options": options, "output": output})
for pair, truncation in NEXT_SENTENCE:
    cases.append({"kind": "next-sentence", "pair": pair, "truncation": truncation, "is_next": is_next(pair, truncation)})
cases += [{"kind": "features", **features(text)} for text in TEXTS]
lines = [json.dumps(rounded(case), ensure_ascii=False) + "\n" for case in cases]
(here / "expected.jsonl").write_text("".join(lines))
