"""Writes pytorch.safetensors: the ids and vectors of texts.json by Hugging Face's tokenizers and model, in float64.

    python test/conformance/reference/make_pytorch.py

Made with transformers 5.24, tokenizers and torch. cls [N, H] is the last hidden state of [CLS], mean [N, H] the mean of
all tokens'. The tokenizers library is asked itself, as transformers takes a second text that is empty for none.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertForPreTraining

HERE = pathlib.Path(__file__).parent
WEIGHTS = HERE.parents[2] / "weights"
tokenizer = AutoTokenizer.from_pretrained(WEIGHTS).backend_tokenizer
model = BertForPreTraining.from_pretrained(WEIGHTS, dtype=torch.float64, attn_implementation="eager").eval()
tokenizer.enable_truncation(model.config.max_position_embeddings)

tensors, cls, mean = {}, [], []
for row in json.loads((HERE / "texts.json").read_text()):
    encoding = tokenizer.encode(row["text"], row.get("text_pair"))
    encoded = {"input_ids": torch.tensor([encoding.ids]), "token_type_ids": torch.tensor([encoding.type_ids])}
    with torch.no_grad():
        hidden = model.bert(**encoded).last_hidden_state[0]  # [T, H]
    cls.append(hidden[0])
    mean.append(hidden.mean(0))
    for name, ids in encoded.items():
        tensors[f"{row['name']}.{name}"] = ids
save_file({**tensors, "cls": torch.stack(cls), "mean": torch.stack(mean)}, HERE / "pytorch.safetensors")
