"""Monitors of early stopping: any scorer works, or is refused by name."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.metrics import f1_score, make_scorer

from focalsk import FocalGridSearchCV, FocalNetClassifier

X, Y = make_classification(
    200, 5, n_informative=4, n_redundant=0, weights=[0.8], class_sep=1.5, random_state=0
)
NAMES = np.where(Y, "yes", "no")
LONE = np.array(["a"] * 150 + ["b"] * 49 + ["c"])  # c stays in training


def make(**params):
    defaults = {"early_stopping": True, "max_epochs": 6, "lr": 0.05, "random_state": 0}
    return FocalNetClassifier(**{**defaults, **params})


@pytest.mark.parametrize("monitor", ["f1", "average_precision", "recall", "jaccard", "roc_auc"])
@pytest.mark.parametrize("classes", [("no", "yes"), (0, 2), (-1, 3), (False, True)])
def test_scores_of_two_classes_take_any_labels(monitor, classes):
    labels = np.array(classes)[Y]
    found = make(monitor=monitor).fit(X, labels).validation_scores_
    assert found == make(monitor=monitor).fit(X, Y).validation_scores_


def test_a_class_that_is_1_is_the_positive_one_as_in_scikit_learn():
    found = make(monitor="f1").fit(X, Y + 1).validation_scores_
    own = make_scorer(f1_score, pos_label=1)
    assert found == make(monitor=own).fit(X, Y + 1).validation_scores_


def test_a_scorer_of_ones_own_sees_the_labels():
    own = make_scorer(f1_score, pos_label="yes")
    expected = make(monitor="f1").fit(X, Y).validation_scores_
    assert make(monitor=own).fit(X, NAMES).validation_scores_ == expected


@pytest.mark.parametrize("monitor", ["loss", "balanced_accuracy", "f1_macro", "accuracy"])
def test_decisions_are_scored_without_a_class(monitor):
    assert np.isfinite(make(monitor=monitor).fit(X, LONE).validation_scores_).all()


@pytest.mark.parametrize("monitor", ["neg_log_loss", "roc_auc_ovr", "average_precision", "f1"])
def test_what_needs_all_classes_is_refused_before_training(monitor):
    estimator = make(monitor=monitor, max_epochs=10**6)
    with pytest.raises(ValueError, match=rf"'monitor' '{monitor}' .*None of them is of \['c'\]"):
        estimator.fit(X, LONE)
    assert not hasattr(estimator, "net_")


def test_one_class_alone_is_no_roc_curve():
    lone = np.zeros(200, dtype=int)
    lone[3] = 1
    with pytest.raises(ValueError, match=r"'roc_auc' .* gives nan .*None of them is of \[1\]"):
        make(monitor="roc_auc").fit(X, lone)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_no_number_in_any_epoch_is_an_error(value):
    estimator = make(monitor=lambda estimator, X, y: value)
    with pytest.raises(ValueError, match=r"'monitor' gave no number after any epoch"):
        estimator.fit(X, Y)
    with pytest.raises(ValueError, match="'monitor'"):
        FocalGridSearchCV(estimator, {"gamma": [0, 1]}, cv=2, error_score="raise").fit(X, Y)


def test_some_epochs_without_a_number_are_no_progress():
    scores = iter([np.nan, 0.5, np.nan, np.nan, np.nan, np.nan])
    fitted = make(monitor=lambda estimator, X, y: next(scores)).fit(X, Y)
    assert fitted.validation_scores_[1] == 0.5
    rising = iter([0.1, 0.5])
    second = make(max_epochs=2, monitor=lambda estimator, X, y: next(rising)).fit(X, Y)
    assert_array_equal(fitted.predict_proba(X), second.predict_proba(X))


@pytest.mark.parametrize("value", ["good", "0.5", None, [0.5, 0.6], {}], ids=repr)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match=r"'monitor' .* must give a number. Got"):
        make(monitor=lambda estimator, X, y: value).fit(X, Y)


def test_an_error_of_ones_own_is_said_with_the_name():
    def broken(estimator, X, y):
        raise KeyError("column")

    with pytest.raises(ValueError, match=r"'monitor' .* cannot score .*: 'column'"):
        make(monitor=broken).fit(X, Y)
