"""
One bad review in a hundred
===========================

Reviews of a canteen: 99 % are positive, 1 % negative, and finding the negative ones is the point.
Some are easy ("the soup was awful and the waiter rude"), some hide between praise ("lovely room,
kind staff, fresh bread, mouldy cake"). Focal loss with class weights is made for such an imbalance,
of classes and of difficulty.

The text goes through a :class:`~sklearn.feature_extraction.text.TfidfVectorizer`; the sparse matrix
it returns is never made dense as a whole.
"""

import random

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import PrecisionRecallDisplay, precision_score, recall_score
from sklearn.pipeline import make_pipeline

from focalsk import FocalNetClassifier

# %%
# A generator of reviews
# ----------------------
# Real reviews would need a download, so these are assembled from clauses. A friendly review has a
# grumble now and then; an easy negative one is mostly complaint, a hard one mostly praise.

SUBJECTS = ["soup", "curry", "pasta", "bread", "coffee", "salad", "pie", "stew", "rice", "cake"]
SUBJECTS += ["room", "staff", "waiter", "music", "price", "portion", "menu", "table", "queue"]
PRAISE = ["great", "lovely", "fresh", "kind", "perfect", "warm", "fine", "superb", "quick", "crisp"]
BLAME = ["awful", "stale", "rude", "cold", "greasy", "bland", "filthy", "sour", "slow", "mouldy"]
OPENINGS = ["yesterday", "on monday", "with friends", "after work", "for lunch", "as always"]
BLAME_SHARE = {"positive": 0.08, "easy": 0.85, "hard": 0.45}


def write_review(rng, kind):
    clauses = []
    for _ in range(rng.randint(3, 6)):
        word = rng.choice(BLAME if rng.random() < BLAME_SHARE[kind] else PRAISE)
        clauses.append(f"the {rng.choice(SUBJECTS)} was {word}")
    return f"{rng.choice(OPENINGS)} {', '.join(clauses)}"


def write_reviews(n, seed):
    rng = random.Random(seed)
    rare = n // 200
    kinds = np.repeat(["positive", "easy", "hard"], [n - 2 * rare, rare, rare])
    texts = np.array([write_review(rng, kind) for kind in kinds])
    return texts, np.where(kinds == "positive", "positive", "negative"), kinds


texts, y, kinds = write_reviews(5000, seed=0)
texts_test, y_test, kinds_test = write_reviews(10000, seed=1)
for kind in BLAME_SHARE:
    print(f"{kind:8} {np.sum(kinds == kind):4}   {texts[kinds == kind][0]}")

# %%
# Three nets
# ----------
# Cross-entropy without weights, and focal loss with two kinds of them. The labels stay strings. By
# accuracy, one would prefer a net that calls every review positive to one that finds the others.


def make_model(**params):
    net = FocalNetClassifier((10,), weight_decay=0.003, max_epochs=5, random_state=0, **params)
    return make_pipeline(TfidfVectorizer(), net)


models = {
    "cross-entropy": make_model(gamma=0),
    "focal, sqrt": make_model(gamma=2, alpha="sqrt"),
    "focal, balanced": make_model(gamma=2, class_weight="balanced"),
}
found, right = {}, {}
for name, model in models.items():
    predicted = model.fit(texts, y).predict(texts_test)
    found[name] = recall_score(y_test, predicted, pos_label="negative")
    right[name] = precision_score(y_test, predicted, pos_label="negative", zero_division=1)
    print(f"{name:16} accuracy {np.mean(predicted == y_test):.3f}  recall {found[name]:.2f}")

# %%
# Left: the curves say how well a net *ranks* the reviews, the dots where its ``predict`` draws the
# line. The rankings are alike, for 50 negative reviews teach no more; what the weights choose is
# the line. ``'balanced'`` says that a missed negative review is as bad as 99 false alarms, and
# ``'sqrt'`` that it is as bad as ten.
#
# Right: the factor ``(1 - p) ** 2`` that focal loss gives the negative test reviews. The easy ones
# have little of it left, so that the loss is mostly about the hard ones.

colors = {"cross-entropy": "#4477aa", "focal, sqrt": "#ccbb44", "focal, balanced": "#ee6677"}
figure, (left, middle) = plt.subplots(1, 2, figsize=(10.5, 4.4), layout="constrained")
for name, model in models.items():
    PrecisionRecallDisplay.from_estimator(
        model,
        texts_test,
        y_test,
        pos_label="negative",
        name=name,
        curve_kwargs={"color": colors[name], "lw": 2},
        ax=left,
    )
    left.plot(found[name], right[name], "o", ms=11, color=colors[name], clip_on=False)
left.set(title="Finding the negative reviews", xlabel="recall", ylabel="precision")
left.set(xlim=(0, 1.02), ylim=(0, 1.02))

model = models["focal, balanced"].set_params(focalnetclassifier__proba="raw")
p = model.predict_proba(texts_test)[:, list(model.classes_).index("negative")]
factors = {kind: (1 - p[kinds_test == kind]) ** 2 for kind in ("easy", "hard")}
for position, values in enumerate(factors.values()):
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(values))
    middle.plot(position + jitter, values, "o", ms=4, alpha=0.5, color="#228833")
    middle.hlines(values.mean(), position - 0.3, position + 0.3, color="k")
    middle.text(position + 0.32, values.mean(), f"mean {values.mean():.3f}", va="center")
middle.set_xticks(range(2), [f"{kind}\n({len(values)})" for kind, values in factors.items()])
middle.set(title="Negative reviews under focal loss", ylabel="factor $(1 - p)^2$")
middle.set(xlim=(-0.5, 1.8))

plt.show()
