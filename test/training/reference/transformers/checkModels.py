"""Compares what Python's transformers answer from the folders of makeModels.ts with what plainbert answered.

    python checkModels.py FOLDER
"""

import json
import sys
import warnings

import torch
import transformers
from transformers import AutoConfig, AutoTokenizer

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
print(f"torch {torch.__version__}, transformers {transformers.__version__}")

OUTPUTS = {
    "logits": "logits",
    "prediction_logits": "predictionLogits",
    "seq_relationship_logits": "seqRelationshipLogits",
    "start_logits": "startLogits",
    "end_logits": "endLogits",
}
LIMIT = 2e-5
failed = False
for name in "single-label multi-label regression token question choice next-sentence mask pretrained".split():
    folder = f"{sys.argv[1]}/{name}"
    with open(f"{folder}/answers.json") as file:
        expected = json.load(file)
    config = AutoConfig.from_pretrained(folder)
    architecture = config.architectures[0]
    model, info = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True)
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    worst, compared = 0.0, 0
    for text, inputs, answers in zip(expected["texts"], expected["inputs"], expected["answers"]):
        encoded = tokenizer(text, "it was a good film.", return_tensors="pt")
        assert encoded["input_ids"][0].tolist() == inputs["inputIds"], (name, text)
        assert encoded["token_type_ids"][0].tolist() == inputs["tokenTypeIds"], (name, text)
        if architecture == "BertForMultipleChoice":
            encoded = {key: value[None] for key, value in encoded.items()}
        with torch.no_grad():
            got = model(**encoded)
        for theirs, ours in OUTPUTS.items():
            if theirs not in got:
                assert ours not in answers, (name, ours)
                continue
            want = torch.tensor(answers[ours]["data"]).reshape(answers[ours]["shape"])
            assert got[theirs].shape == want.shape, (name, theirs, got[theirs].shape, want.shape)
            difference = (got[theirs] - want).abs().max().item()
            assert difference == difference, (name, theirs)
            worst, compared = max(worst, difference), compared + want.numel()
    labels = [config.id2label[i] for i in range(len(config.id2label))]
    assert labels == expected["labels"], (name, labels)
    loose = {key: value for key, value in info.items() if value}
    ok = worst <= LIMIT and compared > 0 and not loose
    failed |= not ok
    print(
        f"{'ok' if ok else 'FAILED':6} {name:14} {architecture:30} {config.problem_type or '':27} "
        f"{compared:5} numbers, largest difference {worst:.1e}; labels {', '.join(labels)}{loose or ''}"
    )
sys.exit(failed)
