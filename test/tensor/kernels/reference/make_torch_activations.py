"""Golden values of PyTorch's classes that a Dense module of sentence-transformers may name, in float64.

python make_torch_activations.py, in this folder. Writes torch_activations.json: the vector, and for each class of torch.nn that can be
made without arguments its path and what it makes of the vector (outside of training), or null where it makes nothing of one.
"""

import inspect
import json

import torch
from torch import nn

X = [0.0, 1e-8, -1e-8, 1e-3, -1e-3, 0.3, -0.3, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0, 2.5, -2.5, 3.0, -3.0, 5.9, -5.9, 6.5, -6.5, 19.5,
     -19.5, 20.5, -20.5, 100.0, -100.0, 8.8]


def classes():
    for name, found in sorted(vars(nn).items()):
        if not (inspect.isclass(found) and issubclass(found, nn.Module)) or name.startswith("Lazy"):  # these learn their sizes
            continue
        try:
            module = found()
        except (TypeError, NotImplementedError):
            continue
        yield f"{found.__module__}.{name}", module


def main():
    x = torch.tensor([X], dtype=torch.float64)
    results = {}
    for path, module in classes():
        try:
            y = module.eval().double()(x)
            good = isinstance(y, torch.Tensor) and y.dim() == 2 and y.shape[0] == 1
            results[path] = y[0].tolist() if good else None
        except Exception:
            results[path] = None
    with open("torch_activations.json", "w") as file:
        file.write(json.dumps({"torch": torch.__version__, "x": X}) [:-1] + ', "classes": {\n')
        file.write(",\n".join(f"{json.dumps(path)}: {json.dumps(y)}" for path, y in results.items()) + "\n}}\n")


main()
