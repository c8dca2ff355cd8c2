"""More float64 truth for the tiny model: its float16 and bfloat16 files, and head masks.

Run beside the folder tiny/:  pip install torch transformers safetensors numpy  &&  python make_extra.py
Writes tiny/storage.{float16,bfloat16}.float64.safetensors (logits of the half-width files, computed in float64) and
tiny/head_mask.float64.safetensors (hidden states when each head's output is multiplied by head_mask).
"""
import json, os
import torch, transformers
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForPreTraining

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny")
versions = json.dumps({"torch": torch.__version__, "transformers": transformers.__version__})
config = BertConfig(**json.load(open(f"{here}/config.json")), attn_implementation="eager")
raw = json.load(open(f"{here}/inputs.json"))
inputs = {name: torch.tensor(raw[name]) for name in ("input_ids", "attention_mask", "token_type_ids")}

def model_of(file):
    model = BertForPreTraining(config).eval().double()
    state = {name: tensor.double() for name, tensor in load_file(f"{here}/{file}").items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("decoder" in name for name in missing), (missing, unexpected)
    model.tie_weights()
    return model

with torch.no_grad():
    for dtype in ("float16", "bfloat16"):
        out = model_of(f"model.{dtype}.safetensors")(**inputs)
        save_file({"prediction_logits": out.prediction_logits.contiguous(), "seq_relationship_logits": out.seq_relationship_logits.contiguous()},
                  f"{here}/storage.{dtype}.float64.safetensors", metadata={"versions": versions})

    model = model_of("model.safetensors")
    head_mask = torch.tensor([[1.0, 0.0, 0.5], [0.25, 1.0, 0.0]], dtype=torch.float64)
    D = config.hidden_size // config.num_attention_heads
    for layer, mask in zip(model.bert.encoder.layer, head_mask):
        # The heads' outputs, side by side, are the input of the output projection.
        layer.attention.output.dense.register_forward_pre_hook(
            lambda _module, args, mask=mask: (args[0] * mask.repeat_interleave(D),))
    out = model(**inputs, output_hidden_states=True)
    save_file({"head_mask": head_mask} | {f"hidden_states.{n}": h.contiguous() for n, h in enumerate(out.hidden_states)},
              f"{here}/head_mask.float64.safetensors", metadata={"versions": versions})
