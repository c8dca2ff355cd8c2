"""Makes the files of this folder with the official safetensors library and numpy (versions: in versions.json).

    python make_reference.py

every_dtype.safetensors   a tensor of each dtype that the library can write, names in several scripts
empty.safetensors         no tensor
numbers.float16/float32   the same numbers, rounded by numpy
number_formats.json       SHA-256 of numpy's conversions between float32 and float16
header_verdicts.jsonl     random changes to a valid header, with the library's verdict; the data are the bytes 0..39
"""

import ctypes, hashlib, json, os, random, struct, sys
import numpy as np
import safetensors
from safetensors import TensorSpec, deserialize, serialize
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))


def write(name, content):
    with open(os.path.join(here, name), "wb") as f:
        f.write(content)


def write_json(name, value):
    write(name, (json.dumps(value, indent=2) + "\n").encode())


write_json("versions.json", {"python": sys.version.split()[0], "numpy": np.__version__, "safetensors": safetensors.__version__})

# --- every_dtype.safetensors: the bytes of tensor n count up from n.
DTYPES = {"bool": 8, "float4_e2m1fn_x2": 8, "uint8": 8, "int8": 8, "float8_e5m2": 8, "float8_e4m3fn": 8, "float8_e8m0fnu": 8,
          "float8_e4m3fnuz": 8, "float8_e5m2fnuz": 8, "int16": 16, "uint16": 16, "float16": 16, "bfloat16": 16, "int32": 32,
          "uint32": 32, "float32": 32, "complex64": 64, "float64": 64, "int64": 64, "uint64": 64}
NAMES = ["", "b", "a", "\U00010000 beyond the 16-bit units", "\uffee just below", "\u00e9", "\u4e2d\u6587", "__proto__", "constructor", "q\"uote\\slash/",
         "\x00\x01\x1f\x7f", "\b\f\n\r\t", "\u2028\u2029", "z", "A", "a.b", "a_b", "a.", "\ue000", "\U0001f600"]
SHAPES = [[], [3], [2, 5], [0], [1, 1, 1, 2], [4, 0, 2], [7]]
buffers, specs = [], {}
for n, (dtype, name) in enumerate(list(zip(DTYPES, NAMES)) + [("float32", "f" + s) for s in NAMES]):
    shape = SHAPES[n % len(SHAPES)]
    if dtype == "float4_e2m1fn_x2":
        shape = [2, 3]
    length = int(np.prod(shape)) * DTYPES[dtype] // 8
    buffers.append((ctypes.c_uint8 * max(length, 1))(*((n + i) % 256 for i in range(length))))
    specs[name] = TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(buffers[-1]), data_len=length)
write("every_dtype.safetensors", serialize(specs, metadata={"f\u00f6rmat \x01": "\"p\\t\" \U0001f600 \u2028"}))
write("empty.safetensors", serialize({}))

# --- float16: every finite value, the midpoints between neighbours and float32's neighbours of those, both signs.
patterns = np.arange(65536, dtype=np.uint16)
halves = patterns.view(np.float16)
decoded = halves.astype(np.float32)
numbers = ~np.isnan(halves)
positive = decoded[:0x7C00].astype(np.float64)
middles = ((positive + np.append(positive[1:], 65536.0)) / 2).astype(np.float32)  # exact
around = np.stack([np.nextafter(middles, np.float32(0)), middles, np.nextafter(middles, np.float32(np.inf))], axis=1).flatten()
around = np.concatenate([around, -around])
with np.errstate(over="ignore"):
    rounded = around.astype(np.float16)
sha = lambda a: hashlib.sha256(a.tobytes()).hexdigest()
write_json("number_formats.json", {
    "note": "float16: all patterns but NaN in ascending order, as float32. around: for 0x0000..0x7bff the middle to the next value (65536 after the last) with the float32 below and above it; then all of that negated.",
    "float16_decoded": sha(decoded[numbers]), "around": sha(around), "around_as_float16": sha(rounded)})

rng = np.random.default_rng(0)
values = (rng.standard_normal(2000) * 10.0 ** rng.integers(-9, 6, 2000)).astype(np.float32)
with np.errstate(over="ignore"):
    save_file({"values": values.astype(np.float16)}, os.path.join(here, "numbers.float16.safetensors"))
save_file({"values": values}, os.path.join(here, "numbers.float32.safetensors"))

# --- header_verdicts.jsonl
random.seed(0)
DATA = bytes(range(40))
VALID = '{"__metadata__":{"k":"v","\\u00e9":"\\n"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"I16","shape":[],"data_offsets":[24,26]},"c":{"dtype":"U8","shape":[7,2],"data_offsets":[26,40]},"e":{"dtype":"F64","shape":[0,9],"data_offsets":[40,40]}}'
TOKENS = ['{', '}', '[', ']', ',', ':', '"', '\\', ' ', '\n', '\t', '\x0b', '\u00a0', '0', '1', '2', '7', '24', '40', '-1', '2.0', '1e1', '00', 'null', 'true', 'false',
          '"F32"', '"U8"', '"dtype"', '"shape"', '"x":', '"x":1,', '"x":[[{}]],', '"x":1.5e-3,', '"x":nul,', '\\u0061', '\\ud83d\\ude00', '\\ud83d', '\\x', '\x00', '\x1f', '\x7f', '18446744073709551616', '9007199254740993', 'F4', 'BOOL']


def change(text):
    kind = random.randrange(5)
    i = random.randrange(len(text) + 1)
    j = min(len(text), i + random.randrange(1, 5))
    if kind == 0:
        return text[:i] + random.choice(TOKENS) + text[i:]
    if kind == 1:
        return text[:i] + text[j:]
    if kind == 2:
        return text[:i] + random.choice(TOKENS) + text[j:]
    digits = [p for p in range(len(text)) if text[p].isdigit()]
    quotes = [p for p in range(len(text)) if text[p] in '",:[]{}']
    if kind == 3 and digits:
        p = random.choice(digits)
        return text[:p] + random.choice("0123456789") + text[p + 1:]
    p = random.choice(quotes) if quotes else 0
    return text[:p] + random.choice(TOKENS) + text[p:]


cases, accepted = [], 0
while len(cases) < 800:
    text = VALID
    for _ in range(random.choice([1, 1, 1, 2])):
        text = change(text)
    header = text.encode()
    file = struct.pack("<Q", len(header)) + header + DATA
    try:
        deserialize(file)
        verdict = "accept"
    except safetensors.SafetensorError:
        verdict = "reject"
    if verdict == "reject" and random.random() < 0.8:
        continue  # most changes break the header; keep a balance
    cases.append([text, verdict])
write("header_verdicts.jsonl", "".join(json.dumps(case) + "\n" for case in cases).encode())
print(sum(v == "accept" for _, v in cases), "of", len(cases), "accepted")
