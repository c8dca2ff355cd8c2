"""Float64 truth for DistilBERT: tiny random models of each class, as transformers saves them, and what it makes of them.

pip install torch transformers sentence-transformers safetensors && python make_distilbert.py, in this folder. Writes for each
class a folder with the model and its tokenizer, and beside them:
  reference.json         ids, masks and labels, the loss, PyTorch's own error in float32, 20 steps of AdamW: loss and norm
  reference.safetensors  outputs.*: logits, of base the hidden states and attentions; of mlm activations.* of all modules, of
                         the sequence classifier those of its head; gradients.* of all parameters; after the 20 steps final.*;
                         all in float64
and pipelines.jsonl: a line with the versions, then what pipelines and sentence-transformers answer, computed in float64.
"""

import json
import os
import shutil
import string

os.environ["HF_HUB_OFFLINE"] = "1"
import sentence_transformers
import torch
import transformers
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from transformers import DistilBertConfig, DistilBertTokenizer, pipeline

WORDS = """the a an in of to and was is it she he they door window room open shut Emma Anna John London Bath lived read book
letter good bad not example about this ##s ##ed ##ing . , ? !""".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys([*WORDS, *string.ascii_lowercase, *("##" + c for c in "aeinorst")])]
SIZES = dict(vocab_size=len(VOCABULARY), dim=12, n_layers=2, n_heads=3, hidden_dim=20, max_position_embeddings=40, dropout=0.11,
             attention_dropout=0.12, seq_classif_dropout=0.23, qa_dropout=0.14, sinusoidal_pos_embds=False)
NLI = {0: "contradiction", 1: "neutral", 2: "entailment"}
NER = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC"}
CLASSES = {
    "base": ("DistilBertModel", {}),
    "mlm": ("DistilBertForMaskedLM", {}),
    "sequence-classification": ("DistilBertForSequenceClassification", dict(id2label=NLI, label2id={v: k for k, v in NLI.items()})),
    "one-label": ("DistilBertForSequenceClassification", dict(num_labels=1)),
    "token-classification": ("DistilBertForTokenClassification", dict(id2label=NER, label2id={v: k for k, v in NER.items()})),
    "question-answering": ("DistilBertForQuestionAnswering", {}),
    "multiple-choice": ("DistilBertForMultipleChoice", {}),
}
LENGTHS = [9, 6, 2, 8]  # the sequences are padded to the longest
TEXTS = ["The door was open.", "Emma lived in London, not in Bath.", "x", "She read a letter about the doors!"]


def is_norm(name):
    return "LayerNorm" in name or "layer_norm" in name


def initialized(model, seed):
    """Numbers that make every step count: weights of any size, LayerNorms that are not 1 and 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = 0.1 if name.endswith("bias") else 0.2 if is_norm(name) else 0.7 if "embeddings" in name else 0.4
            p.copy_(scale * torch.randn(p.shape, generator=generator))
            if is_norm(name) and name.endswith("weight"):
                p.add_(1)
    return model.eval()


def batch_of(name, seed):
    generator = torch.Generator().manual_seed(100 + seed)
    T = max(LENGTHS)
    ids = torch.randint(5, len(VOCABULARY), (len(LENGTHS), T), generator=generator)
    mask = torch.zeros(len(LENGTHS), T, dtype=torch.long)
    for b, length in enumerate(LENGTHS):
        ids[b, 0], ids[b, length - 1], ids[b, length:], mask[b, :length] = 2, 3, 0, 1
    json_labels = {}
    if name == "mlm":
        labels = torch.where((torch.rand(ids.shape, generator=generator) < 0.4) & (mask == 1), ids, -100)
        json_labels = {"labels": labels}
    elif name == "sequence-classification":
        json_labels = {"labels": torch.tensor([2, 0, 1, 1])}
    elif name == "one-label":
        json_labels = {"labels": torch.tensor([0.5, -1.25, 2.0, 0.0])}
    elif name == "token-classification":
        json_labels = {"labels": torch.where(mask == 1, ids % len(NER), -100)}
    elif name == "question-answering":
        json_labels = {"start_positions": torch.tensor([3, 1, 0, 2]), "end_positions": torch.tensor([5, 4, 1, 2])}
    elif name == "multiple-choice":
        json_labels = {"labels": torch.tensor([1, 0])}
    return {"input_ids": ids, "attention_mask": mask}, json_labels


def outputs_of(name, model, inputs, **options):
    if name == "multiple-choice":  # [questions, choices, T]
        inputs = {field: values.view(2, 2, -1) for field, values in inputs.items()}
    return model(**inputs, **options)


def loss_of(name, model, inputs, labels):
    if name != "question-answering":
        labels = {field: values.to(next(model.parameters()).dtype) if values.is_floating_point() else values for field, values in labels.items()}
        return outputs_of(name, model, inputs, **labels).loss
    # The softmax of the library's own loss runs over padding too, so that it depends on the batch.
    out, padding = model(**inputs), inputs["attention_mask"] == 0
    return sum(cross_entropy(logits.masked_fill(padding, float("-inf")), labels[side])
               for logits, side in ((out.start_logits, "start_positions"), (out.end_logits, "end_positions"))) / 2


def activations_of(name, model, inputs):
    """What each module returns, by its path; attention's probabilities and context, which are none's, as .probs and .context."""
    seen = {}

    def keep(path):
        def hook(_, given, returned):
            if isinstance(returned, tuple):
                seen[f"{path}.probs"] = returned[1]
            seen[path] = returned[0] if isinstance(returned, tuple) else returned
            if path.endswith(".out_lin"):
                seen[path.replace("out_lin", "context")] = given[0]
        return hook

    for path, module in model.named_modules():
        if path and not path.endswith(("position_embeddings", "transformer", "embeddings.dropout", "ffn.dropout", "attention.dropout")):
            module.register_forward_hook(keep(path))
    outputs_of(name, model, inputs)
    wanted = {path: x for path, x in seen.items() if torch.is_tensor(x)}
    return wanted if name == "mlm" else {path: x for path, x in wanted.items() if path in ("pre_classifier", "dropout", "classifier")}


def trained(name, make, inputs, labels):
    """20 steps of AdamW, decay for matrices alone, the norm clipped to 1, a rate that rises for 3 steps and then falls."""
    model = make()
    decays = lambda n: not n.endswith("bias") and not is_norm(n)
    groups = [{"params": [p for n, p in model.named_parameters() if decays(n)], "weight_decay": 0.01},
              {"params": [p for n, p in model.named_parameters() if not decays(n)], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1.0)
    steps = []
    for step in range(20):
        rate = 0.005 * (step / 3 if step < 3 else (20 - step) / 17)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss = loss_of(name, model, inputs, labels)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps.append({"loss": loss.item(), "lr": rate, "grad_norm": norm.item()})
    return steps, {n: p.detach() for n, p in model.named_parameters()}


def write_model(seed, name, architecture, options):
    config = DistilBertConfig(**SIZES, **options, attn_implementation="eager")
    make32 = lambda: initialized(getattr(transformers, architecture)(config), seed)
    make = lambda: make32().double()
    shutil.rmtree(name, ignore_errors=True)
    make32().save_pretrained(name)
    with open("vocab.txt", "w") as file:
        file.write("".join(token + "\n" for token in VOCABULARY))
    DistilBertTokenizer(vocab="vocab.txt", do_lower_case=False, model_max_length=40).save_pretrained(name)
    os.remove("vocab.txt")

    inputs, labels = batch_of(name, seed)
    out = outputs_of(name, make(), inputs, output_hidden_states=True, output_attentions=True)
    tensors, errors = {}, {}
    with torch.no_grad():
        logits = {k: v for k, v in out.items() if torch.is_tensor(v) and k != "last_hidden_state"}
        tensors |= {f"outputs.{k}": v for k, v in logits.items()}
        tensors |= {f"outputs.hidden_states.{n}": h for n, h in enumerate(out.hidden_states)} if name == "base" else {}
        tensors |= {f"outputs.attentions.{n}": a for n, a in enumerate(out.attentions)} if name == "base" else {}
        if name in ("mlm", "sequence-classification"):
            truth, theirs = activations_of(name, make(), inputs), activations_of(name, make32(), inputs)
            tensors |= {f"activations.{k}": v for k, v in truth.items()}
            for path, x in truth.items():  # of real tokens; of probabilities those of real tokens to real tokens
                real = inputs["attention_mask"].bool()
                d = (theirs[path].double() - x)
                if x.dim() == 4:
                    d = d.permute(0, 2, 3, 1)[real.unsqueeze(1) & real.unsqueeze(2)]
                elif x.dim() == 3:
                    d = d[real]
                errors[path] = d.pow(2).mean().sqrt().item()
    reference = {"inputs": {k: v.tolist() for k, v in {**inputs, **labels}.items()}, "pytorch_float32_rms": errors}
    if labels:
        model = make()
        loss = loss_of(name, model, inputs, labels)
        loss.backward()
        tensors |= {f"gradients.{n}": p.grad for n, p in model.named_parameters()}
        reference["loss"] = loss.item()
    if name in ("mlm", "sequence-classification"):
        steps, final = trained(name, make, inputs, labels)
        steps32, final32 = trained(name, make32, inputs, labels)
        reference |= {"adamw": steps, "pytorch_float32_weights_max": {n: (final32[n].double() - p).abs().max().item() for n, p in final.items()}}
        tensors |= {f"final.{n}": p for n, p in final.items()}
    json.dump(reference, open(f"{name}/reference.json", "w"), separators=(",", ":"))
    save_file({k: v.detach().clone() for k, v in tensors.items()}, f"{name}/reference.safetensors")


def plain(value):
    if torch.is_tensor(value):
        return value.tolist()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if hasattr(value, "item") else value


def answers(name, question, context):
    """transformers 5 has no pipeline for it: the probability of each span of words, the softmax over the context and [CLS]."""
    tokenizer = DistilBertTokenizer.from_pretrained(name)
    model = transformers.DistilBertForQuestionAnswering.from_pretrained(name, dtype=torch.float64).eval()
    encoded = tokenizer(question, context, return_tensors="pt")
    assert "token_type_ids" not in encoded
    with torch.no_grad():
        out = model(**encoded)
    inside = [0, *(t for t, part in enumerate(encoded.sequence_ids()) if part == 1)]
    starts, ends = out.start_logits[0, inside].softmax(0), out.end_logits[0, inside].softmax(0)
    places = [encoded.word_to_chars(0, encoded.token_to_word(0, t), 1) for t in inside[1:]]
    spans = {}
    for i in range(len(places)):
        for j in range(i, min(len(places), i + 15)):
            span = places[i].start, places[j].end
            spans[span] = spans.get(span, 0) + (starts[1 + i] * ends[1 + j]).item()
    found = [dict(score=score, start=start, end=end, answer=context[start:end]) for (start, end), score in spans.items()]
    return sorted(found, key=lambda one: -one["score"])


def pipeline_cases():
    def ask(task, name, *args, **options):
        made = pipeline(task, model=name, tokenizer=name, dtype=torch.float64, device="cpu")
        return plain(made(*args, **options))

    nli, ner, qa = "sequence-classification", "token-classification", "question-answering"
    for text in ["The [MASK] was open.", "Emma lived in [MASK]."]:
        yield dict(task="fill-mask", model="mlm", input=text, options={}, output=ask("fill-mask", "mlm", text))
    for text in TEXTS:
        yield dict(task="text-classification", model=nli, input=text, options=dict(top_k=None), output=ask("text-classification", nli, text, top_k=None))
        yield dict(task="token-classification", model=ner, input=text, options=dict(aggregation_strategy="simple"),
                   output=ask("token-classification", ner, text, aggregation_strategy="simple"))
        yield dict(task="feature-extraction", model="base", input=text, options={}, output=ask("feature-extraction", "base", text))
        labels = ["good", "bad", "about London"]
        yield dict(task="zero-shot-classification", model=nli, input=text, options=dict(candidate_labels=labels),
                   output=ask("zero-shot-classification", nli, text, candidate_labels=labels))
    pair = dict(text="The door was open.", text_pair="She read.")
    yield dict(task="text-classification", model=nli, input=pair, options=dict(top_k=None), output=ask("text-classification", nli, pair, top_k=None))
    question = dict(question="Was Emma in London?", context=TEXTS[1])
    yield dict(task="question-answering", model=qa, input=question, options=dict(top_k=3), output=answers(qa, **question)[:3])

    tokenizer = DistilBertTokenizer.from_pretrained("multiple-choice")
    model = transformers.DistilBertForMultipleChoice.from_pretrained("multiple-choice", dtype=torch.float64).eval()
    choices = ["It was shut.", "Anna lived in Bath.", "a"]
    encoded = tokenizer([TEXTS[0]] * 3, choices, padding=True, return_tensors="pt")
    assert "token_type_ids" not in encoded
    scores = model(**{k: v.unsqueeze(0) for k, v in encoded.items()}).logits[0].softmax(0)
    order = scores.argsort(descending=True).tolist()
    yield dict(task="multiple-choice", model="multiple-choice", input=dict(text=TEXTS[0], choices=choices), options={},
               output=[dict(choice=choices[i], index=i, score=scores[i].item()) for i in order])

    model = transformers.DistilBertForMaskedLM.from_pretrained("mlm", dtype=torch.float64).eval()
    for text in TEXTS:
        ids = tokenizer(text, return_tensors="pt").input_ids
        scores = []
        for t in range(1, ids.shape[1] - 1):  # each token masked in turn (Salazar et al. 2020)
            masked = ids.clone()
            masked[0, t] = tokenizer.mask_token_id
            scores.append(model(masked).logits[0, t].log_softmax(0)[ids[0, t]].item())
        yield dict(task="pseudo-log-likelihood", model="mlm", input=text, options={}, output=sum(scores))

    vectors = sentence_transformers.SentenceTransformer("base", device="cpu", model_kwargs=dict(dtype=torch.float64)).encode(TEXTS)
    yield dict(task="embeddings", model="base", input=TEXTS, options={}, output=vectors.tolist())
    ranked = sentence_transformers.CrossEncoder("one-label", device="cpu", model_kwargs=dict(dtype=torch.float64)).rank("Where was Emma?", TEXTS)
    yield dict(task="text-ranking", model="one-label", input="Where was Emma?", options=dict(documents=TEXTS),
               output=[dict(index=r["corpus_id"], score=float(r["score"])) for r in ranked])


def write_sentence_folder():
    """What sentence-transformers writes beside a DistilBERT: the files alone, to be added to those of base."""
    shutil.rmtree("sentence", ignore_errors=True)
    sentence_transformers.SentenceTransformer("base", device="cpu").save_pretrained("sentence")
    for file in os.listdir("sentence"):
        if file in os.listdir("base") or file == "README.md":
            os.remove(f"sentence/{file}")


torch.use_deterministic_algorithms(True)
for seed, (name, (architecture, options)) in enumerate(CLASSES.items()):
    write_model(seed, name, architecture, options)
with open("pipelines.jsonl", "w", encoding="utf-8") as file:
    versions = dict(torch=torch.__version__, transformers=transformers.__version__, sentence_transformers=sentence_transformers.__version__)
    for line in [versions, *pipeline_cases()]:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
write_sentence_folder()
