"""Writes src/tokenizer/unicodeTables.ts: what tokenizers 0.23.2 takes for a control character, a mark, punctuation, lower case, ...

Every table is measured, code point by code point, on the library itself, so that ours equal it whatever Unicode version it
was built with and whatever Unicode version the JavaScript engine has. Run: python make_unicode_tables.py (tokenizers 0.23.2).
"""
import os, tokenizers
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordPiece

assert tokenizers.__version__ == "0.23.2"
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../src/tokenizer/unicodeTables.ts")
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def bert(**on):
    return normalizers.BertNormalizer(**{**dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False), **on})


clean, strip, lower = bert(clean_text=True), bert(strip_accents=True), bert(lowercase=True)
nfd, split = normalizers.NFD(), pre_tokenizers.BertPreTokenizer()

control = [c for c in CODE_POINTS if c != 0xFFFD and clean.normalize_str(chr(c)) == ""]  # U+FFFD goes too, but as itself
pieces = {c: len(split.pre_tokenize_str("a" + chr(c) + "b")) for c in CODE_POINTS}
whitespace = [c for c in CODE_POINTS if pieces[c] == 2]
punctuation = [c for c in CODE_POINTS if pieces[c] == 3]
decomposition = {c: nfd.normalize_str(chr(c)) for c in CODE_POINTS if nfd.normalize_str(chr(c)) != chr(c)}
nonspacing = [c for c in CODE_POINTS if c not in decomposition and strip.normalize_str(chr(c)) == ""]
lowercase = {c: lower.normalize_str(chr(c)) for c in CODE_POINTS if lower.normalize_str(chr(c)) != chr(c)}
# The whitespace that clean_text turns into a space is the pre-tokenizer's, less what it removes as control.
assert {c for c in CODE_POINTS if clean.normalize_str(chr(c)) == " "} == set(whitespace) - set(control)
# Stripping accents is NFD, then dropping the non-spacing marks: no third rule hides in it.
marks = set(nonspacing)
for c, d in decomposition.items():
    assert strip.normalize_str(chr(c)) == "".join(x for x in d if ord(x) not in marks), hex(c)

# Canonical combining classes, by their effect: NFD swaps "x c" exactly if ccc(x) > ccc(c) > 0. One mark of each class, ascending.
LADDER = [0x334, 0x16FF0, 0x93C, 0x3099, 0x94D] + [0x5B0 + i for i in range(10)] + [0x5BB, 0x5BC, 0x5BD, 0x5BF, 0x5C1, 0x5C2, 0xFB1E] + \
    [0x64B + i for i in range(8)] + [0x670, 0x711, 0xC55, 0xC56, 0xE38, 0xE48, 0xEB8, 0xEC8, 0xF71, 0xF72, 0xF74, 0x321, 0x1DCE, 0x31B, 0x302A, 0x316, 0x59A, 0x302E, 0x1D16D, 0x5AE, 0x301, 0x315, 0x35C, 0x35D, 0x345]
swaps = lambda a, b: nfd.normalize_str(chr(a) + chr(b)) == chr(b) + chr(a)
LADDER = [c for c in LADDER if c not in decomposition and (swaps(c, 0x334) or swaps(0x301, c))]
rank = lambda c: 1 + sum(swaps(c, x) for x in LADDER)  # 1 + how many rungs are lower: orders as the class does
classes = {c: rank(c) for c in CODE_POINTS if c not in decomposition and (swaps(c, 0x334) or swaps(0x345, c))}

library = Tokenizer(WordPiece({"[UNK]": 0, "x": 1}, unk_token="[UNK]"))
library.add_tokens([AddedToken("x", single_word=True, normalized=False)])
word = [c for c in CODE_POINTS if chr(c) != "x" and len(library.encode("x" + chr(c)).ids) == 1]
word = sorted(set(word) | {ord("x")})


def base36(n):
    digits = ""
    while n or not digits:
        n, r = divmod(n, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[r] + digits
    return digits


def runs(keys, same=lambda a, b: True, steps=(1,)):
    """[first, step, count] of the maximal runs of equally spaced keys."""
    out = []
    for c in sorted(keys):
        if out:
            first, step, count = out[-1]
            if count == 1 and c - first in steps and same(first, c):
                out[-1] = [first, c - first, 2]
                continue
            if count > 1 and c == first + step * count and same(first, c):
                out[-1][2] += 1
                continue
        out.append([c, 1, 1])
    return out


def ranges(keys):
    text, last = [], 0
    for first, _, count in runs(keys):
        text.append(f"{base36(first - last)},{base36(count)}")
        last = first
    return " ".join(text)


def valued_runs(values):
    text, last = [], 0
    for first, step, count in runs(values, lambda a, b: values[a] == values[b], (1, 2)):
        text.append(f"{base36(first - last)},{step},{base36(count)},{'-' if values[first] < 0 else ''}{base36(abs(values[first]))}")
        last = first
    return " ".join(text)


def mappings(mapping):
    text, last = [], 0
    for c in sorted(mapping):
        text.append(f"{base36(c - last)}," + ",".join(base36(ord(x)) for x in mapping[c]))
        last = c
    return " ".join(text)


single = {c: ord(d) - c for c, d in lowercase.items() if len(d) == 1}
assert {c: d for c, d in lowercase.items() if len(d) > 1} == {0x130: "i\u0307"}
hangul = [c for c in decomposition if 0xAC00 <= c <= 0xD7A3]
assert len(hangul) == 11172
for c in hangul:
    del decomposition[c]

TABLES = [
    ("CONTROL", "Removed by `clean_text`: the categories Cc, Cf, Co less tab, line feed and carriage return; not Cn. Pairs `gap,length`.", ranges(control)),
    ("WHITESPACE", "Separates words. Pairs `gap,length`.", ranges(whitespace)),
    ("PUNCTUATION", "A word of its own. Pairs `gap,length`.", ranges(punctuation)),
    ("NONSPACING_MARK", "Dropped with the accents (category Mn). Pairs `gap,length`.", ranges(nonspacing)),
    ("WORD_CHARACTER", "Regular expression `\\\\w`, for added tokens that match single words only. Pairs `gap,length`.", ranges(word)),
    ("LOWERCASE", "Lower case as a difference: `gap,step,count,difference`. U+0130, the one with two code points, is not here.", valued_runs(single)),
    ("COMBINING_CLASS", "Order of the canonical combining classes above 0: `gap,step,count,rank`.", valued_runs(classes)),
    ("DECOMPOSITION", "Full canonical decomposition, Hangul syllables left out: `gap,first,second,...`.", mappings(decomposition)),
]
with open(OUT, "w") as out:
    out.write("// Generated by test/tokenizer/reference/make_unicode_tables.py from tokenizers 0.23.2; do not edit.\n")
    out.write("// Numbers are base 36; `gap` is the distance from the first code point of the entry before.\n")
    for name, comment, text in TABLES:
        out.write(f"\n/** {comment} */\nexport const {name}: string =\n  \"{text}\";\n")
print({name: len(text) for name, _, text in TABLES}, "ladder", len(LADDER), "classes", len(classes))
