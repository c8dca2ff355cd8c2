"""PyTorch's side of the training cases: python training.py THREADS

Prints its version, then for each line of JSON on its input the milliseconds that the work took:
{"step": [B, T]}      forward and backward of BertForSequenceClassification, bert-base-cased's sizes, dropout 0.1
{"update": "fused"}   torch.optim.AdamW.step(), "fused", "foreach" or "default"
"""

import json
import sys
import time

import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
model = BertForSequenceClassification(BertConfig(vocab_size=28996, num_labels=2)).train()
WAYS = {"fused": {"fused": True}, "foreach": {"foreach": True}, "default": {}}
optimizers = {}


def step(batch, tokens):
    ids = torch.randint(5, 28996, (batch, tokens))
    mask = torch.ones_like(ids)
    labels = torch.arange(batch) % 2
    model.zero_grad(set_to_none=True)
    start = time.perf_counter()
    model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
    return time.perf_counter() - start


def update(way):
    if model.classifier.weight.grad is None:
        step(1, 8)
    if way not in optimizers:
        optimizers[way] = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.01, **WAYS[way])
        optimizers[way].step()  # makes the moments
    start = time.perf_counter()
    optimizers[way].step()
    return time.perf_counter() - start


print(f"PyTorch {torch.__version__}, transformers {transformers.__version__}", flush=True)
for line in sys.stdin:
    work = json.loads(line)
    seconds = step(*work["step"]) if "step" in work else update(work["update"])
    print(seconds * 1000, flush=True)
