"""PyTorch's side of the training cases: python training.py THREADS

Prints its version, then for each line of JSON on its input the milliseconds that the work took:
{"step": [B, T]}      forward and backward of BertForSequenceClassification, bert-base-cased's sizes, dropout 0.1;
                      with "model": "DistilBERT" of DistilBertForSequenceClassification, with "pairs" of BertModel with
                      the mean of its tokens and the loss of MultipleNegativesRankingLoss, of B/2 pairs
{"update": "fused"}   torch.optim.AdamW.step(), "fused", "foreach" or "default"
"""

import json
import sys
import time

import torch
import transformers
from transformers import BertConfig, BertForSequenceClassification, BertModel
from transformers import DistilBertConfig, DistilBertForSequenceClassification

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
MODELS = {
    "BERT": lambda: BertForSequenceClassification(BertConfig(vocab_size=28996, num_labels=2)),
    "DistilBERT": lambda: DistilBertForSequenceClassification(DistilBertConfig(vocab_size=28996, num_labels=2)),
    "pairs": lambda: BertModel(BertConfig(vocab_size=28996), add_pooling_layer=False),
}
models = {}


def model_of(name):
    if name not in models:
        models[name] = MODELS[name]().train()
    return models[name]


def loss_of(name, model, ids, mask):
    if name != "pairs":
        return model(input_ids=ids, attention_mask=mask, labels=torch.arange(len(ids)) % 2).loss
    tokens = model(input_ids=ids, attention_mask=mask).last_hidden_state
    weights = mask[:, :, None].float()
    vectors = torch.nn.functional.normalize((tokens * weights).sum(1) / weights.sum(1), dim=1)
    scores = 20 * vectors[0::2] @ vectors[1::2].T
    return torch.nn.functional.cross_entropy(scores, torch.arange(len(scores)))


WAYS = {"fused": {"fused": True}, "foreach": {"foreach": True}, "default": {}}
optimizers = {}


def step(batch, tokens, name="BERT"):
    model = model_of(name)
    ids = torch.randint(5, 28996, (batch, tokens))
    mask = torch.ones_like(ids)
    model.zero_grad(set_to_none=True)
    start = time.perf_counter()
    loss_of(name, model, ids, mask).backward()
    return time.perf_counter() - start


def update(way):
    model = model_of("BERT")
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
    seconds = step(*work["step"], work.get("model", "BERT")) if "step" in work else update(work["update"])
    print(seconds * 1000, flush=True)
