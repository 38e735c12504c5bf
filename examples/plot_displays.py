"""
Pictures of a fit
=================

What a search has found, how a training went, where the threshold lies, and whether probabilities
are true: the displays of ``focalsk.displays`` follow scikit-learn's, with ``from_estimator``,
``from_predictions`` and ``ax``, and draw what scikit-learn's own do not.

The data are made up: one in twelve is positive.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import RepeatedStratifiedKFold

from focalsk import FocalEnsembleClassifier, FocalGridSearchCV, FocalNetClassifier
from focalsk.displays import (
    CriticalDifferenceDisplay,
    EpochsDisplay,
    GridDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
    TradeOffDisplay,
)

X, y = make_classification(
    6000, n_features=12, n_informative=6, weights=[0.93], flip_y=0.03, class_sep=0.8, random_state=0
)
X, X_test, y, y_test = X[:2000], X[2000:], y[:2000], y[2000:]
print(f"{len(y)} samples, {y.mean():.1%} positive, and {len(y_test)} for the test")

# %%
# A search: which cells are the best?
# -----------------------------------
# Mean scores over ten splits. The ring is the best cell, and a dot is whatever is not significantly
# worse on the same splits. Where most cells have a dot, the search has chosen among equals.

search = FocalGridSearchCV(
    FocalNetClassifier(max_epochs=20, random_state=0),
    {"gamma": [0, 0.5, 1, 2, 5], "alpha": [None, "sqrt", "balanced", "effective"]},
    scoring="balanced_accuracy",
    cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0),
).fit(X, y)
grid = GridDisplay.from_estimator(search, test_train_ratio=1 / 4)

# %%
# A training: which epoch was kept?
# ---------------------------------
# With early stopping, losses on training and held-out samples; ``monitor`` may be a score, which
# then has an axis of its own. An ensemble shows all of its members.

net = FocalNetClassifier(
    (32,), alpha="balanced", early_stopping=True, n_iter_no_change=20, random_state=0
).fit(X, y)
ensemble = FocalEnsembleClassifier(
    n_estimators=8, max_epochs=40, decision="mcc", random_state=0
).fit(X, y)

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
epochs = EpochsDisplay.from_estimator(net, ax=left)
EpochsDisplay.from_estimator(ensemble, ax=right)

# %%
# A decision: where is the threshold?
# -----------------------------------
# Metrics against the threshold, on the ensemble's out-of-fold posteriors. The dashed line is its
# decision, which was tuned for Matthews' correlation on a smoothed curve. The axis is one of
# log-odds, so that small probabilities have room.

threshold = ThresholdDisplay.from_estimator(ensemble)

# %%
# Probabilities: are they true?
# -----------------------------
# Before the correction, a network with class weights says several times too much. For a rare class
# both axes are of log-odds, and each point has as many positive samples.

weighted = FocalNetClassifier((32,), gamma=0, alpha="balanced", max_epochs=30, random_state=0)
focal = FocalNetClassifier((32,), gamma=2, max_epochs=30, random_state=0)
models = {
    "class weights": weighted.fit(X, y),
    "focal": focal.fit(X, y),
    "ensemble": ensemble,
}
reliability = ReliabilityDisplay.from_estimator(models, X_test, y_test)

# %%
# Decisions and probabilities together
# ------------------------------------
# The best methods are at the top left: decisions of high balanced accuracy, probabilities of small
# calibration error. Undersampling costs the probabilities.

models["cross-entropy"] = FocalNetClassifier((32,), gamma=0, max_epochs=30, random_state=0)
models["undersampling"] = make_pipeline(
    RandomUnderSampler(random_state=0), clone(models["cross-entropy"])
)
models["ensemble, balanced"] = clone(ensemble).set_params(decision="balanced")
for name in ["cross-entropy", "undersampling", "ensemble, balanced"]:
    models[name].fit(X, y)
trade_off = TradeOffDisplay.from_estimator(models, X_test, y_test)

# %%
# Many data sets: which methods differ?
# -------------------------------------
# Mean ranks; a bar joins what does not differ significantly by Nemenyi's test. Here the scores are
# made up as well.

rng = np.random.default_rng(0)
level = {"a": 0.80, "b": 0.79, "c": 0.78, "d": 0.75, "e": 0.74, "f": 0.70}
scores = pd.DataFrame({name: mean + rng.normal(0, 0.02, 20) for name, mean in level.items()})
ranks = CriticalDifferenceDisplay.from_scores(scores)

plt.show()
