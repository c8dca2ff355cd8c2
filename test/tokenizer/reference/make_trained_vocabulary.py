"""Writes trained_vocabulary.json: what Hugging Face's WordPieceTrainer learns from training_text.txt, the beginning of Alice's
Adventures in Wonderland and a line of odd characters.

    pip install tokenizers==0.23.2
    python make_trained_vocabulary.py

The "##" characters are numbered in the order of a hash table, which changes from run to run, and equally frequent pairs are merged
in the order of these numbers. So there are RUNS runs of each case, which differ; a trainer that is given a run's order of the "##"
characters must learn that run's vocabulary.
"""

import json
import subprocess
import sys
from pathlib import Path

RUNS = 5
HERE = Path(__file__).parent
SETTINGS = [
    {"lowercase": True, "vocab_size": 500, "min_frequency": 2, "limit_alphabet": 1000, "initial_alphabet": []},
    {"lowercase": False, "vocab_size": 600, "min_frequency": 0, "limit_alphabet": 1000, "initial_alphabet": ["é", "z", "§"]},
    {"lowercase": True, "vocab_size": 10000, "min_frequency": 3, "limit_alphabet": 20, "initial_alphabet": ["z"]},
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def train(settings):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=settings["lowercase"])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    options = {name: value for name, value in settings.items() if name != "lowercase"}
    trainer = trainers.WordPieceTrainer(special_tokens=SPECIAL, show_progress=False, **options)
    tokenizer.train_from_iterator((HERE / "training_text.txt").read_text("utf8").splitlines(), trainer)
    vocab = tokenizer.get_vocab()
    return sorted(vocab, key=vocab.get)


if len(sys.argv) > 1:  # one run in a process of its own, for a hash table of its own
    print(json.dumps(train(SETTINGS[int(sys.argv[1])])))
    sys.exit()

import tokenizers

cases = []
for n, settings in enumerate(SETTINGS):
    runs = [json.loads(subprocess.check_output([sys.executable, __file__, str(n)])) for _ in range(RUNS)]
    print("lengths", [len(run) for run in runs], "distinct", len({tuple(run) for run in runs}))
    cases.append({**settings, "runs": runs})
text = json.dumps({"tokenizers": tokenizers.__version__, "cases": cases}, ensure_ascii=False)
(HERE / "trained_vocabulary.json").write_text(text + "\n", "utf8")
