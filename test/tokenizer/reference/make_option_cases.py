"""Cases of added tokens, pre-split words, windows and padding, from tokenizers. Run: python make_option_cases.py OUT.json SEED COUNT.

Texts are short and wild: combining marks that NFD reorders, characters that turn into punctuation or into several, added tokens
with every mixture of flags, whitespace of all sorts. Windows come from Encoding.truncate, which sees the whole text (a truncating
encode does not: it stops reading at max_length tokens).
"""
import json, os, random, sys, tokenizers
from tokenizers import AddedToken
from tokenizers.implementations import BertWordPieceTokenizer

OUT, SEED, COUNT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
HERE = os.path.dirname(os.path.abspath(__file__))
rnd = random.Random(SEED)
MARKS = [c for r in ((0x300, 0x370), (0x591, 0x5C8), (0x64B, 0x660), (0x93C, 0x94F), (0x302A, 0x3030), (0x3099, 0x309B), (0x1D165, 0x1D173), (0x16FF0, 0x16FF2), (0x10A0D, 0x10A40), (0xF71, 0xF7E)) for c in range(*r)]
ADDED = ["<e>", "tok en", "NEW", "[X]", "é!", "中国", "left", "right", "both", "one", "İx"]


def character():
    k = rnd.random()
    if k < 0.35: return rnd.choice("abcdeIXKOSzw")
    if k < 0.5: return chr(rnd.choice(MARKS))
    if k < 0.6: return rnd.choice(" \t\n\u3000\u00a0\u0085\u2028")
    if k < 0.65: return rnd.choice("'-.,[]#!≠;≮\u037e\u1fef\u0340\u0344\u0958\u2126\u212bİßẞΣςﬁ가각힣")
    if k < 0.75: return rnd.choice(ADDED + ["[MASK]"])
    while True:
        c = rnd.choice([rnd.randrange(0x20, 0x3000), rnd.randrange(0x10000), rnd.randrange(0x10000, 0x20000)])
        if not 0xD800 <= c < 0xE000: return chr(c)


def text(): return "".join(character() for _ in range(rnd.choice([1, 2, 4, 8, 16])))


def added_tokens():
    often = lambda p: rnd.random() < p
    return [dict(content=c, single_word=c == "one" or often(0.2), lstrip=c in ("left", "both") or often(0.1),
                 rstrip=c in ("right", "both") or often(0.1), normalized=often(0.5), special=often(0.2)) for c in ADDED]


def build(vocab, lower, strip, clean, added):
    t = BertWordPieceTokenizer(f"{HERE}/{vocab}/vocab.txt", lowercase=lower, strip_accents=strip, clean_text=clean)
    t.add_tokens([AddedToken(**a) for a in added])
    return t


settings, built = [], []
for vocab in ("bert-base-cased", "bert-base-uncased"):
    for lower, strip in ((False, None), (True, None), (True, False), (False, True)):
        for clean in (True, False):
            added = added_tokens() if rnd.random() < 0.7 else []
            settings.append(dict(vocab=vocab, doLowerCase=lower, stripAccents=strip, cleanText=clean, added=added))
            built.append(build(vocab, lower, strip, clean, added))

cases = []
for _ in range(COUNT):
    n = rnd.randrange(len(settings)); words = rnd.random() < 0.2
    a = [text() for _ in range(rnd.randrange(4))] if words else text()
    b = text() if not words and rnd.random() < 0.2 else None
    special = rnd.random() < 0.8
    e = built[n].encode(a, b, is_pretokenized=words, add_special_tokens=special)
    cases.append(dict(setting=n, text=a, pair=b, addSpecialTokens=special, ids=e.ids, type_ids=e.type_ids, offsets=e.offsets,
                      word_ids=e.word_ids, special_tokens_mask=e.special_tokens_mask))

plain = build("bert-base-cased", False, None, True, [])
windows = []
for _ in range(COUNT // 10):
    a = text() + " some plain words " + text(); room = rnd.randrange(1, 9); stride = rnd.randrange(room); side = rnd.choice(["left", "right"])
    e = plain.encode(a, add_special_tokens=False); e.truncate(room, stride=stride, direction=side)
    windows.append(dict(text=a, room=room, stride=stride, side=side, ids=[e.ids] + [o.ids for o in e.overflowing]))

padding = []
for _ in range(COUNT // 20):
    texts = [text() for _ in range(rnd.randrange(1, 4))]; side = rnd.choice(["left", "right"]); multiple = rnd.choice([None, 4, 8]); length = rnd.choice([None, 6, 20])
    plain.enable_padding(direction=side, pad_id=0, pad_token="[PAD]", length=length, pad_to_multiple_of=multiple)
    padding.append(dict(texts=texts, side=side, multiple=multiple, length=length, encodings=[
        dict(ids=e.ids, type_ids=e.type_ids, attention_mask=e.attention_mask, special_tokens_mask=e.special_tokens_mask, offsets=e.offsets, word_ids=e.word_ids)
        for e in plain.encode_batch(texts)]))

json.dump(dict(library=f"tokenizers {tokenizers.__version__}", seed=SEED, settings=settings, cases=cases, windows=windows, padding=padding), open(OUT, "w"), separators=(",", ":"))
