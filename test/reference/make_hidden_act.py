"""Float64 truth of a very small model under every activation function that config.json's hidden_act may name.

Run beside the folder hidden_act/:  pip install torch transformers safetensors  &&  python make_hidden_act.py
Writes hidden_act/config.json, model.safetensors, inputs.json, and outputs.float64.safetensors: for each NAME of transformers' table
that has no parameters NAME.hidden_states.N, NAME.prediction_logits, and NAME.gradients.PARAMETER, of those with one dimension, of the loss
of MLM and NSP; the losses are in the metadata.
"""
import json, os
import torch, transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining
from transformers.activations import ACT2FN

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hidden_act")
os.makedirs(here, exist_ok=True)
versions = json.dumps({"torch": torch.__version__, "transformers": transformers.__version__})
generator = torch.Generator().manual_seed(1)

sizes = dict(vocab_size=13, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=19, max_position_embeddings=8,
             hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
inputs = {"input_ids": [[2, 5, 7, 12, 3], [2, 11, 3, 0, 0]], "attention_mask": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]],
          "token_type_ids": [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]}
labels = {"mlm_labels": [[-100, 6, -100, 12, -100], [-100, 9, -100, -100, -100]], "next_sentence_label": [1, 0]}

def make(act):
    return BertForPreTraining(BertConfig(**sizes, hidden_act=act, attn_implementation="eager")).eval()

def write_json(name, value):
    with open(f"{here}/{name}", "w") as f:
        f.write(json.dumps(value) + "\n")

weights = {}
for name, p in make("gelu").named_parameters():
    r = torch.randn(p.shape, generator=generator)
    scale = 0.5 if "embeddings" in name else 1.6 / p.shape[-1] ** 0.5
    # What an activation function is given has to reach past its corners at -3, 3, 6 and 10.
    if "intermediate" in name or "transform.dense" in name: scale *= 4
    weights[name] = 1 + 0.2 * r if name.endswith("LayerNorm.weight") else 0.2 * r if name.endswith("bias") else scale * r
write_json("config.json", {"model_type": "bert", "architectures": ["BertForPreTraining"], **sizes})
write_json("inputs.json", inputs | labels)
save_file(weights, f"{here}/model.safetensors", metadata={"format": "pt"})

tensors, losses, reached = {}, {}, []
for act in sorted(ACT2FN):
    if list(ACT2FN[act].parameters()):
        continue
    model = make(act)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and all("decoder" in name for name in missing), (missing, unexpected)
    model.tie_weights()
    model.double()
    module = model.bert.encoder.layer[0].intermediate.dense
    module.register_forward_hook(lambda _module, _inputs, out: reached.extend([out.min().item(), out.max().item()]))
    of = {name: torch.tensor(value) for name, value in inputs.items()}
    out = model(**of, labels=torch.tensor(labels["mlm_labels"]), next_sentence_label=torch.tensor(labels["next_sentence_label"]),
                output_hidden_states=True)
    out.loss.backward()
    losses[act] = out.loss.item()
    tensors |= {f"{act}.hidden_states.{n}": h.detach() for n, h in enumerate(out.hidden_states)}
    tensors[f"{act}.prediction_logits"] = out.prediction_logits.detach()
    tensors |= {f"{act}.gradients.{name}": p.grad for name, p in model.named_parameters() if p.grad is not None and p.dim() == 1}
assert min(reached) < -3 and max(reached) > 10, reached
save_file({name: t.contiguous() for name, t in tensors.items()}, f"{here}/outputs.float64.safetensors",
          metadata={"versions": versions, "losses": json.dumps(losses)})
