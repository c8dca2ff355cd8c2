"""What transformers answers to texts without any token, and to texts that truncation cuts a mask off: writes blank.jsonl, a case in each line.

python make_blank.py, in this folder; it takes the models of heads/, which make_heads.py makes, and those of ../../../weights.
Question answering, which transformers 5 has no pipeline for, is in blank_qa.jsonl:  python make_blank.py qa  with transformers 4.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers
from transformers import BertTokenizerFast, pipeline

torch.set_grad_enabled(False)
WEIGHTS = "../../../weights"
BLANKS = ["", " ", "\t\r\n \u3000", "\u200b\u0000"]


def tokenizer_of(name):
    if name == WEIGHTS:
        return BertTokenizerFast.from_pretrained(name)
    return BertTokenizerFast(f"heads/{name}/vocab.txt", do_lower_case=False, model_max_length=64)


def model_of(name, architecture):
    path = name if name == WEIGHTS else f"heads/{name}"
    return getattr(transformers, architecture).from_pretrained(path, dtype=torch.float64).eval()


def load(task, name):
    tokenizer = tokenizer_of(name)
    if task == "next-sentence-prediction":
        model = model_of(name, "BertForNextSentencePrediction")
        return lambda pair: model(**tokenizer(*pair, return_tensors="pt")).logits.softmax(-1)[0].tolist()
    if task == "multiple-choice":
        return lambda one: choices(model_of(name, "BertForMultipleChoice"), tokenizer, **one)
    if task == "sentence-transformers":
        return lambda texts: vectors(model_of(name, "BertModel"), tokenizer, texts)
    architecture = {"fill-mask": "BertForMaskedLM", "token-classification": "BertForTokenClassification",
                    "feature-extraction": "BertModel", "question-answering": "BertForQuestionAnswering"}
    model = model_of(name, architecture.get(task, "BertForSequenceClassification"))
    return pipeline(task, model=model, tokenizer=tokenizer, device="cpu")


def choices(model, tokenizer, text, choices):
    encoded = tokenizer([text] * len(choices), choices, padding=True, return_tensors="pt")
    return model(**{name: tensor[None] for name, tensor in encoded.items()}).logits[0].softmax(0).tolist()


def vectors(model, tokenizer, texts):
    """As sentence_transformers' modules Transformer, Pooling (mean) and Normalize compute them; its first eight numbers."""
    encoded = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    hidden, mask = model(**encoded).last_hidden_state, encoded["attention_mask"][..., None]
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)[:, :8].tolist()


def calls():
    for blank in BLANKS:
        for name in ("nli", "multi_label", "regression"):
            yield "text-classification", name, blank, dict(top_k=None)
        for pair in (dict(text=blank, text_pair="a"), dict(text="a", text_pair=blank), dict(text=blank, text_pair=blank)):
            yield "text-classification", "nli", pair, dict(top_k=None)
        for strategy in ("none", "simple", "first", "average", "max"):
            yield "token-classification", "ner", blank, dict(aggregation_strategy=strategy, ignore_labels=[])
        yield "token-classification", "ner", blank, dict(aggregation_strategy="simple", ignore_labels=[], stride=3)
        yield "token-classification", "ner", [blank, "Emma"], dict(aggregation_strategy="simple", ignore_labels=[])
        yield "token-classification", "ner", [blank], dict(is_split_into_words=True)
        yield "zero-shot-classification", "nli", blank, dict(candidate_labels=["sea", "food"])
        yield "zero-shot-classification", "nli", "a", dict(candidate_labels=["house", blank])
        yield "multiple-choice", "multiple_choice", dict(text=blank, choices=["a", "b"]), {}
        yield "multiple-choice", "multiple_choice", dict(text="a", choices=["a", blank]), {}
        yield "next-sentence-prediction", WEIGHTS, [blank, "a"], {}
        yield "next-sentence-prediction", WEIGHTS, ["a", blank], {}
        yield "feature-extraction", "mlm", blank, {}
        yield "sentence-transformers", "mlm", [blank, "a"], {}
        yield "fill-mask", "mlm", blank, {}
    yield "token-classification", "ner", [], dict(is_split_into_words=True)
    yield "token-classification", "ner", [[], ["Emma"]], dict(is_split_into_words=True, ignore_labels=[])
    cut = dict(tokenizer_kwargs=dict(truncation=True), top_k=2)
    yield "fill-mask", "mlm", "a [MASK] " + "a " * 70, cut
    yield "fill-mask", "mlm", "a " * 70 + "[MASK]", cut


def questions():
    for question, context in [("", "a b"), (" ", "a b"), ("a", ""), ("a", " "), (" ", " ")]:
        for options in ({}, dict(handle_impossible_answer=True)):
            both = dict(question=question, context=context)
            yield "question-answering", "qa", both, dict(max_seq_len=48, doc_stride=16, **options)


def answer(ask, task, inputs, options):
    try:
        return dict(output=ask(**inputs, **options) if task == "question-answering" else ask(inputs, **options))
    except Exception as error:
        return dict(error=f"{type(error).__name__}: {error}")


def main(name, cases):
    pipelines = {}
    with open(name, "w", encoding="utf-8") as file:
        versions = dict(transformers=transformers.__version__, torch=torch.__version__)
        file.write(json.dumps(dict(task="versions", **versions)) + "\n")
        for task, model, inputs, options in cases:
            if (task, model) not in pipelines:
                pipelines[task, model] = load(task, model)
            line = dict(task=task, model="weights" if model == WEIGHTS else model, input=inputs, options=options,
                        **answer(pipelines[task, model], task, inputs, options))
            file.write(json.dumps(line, ensure_ascii=False, default=float) + "\n")


main("blank_qa.jsonl", questions()) if sys.argv[1:] == ["qa"] else main("blank.jsonl", calls())
