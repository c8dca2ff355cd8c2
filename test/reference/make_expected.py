"""Writes weights/expected.json: what Hugging Face's transformers make of the small model, in float64. The tests and `verify` compare.

Made with Python 3.11, torch 2.13.0, transformers 5.18.0:  python make_expected.py
"""
import json
from pathlib import Path

import torch
import transformers
from transformers import BertForPreTraining, BertTokenizer

weights = Path(__file__).parent.parent.parent / "weights"
torch.set_grad_enabled(False)
tokenizer = BertTokenizer.from_pretrained(weights)
model = BertForPreTraining.from_pretrained(weights, dtype=torch.float64).eval()

FILL_MASK = [
    "She opened the [MASK] and went into the room.",
    "He took off his [MASK] and sat down by the fire.",
    '"I do not [MASK] you," said he.',
    "The old man shook his [MASK].",
    "I have never [MASK] such a [MASK] in my life.",
    "Paris is the [MASK] of France.",
]
NEXT_SENTENCE = [
    ("She went to the door.", "It was locked."),
    ("She went to the door.", "The price of corn rose again."),
]


def fill_mask(text):
    inputs = tokenizer(text, return_tensors="pt")
    ids = inputs["input_ids"][0]
    scores = model(**inputs).prediction_logits[0].softmax(-1)
    top5 = []
    for row in scores[ids == tokenizer.mask_token_id]:
        best = row.topk(5)
        top5.append([
            {"token": token, "token_str": tokenizer.convert_ids_to_tokens(token), "score": score}
            for score, token in zip(best.values.tolist(), best.indices.tolist())
        ])
    return {"text": text, "ids": ids.tolist(), "top5": top5}


def next_sentence(a, b):
    inputs = tokenizer(a, b, return_tensors="pt")
    is_next = model(**inputs).seq_relationship_logits.softmax(-1)[0, 0].item()
    return {"a": a, "b": b, "ids": inputs["input_ids"][0].tolist(), "is_next": is_next}


expected = {
    "what": f"transformers {transformers.__version__}, float64 arithmetic on these bfloat16 weights",
    "fill_mask": [fill_mask(text) for text in FILL_MASK],
    "next_sentence": [next_sentence(*pair) for pair in NEXT_SENTENCE],
}
(weights / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")
