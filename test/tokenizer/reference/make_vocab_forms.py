"""What transformers makes of vocab.txt in the forms that people have: spaces at line ends, tokens twice, other line ends.

python make_vocab_forms.py, in this folder. Writes vocab_forms.json: the text of each file, its tokens with their ids, and the ids of a text.
"""

import json
import os
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import transformers
from transformers import AutoTokenizer

SPECIAL = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
BASE = SPECIAL + "the\ncat \nsat\nthe\n##s\n"
TEXT = "The cat sats, the end"
FORMS = {
    "usual": SPECIAL + "the\ncat\nsat\n##s\n",
    "spaces and a token twice": BASE,
    "CRLF": BASE.replace("\n", "\r\n"),
    "no newline at the end": BASE.rstrip("\n"),
    "a tab": SPECIAL + "the\t\ncat\t \nsat\n",
    "other spaces": SPECIAL + "the\u00a0\ncat\u3000\u2003\nsat\u0085\n",
    "a space before": SPECIAL + " the\ncat\n",
    "a blank line within": SPECIAL + "the\n\ncat\n",
    "special twice": SPECIAL + "the\n[SEP]\ncat\n",
}


def main():
    forms = {}
    for name, text in FORMS.items():
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "vocab.txt"), "w", newline="") as file:
                file.write(text)
            json.dump({"tokenizer_class": "BertTokenizer", "do_lower_case": True}, open(os.path.join(folder, "tokenizer_config.json"), "w"))
            json.dump({"model_type": "bert"}, open(os.path.join(folder, "config.json"), "w"))
            tokenizer = AutoTokenizer.from_pretrained(folder)
            vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
            forms[name] = dict(vocab=text, tokens=vocabulary, ids=tokenizer(TEXT)["input_ids"])
    with open("vocab_forms.json", "w") as file:
        json.dump(dict(transformers=transformers.__version__, text=TEXT, forms=forms), file, indent=1)
        file.write("\n")


main()
