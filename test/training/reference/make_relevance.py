"""Golden values of the metrics of rerankers. Run: python make_relevance.py relevance.json SEED.

Needs sentence-transformers and scikit-learn: they are what CrossEncoderClassificationEvaluator and CrossEncoderRerankingEvaluator
say of a model whose scores are given. Data are made here, from the seed; scores are float32 as the model's would be.
"""
import json, random, sys, warnings
import numpy as np
import sentence_transformers, sklearn
from sentence_transformers.cross_encoder.evaluation import CrossEncoderClassificationEvaluator, CrossEncoderRerankingEvaluator

OUT, SEED = sys.argv[1], int(sys.argv[2])
rnd = random.Random(SEED)
warnings.simplefilter("ignore")


class Model:
    """Gives scores that were chosen before."""
    num_labels = 1
    class model_card_data:
        set_evaluation_metrics = staticmethod(lambda *a, **k: None)
    def __init__(self, scores): self.scores = np.array(scores, dtype=np.float32)
    def predict(self, pairs, **_):
        assert len(pairs) == len(self.scores)
        return self.scores


def score(relevant, grain):
    value = min(max(rnd.gauss(0.6 if relevant else 0.4, 0.25), 0), 1)
    return float(np.float32(value if grain is None else round(value, grain)))


def numbers(metrics): return {name: float(value) for name, value in metrics.items()}


def relevance():
    n = rnd.choice([1, 2, 5, 20, 60]); grain = rnd.choice([None, None, 1, 0])
    y = [int(rnd.random() < rnd.choice([0, 0.2, 0.5, 1])) for _ in range(n)]
    p = [score(one, grain) for one in y]
    metrics = CrossEncoderClassificationEvaluator([["a", "b"]] * n, y, write_csv=False)(Model(p))
    return {"predictions": p, "references": y, "metrics": numbers(metrics)}


def ranking():
    k = rnd.choice([1, 3, 10]); queries = []; grain = rnd.choice([None, None, 1])
    for _ in range(rnd.choice([1, 3, 8])):
        positives, negatives = rnd.choice([0, 1, 1, 2, 5]), rnd.choice([2, 3, 8, 14])
        y = [1] * positives + [0] * negatives
        p = [score(one, grain) for one in y]
        if grain is not None and positives: # the first relevant one is not tied with others, as NumPy's order of those is nobody's
            best = max(s for s, one in zip(p, y) if one)
            p = [float(np.float32(s + 0.05)) if not one and s == best else s for s, one in zip(p, y)]
        queries.append({"predictions": p, "references": y})
    samples = [{"query": f"q{i}", "positive": [f"p{j}" for j in range(sum(q["references"]))], "negative": [f"n{j}" for j in range(len(q["references"]) - sum(q["references"]))]}
               for i, q in enumerate(queries)]
    scored = [s for q in queries if sum(q["references"]) for s in q["predictions"]] # it does not ask where nothing is relevant
    metrics = CrossEncoderRerankingEvaluator(samples, at_k=k, write_csv=False)(Model(scored))
    return {"atK": k, "queries": queries, "metrics": numbers(metrics)}


json.dump({"versions": {"sentence-transformers": sentence_transformers.__version__, "scikit-learn": sklearn.__version__},
           "relevance": [relevance() for _ in range(60)], "ranking": [ranking() for _ in range(40)]}, open(OUT, "w"))
with open(OUT, "a") as f: f.write("\n")
