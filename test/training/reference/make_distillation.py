"""Golden losses, gradients and runs of distillation, in float64.

    python make_distillation.py

writes distillation.float64.safetensors beside it: a student with random weights (L = 1, H = 8) and a teacher (L = 1, H = 12), a
projection and two Dense modules; the teacher's vectors of each text; for each case the loss and the gradient of each parameter
at the start, and the losses of 100 steps of AdamW on batches in a fixed order, without dropout. The loss of vectors is
EmbedDistillLoss of sentence-transformers, that of similarities torch's mse_loss of two matrices of its cos_sim.
"""

import json
import os
import tempfile

import numpy as np
import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses, modules
from sentence_transformers.util import cos_sim
from transformers import BertConfig, BertModel, BertTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = dict(vocab_size=24, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=12, type_vocab_size=2,
              hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.4)
CONFIG = dict(COMMON, hidden_size=8, intermediate_size=12)
TEACHER = dict(COMMON, hidden_size=12, intermediate_size=16)
STEPS, BATCH, TEXTS = 100, 4, 14
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.01
# variant: "projection" is thrown away, "kept" is the folder's last module, "same" a Dense with Tanh of the teacher's size
CASES = [
    ("projection", 1.0, 0.0, None),
    ("projection", 0.0, 1.0, None),
    ("projection", 1.0, 1.0, None),
    ("projection", 0.5, 3.0, ([8, 5, 2], [1.0, 0.75, 0.25])),
    ("kept", 1.0, 1.0, None),
    ("kept", 0.5, 3.0, ([12, 6], [1.0, 0.5])),
    ("same", 1.0, 0.0, None),
    ("same", 2.0, 0.25, None),
]

rng = np.random.default_rng(21)
DATA = [[2, *rng.integers(5, 24, rng.integers(1, 7)).tolist(), 3] for _ in range(TEXTS)]


def features(ids):
    T = max(map(len, ids))
    pad = [row + [0] * (T - len(row)) for row in ids]
    mask = [[1] * len(row) + [0] * (T - len(row)) for row in ids]
    return {"input_ids": torch.tensor(pad), "attention_mask": torch.tensor(mask), "token_type_ids": torch.zeros(len(ids), T, dtype=torch.long)}


def base_folder(folder, config, seed):
    torch.manual_seed(seed)
    model = BertModel(BertConfig(**config)).float()
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


def linear(dense, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        dense.weight.copy_((torch.randn(dense.weight.shape) * 0.35).float())
        dense.bias.copy_((torch.randn(dense.bias.shape) * 0.1).float())


def student_model(folder, variant, dtype):
    parts = [modules.Transformer(folder), modules.Pooling(8, pooling_mode="mean")]
    if variant != "projection":
        parts.append(modules.Dense(8, 12, activation_function=torch.nn.Identity() if variant == "kept" else torch.nn.Tanh()))
        linear(parts[-1].linear, 7)
    return SentenceTransformer(modules=parts, device="cpu").to(dtype)


def our_name(name):
    """`0.model.embeddings…` → `bert.embeddings…`, `2.linear.weight` → `2_Dense.linear.weight`"""
    module, rest = name.split(".", 1)
    return f"{module}_Dense.{rest}" if module != "0" else "bert." + rest.split(".", 1)[1]


def run(folder, case, teacher, dtype):
    variant, w_vectors, w_similarities, matryoshka = case
    model = student_model(folder, variant, dtype)
    model.train()
    projected = variant == "projection" and w_vectors > 0
    by_vectors = losses.EmbedDistillLoss(model, "mse", projection_dim=12 if projected else None).to(dtype)
    if projected:
        linear(by_vectors.projection, 7)

    def loss_of(chosen):
        wanted = teacher[chosen].to(dtype)
        vectors = model(features([DATA[i] for i in chosen]))["sentence_embedding"]
        loss = 0
        if w_vectors > 0:
            loss = loss + w_vectors * by_vectors.compute_loss_from_embeddings([vectors], [wanted])
        if w_similarities > 0:
            dims, weights = matryoshka or ([vectors.shape[1]], [1.0])
            for dim, weight in zip(dims, weights):
                cut = vectors[:, :dim]
                loss = loss + w_similarities * weight * torch.nn.functional.mse_loss(cos_sim(cut, cut), cos_sim(wanted, wanted))
        return loss

    named = [(our_name(n), p) for n, p in model.named_parameters() if p.requires_grad]
    if projected:
        named += [(f"projection.linear.{n}", p) for n, p in by_vectors.projection.named_parameters()]
    decays = lambda n: not n.endswith("bias") and "LayerNorm" not in n
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in named if decays(n)], "weight_decay": WEIGHT_DECAY},
         {"params": [p for n, p in named if not decays(n)], "weight_decay": 0.0}],
        lr=LEARNING_RATE, eps=1e-8)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    start = {n: p.detach().float().clone() for n, p in named if not n.startswith("bert.")}
    found, gradients = [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of([(step * BATCH + i) % TEXTS for i in range(BATCH)])
        loss.backward()
        if step == 0:
            gradients = {n: p.grad.clone() for n, p in named if p.grad is not None}
        torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
        optimizer.step()
        schedule.step()
        found.append(loss.item())
    return found, gradients, start


def main():
    tensors, cases = {}, []
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/student")
        os.mkdir(f"{folder}/teacher")
        for kind, config, seed in [("student", CONFIG, 5), ("teacher", TEACHER, 8)]:
            for name, p in base_folder(f"{folder}/{kind}", config, seed).state_dict().items():
                if name != "embeddings.position_ids":
                    tensors[f"{kind}.bert.{name}"] = p.clone()
        encoder = SentenceTransformer(modules=[modules.Transformer(f"{folder}/teacher"), modules.Pooling(12, pooling_mode="mean")], device="cpu").double()
        with torch.no_grad():
            teacher = torch.cat([encoder(features([ids]))["sentence_embedding"] for ids in DATA])
        tensors["teacher.vectors"] = teacher  # learned from as float32, as a cache has them
        for case in CASES:
            variant, w_vectors, w_similarities, matryoshka = case
            found, gradients, start = run(f"{folder}/student", case, teacher.float(), torch.float64)
            found32, _, _ = run(f"{folder}/student", case, teacher.float(), torch.float32)
            name = f"{variant}/{w_vectors:g} vectors/{w_similarities:g} similarities{'' if matryoshka is None else '/matryoshka'}"
            tensors[f"{name}/losses"] = torch.tensor(found, dtype=torch.float64)
            for n, g in gradients.items():
                tensors[f"{name}/{n}"] = g
            for n, p in start.items():
                tensors[f"start.{n}"] = p
            cases.append({"case": name, "variant": variant, "vectorWeight": w_vectors, "similarityWeight": w_similarities, "final32": found32[-1],
                          "matryoshka": matryoshka and [{"dim": d, "weight": w} for d, w in zip(*matryoshka)]})
            print(name, found[0], found[-1], found32[-1])
    metadata = {
        "config": json.dumps(CONFIG), "teacher": json.dumps(TEACHER), "cases": json.dumps(cases), "data": json.dumps(DATA),
        "training": json.dumps({"steps": STEPS, "batch": BATCH, "learningRate": LEARNING_RATE, "weightDecay": WEIGHT_DECAY}),
        "versions": f"sentence-transformers {sentence_transformers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}",
    }
    save_file({n: t.contiguous() for n, t in tensors.items()}, f"{HERE}/distillation.float64.safetensors", metadata)


main()
