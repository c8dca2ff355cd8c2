"""PyTorch's vectors for bench/int8.ts: python int8_vectors.py FOLDER < SEQUENCES

SEQUENCES are lists of ids as JSON. Prints the mean of the last hidden states of each, with the model's weights in float32, and with its
linear layers quantised by torch.ao.quantization.quantize_dynamic.
"""

import json
import sys

import torch
from transformers import AutoModel

sequences = json.load(sys.stdin)
model = AutoModel.from_pretrained(sys.argv[1]).eval()
quantised = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)


@torch.no_grad()
def vectors(of):
    return [of(torch.tensor([ids])).last_hidden_state[0].mean(0).tolist() for ids in sequences]


print(json.dumps({"version": torch.__version__, "float32": vectors(model), "int8": vectors(quantised)}))
