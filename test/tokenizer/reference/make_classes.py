"""Ids that transformers' AutoTokenizer gives where tokenizer.json and tokenizer_config.json disagree, by tokenizer_class.

python make_classes.py, in this folder. Writes classes.json: a tokenizer.json, which parts of it are others, tokenizer_config.json,
and the ids; max_input_chars_per_word is that
of its model. Made with transformers 5.24.0.
"""

import itertools
import json
import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import transformers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
TEXTS = ["The Café 世界 isn't\u0000 Öpen...", "[MASK] unaffable"]


def bert(**changes):
    return {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True, **changes}


NFD = {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"}]}
PARTS = {
    "lower": {},
    "cased": {"normalizer": bert(lowercase=False)},
    "accents": {"normalizer": bert(strip_accents=False)},
    "unclean": {"normalizer": bert(clean_text=False, handle_chinese_chars=False)},
    "Lowercase": {"normalizer": {"type": "Lowercase"}},
    "none": {"normalizer": None},
    "NFD": {"normalizer": NFD},
    "short words": {"max_input_chars_per_word": 8},
    "Whitespace": {"pre_tokenizer": {"type": "Whitespace"}},
}
OF_FILE = ["PreTrainedTokenizerFast", "TokenizersBackend"]  # tokenizer.json counts
OF_CONFIG = ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", None]  # tokenizer_config.json does
CONFIGS = [
    *({"tokenizer_class": name, **flags} for name, flags in itertools.product(OF_FILE, [{}, {"do_lower_case": True}, {"do_lower_case": False, "strip_accents": True}])),
    *({"tokenizer_class": name, "do_lower_case": flag} for name, flag in itertools.product(OF_CONFIG, [True, False])),
    {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False},
]

TOKENS = "[PAD] [UNK] [CLS] [SEP] [MASK] the The cafe Cafe café Café 世 界 世界 isn ' t ##' ##t ' t open Open öpen Öpen . ##. ... una ##ffa ##ble".split()
own = json.loads((HERE / "bert-base-uncased" / "tokenizer.json").read_text())
own["truncation"] = own["padding"] = None
own["model"]["vocab"] = {token: n for n, token in enumerate(dict.fromkeys(TOKENS))}
own["added_tokens"] = [{**token, "id": own["model"]["vocab"][token["content"]]} for token in own["added_tokens"]]
own["post_processor"]["special_tokens"] = {t: {"id": t, "ids": [own["model"]["vocab"][t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}
rows = []
for (name, parts), config in itertools.product(PARTS.items(), CONFIGS):
    config = {key: value for key, value in config.items() if value is not None}
    if name in ("NFD", "Whitespace") and config.get("tokenizer_class") in OF_FILE:
        continue  # they give other tokens than BERT's
    file = {**own, **parts}
    if "max_input_chars_per_word" in file:
        file["model"] = {**own["model"], "max_input_chars_per_word": file.pop("max_input_chars_per_word")}
    with tempfile.TemporaryDirectory() as folder:
        for path, content in {"tokenizer.json": file, "tokenizer_config.json": config, "config.json": {"model_type": "bert"}}.items():
            Path(folder, path).write_text(json.dumps(content))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows.append({"name": name, "parts": parts, "config": config, "ids": [tokenizer(text)["input_ids"] for text in TEXTS]})
lines = ",\n".join(json.dumps(row) for row in rows)
(HERE / "classes.json").write_text(f'{{"transformers": "{transformers.__version__}", "texts": {json.dumps(TEXTS)},\n"file": {json.dumps(own)},\n"rows": [\n{lines}\n]}}\n')
