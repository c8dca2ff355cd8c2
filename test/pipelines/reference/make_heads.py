"""Golden outputs of transformers' pipelines for each task head, with tiny random models that have a small vocabulary.

python make_heads.py, in this folder. Writes heads/NAME/ (the models) and heads.jsonl: a line with the versions, then one for each call.
"""

import json
import math
import os
import string

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
import transformers
from transformers import BatchEncoding, BertConfig, BertTokenizerFast, pipeline

WORDS = """the a an in of to and was is it she he they door window room house table open shut old little went came said
read book letter Emma Anna John Smith London Bath Park street lived walked with from into at what who where when how did
does this example about love sea weather food not good bad sad happy very long short red green ##s ##ed ##ing ##er ##ly
##ness un ##able walk open door . , ? ! ' -""".split()
ALPHABET = string.ascii_letters + string.digits
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
for token in [*WORDS, *ALPHABET, *("##" + c for c in ALPHABET), *'"()$%&/:;']:
    if token not in VOCABULARY:
        VOCABULARY.append(token)

SIZES = dict(vocab_size=len(VOCABULARY), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
             max_position_embeddings=64, initializer_range=0.35)
NLI = ["contradiction", "neutral", "entailment"]
NER = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
MODELS = {
    "nli": ("BertForSequenceClassification", dict(id2label=dict(enumerate(NLI)))),
    "multi_label": ("BertForSequenceClassification", dict(num_labels=4, problem_type="multi_label_classification")),
    "one_label": ("BertForSequenceClassification", dict(num_labels=1)),
    "regression": ("BertForSequenceClassification", dict(num_labels=2, problem_type="regression")),
    "ner": ("BertForTokenClassification", dict(id2label=dict(enumerate(NER)))),
    "qa": ("BertForQuestionAnswering", {}),
    "multiple_choice": ("BertForMultipleChoice", {}),
    "mlm": ("BertForMaskedLM", {}),
}
TEXTS = [
    "The door was open.",
    "Emma Smith lived in London with John and Anna from Bath.",
    "Happy? Not very: she walked unopenable, 3 long (redder) streets!",
    "ünknown ☃ words — and the sea",
    "a",
    "𝒳 went into the 🏠 house, said Anna.",
]
LONG = " ".join(TEXTS[1:3] * 6)
OVERLAPPING = []  # answers that two windows gave
SPLIT = [
    "Emma Smith lived in London with John .".split(" "),
    ["red-red", "walked", "unopenable,", "ünknown", "☃", "New London", "a"],
    ["𝒳", "went", "into", "🏠🏠", "house,", "don't", "Anna"],
]
PAIRS = [dict(text="The door was open.", text_pair="The door was shut."), dict(text="He read.", text_pair="a long letter")]


def write_models():
    for seed, (name, (architecture, options)) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        if "id2label" in options:
            options = {**options, "label2id": {label: i for i, label in options["id2label"].items()}}
        model = getattr(transformers, architecture)(BertConfig(**SIZES, **options)).eval()
        head = model.qa_outputs if name == "qa" else None if name == "mlm" else model.classifier
        with torch.no_grad():
            if head:  # so that labels differ from token to token
                head.weight.mul_(4 if name in ("ner", "qa") else 2)
        model.save_pretrained(f"heads/{name}")
        with open(f"heads/{name}/vocab.txt", "w", encoding="utf-8") as file:
            file.write("".join(token + "\n" for token in VOCABULARY))
        with open(f"heads/{name}/tokenizer_config.json", "w", encoding="utf-8") as file:
            json.dump(dict(do_lower_case=False, model_max_length=64), file)


def windows(count, room, stride):
    """Where each window of a text begins and ends, in tokens."""
    starts = range(0, max(1, count - stride), room - stride)
    return [(start, min(start + room, count)) for start in starts]


class WholeTextTokenizer(BertTokenizerFast):
    """tokenizers 0.23.2 stops reading a text that it cuts into windows soon after the first. This one reads on."""

    def __call__(self, text, *args, stride=0, return_overflowing_tokens=False, **options):
        if not return_overflowing_tokens:
            return super().__call__(text, *args, **options)
        whole = super().__call__(text, add_special_tokens=False, return_offsets_mapping=True)
        rows = {name: [] for name in ("input_ids", "token_type_ids", "attention_mask", "special_tokens_mask", "offset_mapping")}
        parts = windows(len(whole["input_ids"]), 62, stride)
        for start, end in parts:
            fill = max(b - a for a, b in parts) - (end - start)
            tokens = [self.cls_token_id, *whole["input_ids"][start:end], self.sep_token_id]
            rows["input_ids"].append(tokens + [0] * fill)
            rows["token_type_ids"].append([0] * (len(tokens) + fill))
            rows["attention_mask"].append([1] * len(tokens) + [0] * fill)
            rows["special_tokens_mask"].append([1] + [0] * (end - start) + [1] * (1 + fill))
            rows["offset_mapping"].append([(0, 0), *whole["offset_mapping"][start:end], (0, 0)] + [(0, 0)] * fill)
        return BatchEncoding({name: torch.tensor(row) for name, row in rows.items()})


def load(task, name):
    tokenizer = WholeTextTokenizer(f"heads/{name}/vocab.txt", do_lower_case=False, model_max_length=64)
    model = getattr(transformers, MODELS[name][0]).from_pretrained(f"heads/{name}", dtype=torch.float64)
    if task == "multiple-choice":
        return lambda inputs: choices(model.eval(), tokenizer, **inputs)
    if task == "question-answering":
        return lambda inputs, **options: answers(model.eval(), tokenizer, **inputs, **options)
    if task == "pseudo-log-likelihood":
        return lambda text: likelihood(model.eval(), tokenizer, text)
    return pipeline(task, model=model, tokenizer=tokenizer, device="cpu")


def choices(model, tokenizer, text, choices):
    """transformers has the model but no pipeline: the softmax over the logits, best first."""
    encoded = tokenizer([text] * len(choices), choices, padding=True, return_tensors="pt")
    with torch.no_grad():
        scores = model(**{name: tensor[None] for name, tensor in encoded.items()}).logits[0].softmax(0).tolist()
    order = sorted(range(len(choices)), key=lambda i: -scores[i])
    return [dict(choice=choices[i], index=i, score=scores[i]) for i in order]


def answers(model, tokenizer, question, context, max_seq_len, doc_stride, top_k=1, max_answer_len=15,
            handle_impossible_answer=False, align_to_words=True):
    """transformers 5 has no pipeline for it. From the definition: of all windows the best score of each span of characters."""
    whole = tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
    places = whole["offset_mapping"]
    if align_to_words:
        places = [tuple(whole.word_to_chars(word)) for word in whole.word_ids()]
    before = [tokenizer.cls_token_id, *tokenizer(question, add_special_tokens=False)["input_ids"], tokenizer.sep_token_id]
    seen, null_scores = {}, []
    for first, last in windows(len(places), max_seq_len - 1 - len(before), doc_stride):
        ids = [*before, *whole["input_ids"][first:last], tokenizer.sep_token_id]
        types = [0] * len(before) + [1] * (len(ids) - len(before))
        with torch.no_grad():
            output = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]))
        inside = [0, *range(len(before), len(ids) - 1)]  # [CLS] and the context
        starts, ends = (np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
                        for logits in (output.start_logits[0, inside].numpy(), output.end_logits[0, inside].numpy()))
        table = np.outer(starts, ends)
        null_scores.append(table[0, 0])
        here = {}  # in one window, spans of tokens that are widened to the same words exclude each other
        for i in range(first, last):
            for j in range(i, min(last, i + max_answer_len)):
                span = places[i][0], places[j][1]
                here[span] = here.get(span, 0) + table[1 + i - first, 1 + j - first]
        for span, score in here.items():
            seen.setdefault(span, []).append(score)
    found = [dict(score=max(scores), start=start, end=end, answer=context[start:end]) for (start, end), scores in seen.items()]
    if handle_impossible_answer:
        found.append(dict(score=min(null_scores), start=0, end=0, answer=""))
    found = sorted(found, key=lambda one: -one["score"])[:top_k]
    OVERLAPPING.extend(one for one in found if len(seen.get((one["start"], one["end"]), [])) > 1)
    return found[0] if top_k == 1 else found


def likelihood(model, tokenizer, text):
    """Salazar et al. 2020, equation 1, token by token."""
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    tokens = []
    for t in range(1, ids.shape[1] - 1):
        masked = ids.clone()
        masked[0, t] = tokenizer.mask_token_id
        with torch.no_grad():
            score = model(input_ids=masked).logits[0, t].log_softmax(0)[ids[0, t]].item()
        tokens.append(dict(token=tokenizer.convert_ids_to_tokens(ids[0, t].item()), score=score))
    score = sum(token["score"] for token in tokens)
    return dict(score=score, perplexity=math.exp(-score / len(tokens)), tokens=tokens)


def calls():
    text = lambda model, inputs, **options: ("text-classification", model, inputs, options)
    for model in ("nli", "multi_label", "one_label", "regression"):
        for one in TEXTS + PAIRS:
            yield text(model, one, top_k=None)
        for function in ("sigmoid", "softmax", "none"):
            yield text(model, TEXTS[1], top_k=None, function_to_apply=function)
        yield text(model, TEXTS, top_k=2)
    for strategy in ("none", "simple", "first", "average", "max"):
        for one in TEXTS:
            yield "ner", "ner", one, dict(aggregation_strategy=strategy)
            yield "ner", "ner", one, dict(aggregation_strategy=strategy, ignore_labels=[])
        yield "ner", "ner", TEXTS[1], dict(aggregation_strategy=strategy, ignore_labels=["O", "PER", "B-LOC"])
        for one in SPLIT:
            for options in (dict(), dict(delimiter=""), dict(delimiter=" / ", ignore_labels=[])):
                yield "ner", "ner", one, dict(aggregation_strategy=strategy, is_split_into_words=True, **options)
        if strategy != "none":
            for stride in (0, 5, 30):
                yield "ner", "ner", LONG, dict(aggregation_strategy=strategy, stride=stride)
    questions = ["Who lived in London?", "Where did the happy Emma walk?"]
    for question in questions:
        for context in TEXTS + [LONG]:
            both = dict(question=question, context=context)
            yield "question-answering", "qa", both, dict(max_seq_len=48, doc_stride=16)
            yield "question-answering", "qa", both, dict(max_seq_len=48, doc_stride=16, top_k=5)
            yield "question-answering", "qa", both, dict(max_seq_len=48, doc_stride=16, top_k=4, max_answer_len=3)
            yield "question-answering", "qa", both, dict(max_seq_len=48, doc_stride=16, top_k=3, handle_impossible_answer=True)
            yield "question-answering", "qa", both, dict(max_seq_len=48, doc_stride=16, top_k=3, align_to_words=False)
        for context in (LONG, "a " * 50, "red unopenable " * 12, "unopenable" * 9):
            for stride in (0, 5, 16):  # with 16 a token is in four windows or more
                both = dict(question=question, context=context)
                sizes = dict(max_seq_len=len(question) // 2 + 20, doc_stride=stride)
                yield "question-answering", "qa", both, dict(**sizes, top_k=12)
                yield ("question-answering", "qa", both,
                       dict(**sizes, top_k=12, align_to_words=False, handle_impossible_answer=True))
    for one in TEXTS:
        for labels in (["sea", "weather", "food"], ["love"]):
            for multi in (False, True):
                yield "zero-shot-classification", "nli", one, dict(candidate_labels=labels, multi_label=multi)
        yield ("zero-shot-classification", "nli", one,
               dict(candidate_labels="sea, red house", hypothesis_template="It was about {}, not love."))
        yield "pseudo-log-likelihood", "mlm", one, {}
        yield "multiple-choice", "multiple_choice", dict(text=one, choices=TEXTS[:5]), {}


def float_or_int(value):
    return int(value) if isinstance(value, np.integer) else float(value)


def main():
    os.makedirs("heads", exist_ok=True)
    write_models()
    pipelines = {}
    with open("heads.jsonl", "w", encoding="utf-8") as file:
        versions = dict(transformers=transformers.__version__, torch=torch.__version__)
        file.write(json.dumps(dict(task="versions", **versions)) + "\n")
        for task, model, inputs, options in calls():
            key = task, model
            if key not in pipelines:
                pipelines[key] = load(task, model)
            output = pipelines[key](inputs, **options)
            line = dict(task=task, model=model, input=inputs, options=options, output=output)
            file.write(json.dumps(line, ensure_ascii=False, default=float_or_int) + "\n")
    assert len(OVERLAPPING) > 100, "no case tests what two windows give"


main()
