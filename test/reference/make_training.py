"""More float64 truth for training the tiny model: a span loss without padding, and other activation functions.

Run beside the folder tiny/:  pip install torch transformers safetensors numpy  &&  python make_training.py
Writes tiny/heads/question-answering/unpadded_gradients.float64.safetensors: loss and gradients when the softmax over
positions runs over real tokens alone. (Hugging Face's runs over padding too, so its loss, in gradients.float64, depends on
how long the other sequences of the batch are.)
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
