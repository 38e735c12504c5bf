"""scikit-learn's and imbalanced-learn's own checks of an estimator."""

from itertools import chain
from unittest import SkipTest

import numpy as np
import pytest
from imblearn.utils import estimator_checks as imblearn_checks
from sklearn.utils import estimator_checks as sklearn_checks
from skorch.callbacks import EpochScoring

from focalsk import FocalEnsembleClassifier, FocalNetClassifier

FAST = {"max_epochs": 6, "lr": 0.1}
VARIANTS = {
    "defaults": {},
    "few epochs": {"max_epochs": 20, "lr": 0.05},
    "balanced": {"class_weight": "balanced", **FAST},
    "cross-entropy": {"gamma": 0, **FAST},
    "gamma=0.5": {"gamma": 0.5, **FAST},
    "sigmoid": {"output": "sigmoid", **FAST},
    # Undoing weights of 1000 and 0.0001, as a check has them, takes a net that is well trained.
    "smoothing": {"label_smoothing": 0.1, "class_weight": "balanced", **FAST, "max_epochs": 60},
    "sgd": {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}, **FAST, "lr": 0.1},
    "callbacks": {"callbacks": [EpochScoring("accuracy", on_train=True, name="acc")], **FAST},
    "early stopping": {"early_stopping": True, **FAST},
}
SMALL = {"n_estimators": 2, "hidden_layer_sizes": (16,), "max_epochs": 10, "lr": 0.01}
ENSEMBLES = {
    "ensemble": SMALL,
    "balanced ensemble": {"class_weight": "balanced", "gamma": 1.0, "alpha": "sqrt", **SMALL},
    "sigmoid ensemble": {"output": "sigmoid", "label_smoothing": 0.0, **SMALL},
}
# The checks of the others run with `make test-slow`; defaults train for 100 epochs each time.
QUICK = {"few epochs", "early stopping", "ensemble"}
# What is held out depends on the rows, so a row of weight 2 and two rows of weight 1 train
# differently.
UNFIT = {
    "early stopping": {
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    },
}
# Multi-label targets are supported here, and that check wants them refused.
UNFIT_OF_IMBLEARN = {"check_classifier_on_multilabel_or_multioutput_targets"}


def make(variant):
    if variant in ENSEMBLES:
        return FocalEnsembleClassifier(**ENSEMBLES[variant])
    return FocalNetClassifier(**VARIANTS[variant])


def checks(module, variant, unfit):
    found = {}
    for estimator, check in module.estimator_checks_generator(make(variant)):
        found.setdefault(check.func.__name__, []).append((estimator, check))
    assert unfit <= set(found), "a check left out is no longer there"
    return [
        pytest.param(
            estimator,
            check,
            id=f"{variant}-{name}",
            marks=[] if variant in QUICK else pytest.mark.slow,
        )
        for name in found
        if name not in unfit
        for estimator, check in found[name]
    ]


SCIKIT_LEARN = {
    name: checks(sklearn_checks, name, UNFIT.get(name, set())) for name in [*VARIANTS, *ENSEMBLES]
}
IMBALANCED_LEARN = checks(imblearn_checks, "few epochs", UNFIT_OF_IMBLEARN)


# Some checks have features around 100 and -100, where six epochs at lr=0.1 end with dead units.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("estimator", "check"), [*chain(*SCIKIT_LEARN.values()), *IMBALANCED_LEARN]
)
def test_check(estimator, check):
    np.random.seed(0)  # noqa: NPY002 - some checks draw from the global generator
    try:
        check(estimator)
    except SkipTest as reason:
        pytest.fail(f"skipped: {reason}")


@pytest.mark.parametrize("variant", SCIKIT_LEARN)
def test_checks_are_all_there(variant):
    assert len(SCIKIT_LEARN[variant]) > 50
    assert IMBALANCED_LEARN
