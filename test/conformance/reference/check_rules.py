"""
Computes the set in NumPy by the rules of docs/proofs.md, "The arithmetic", and compares the digest of each step.

    python test/conformance/reference/check_rules.py

NumPy 2.4, safetensors 0.8, and PyTorch 2.15 to read bfloat16; ids are those of pytorch.safetensors. It shares no code
with plainbert; steps that return what their last part returned have its digest.
"""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
from safetensors import safe_open

HERE = Path(__file__).parent
WEIGHTS = HERE / ".." / ".." / ".." / "weights"
f32, f64 = np.float32, np.float64
LAYERS, HEADS, EPS = 4, 4, 1e-12
POWERS = 2.0 ** np.arange(-1022, 1024)  # exact: powers of two
LN2_HIGH, LN2_LOW = f64(f32(math.log(2))), -1.904654299957768e-9
ERFCX = [
    *[0.17900115118138996, -0.3262335600430361, 0.24560380171232535, -0.15011593650090357, 0.07166583719831238],
    *[-0.024392499314407345, 0.004269136324768707, 0.0007077463734160476, -0.0005970618470707491],
    *[4.525584518930551e-5, 6.405580786283272e-5, -1.2863191153038135e-5, -7.974722437229727e-6],
    *[2.1281023365401042e-6, 1.2427179045696808e-6, -3.0861677612767547e-7, -2.1733766925029268e-7],
    *[4.3601163293818415e-8, 2.8978406728988578e-8, -6.450327195751968e-9],
]


def exp(x):
    k = np.floor(x / math.log(2) + 0.5)
    r = x - k * LN2_HIGH - k * LN2_LOW
    total = 1 + r / 13
    for n in range(12, 1, -1):
        total = 1 + (r / n) * total
    total = 1 + r * total
    return np.where(x < -708, 0.0, total * POWERS[np.clip(k + 1022, 0, 2045).astype(int)])


def erf_small(x):
    square, total, term = x * x, np.zeros_like(x), x
    for n in range(13):
        total = total + term / (2 * n + 1)
        term = term * (-square / (n + 1))
    return 1.1283791670955126 * total


def erfc(x):
    t = (x - 3) / (x + 3)
    p = np.zeros_like(x)
    for c in reversed(ERFCX):
        p = p * t + c
    large = np.where(x > 28, 0.0, exp(-x * x) * p)
    return np.where(x < 0.5, 1 - erf_small(np.minimum(x, 0.5)), large)


def gelu(x):
    z = x.astype(f64) * math.sqrt(0.5)
    size = np.abs(z)
    erf = np.where(size < 0.5, erf_small(np.minimum(size, 0.5)), 1 - erfc(size))
    return (x * (0.5 * np.where(z < 0, erfc(size), 1 + erf))).astype(f32)


def tanh(x):
    size = np.abs(x.astype(f64))
    small_size = np.minimum(size, 0.5)
    square = small_size * small_size
    sinh, cosh = np.zeros_like(size), np.zeros_like(size)
    for n in range(14, -1, -2):
        cosh = 1 + (square / ((n + 1) * (n + 2))) * cosh
        sinh = 1 + (square / ((n + 2) * (n + 3))) * sinh
    small = (small_size * sinh) / cosh
    return np.copysign(np.where(size >= 0.5, 1 - 2 / (exp(2 * size) + 1), small), x).astype(f32)


def in_order(terms):
    """The sum over the last axis, from the first to the last, in float64; NumPy's own sum adds in pairs."""
    total = np.zeros(terms.shape[:-1])
    for k in range(terms.shape[-1]):
        total = total + terms[..., k]
    return total


def product(a, b):
    """a bᵀ, each element one sum in order, not yet rounded."""
    a, b = a.astype(f64), b.astype(f64)
    total = np.zeros((len(a), len(b)))
    for k in range(a.shape[1]):
        total = total + a[:, k, None] * b[None, :, k]
    return total


def layer_norm(x, gamma, beta):
    x = x.astype(f64)
    centred = x - (in_order(x) / x.shape[-1])[..., None]
    rstd = 1 / np.sqrt(in_order(centred * centred) / x.shape[-1] + EPS)
    return (centred * rstd[..., None] * gamma.astype(f64) + beta.astype(f64)).astype(f32)


def softmax(scores):
    e = exp(scores.astype(f64) - scores.max(-1, keepdims=True).astype(f64))
    return (e.astype(f32).astype(f64) / in_order(e)[..., None]).astype(f32)


def steps(w, ids, types):
    seen = {"input_ids": ids[None], "token_type_ids": types[None]}

    def see(name, x):
        seen[name] = x[None]
        return x

    def linear(name, x, weight=None):
        weight = w[f"{name}.weight"] if weight is None else weight
        return see(name, (product(x, weight) + w[f"{name}.bias"].astype(f64)).astype(f32))

    def norm(name, x):
        return see(name, layer_norm(x, w[f"{name}.weight"], w[f"{name}.bias"]))

    def table(name):
        return w[f"bert.embeddings.{name}.weight"]

    words = see("bert.embeddings.word_embeddings", table("word_embeddings")[ids])
    kinds = see("bert.embeddings.token_type_embeddings", table("token_type_embeddings")[types])
    places = table("position_embeddings")[: len(ids)]
    x = see("bert.embeddings", norm("bert.embeddings.LayerNorm", (words + kinds) + places))
    size = x.shape[1] // HEADS
    for n in range(LAYERS):
        at = f"bert.encoder.layer.{n}"
        query, key, value = (linear(f"{at}.attention.self.{part}", x) for part in ("query", "key", "value"))
        heads, outs = [], []
        for a in range(HEADS):
            q, k, v = (part[:, a * size : (a + 1) * size] for part in (query, key, value))
            probs = softmax((product(q, k) * (1 / math.sqrt(size))).astype(f32))
            heads.append(probs)
            outs.append(product(probs, v.T).astype(f32))
        see(f"{at}.attention.self.probs", np.stack(heads))
        context = see(f"{at}.attention.self", np.concatenate(outs, axis=1))
        attended = norm(f"{at}.attention.output.LayerNorm", linear(f"{at}.attention.output.dense", context) + x)
        for name in ("attention.output", "attention"):
            see(f"{at}.{name}", attended)
        hidden = see(f"{at}.intermediate.intermediate_act_fn", gelu(linear(f"{at}.intermediate.dense", attended)))
        see(f"{at}.intermediate", hidden)
        x = norm(f"{at}.output.LayerNorm", linear(f"{at}.output.dense", hidden) + attended)
        for name in ("output", ""):
            see(f"{at}.{name}".rstrip("."), x)
    pooled = see("bert.pooler", see("bert.pooler.activation", tanh(linear("bert.pooler.dense", x[:1]))))
    act = see("cls.predictions.transform.transform_act_fn", gelu(linear("cls.predictions.transform.dense", x)))
    transformed = see("cls.predictions.transform", norm("cls.predictions.transform.LayerNorm", act))
    w["cls.predictions.decoder.bias"] = w["cls.predictions.bias"]
    see("cls.predictions", linear("cls.predictions.decoder", transformed, table("word_embeddings")))
    linear("cls.seq_relationship", pooled)
    return seen


def main():
    weights = {}
    with safe_open(WEIGHTS / "model.safetensors", "pt") as file:
        for name in file.keys():
            weights[name] = file.get_tensor(name).float().numpy()
    pinned = json.loads((HERE / "digests.json").read_text())["digests"]
    wrong = 0
    with safe_open(HERE / "pytorch.safetensors", "np") as file:
        for text, digests in pinned.items():
            ids, types = (file.get_tensor(f"{text}.{name}")[0] for name in ("input_ids", "token_type_ids"))
            seen = steps(weights, ids, types)
            other = [
                name for name, digest in digests.items()
                if hashlib.sha256(np.ascontiguousarray(seen[name]).tobytes()).hexdigest() != digest
            ]
            wrong += len(other)
            print(f"{text}: {len(digests) - len(other)} of {len(digests)} steps equal", *other[:2])
    raise SystemExit(1 if wrong else 0)


main()
