"""Writes weights/embeddings/expected.json: what sentence-transformers makes of the small embedding model, in float64. `verify` compares.

Made with Python 3.11, torch 2.15.0, sentence-transformers 6.2.0:  python make_expected_embeddings.py
"""
import json
from pathlib import Path

import sentence_transformers
from sentence_transformers import SentenceTransformer

folder = Path(__file__).parent.parent.parent / "weights" / "embeddings"
model = SentenceTransformer(str(folder), device="cpu").double().eval()

TEXTS = [
    "She opened the door and went into the room.",
    "Café prices rose in 1912.",
    "",
]
source = f"sentence-transformers {sentence_transformers.__version__}, float64 arithmetic on these bfloat16 weights"
expected = [
    {"task": "embeddings", "source": source, "atol": 1e-6, "text": text, "embedding": [round(x, 10) for x in vector]}
    for text, vector in zip(TEXTS, model.encode(TEXTS).tolist())
]
lines = ",\n".join(json.dumps(output, ensure_ascii=False) for output in expected)
(folder / "expected.json").write_text(f"[\n{lines}\n]\n")
