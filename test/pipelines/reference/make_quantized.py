"""Writes quantized.jsonl: what quantize_embeddings of sentence-transformers gives for float32 vectors, a case in each line.

Made with Python 3.11, numpy 2.4.6, sentence-transformers 6.0.1:  python make_quantized.py
"""
import json
from pathlib import Path

import numpy as np
from sentence_transformers.util.quantization import quantize_embeddings

random = np.random.default_rng(7)


def vectors(*shape):
    return random.standard_normal(shape).astype(np.float32)


EDGES = np.array([[0, -0.0, 1e-40, -1e-40, 1, -1, 3, 3], [0, 0.0, 0, 0, 2, 2, 3, 3], [1e30, -1e30, 1, -1, 0.5, 0, 3, -3]], np.float32)
CASES = [
    (EDGES, None),
    (EDGES, np.array([[-1] * 8, [1] * 8], np.float32)),
    (vectors(100, 16), None),
    # Codes that numbers outside of the ranges get, on both sides.
    (vectors(50, 16), np.stack([np.full(16, -0.5), np.full(16, 0.75)]).astype(np.float32)),
    # Of equal numbers the step is 1.
    (np.repeat(vectors(1, 8), 3, axis=0), None),
    (vectors(2, 32), None),
]

with open(Path(__file__).parent / "quantized.jsonl", "w") as file:
    for x, ranges in CASES:
        case = dict(vectors=[[float(f"{v:.9g}") for v in row] for row in x.tolist()])  # 9 digits tell float32s apart
        if ranges is not None:
            case["ranges"] = ranges.tolist()
        for precision in ("binary", "ubinary", "int8", "uint8"):
            case[precision] = quantize_embeddings(x, precision, ranges=ranges).tolist()
        file.write(json.dumps(case) + "\n")
