"""How Python reads examples. Run: python make_data.py OUT.json. Two environments, as the versions exclude each other:

    labels: datasets 5.2.0, pandas 3.1.1 (python make_data.py labels.json)
    squad:  transformers 4.44.0, the last versions of run_squad.py's reader (python make_data.py squadAnswers.json)
"""
import json, os, sys, tempfile
OUT = sys.argv[1]


def dtype(name, text):
    """The type of the column `label` and its values, as `load_dataset` reads them; run_glue.py regresses to floats."""
    from datasets import load_dataset
    folder = tempfile.mkdtemp()
    file = os.path.join(folder, name)
    with open(file, "w", newline="") as handle: handle.write(text)
    kind = "json" if ".json" in name else "csv"
    data = load_dataset(kind, data_files=file, cache_dir=folder, split="train", **({"sep": "\t"} if name.endswith("tsv") else {}))
    kind = str(data.features["label"].dtype)
    values = data["label"][:]
    return {"type": {"int64": "int", "float64": "float", "bool": "bool"}.get(kind, "string"), "values": values}


def labels():
    columns = [
        ["0", "1"], ["1.5", "2"], ["1.0", "2.0"], ["1e1", "2"], ["1.", "2"], [".5", "2"], ["-1", "+1"], ["-0", "0"], ["1e-2", "1E2"],
        ["True", "False"], ["true", "FALSE"], ["TRUE", "false", "True"], ["T", "F"], ["tRue", "false"], ["yes", "no"],
        ["True", "1"], ["True", "x"], ["1", "x"], ["1.0", "x"], ["01", "1"], [" 1", "2 "], [" 1.5", "2"], [" true", "false"],
        ["0x1", "1"], ["1_0", "1"], ["1d5", "1"], ["1,5", "2"], ["--1", "1"], ["1e", "2"], ["\u0661", "\u0662"], ["a", "b", "a"],
    ]
    out = {"csv": [], "json": []}
    for column in columns:
        for name, delimiter in [("a.csv", ","), ("a.tsv", "\t")]:
            quoted = [f'"{one}"' if delimiter in one else one for one in column]
            text = f"text{delimiter}label\n" + "".join(f"a{delimiter}{one}\n" for one in quoted)
            out["csv"].append({"name": name, "text": text, **dtype(name, text)})
    lines = [["1", "2"], ["1.0", "2.0"], ["1", "2.0"], ["1e1", "1"], ["1E0", "2"], ["-1", "0"], ["1.5", "2"], ["true", "false"], ['"a"', '"b"'],
             ['"1.0"', '"2.0"']]
    for values in lines:
        rows = [f'{{"text": "\\"label\\": 1.5", "nested": {{"label": 2.0}}, "label": {one}}}' for one in values]
        for text in ["".join(row + "\r\n\n" for row in rows), "[" + ",\n".join(rows) + "]"]:
            out["json"].append({"name": "a.json", "text": text, **dtype("a.json", text)})
    return out


def squad():
    """The words that the reader of run_squad.py takes for the answer; null: "Could not find answer", left out."""
    from transformers.data.processors.squad import SquadExample
    from transformers.models.bert.tokenization_bert import whitespace_tokenize
    cases = [
        ("Bob met Ann.", "Bob", 0), ("Bob met Ann.", "Ann", 8), ("Bob met Ann.", "Ann", 7), ("Bob met Ann.", "Ann", 9), ("Bob met Ann.", "Ann", 5),
        ("Bob met Ann.", "Ann", 4), ("Bob met Ann.", "Ann", 0), ("Bob met Ann.", "met Ann", 3), ("Bob met Ann.", "met Ann", 6),
        ("Bob met Ann.", "bob", 0), ("Bob met Ann.", "Bob  met", 0), ("Bob\n met Ann.", "Bob met", 0), ("Bob\u202fmet Ann.", "Bob met", 0),
        ("Bob\u00a0met Ann.", "Bob met", 0), ("Bob met Ann.", " met ", 3), ("Bob met Ann.", "et", 4), ("Bobby-Bob met.", "Bob", 3),
        ("😀 Ann met 😀 Bob.", "Ann", 2), ("😀 Ann met 😀 Bob.", "Ann", 3), ("😀 Ann met 😀 Bob.", "Bob", 10), ("😀 Ann met 😀 Bob.", "Bob", 7),
        ("a b a b a", "a b", 1), ("a b a b a", "b a", 1), ("a b a b a", "a  b", 4), ("x  y", "y", 2), ("x y  ", "y", 3), ("naïve café", "cafe", 6),
        ("(1895-1943).", "1895", 1), ("(1895-1943).", "1943", 5), ("one two three four", "two three", 2), ("one two three four", "three", 2),
    ]
    out = []
    for context, text, start in cases:
        example = SquadExample("q", "?", context, text, start, "T")
        actual = " ".join(example.doc_tokens[example.start_position : example.end_position + 1])
        kept = " ".join(whitespace_tokenize(text)) in actual # squad_convert_example_to_features
        out.append({"context": context, "text": text, "answer_start": start, "kept": actual if kept else None})
    return out


result = squad() if "squad" in OUT else labels()
with open(OUT, "w") as handle: handle.write(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
