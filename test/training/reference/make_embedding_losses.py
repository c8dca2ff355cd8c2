"""Golden losses, gradients and runs of sentence-transformers, in float64.

    python make_embedding_losses.py

writes embeddingLosses.float64.safetensors beside it: a BERT with random weights (L = 1, H = 8) and a Dense; for each case the
loss and the gradient of each parameter at the start, and the losses of 100 steps of AdamW on batches in a fixed order, without
dropout; and embeddingMetrics.json: what the library's evaluators say of vectors. Made with the versions in the metadata.
"""

import json
import os
import tempfile
from types import SimpleNamespace

import numpy as np
import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses, modules
from sentence_transformers.sentence_transformer.evaluation import (
    EmbeddingSimilarityEvaluator,
    InformationRetrievalEvaluator,
    TripletEvaluator,
)
from sentence_transformers.util import cos_sim, truncate_embeddings
from transformers import BertConfig, BertModel, BertTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = dict(vocab_size=24, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
              max_position_embeddings=12, type_vocab_size=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
              initializer_range=0.4)
STEPS, BATCH, EXAMPLES = 100, 4, 12
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.01
DENSE = (8, 6)
MATRYOSHKA = {"mean": ([3, 8], [0.5, 1.0]), "dense_normalize": ([6, 4, 2], [1.0, 0.75, 0.25])}
VARIANTS = ["mean", "cls", "max_normalize", "dense_normalize"]
LOSSES = ["ranking_pairs", "ranking_negatives", "cosent", "cosine"]

rng = np.random.default_rng(20)


def texts(columns):
    """Of each example and column the ids of a text: [CLS] … [SEP]."""
    return [[[2, *rng.integers(5, 24, rng.integers(1, 7)).tolist(), 3] for _ in range(columns)] for _ in range(EXAMPLES)]


DATA = {"ranking_pairs": texts(2), "ranking_negatives": texts(4), "cosent": texts(2)}
DATA["cosine"] = DATA["cosent"]
SCORES = [float(x) for x in rng.integers(0, 9, EXAMPLES) / 8]  # float32 has them; some twice


def features(ids, device="cpu"):
    """A batch of one column, padded."""
    T = max(map(len, ids))
    pad = [row + [0] * (T - len(row)) for row in ids]
    mask = [[1] * len(row) + [0] * (T - len(row)) for row in ids]
    return {"input_ids": torch.tensor(pad), "attention_mask": torch.tensor(mask), "token_type_ids": torch.zeros(len(ids), T, dtype=torch.long)}


def base_folder(folder):
    torch.manual_seed(5)
    model = BertModel(BertConfig(**CONFIG)).float()
    with torch.no_grad():
        for name, p in model.named_parameters():  # biases and LayerNorms that are not trivial
            if name.endswith("bias"):
                p.normal_(0, 0.2)
            elif "LayerNorm.weight" in name:
                p.add_(torch.randn_like(p) * 0.2)
    model.save_pretrained(folder)
    with open(f"{folder}/vocab.txt", "w") as f:
        f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrs"]) + "\n")
    BertTokenizer(f"{folder}/vocab.txt").save_pretrained(folder)
    return model


def sentence_model(folder, variant, dtype):
    torch.manual_seed(6)
    transformer = modules.Transformer(folder)
    mode = {"mean": "mean", "cls": "cls", "max_normalize": "max", "dense_normalize": "mean"}[variant]
    parts = [transformer, modules.Pooling(8, pooling_mode=mode)]
    if variant == "dense_normalize":
        parts.append(modules.Dense(*DENSE))
    if variant.endswith("normalize"):
        parts.append(modules.Normalize())
    model = SentenceTransformer(modules=parts, device="cpu")
    dense = [p.detach().clone() for m in model if isinstance(m, modules.Dense) for p in (m.linear.weight, m.linear.bias)]
    return model.to(dtype), dense


def our_name(name):
    """`0.model.embeddings…` → `bert.embeddings…`, `2.linear.weight` → `2_Dense.linear.weight`"""
    module, rest = name.split(".", 1)
    if module != "0":
        return f"{module}_Dense.{rest}"
    return "bert." + rest.split(".", 1)[1]


def loss_of(model, name, matryoshka):
    loss = {
        "ranking_pairs": lambda: losses.MultipleNegativesRankingLoss(model),
        "ranking_negatives": lambda: losses.MultipleNegativesRankingLoss(model, scale=12.0),
        "cosent": lambda: losses.CoSENTLoss(model),
        "cosine": lambda: losses.CosineSimilarityLoss(model),
    }[name]()
    if matryoshka is None:
        return loss
    dims, weights = matryoshka
    return losses.MatryoshkaLoss(model, loss, dims, weights)


def batch_of(name, step):
    chosen = [(step * BATCH + i) % EXAMPLES for i in range(BATCH)]
    columns = [features(list(column)) for column in zip(*(DATA[name][i] for i in chosen))]
    return columns, torch.tensor([SCORES[i] for i in chosen])


def run(folder, variant, name, matryoshka, dtype):
    model, dense = sentence_model(folder, variant, dtype)
    model.train()
    loss_fn = loss_of(model, name, matryoshka)
    named = [(our_name(n), p) for n, p in model.named_parameters() if p.requires_grad]
    decays = lambda n: not n.endswith("bias") and "LayerNorm" not in n
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in named if decays(n)], "weight_decay": WEIGHT_DECAY},
         {"params": [p for n, p in named if not decays(n)], "weight_decay": 0.0}],
        lr=LEARNING_RATE, eps=1e-8)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    found, gradients = [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        columns, labels = batch_of(name, step)
        loss = loss_fn(columns, labels.to(dtype))
        loss.backward()
        if step == 0:
            gradients = {n: p.grad.clone() for n, p in named if p.grad is not None}
        torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
        optimizer.step()
        schedule.step()
        found.append(loss.item())
    return found, gradients, dense


def main():
    tensors, cases = {}, []
    with tempfile.TemporaryDirectory() as folder:
        start = base_folder(folder)
        for name, p in start.state_dict().items():
            if name != "embeddings.position_ids":
                tensors[f"start.bert.{name}"] = p.clone()
        for variant in VARIANTS:
            for name in LOSSES:
                for matryoshka in [None, MATRYOSHKA.get(variant)]:
                    if matryoshka is None and any(c["variant"] == variant and c["loss"] == name for c in cases):
                        continue
                    found, gradients, dense = run(folder, variant, name, matryoshka, torch.float64)
                    found32, _, _ = run(folder, variant, name, matryoshka, torch.float32)
                    case = f"{variant}/{name}{'' if matryoshka is None else '/matryoshka'}"
                    tensors[f"{case}/losses"] = torch.tensor(found, dtype=torch.float64)
                    for n, g in gradients.items():
                        tensors[f"{case}/{n}"] = g
                    for n, p in zip(["weight", "bias"], dense):
                        tensors[f"start.2_Dense.linear.{n}"] = p.float()
                    cases.append({"case": case, "variant": variant, "loss": name, "final32": found32[-1],
                                  "matryoshka": matryoshka and {"dims": matryoshka[0], "weights": matryoshka[1]}})
                    print(case, found[0], found[-1], found32[-1])
    metadata = {
        "config": json.dumps(CONFIG), "cases": json.dumps(cases), "data": json.dumps(DATA), "scores": json.dumps(SCORES),
        "training": json.dumps({"steps": STEPS, "batch": BATCH, "learningRate": LEARNING_RATE, "weightDecay": WEIGHT_DECAY}),
        "versions": f"sentence-transformers {sentence_transformers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}",
    }
    save_file({n: t.contiguous() for n, t in tensors.items()}, f"{HERE}/embeddingLosses.float64.safetensors", metadata)


class Vectors:
    """A model that knows the vectors of its texts."""

    similarity_fn_name = "cosine"
    similarity = staticmethod(cos_sim)
    model_card_data = SimpleNamespace(set_evaluation_metrics=lambda *_: None)

    def __init__(self, known):
        self.known = known

    def encode(self, texts, convert_to_tensor=False, truncate_dim=None, **_):
        found = truncate_embeddings(np.array([self.known[t] for t in texts]), truncate_dim)
        return torch.tensor(found) if convert_to_tensor else found

    encode_query = encode_document = encode


def metrics():
    """Of pairs and triplets whose anchors and positives stand several times, and of scored pairs with ties."""
    N, D = 60, 6
    anchors = [f"a{i}" for i in rng.integers(0, 40, N)]
    positives = [f"p{i}" for i in rng.integers(0, 45, N)]
    negatives = [[f"n{i}-{k}" for k in range(2)] for i in range(N)]
    known = {}
    for i in range(N):
        for text in [anchors[i], positives[i], *negatives[i]]:
            known.setdefault(text, rng.normal(size=D).round(3).tolist())
    for a, p in zip(anchors, positives):  # so that something is found
        known[p] = (np.array(known[p]) * 0.5 + np.array(known[a])).round(3).tolist()
    model = Vectors(known)
    queries, corpus = list(dict.fromkeys(anchors)), list(dict.fromkeys(positives))
    ids = {p: f"{i:03}" for i, p in enumerate(corpus)}
    relevant = {a: {ids[p] for b, p in zip(anchors, positives) if a == b} for a in queries}
    scores = [float(x) for x in rng.integers(0, 9, N) / 8]

    def evaluated(truncate_dim=None):
        how = dict(write_csv=False, truncate_dim=truncate_dim)
        retrieval = InformationRetrievalEvaluator({a: a for a in queries}, {ids[p]: p for p in corpus}, relevant, **how)(model)
        triplet = TripletEvaluator([a for a in anchors for _ in range(2)], [p for p in positives for _ in range(2)],
                                   [n for pair in negatives for n in pair], **how)(model)
        similar = EmbeddingSimilarityEvaluator(anchors, positives, scores, **how)(model)
        return {k: float(v) for part in (retrieval, triplet, similar) for k, v in part.items()}

    out = {
        "vectors": known,
        "pairs": [{"anchor": a, "positive": p, "negative": n} for a, p, n in zip(anchors, positives, negatives)],
        "scores": scores,
        "metrics": evaluated(),
        "truncated": {n: evaluated(n) for n in [2, 4]},
    }
    with open(f"{HERE}/embeddingMetrics.json", "w") as f:
        f.write(json.dumps(out) + "\n")
    print(out["metrics"])


main()
metrics()
