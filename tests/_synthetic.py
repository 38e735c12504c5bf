"""Comparisons without fits: probabilities that know the truth more or less well."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold

from focalsk.comparison import Comparison
from focalsk.comparison._folds import Failure, FoldPrediction

#: Strength of what a method knows, and a factor that overstates its logits.
METHODS = {
    "cross-entropy": (3.0, 1.0),
    "cross-entropy-balanced": (2.9, 1.0),
    "focal-balanced": (3.0, 1.0),
    "smote": (2.0, 3.0),
    "boosting": (2.5, 1.5),
    "my own <net>": (2.0, 1.0),
}


def make_comparison(
    methods=METHODS,
    labels=("fine", "rare & <bad>"),
    shares=(0.8, 0.2),
    n=300,
    folds=3,
    repeats=1,
    fail=(),
    tuned=True,
    scoring="average_precision",
    seed=0,
):
    """Compare made-up methods; `fail` holds pairs of a method and a fold on which it raises."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(labels)), np.round(n * np.asarray(shares)).astype(int))
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    splits = [test for _, test in splitter.split(y, y)]
    outcomes = []
    for method, (strength, overstated) in methods.items():
        # Normal features around each class: the posterior is known, and the logits are exact.
        x = rng.normal(size=(len(y), len(labels))) + strength * np.eye(len(labels))[y]
        logits = overstated * strength * x + np.log(shares)
        proba = np.exp(logits - logits.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        for i, test in enumerate(splits):
            repeat, fold = divmod(i, folds)
            if (method, i) in fail:
                outcomes.append(Failure(method, repeat, fold, "ValueError: no <b>neighbours</b>"))
                continue
            said = np.asarray(labels)[proba[test].argmax(axis=1)]
            rules = ["balanced_accuracy", "f1_macro", "g_mean", "mcc"] if tuned else []
            tuned_labels = np.asarray(labels)[(proba[test] / shares).argmax(axis=1)]
            outcomes.append(
                FoldPrediction(
                    method,
                    repeat,
                    fold,
                    test,
                    said,
                    proba[test],
                    dict.fromkeys(rules, tuned_labels),
                    0.5,
                    0.01,
                )
            )
    estimators = {method: LogisticRegression(C=0.5) for method in methods}
    return Comparison(outcomes, np.asarray(labels)[y], estimators, scoring)
