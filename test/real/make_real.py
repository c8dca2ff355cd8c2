"""Golden numbers of all-MiniLM-L6-v2 as published: the tokens of 30 texts, every hidden state and the sentence vectors in float64.

python make_real.py MODEL, in this folder, with the model's folder. Writes golden.json (texts, ids, PyTorch float32's own errors) and
golden.safetensors: `hidden` F64 [7, N], of the embeddings and each layer every 113th number of all texts' tokens end to end, and
`vectors` F64 [30, 384]. A sample is enough to compare a root mean square with: PyTorch's over the sample stands beside that over all.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import sentence_transformers
import torch
import transformers
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

STEP = 113
TEXTS = [
    "The door was open.",
    "A man is eating food.",
    "Who was the first person to walk on the moon?",
    "",
    " ",
    "a",
    "Ünïcödé, naïve café — and “quotes”…",
    "THE SEA WAS CALM, AND NOBODY SAID A WORD.",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "3.14159 + 2,718 = 5.859...; 100% of $1,000,000 (or €12.50)",
    "中文字符和日本語の文字、한국어",
    "Привет, мир! Γειά σου Κόσμε.",
    "שלום עולם مرحبا بالعالم",
    "😀 🏠 emoji 👨‍👩‍👧‍👦 and flags 🇩🇪",
    "https://example.org/path?query=1&x=%20#anchor user@example.org",
    "def f(x):\n\treturn x ** 2  # squares\n",
    "don't can't won't it's o'clock rock-'n'-roll",
    "[CLS] [SEP] [MASK] [PAD] [UNK] as words",
    "a\u0000b\ufffdc\u200bd\u00ade control characters",
    "e\u0301 and \u00e9 are one letter; \ufb01 is two",
    "x" * 120 + " is longer than a word may be",
    "The quick brown fox jumps over the lazy dog. " * 8,
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife.",
    "However little known the feelings or views of such a man may be on his first entering a neighbourhood, this truth is so well "
    "fixed in the minds of the surrounding families, that he is considered as the rightful property of some one or other of their daughters.",
    "Is it raining? Yes. No! Perhaps; who knows: nobody.",
    "one two three four five six seven eight nine ten",
    "Transformers are encoders, decoders, or both.",
    "A plane is taking off.",
    "An air plane is taking off.",
    "long " * 300,
]


def hidden_states(model, tokenizer, dtype):
    """[7, every token of all texts · 384] in float64, each text by itself."""
    model = model.to(dtype)
    states = []
    with torch.no_grad():
        for text in TEXTS:
            batch = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
            states.append([h[0].double().numpy().reshape(-1) for h in model(**batch, output_hidden_states=True).hidden_states])
    return np.stack([np.concatenate([text[layer] for text in states]) for layer in range(len(states[0]))])


def rms(a, b):
    return [float(f"{np.sqrt(np.mean((x - y) ** 2)):.4e}") for x, y in zip(a, b)]


def main():
    folder = sys.argv[1]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    ids = [tokenizer(text, truncation=True, max_length=256)["input_ids"] for text in TEXTS]
    single = hidden_states(model, tokenizer, torch.float32)
    double = hidden_states(model, tokenizer, torch.float64)
    vectors = SentenceTransformer(folder, device="cpu").double().encode(TEXTS, convert_to_tensor=True).numpy()
    golden = dict(
        sentence_transformers=sentence_transformers.__version__,
        transformers=transformers.__version__,
        torch=torch.__version__,
        step=STEP,
        texts=TEXTS,
        ids=ids,
        rms=rms(single, double),
        rms_of_sample=rms(single[:, ::STEP], double[:, ::STEP]),
    )
    with open("golden.json", "w") as file:
        json.dump(golden, file, ensure_ascii=True, indent=1)
        file.write("\n")
    save_file({"hidden": np.ascontiguousarray(double[:, ::STEP]), "vectors": vectors}, "golden.safetensors")


main()
