# activations.py MODEL PLAINBERTS.safetensors OUTPUT.safetensors
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM

folder, plainberts, output = sys.argv[1:]
model = BertForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()
wanted = load_file(plainberts)
seen = {name: wanted[name] for name in ("input_ids", "token_type_ids")}


def keep(name):
    def hook(module, args, result):
        first, *rest = result if isinstance(result, tuple) else (result,)
        seen[name] = first.clone()
        if f"{name}.probs" in wanted:  # attention returns its probabilities too
            seen[f"{name}.probs"] = rest[0].clone()

    return hook


for name, module in model.named_modules():
    if name in wanted:
        module.register_forward_hook(keep(name))
with torch.no_grad():
    model(input_ids=seen["input_ids"], token_type_ids=seen["token_type_ids"])
save_file(seen, output)
