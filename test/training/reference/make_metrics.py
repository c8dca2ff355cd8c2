"""Golden values of metrics. Run: python make_metrics.py OUT.json SEED.

Needs scikit-learn, scipy, transformers (whose squad_metrics is the official evaluate-v2.0.py) and seqeval. What is not a number,
as the correlation with a constant, is written as null. All data are made here, from the seed.
"""
import json, math, random, sys, warnings
from types import SimpleNamespace
import scipy, sklearn, transformers
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics.sequence_labeling import get_entities
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from transformers.data.metrics import squad_metrics

OUT, SEED = sys.argv[1], int(sys.argv[2])
rnd = random.Random(SEED)
warnings.simplefilter("ignore")
number = lambda x: None if math.isnan(x) else float(x)


def classification():
    k = rnd.choice([1, 2, 2, 2, 3, 4, 6]); n = rnd.choice([1, 2, 5, 20, 60])
    skill = rnd.random()
    y = [rnd.randrange(k) for _ in range(n)]
    p = [a if rnd.random() < skill else rnd.randrange(k) for a in y]
    if rnd.random() < 0.2: p = [p[0]] * n
    case = {"predictions": p, "references": y, "accuracy": accuracy_score(y, p), "matthews": matthews_corrcoef(y, p)}
    for average in ["macro", "micro", "weighted"]: case[average] = f1_score(y, p, average=average, zero_division=0)
    if set(y + p) <= {0, 1}: case["binary"] = f1_score(y, p, zero_division=0)
    labels = rnd.sample(range(k + 1), rnd.randint(1, k + 1))
    if set(labels) & set(y): # scikit-learn refuses labels of which none is in the references
        case["labels"] = labels
        case["some"] = {a: f1_score(y, p, labels=labels, average=a, zero_division=0) for a in ["macro", "micro", "weighted"]}
    return case


def correlation():
    n = rnd.choice([2, 3, 8, 30]); noise = rnd.choice([0, 0.1, 1, 10]); offset = rnd.choice([0, 0, 1e6, -3e8]); grain = rnd.choice([None, 1, 0])
    x = [rnd.gauss(0, 1) for _ in range(n)]; y = [a + noise * rnd.gauss(0, 1) for a in x]
    if rnd.random() < 0.3: y = [-b for b in y]
    if grain is not None: x = [round(a, grain) for a in x]; y = [round(b, grain) for b in y]
    if rnd.random() < 0.1: x = [x[0]] * n
    x = [a + offset for a in x]
    return {"predictions": x, "references": y, "pearson": number(pearsonr(x, y).statistic), "spearman": number(spearmanr(x, y).statistic)}


WORDS = ["the", "The", "a", "an", "A.", "cat", "cats", "Cat,", "U.S.", "é", "thé", "ça", "añ", "theß", "½a", "l'a", "the-end", "theory", "«a»", "“the”", "naïve", "İ", "ΣΑΣ", "a_b", "_the_", "3rd", "½", "中国", "-", "...", "", "!", "a\u0301", "the\u0301", "of", "in", "1066", "1,066"]
SPACES = [" ", " ", " ", "  ", "\t", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "\u200b", "\ufeff"]
text = lambda most: "".join(rnd.choice(WORDS) + rnd.choice(SPACES) for _ in range(rnd.randint(0, most)))


def answer(gold):
    if gold and rnd.random() < 0.5: return rnd.choice(gold)
    if gold and rnd.random() < 0.5: return " ".join(rnd.choice(gold).split()[-1:]) + " " + text(2)
    return rnd.choice(["", text(4)])


def squad():
    n = rnd.choice([1, 4, 12])
    golds = {f"q{i}": [g for g in (text(5) for _ in range(rnd.randint(1, 3))) if squad_metrics.normalize_answer(g)] or ["cat"] for i in range(n)}
    preds = {q: answer(g) for q, g in golds.items()}
    exact = [max(squad_metrics.compute_exact(g, preds[q]) for g in gs) for q, gs in golds.items()]
    f1 = [max(squad_metrics.compute_f1(g, preds[q]) for g in gs) for q, gs in golds.items()]
    return {"answers": golds, "predictions": preds, "exact_match": 100 * sum(exact) / n, "f1": 100 * sum(f1) / n}


def squad_v2():
    n = rnd.choice([1, 3, 8, 25]); none = rnd.choice([0, 0.5, 1])
    golds = {f"q{i}": [] if rnd.random() < none else [text(5) for _ in range(rnd.randint(1, 3))] for i in range(n)}
    preds = {q: answer(g) for q, g in golds.items()}
    probs = {q: rnd.choice([rnd.random(), rnd.choice([0, 0.5, 1])]) for q in golds} if rnd.random() < 0.8 else None
    threshold = rnd.choice([1.0, 0.5, 0.2])
    examples = [SimpleNamespace(qas_id=q, answers=[{"text": t} for t in gs]) for q, gs in golds.items()]
    metrics = squad_metrics.squad_evaluate(examples, preds, probs, threshold)
    if probs is None: metrics = {k: v for k, v in metrics.items() if not k.startswith("best")}
    return {"answers": golds, "predictions": preds, "probabilities": probs, "threshold": threshold, "metrics": metrics}


def entities():
    tags = [rnd.choice(["O", "O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "I-a-b", "B", "I", "O"][:rnd.choice([4, 8, 12])]) for _ in range(rnd.randint(0, 12))]
    return {"tags": tags, "entities": [list(e) for e in get_entities(tags)]}


many = lambda count, make: [make() for _ in range(count)]
golden = {
    "versions": {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "transformers": transformers.__version__},
    "classification": many(150, classification),
    "correlation": many(120, correlation),
    "normalized": [[t, squad_metrics.normalize_answer(t)] for t in many(300, lambda: text(6))],
    "squad": many(60, squad),
    "squad_v2": many(80, squad_v2),
    "entities": many(300, entities),
}
with open(OUT, "w", encoding="utf8") as f:
    f.write("{\n" + ",\n".join(f"{json.dumps(k)}: " + (json.dumps(v) if isinstance(v, dict) else "[\n" + ",\n".join(map(json.dumps, v)) + "\n]") for k, v in golden.items()) + "\n}\n")
