"""Values and derivatives of transformers' table of activation functions (ACT2FN), in float64.

Run: pip install torch transformers safetensors numpy  &&  python make_hidden_acts.py, in this folder.

Writes hidden_acts.float64.safetensors: x, 250 float32 numbers; for each NAME of the table that has no parameters NAME, its values, and
NAME.slope, its derivative by autograd. The metadata has the names of the whole table.
"""
import json
import numpy as np, torch, transformers
from safetensors.torch import save_file
from transformers.activations import ACT2FN

corners = [0.0, 1e-30, 1e-8, 1e-3, 0.5, 0.707107, 1.0, 3.0, 6.0, 10.0, 20.0, 30.0, 88.0, 104.0, 1000.0, 1e30, 3e38]
beside = [np.nextafter(np.float32(v), np.float32(to)) for v in (3.0, 6.0, 10.0, 20.0) for to in (0.0, 100.0)]
some = np.random.default_rng(0).uniform(-12, 12, 200)
x = torch.from_numpy(np.array([*corners, *(-v for v in corners), *beside, *(-v for v in beside), *some], dtype=np.float32))

tensors = {"x": x.double()}
for name in sorted(ACT2FN):
    act = ACT2FN[name]
    if list(act.parameters()):
        continue
    at = x.double().requires_grad_()
    y = act(at)
    y.sum().backward()
    slope = at.grad
    if name == "sqrtsoftplus":
        slope = torch.where(x < -800, 0.0, slope)  # 0/0, where e^x is 0 in float64
    assert y.isfinite().all() and slope.isfinite().all(), name
    tensors |= {name: y.detach(), f"{name}.slope": slope}
versions = {"torch": torch.__version__, "transformers": transformers.__version__}
save_file(tensors, "hidden_acts.float64.safetensors", metadata={"versions": json.dumps(versions), "table": json.dumps(sorted(ACT2FN))})
