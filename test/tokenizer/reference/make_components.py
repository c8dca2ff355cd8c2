"""Ids that Hugging Face's tokenizers gives where tokenizer.json has components that stand for BERT's."""

import json
from pathlib import Path

from tokenizers import Tokenizer

HERE = Path(__file__).parent
TEXTS = [
    "Hello Wörld, unaffable 2016 don't!",
    "中国 is CHINA... (ÉCOLE) -- e\u0301cole",
    "a\u0000b\u200bc\u00a0d\u3000e\ufffdf\tg\nh",
    "İstanbul ΣΑΣ straße ǅ 𝐀𐐀",
    "x\u0488y \u0903z «quoted» “so” 3$+4^5=`~|",
    "[MASK] the [SEP] [mask]",
]
WHITESPACE_PUNCTUATION = {
    "type": "Sequence",
    "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}],
}
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
FORMS = {
    "Lowercase": {"normalizer": {"type": "Lowercase"}},
    "no normalizer": {"normalizer": None},
    "Sequence of Lowercase": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}]}},
    "Sequence of nothing": {"normalizer": {"type": "Sequence", "normalizers": []}},
    "Sequence of a Sequence of BertNormalizer": {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [BERT]}]}
    },
    "Sequence of BertPreTokenizer": {
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}]}
    },
    "WhitespaceSplit, Punctuation": {"pre_tokenizer": WHITESPACE_PUNCTUATION},
    "Lowercase; WhitespaceSplit, Punctuation": {
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": WHITESPACE_PUNCTUATION,
    },
}

own = json.loads((HERE / "bert-base-uncased" / "tokenizer.json").read_text())
own["truncation"] = own["padding"] = None
cases = []
for name, parts in FORMS.items():
    tokenizer = Tokenizer.from_str(json.dumps({**own, **parts}))
    cases.append({"name": name, "parts": parts, "ids": [tokenizer.encode(text).ids for text in TEXTS]})
(HERE / "components.json").write_text(json.dumps({"texts": TEXTS, "cases": cases}) + "\n")
