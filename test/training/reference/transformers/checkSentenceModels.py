"""Compares the vectors that Python's sentence-transformers makes in the folders of makeSentenceModels.ts with plainbert's.

    python checkSentenceModels.py FOLDER
"""

import json
import sys
import warnings

import numpy as np
import sentence_transformers
import torch
import transformers
from sentence_transformers import SentenceTransformer

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
print(f"sentence-transformers {sentence_transformers.__version__}, transformers {transformers.__version__}, torch {torch.__version__}")

LIMIT = 1e-5
failed = False
for form in "small plain dense layer_norm normalize prompts several_flags in_a_folder".split():
    folder = f"{sys.argv[1]}/{form}"
    with open(f"{folder}/vectors.json") as file:
        expected = json.load(file)
    for dtype in (torch.float64, torch.float32):
        model = SentenceTransformer(folder, model_kwargs={"dtype": dtype}, device="cpu").to(dtype)
        worst, largest = 0.0, 0.0
        for call, vectors in expected["vectors"].items():
            got = getattr(model, call)(expected["texts"])
            want = np.array(vectors["data"]).reshape(vectors["dims"])
            assert got.shape == want.shape, (form, call, got.shape, want.shape)
            worst, largest = max(worst, float(np.abs(got - want).max())), max(largest, float(np.abs(want).max()))
        ok = worst <= LIMIT  # not of NaN
        failed |= not ok
        modules = ", ".join(type(module).__name__ for module in model)
        print(f"{'ok' if ok else 'FAILED':6} {form:14} {str(dtype)[6:]} {modules:43} numbers up to {largest:.2f}, largest difference {worst:.1e}")
sys.exit(failed)
