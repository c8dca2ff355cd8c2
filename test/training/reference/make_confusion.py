"""Confusion matrices and scores of classes. Run: python make_confusion.py metrics.json OUT.json.

Needs scikit-learn. The data are those that make_metrics.py made.
"""
import json, sys, warnings
import sklearn
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

warnings.simplefilter("ignore")
cases = []
for case in json.load(open(sys.argv[1], encoding="utf8"))["classification"]:
    y, p = case["references"], case["predictions"]
    scores = precision_recall_fscore_support(y, p, zero_division=0)
    cases.append({"counts": confusion_matrix(y, p).tolist(), "scores": [list(map(float, row)) for row in zip(*scores)]})
with open(sys.argv[2], "w", encoding="utf8") as f:
    f.write(f'{{"version": "{sklearn.__version__}", "cases": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]}\n")
