"""Digests of what tokenizers 0.23.2 makes of every code point. Run: python make_code_points.py OUT.json (beside the vocabularies).

For each of five settings and each block of 4,096 code points: the CRC-32 of the lines "ids;offsets;word ids" of the texts `c` and
`a{c}b`, over the block's code points in order, surrogates left out. Numbers are joined by commas, offsets count code points.
With a second argument CODEPOINT prints the lines of that code point's block instead, to find what differs.
"""
import json, os, sys, zlib, tokenizers
from tokenizers.implementations import BertWordPieceTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK = 4096
SETTINGS = [
    {"vocab": "bert-base-cased", "doLowerCase": False, "stripAccents": None, "cleanText": True, "tokenizeChineseChars": True},
    {"vocab": "bert-base-uncased", "doLowerCase": True, "stripAccents": None, "cleanText": True, "tokenizeChineseChars": True},
    {"vocab": "bert-base-uncased", "doLowerCase": True, "stripAccents": False, "cleanText": False, "tokenizeChineseChars": False},
    {"vocab": "bert-base-cased", "doLowerCase": False, "stripAccents": True, "cleanText": False, "tokenizeChineseChars": True},
    {"vocab": "bert-base-cased", "doLowerCase": True, "stripAccents": True, "cleanText": True, "tokenizeChineseChars": False},
]


def build(s):
    return BertWordPieceTokenizer(f"{HERE}/{s['vocab']}/vocab.txt", lowercase=s["doLowerCase"], strip_accents=s["stripAccents"],
                                  clean_text=s["cleanText"], handle_chinese_chars=s["tokenizeChineseChars"])


def lines(tokenizer, first):
    texts = [t for c in range(first, first + BLOCK) if not 0xD800 <= c < 0xE000 for t in (chr(c), f"a{chr(c)}b")]
    numbers = lambda values: ",".join("null" if v is None else str(v) for v in values)
    for text, e in zip(texts, tokenizer.encode_batch(texts)):
        yield f"{numbers(e.ids)};{numbers(x for o in e.offsets for x in o)};{numbers(e.word_ids)}\n"


if len(sys.argv) > 2:
    first = int(sys.argv[2], 16) // BLOCK * BLOCK
    for n, s in enumerate(SETTINGS):
        for line in lines(build(s), first):
            print(n, line, end="")
else:
    digests = [[zlib.crc32("".join(lines(build(s), first)).encode()) for first in range(0, 0x110000, BLOCK)] for s in SETTINGS]
    out = [{**s, "crc32": d} for s, d in zip(SETTINGS, digests)]
    json.dump({"library": f"tokenizers {tokenizers.__version__}", "block": BLOCK, "settings": out}, open(sys.argv[1], "w"), indent=None)
