"""Writes checkpoints with torch.save, and what they hold with the official safetensors library.

pip install torch transformers safetensors numpy huggingface_hub  &&  python make_reference.py
Made with PyTorch 2.13.0, transformers 5.18.0; all versions are in the metadata of expected.safetensors.
Needs ../../../reference/tiny. Every file is read back by torch.load(weights_only=True) before the script ends, the hostile ones
are refused by it.
"""
import collections, io, json, os, pathlib, zipfile
import torch, transformers, safetensors, huggingface_hub
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForPreTraining

here = pathlib.Path(__file__).parent
tiny = here / "../../../reference/tiny"

# Each dtype and each way to lie in a storage.
g = torch.Generator().manual_seed(0)
base = torch.randn(4, 6, generator=g)
flat = torch.randn(60, generator=g)
tensors = collections.OrderedDict(
    float32=base,
    tied=base,  # the same storage
    parameter=torch.nn.Parameter(base[1]),
    transposed=base.t(),
    columns=base[:, 1:5:2],
    reversed_axes=torch.randn(2, 3, 4, generator=g).permute(2, 0, 1),
    window=flat[7:37].view(5, 6),
    overlapping=flat.as_strided((4, 5), (3, 1), 10),
    one_row_of_any_stride=base[2:3],
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 3),
    float16=base.half(),
    bfloat16=base.bfloat16(),
    bfloat16_transposed=base.bfloat16().t(),
    float64=base.double() / 3,
    int64=torch.tensor([[-(2**40), 2**40], [7, -1]]),
    int32=torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    int16=torch.tensor([-32768, 32767], dtype=torch.int16),
    int8=torch.tensor([-128, 127], dtype=torch.int8),
    uint8=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False, True]),
    uint16=torch.tensor([1, 65535], dtype=torch.uint16),
    uint32=torch.tensor([1, 2**32 - 1], dtype=torch.uint32),
    uint64=torch.tensor([1, 2**53], dtype=torch.uint64),
)
tensors["with a é 😀 and a . in its name"] = torch.tensor([1.0])

def expected(state):
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}

def save(state, name, **options):
    torch.save(state, here / name, **options)

versions = {"torch": torch.__version__, "transformers": transformers.__version__, "safetensors": safetensors.__version__,
            "huggingface_hub": huggingface_hub.__version__}
save_file(expected(tensors), here / "expected.safetensors", metadata=versions)
save(tensors, "tensors.bin")
save(tensors, "tensors.protocol4.bin", pickle_protocol=4)
# torch.load cannot read these three from the old format itself.
older = {name: tensor for name, tensor in tensors.items() if name not in ("uint16", "uint32", "uint64")}
save(older, "tensors.legacy.bin", _use_new_zipfile_serialization=False)
# Of dtypes that safetensors knows and no BERT is computed in: somebody's buffers beside the model's weights.
others = {name: torch.tensor([1.0, -2.0]).to(getattr(torch, name)) for name in
          ("complex64", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu")}
values = {"size": torch.Size([2, 3]), "set": {1, 2}, "complex": 1j, "bytes": b"x", "bytearray": bytearray(b"x"), "counter": collections.Counter("aab"),
          "device": torch.device("cpu"), "layout": torch.strided, "sparse": torch.eye(3).to_sparse(), "count": 3, "none": None}
stateful = torch.nn.Parameter(base[2])
stateful.is_initialised = True  # as transformers 5 marks what it has loaded
repeated = {"parameter": stateful, "repeated": torch.tensor([2.5]).expand(4), "rows": base[1].expand(3, 6)}
save({"float32": base, **others, **values, **repeated}, "tensors.others.bin")
torch.serialization.set_crc32_options(False)
save(tensors, "tensors.no_checksums.bin")
torch.serialization.set_crc32_options(True)

# As a big-endian machine writes it: every storage with the bytes of its elements reversed.
widths = {name: tensor.element_size() for name, tensor in tensors.items()}
key_width = {}
with zipfile.ZipFile(here / "tensors.bin") as source:
    class Widths(torch.serialization._weights_only_unpickler.Unpickler):
        def persistent_load(self, pid):
            _, kind, key, _, length = pid
            dtype = getattr(kind, "dtype", torch.uint8)
            key_width[key] = torch.empty(0, dtype=dtype).element_size()
            return torch.storage.TypedStorage(length, dtype=dtype)
    Widths(io.BytesIO(source.read("tensors/data.pkl"))).load()
    # Storages without a type of their own: uint16, uint32, uint64, in the order of the dict.
    names = [key for key, width in key_width.items() if width == 1][-3:]
    key_width.update(zip(names, (2, 4, 8)))
    with zipfile.ZipFile(here / "tensors.big_endian.bin", "w", zipfile.ZIP_STORED) as target:
        for entry in source.namelist():
            content = source.read(entry)
            if entry == "tensors/byteorder":
                content = b"big"
            elif entry.startswith("tensors/data/"):
                width = key_width[entry.split("/")[-1]]
                content = b"".join(content[i:i + width][::-1] for i in range(0, len(content), width))
            target.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), content)

# A checkpoint as those of 2018: gamma and beta, position_ids, the decoder tied to the word embeddings, _metadata.
config = BertConfig(**json.load(open(tiny / "config.json")))
model = BertForPreTraining(config).eval()
model.load_state_dict(load_file(tiny / "model.safetensors"), strict=False)
model.tie_weights()
state = model.state_dict()
legacy = type(state)()
legacy._metadata = state._metadata
for name, tensor in state.items():
    legacy[name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")] = tensor
legacy["bert.embeddings.position_ids"] = torch.arange(config.max_position_embeddings).expand((1, -1))
assert legacy["cls.predictions.decoder.weight"].data_ptr() == legacy["bert.embeddings.word_embeddings.weight"].data_ptr()
os.makedirs(here / "old", exist_ok=True)
torch.save(legacy, here / "old" / "pytorch_model.bin")

# In shards, as Hugging Face writes them; half width keeps the files small.
os.makedirs(here / "sharded", exist_ok=True)
half = {name: tensor.half() for name, tensor in load_file(tiny / "model.safetensors").items()}
huggingface_hub.save_torch_state_dict(half, here / "sharded", safe_serialization=False, max_shard_size="50KB")

# What must be refused; torch.load(weights_only=True) refuses the same.
class Evil:
    def __init__(self, function, *args): self.reduced = (function, args)
    def __reduce__(self): return self.reduced

hostile = {
    "os_system": {"a": Evil(os.system, "touch pwned")},
    "eval": collections.OrderedDict(a=base, b=Evil(eval, "open('pwned', 'w')")),
    "module": torch.nn.Linear(2, 2),
    "getattr": Evil(getattr, {}, "clear"),
}
for name, value in hostile.items():
    for protocol in (2, 4):
        save(value, f"hostile.{name}.protocol{protocol}.bin", pickle_protocol=protocol)
        try:
            torch.load(here / f"hostile.{name}.protocol{protocol}.bin", weights_only=True)
        except Exception:
            continue
        raise AssertionError(name)

want = load_file(here / "expected.safetensors")
for name in ("tensors", "tensors.legacy", "tensors.no_checksums", "tensors.big_endian"):
    got = torch.load(here / f"{name}.bin", weights_only=True)
    assert got.keys() == (older.keys() if "legacy" in name else want.keys())
    for key in got:
        if "big" in name and key in ("uint16", "uint32", "uint64"):
            continue  # PyTorch 2.13 itself forgets to swap these
        assert torch.equal(got[key].detach(), want[key]) and got[key].dtype == want[key].dtype, (name, key)
