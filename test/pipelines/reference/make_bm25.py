"""Scores of BM25 by bm25s 0.3.16, its method "lucene", in float64; words by the module regex.

python make_bm25.py, in this folder. Writes bm25.json.
"""

import json
import unicodedata

import bm25s
import regex

# A letter or digit with its marks and what follows of that kind; each Chinese character by itself
WORDS = regex.compile(r"\p{Script=Han}|(?:(?!\p{Script=Han})[\p{L}\p{N}]\p{M}*)+")

TEXTS = [
    "The door is open.",
    "The door of the house — the old door — was open, and the window was not.",
    "He read a letter from Zoë about the RTX-4090 and the ISO9001 norm.",
    "",
    "?! … ❤️",
    "He read a letter from Zoe\u0308.",
    "Die Straße nach Köln; STRASSE, strasse.",
    "你好世界 is hello world; 世界 alone is world.",
    "हिन्दी में एक पत्र।",
    "It’s the sea, the sea, the sea!",
    "The door is open.",
    "𝒳 and 𝐀 are letters beyond 16 bits, and so is 𠮷.",
    "x" * 300 + " 3.14159 42",
]
QUERIES = [
    "Is the door open?",
    "the the THE sea",
    "zoë’s letter",
    "RTX 4090 ISO9001",
    "世界",
    "पत्र हिन्दी",
    "straße",
    "𠮷 𝒳",
    "nothing known here" + " door" * 3,
    "unknown",
    "",
    "… ?!",
    " ".join(TEXTS),
]


def words(text):
    return WORDS.findall(unicodedata.normalize("NFC", text).lower())


def scores(texts):
    retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
    retriever.index([words(text) for text in texts], show_progress=False)
    known = retriever.vocab_dict
    found = []
    for query in QUERIES:
        # Word by word: a sum over the words of the query, each as often as it stands there
        asked = [word for word in words(query) if word in known]
        found.append([float(sum(column)) for column in zip([0.0] * len(texts), *(retriever.get_scores([word]) for word in asked))])
    return found


REMOVED = [0, 7, 9]
golden = {
    "bm25s": bm25s.__version__,
    "texts": TEXTS,
    "queries": QUERIES,
    "words": [words(text) for text in TEXTS],
    "scores": scores(TEXTS),
    "removed": REMOVED,
    "scores_of_rest": scores([text for t, text in enumerate(TEXTS) if t not in REMOVED]),
}
with open("bm25.json", "w") as file:
    file.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in golden.items()) + "\n}\n")
