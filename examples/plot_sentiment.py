"""
One bad review in a hundred
===========================

Reviews of a canteen: 99 % are positive, 1 % negative, and finding the negative ones is the point.
Some are easy ("the soup was awful"), some hide behind praise ("lovely room, kind staff, and I was
ill for a week"). Focal loss with class weights is made for such an imbalance, of classes and of
difficulty.

The text goes through a :class:`~sklearn.feature_extraction.text.TfidfVectorizer`; the sparse matrix
it returns is never made dense as a whole.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import PrecisionRecallDisplay, precision_score, recall_score
from sklearn.pipeline import make_pipeline

from focalsk import FocalNetClassifier

# %%
# A generator of reviews
# ----------------------
# Real reviews would need a download, so these are assembled from parts. Subjects and openings are
# shared by both classes; what gives a hard review away is one clause among praise.

SUBJECTS = ["soup", "curry", "pasta", "bread", "coffee", "salad", "pie", "stew", "rice", "cake"]
SUBJECTS += ["staff", "waiter", "room", "terrace", "music", "price", "portion", "menu", "service"]
PRAISE = ["great", "lovely", "fresh", "kind", "perfect", "warm", "generous", "fine", "superb"]
BLAME = ["awful", "stale", "rude", "cold", "greasy", "bland", "filthy", "burnt", "sour"]
TWISTS = ["and I was ill for a week", "but a fly swam in it", "yet we waited for two hours"]
TWISTS += ["then the bill was wrong twice", "and still we left hungry", "never again though"]
HARMLESS = ["and we came back within a week", "though a fly sat on the window"]
HARMLESS += ["after we waited two minutes", "and the bill was small", "we never left hungry"]
OPENINGS = ["yesterday", "on monday", "with friends", "after work", "for lunch", "as always"]


def write_review(rng, negative, hard):
    """A hard review, negative or not, praises; then comes a twist or a harmless remark."""
    words = BLAME if negative and not hard else PRAISE
    clauses = [
        f"the {rng.choice(SUBJECTS)} was {rng.choice(words)}" for _ in range(rng.integers(1, 4))
    ]
    if hard:
        clauses.append(rng.choice(TWISTS if negative else HARMLESS))
    elif not negative and rng.random() < 0.3:  # a grumble in a friendly review
        clauses.append(f"only the {rng.choice(SUBJECTS)} was a bit {rng.choice(BLAME)}")
    return f"{rng.choice(OPENINGS)} {', '.join(clauses)}"


def write_reviews(n, seed):
    rng = np.random.default_rng(seed)
    negative = rng.permutation(np.arange(n) < n // 100)
    hard = rng.random(n) < 0.4
    texts = [write_review(rng, *kind) for kind in zip(negative, hard, strict=True)]
    return np.array(texts), np.where(negative, "negative", "positive"), hard


texts, y, hard = write_reviews(5000, seed=0)
texts_test, y_test, hard_test = write_reviews(20000, seed=1)
print(dict(zip(*np.unique(y, return_counts=True), strict=True)))
for review in (y == "negative") & ~hard, (y == "negative") & hard, (y == "positive") & hard:
    print("-", texts[review][0])

# %%
# Two nets
# --------
# Cross-entropy without weights, and focal loss with balanced ones. The labels stay strings.


def make_model(**params):
    net = FocalNetClassifier((10, 10), max_epochs=8, random_state=0, **params)
    return make_pipeline(TfidfVectorizer(), net)


models = {
    "cross-entropy": make_model(gamma=0),
    "focal, balanced": make_model(gamma=2, class_weight="balanced"),
}
found, right = {}, {}
for name, model in models.items():
    predicted = model.fit(texts, y).predict(texts_test)
    found[name] = recall_score(y_test, predicted, pos_label="negative")
    right[name] = precision_score(y_test, predicted, pos_label="negative", zero_division=1)
    print(f"{name:16} recall {found[name]:.2f}  precision {right[name]:.2f}")

# %%
# Where the loss goes
# -------------------
# Left: the curves say how well a net *ranks* the reviews, the dots where its ``predict`` draws the
# line. Right: the factor ``(1 - p) ** 2`` that focal loss gives the negative test reviews. Easy ones
# have next to none left; what remains of the loss is about the hard ones.

colors = {"cross-entropy": "#4477aa", "focal, balanced": "#ee6677"}
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
negative = y_test == "negative"
p = model.predict_proba(texts_test[negative])[:, list(model.classes_).index("negative")]
factor = (1 - p) ** 2
factors = {"easy": factor[~hard_test[negative]], "hard": factor[hard_test[negative]]}
for position, values in enumerate(factors.values()):
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, len(values))
    middle.plot(position + jitter, values, "o", ms=4, alpha=0.5, color="#228833")
    middle.hlines(values.mean(), position - 0.3, position + 0.3, color="k")
    middle.text(position + 0.32, values.mean(), f"mean {values.mean():.3f}", va="center")
middle.set_xticks(range(2), [f"{kind}\n({len(values)})" for kind, values in factors.items()])
middle.set(title="Negative reviews under focal loss", ylabel="factor $(1 - p)^2$")
middle.set(xlim=(-0.5, 1.8))

plt.show()
