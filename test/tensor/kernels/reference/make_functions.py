"""True values of the functions in src/tensor/kernels, by mpmath at 60 digits, rounded to float64.

Run: pip install mpmath numpy safetensors  &&  python make_functions.py OUT.safetensors

x: 4,000 float32 numbers: every binary exponent with both signs, and a dense part in [-20, 20].
"""
import sys, numpy as np
from mpmath import mp, mpf, exp, erf, erfc, tanh, sqrt, pi
from safetensors.numpy import save_file

mp.dps = 60
rng = np.random.default_rng(0)
exponents = np.arange(-126, 128)
wide = np.concatenate([np.ldexp(1 + rng.random(4), e) for e in exponents])
wide = np.concatenate([wide, -wide])
dense = rng.uniform(-20, 20, 4000 - len(wide) - 4)
x = np.concatenate([wide, dense, [0.0, 0.5, -0.5, 1.0]]).astype(np.float32)

def gelu(v): return v * erfc(-v / sqrt(mpf(2))) / 2
def gelu_new(v): return v * (1 + tanh(sqrt(2 / pi) * (v + mpf("0.044715") * v**3))) / 2
def silu(v): return v / (1 + exp(-v))

def clipped(f, low, high):
    """f without the digits that float64 cannot hold anyway; at |x| = 1e38 mpmath would never return."""
    return lambda v: mpf(low(v)) if v < -1e4 else mpf(high(v)) if v > 1e4 else f(v)

zero, one, itself = (lambda v: 0), (lambda v: 1), (lambda v: v)
functions = {
    "exp": clipped(exp, zero, lambda v: mpf("inf")),
    "erf": clipped(erf, lambda v: -1, one),
    "erfc": clipped(erfc, lambda v: 2, zero),
    "tanh": clipped(tanh, lambda v: -1, one),
    "gelu": clipped(gelu, zero, itself),
    "gelu_new": clipped(gelu_new, zero, itself),
    "silu": clipped(silu, zero, itself),
}
out = {"x": x} | {name: np.array([float(f(mpf(float(v)))) for v in x]) for name, f in functions.items()}
import mpmath
save_file(out, sys.argv[1], metadata={"mpmath": mpmath.__version__, "numpy": np.__version__})
