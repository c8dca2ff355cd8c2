"""More float64 truth for training the tiny model: a span loss without padding, and other activation functions.

Run beside the folder tiny/:  pip install torch transformers safetensors numpy  &&  python make_training.py
Writes tiny/heads/question-answering/unpadded_gradients.float64.safetensors: loss and gradients when the softmax over
positions runs over real tokens alone. (Hugging Face's runs over padding too, so its loss, in gradients.float64, depends on
how long the other sequences of the batch are.)
Writes tiny/pytorch_float32_training_error.json: how far PyTorch in float32 is from gradients.float64 and adamw.*.
Writes tiny/hidden_act.gradients.float64.safetensors: for each other activation function the gradients of all parameters with
one dimension, named ACT.NAME, of the same MLM + NSP loss as gradients.float64.
"""
import json, os
import torch, transformers
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForPreTraining, BertForQuestionAnswering

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny")
versions = json.dumps({"torch": torch.__version__, "transformers": transformers.__version__})

def load(cls, folder, **changes):
    config = BertConfig(**{**json.load(open(f"{folder}/config.json")), **changes}, attn_implementation="eager")
    model = cls(config).eval().double()
    state = {name: tensor.double() for name, tensor in load_file(f"{folder}/model.safetensors").items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all("decoder" in name for name in missing), (missing, unexpected)
    model.tie_weights()
    raw = json.load(open(f"{folder}/inputs.json"))
    inputs = {name: torch.tensor(raw[name]) for name in ("input_ids", "attention_mask", "token_type_ids")}
    return model, inputs, raw

def gradients(model):
    return {name: p.grad.contiguous() for name, p in model.named_parameters() if p.grad is not None}

folder = f"{here}/heads/question-answering"
model, inputs, raw = load(BertForQuestionAnswering, folder)
out = model(**inputs)
padding = inputs["attention_mask"] == 0
loss = sum(torch.nn.functional.cross_entropy(logits.masked_fill(padding, float("-inf")), torch.tensor(raw[labels]))
           for logits, labels in ((out.start_logits, "start_positions"), (out.end_logits, "end_positions"))) / 2
loss.backward()
save_file(gradients(model), f"{folder}/unpadded_gradients.float64.safetensors", metadata={"versions": versions, "loss": repr(loss.item())})

tensors, losses = {}, {}
for act in ("gelu_new", "relu", "silu"):
    model, inputs, raw = load(BertForPreTraining, here, hidden_act=act)
    loss = model(**inputs, labels=torch.tensor(raw["mlm_labels"]), next_sentence_label=torch.tensor(raw["next_sentence_label"])).loss
    loss.backward()
    losses[act] = loss.item()
    tensors |= {f"{act}.{name}": g for name, g in gradients(model).items() if g.dim() == 1}
save_file(tensors, f"{here}/hidden_act.gradients.float64.safetensors", metadata={"versions": versions, "losses": json.dumps(losses)})

# PyTorch's own float32 against the float64 files of the tiny model: gradients, and the 20 steps of adamw.json.
config = BertConfig(**json.load(open(f"{here}/config.json")), attn_implementation="eager")
raw = json.load(open(f"{here}/inputs.json"))
inputs = {name: torch.tensor(raw[name]) for name in ("input_ids", "attention_mask", "token_type_ids")}
labels = dict(labels=torch.tensor(raw["mlm_labels"]), next_sentence_label=torch.tensor(raw["next_sentence_label"]))
model = BertForPreTraining(config).eval()
model.load_state_dict(load_file(f"{here}/model.safetensors"), strict=False)
model.tie_weights()
no_decay = lambda name: name.endswith("bias") or "LayerNorm" in name
optimizer = torch.optim.AdamW([{"params": [p for n, p in model.named_parameters() if not no_decay(n)], "weight_decay": 0.01},
                               {"params": [p for n, p in model.named_parameters() if no_decay(n)], "weight_decay": 0.0}], lr=1e-2)
schedule = transformers.get_linear_schedule_with_warmup(optimizer, 4, 20)
truth = load_file(f"{here}/gradients.float64.safetensors")
errors = {"gradient_rms": {}, "steps": []}
for want in json.load(open(f"{here}/adamw.json"))["steps"]:
    optimizer.zero_grad()
    loss = model(**inputs, **labels).loss
    loss.backward()
    if want["step"] == 0:
        errors["gradient_rms"] = {n: (p.grad.double() - truth[n]).pow(2).mean().sqrt().item() for n, p in model.named_parameters() if n in truth}
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    errors["steps"].append({"loss": abs(loss.item() / want["loss"] - 1), "grad_norm": abs(norm.item() / want["grad_norm"] - 1)})
final = load_file(f"{here}/adamw.final.safetensors")
errors["weights_max"] = {n: (p.double() - final[n]).abs().max().item() for n, p in model.named_parameters() if n in final}
with open(f"{here}/pytorch_float32_training_error.json", "w") as f:
    json.dump({"what": "PyTorch's own float32 error against the float64 files; steps: as shares", "versions": json.loads(versions), **errors}, f, indent=1)
    f.write("\n")
