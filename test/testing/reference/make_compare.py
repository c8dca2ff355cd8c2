"""Writes two files of tensors and what NumPy says of their differences: a.safetensors, b.safetensors, expected.json.

    python test/testing/reference/make_compare.py

Made with numpy 2 and safetensors 0.8.
"""

import json
import pathlib

import numpy as np
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def distance_in_ulp(x: np.float32, y: np.float32) -> int:
    """Counts the float32 numbers from one to the other, by their place among all that are finite or infinite."""

    def place(v: np.float32) -> int:
        # The bits of a positive number, as an integer, are its place; a negative one's place is the mirror image.
        magnitude = int(np.abs(v).view(np.uint32))
        return magnitude if v >= 0 else -magnitude

    return abs(place(x) - place(y))


def expected(x: np.ndarray, y: np.ndarray) -> dict:
    difference = np.abs(x.astype(np.float64) - y.astype(np.float64))
    at = np.unravel_index(int(np.argmax(difference)), x.shape)
    return {
        "count": int((x != y).sum()),
        "of": int(x.size),
        "largest": float(difference.max()),
        "at": [int(i) for i in at],
        "values": [float(x[at]), float(y[at])],
        "rms": float(np.sqrt((difference**2).mean())),
        "ulp": max(distance_in_ulp(p, q) for p, q in zip(x.ravel(), y.ravel())),
    }


a = {
    "near": rng.standard_normal((2, 3, 5)).astype(np.float32),
    "far": (rng.standard_normal((4, 7)) * 1e3).astype(np.float32),
    "signs": np.array([1e-45, -1e-45, 1.0, -2.0], dtype=np.float32),
    "same": rng.standard_normal((3, 3)).astype(np.float32),
    "whole": np.arange(6, dtype=np.int64).reshape(1, 6),
    "half": rng.standard_normal((2, 2)).astype(np.float16),
    "scalar": np.array(0.5, dtype=np.float32),
}
b = {name: x.copy() for name, x in a.items()}
b["near"][1, 2, 3] = np.nextafter(b["near"][1, 2, 3], np.float32(9), dtype=np.float32)
b["far"] += rng.standard_normal((4, 7)).astype(np.float32)
b["signs"] = np.array([-1e-45, 2e-45, np.nextafter(np.float32(1), np.float32(0)), -2.0], dtype=np.float32)
b["whole"][0, 4] = 9
b["half"][1, 0] += np.float16(0.25)
b["scalar"] = np.array(-0.25, dtype=np.float32)

save_file(a, HERE / "a.safetensors")
save_file(b, HERE / "b.safetensors")
as_float32 = {name: (a[name].astype(np.float32), b[name].astype(np.float32)) for name in a if name != "same"}
text = json.dumps({name: expected(x, y) for name, (x, y) in as_float32.items()}, indent=1)
(HERE / "expected.json").write_text(text + "\n")
