"""Float64 truth for losses that weigh: binary cross-entropy of pairs, weights of classes, smoothed labels.

Run beside this file:  pip install torch transformers sentence-transformers safetensors  &&  python make_weighted.py
Writes model/ (a tiny BERT with the start weights of all heads, as float32), and for each case of CASES
  CASE.float64.safetensors   the gradient of every parameter at the start, with the loss
  weighted.json              batches, weights, and the loss of each of 100 updates of AdamW (learning rate 0.01 that falls to 0,
                             gradients clipped to 1), at the start of which stands the loss of the first batch
The loss of pairs is sentence-transformers' BinaryCrossEntropyLoss, called with the texts; the others are torch's
CrossEntropyLoss(weight=…, label_smoothing=…), which without weights is compared with transformers' LabelSmoother. Dropout is off.
"""
import json, os, shutil, tempfile
import torch, transformers, sentence_transformers
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss
from transformers import (BertConfig, BertForMaskedLM, BertForSequenceClassification, BertForTokenClassification,
                          BertTokenizer, get_linear_schedule_with_warmup)
from transformers.trainer_pt_utils import LabelSmoother

here = os.path.dirname(os.path.abspath(__file__))
STEPS = 100
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] who what where when was is rich poor emma anna paris london saw the a cat dog house sea in of . ?".split()
CLASS_WEIGHTS = [0.5, 2.0, 1.25]
PAIRS = [("who was rich ?", "emma was rich .", 1.0), ("who was rich ?", "the cat was poor .", 0.0), ("who was rich ?", "anna saw emma in the house .", 0.25),
         ("where is paris ?", "the sea .", 0.0), ("where is paris ?", "anna saw paris .", 0.5), ("where is paris ?", "a dog in london .", 0.0),
         ("what is the sea ?", "the sea is the sea .", 1.0), ("what is the sea ?", "emma is a dog .", 0.0), ("when was anna poor ?", "anna was poor in london .", 0.75),
         ("when was anna poor ?", "who is rich ?", 0.0)]

folder = f"{here}/model"
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
with open(f"{folder}/vocab.txt", "w") as f:
    f.write("".join(f"{word}\n" for word in WORDS))
config = BertConfig(vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
                    max_position_embeddings=32, initializer_range=0.3, attn_implementation="eager")
torch.manual_seed(7)
start = {}
for cls, labels in ((BertForSequenceClassification, 3), (BertForMaskedLM, 3)):
    config.num_labels = labels
    for name, tensor in cls(config).state_dict().items():
        if not name.endswith("position_ids") and "decoder" not in name: start.setdefault(name, tensor.contiguous())
for name in start:  # zeros and ones would hide what a bias or a LayerNorm does
    if start[name].dim() == 1: start[name] = start[name] + 0.1 * torch.randn(start[name].shape)
save_file(start, f"{folder}/model.safetensors", metadata={"format": "pt"})
written = config.to_dict() | {"architectures": ["BertForSequenceClassification"]}
for name in ("transformers_version", "_attn_implementation_autoset", "dtype"): written.pop(name, None)
with open(f"{folder}/config.json", "w") as f:
    f.write(json.dumps(written, indent=1) + "\n")
tokenizer = BertTokenizer(f"{folder}/vocab.txt")

def load(cls, **changes):
    model = cls(BertConfig(**{**config.to_dict(), **changes}, attn_implementation="eager")).double().eval()
    state = {n: t.double() for n, t in start.items()}
    if changes.get("num_labels") == 1: state = {n: t[:1] if n.startswith("classifier.") else t for n, t in state.items()}
    missing, _ = model.load_state_dict(state, strict=False)
    assert all("decoder" in name for name in missing), missing
    model.tie_weights()
    return model

encode = lambda pairs: tokenizer([q for q, _, _ in pairs], [t for _, t, _ in pairs], padding=True, return_tensors="pt")
BATCHES = [PAIRS[0:4], PAIRS[4:7], PAIRS[7:10]]
def classes_of(batch): return torch.tensor([(len(q) + 2 * len(t)) % 3 for q, t, _ in batch])
def tags_of(encoded):
    ids = encoded["input_ids"]
    tags = (ids * 7 + torch.arange(ids.shape[1])) % 3
    return tags.masked_fill((ids <= 4) | (ids % 5 == 0), -100)
def masked_of(encoded):
    ids = encoded["input_ids"]
    return ids.masked_fill((ids <= 4) | (ids % 3 != 0), -100)

def cross_entropy(weights, smoothing):
    loss = torch.nn.CrossEntropyLoss(weight=None if weights is None else torch.tensor(weights, dtype=torch.float64), label_smoothing=smoothing)
    def value(logits, labels):
        y = loss(logits.flatten(0, -2), labels.flatten())
        if weights is None: # LabelSmoother sums in float32
            other = LabelSmoother(epsilon=smoothing)({"logits": logits}, labels)
            assert abs(other.item() - y.item()) < 2e-6, (other.item(), y.item())
        return y
    return value

# name: task, weight of positives, weights of classes, smoothing
CASES = {"pairs": ("pairs", None, None, 0.0), "pairs-positives": ("pairs", 2.5, None, 0.0),
         "classes-weights": ("classes", None, CLASS_WEIGHTS, 0.0), "classes-smoothing": ("classes", None, None, 0.1), "classes-both": ("classes", None, CLASS_WEIGHTS, 0.1),
         "tokens-weights": ("tokens", None, CLASS_WEIGHTS, 0.0), "tokens-smoothing": ("tokens", None, None, 0.2), "tokens-both": ("tokens", None, CLASS_WEIGHTS, 0.2),
         "masked-smoothing": ("masked", None, None, 0.1)}

def prepared(task, positives, weights, smoothing):
    """The model and, for each batch, a function that gives its loss."""
    if task == "pairs":
        # CrossEncoder reads a folder: one with a single label.
        single = tempfile.mkdtemp()
        model = load(BertForSequenceClassification, num_labels=1)
        model.save_pretrained(single)
        tokenizer.save_pretrained(single)
        encoder = CrossEncoder(single, model_kwargs={"attn_implementation": "eager"}, device="cpu").double().eval()
        loss = BinaryCrossEntropyLoss(encoder, pos_weight=None if positives is None else torch.tensor(positives))
        inner = encoder[0].model
        state = {n: t.double() for n, t in model.state_dict().items()}
        inner.load_state_dict(state)
        labels = [[y for _, _, y in batch] for batch in BATCHES]
        return inner, [lambda b=b, y=y: loss([[q for q, _, _ in b], [t for _, t, _ in b]], torch.tensor(y)) for b, y in zip(BATCHES, labels)], labels
    loss = cross_entropy(weights, smoothing)
    cls = {"classes": BertForSequenceClassification, "tokens": BertForTokenClassification, "masked": BertForMaskedLM}[task]
    model = load(cls)
    encoded = [encode(batch) for batch in BATCHES]
    labels = [{"classes": lambda: classes_of(b), "tokens": lambda: tags_of(e), "masked": lambda: masked_of(e)}[task]() for b, e in zip(BATCHES, encoded)]
    return model, [lambda e=e, y=y: loss(model(**e).logits, y) for e, y in zip(encoded, labels)], [y.tolist() for y in labels]

cases = {}
for name, (task, positives, weights, smoothing) in CASES.items():
    model, losses, labels = prepared(task, positives, weights, smoothing)
    parameters = {n: p for n, p in model.named_parameters()}
    first = losses[0]()
    first.backward()
    gradients = {n: p.grad.contiguous().clone() for n, p in parameters.items() if p.grad is not None}
    assert all(p.grad is not None for n, p in parameters.items() if "pooler" not in n), name
    save_file(gradients, f"{here}/{name}.float64.safetensors", metadata={"loss": repr(first.item())})
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-2, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, STEPS)
    steps = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = losses[step % len(losses)]()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
        optimizer.step()
        schedule.step()
        steps.append(loss.item())
    with torch.no_grad(): after = losses[0]().item()
    cases[name] = {"task": task, "posWeight": positives, "classWeights": weights, "labelSmoothing": smoothing, "labels": labels, "steps": steps, "after": after}
    print(f"{name:20} {first.item():.6f} after {STEPS} steps {after:.12f}")

batches = []
for batch in BATCHES:
    e = encode(batch)
    keep = lambda row, mask: [v for v, m in zip(row, mask) if m]
    batches.append([{"inputIds": i, "tokenTypeIds": t, "attentionMask": m} for i, t, m in
                    zip(e["input_ids"].tolist(), e["token_type_ids"].tolist(), e["attention_mask"].tolist())])
json.dump({"versions": {"torch": torch.__version__, "transformers": transformers.__version__, "sentence-transformers": sentence_transformers.__version__},
           "pairs": PAIRS, "sizes": [len(b) for b in BATCHES], "batches": batches, "cases": cases},
          open(f"{here}/weighted.json", "w"))
with open(f"{here}/weighted.json", "a") as f: f.write("\n")
