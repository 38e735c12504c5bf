"""Verdict: what the sentences say is what the numbers say."""

from copy import copy

import numpy as np
import pytest
from _synthetic import make_comparison

from focalsk.comparison import expected_calibration_error
from focalsk.comparison._words import calibration_limit, say_failures, verdict

CLEAR = {
    "cross-entropy": (1.0, 1.0),
    "cross-entropy-balanced": (1.0, 1.0),
    "focal-balanced": (4.0, 1.0),
    "focal": (0.2, 1.0),
    "focal-alpha": (1.0, 1.0),
    "smote": (4.0, 6.0),
    "near-miss": (0.2, 1.0),
}


@pytest.fixture(scope="module")
def clear():
    return make_comparison(CLEAR, n=600, shares=(0.7, 0.3), folds=4)


@pytest.fixture(params=["average_precision", "log_loss"])
def sentences(request, clear):
    comparison = copy(clear)
    comparison.scoring = request.param
    comparison.best_ = comparison.summary().index[0]
    return comparison, verdict(comparison)


def test_best_is_named_with_its_interval_and_its_equals(sentences):
    comparison, (first, *_) = sentences
    summary = comparison.summary()
    row = summary.iloc[0]
    metric = comparison.scoring.replace("_", " ")
    assert first.startswith(f"By {metric}, {comparison.best_} is best: {row['mean']:.3f} (95 %")
    assert f"{row['low']:.3f} to {row['high']:.3f}" in first
    close = summary.index[summary["p_value"] >= 0.05]
    assert f"{len(close)} are not significantly worse: {', '.join(close)}." in first or not len(
        close
    )


def test_focal_loss_is_compared_with_weighted_cross_entropy(sentences):
    # Whether greater or smaller is better, the better is called better.
    _, said = sentences
    (focal,) = (sentence for sentence in said if sentence.startswith("Focal loss"))
    assert "against cross-entropy-balanced of the same network" in focal
    better, worse, same = focal.split("; ")
    assert "significantly better: focal-balanced (" in better
    assert "significantly worse: focal (" in worse
    assert "no clear difference: focal-alpha (" in same


def test_resampling_is_compared_with_none(sentences):
    comparison, said = sentences
    (resampling,) = (sentence for sentence in said if sentence.startswith("Resampling"))
    assert "against cross-entropy of" in resampling
    # Overstated probabilities rank as well as honest ones, and lose by the log-loss.
    if comparison.scoring == "average_precision":
        assert "significantly better: smote" in resampling
    assert "significantly worse: near-miss" in resampling


def test_what_took_no_part_is_not_spoken_of():
    said = verdict(make_comparison({"boosting": (2.0, 1.0)}))
    assert [sentence.split()[0] for sentence in said] == ["By", "The"]
    said = verdict(make_comparison({"focal": (2.0, 1.0), "smote": (1.0, 1.0)}))
    assert [sentence.split()[0] for sentence in said] == ["By", "The"]


def test_all_others_may_be_worse_or_none():
    clear = make_comparison({"boosting": (5.0, 1.0), "smote": (0.1, 1.0)}, n=600)
    assert "All of the other 1 are significantly worse." in verdict(clear)[0]
    same = make_comparison({"boosting": (2.0, 1.0), "smote": (2.0, 1.0)})
    assert "None of the other 1 is significantly worse." in verdict(same)[0]
    assert "3 folds tell only large differences" in verdict(same)[0]


@pytest.mark.parametrize(("overstated", "calibrated"), [(1.0, True), (5.0, False)])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_calibration_is_told(overstated, calibrated, n_classes):
    shares = np.full(n_classes, 1 / n_classes)
    comparison = make_comparison(
        {"boosting": (1.0, overstated)}, labels=range(n_classes), shares=shares, n=600, seed=1
    )
    (said,) = (sentence for sentence in verdict(comparison) if "calibration error" in sentence)
    assert ("are calibrated as far as" in said) == calibrated
    assert ("are not calibrated" in said) != calibrated
    truth = np.concatenate([comparison.y_[fold.test] for fold in comparison.predictions_])
    proba = np.concatenate([fold.proba for fold in comparison.predictions_])
    assert f"samples is {expected_calibration_error(truth, proba):.3f}" in said


def test_true_probabilities_exceed_the_limit_once_in_twenty():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet([2, 1, 0.5], size=300)
    classes = np.array(["a", "b", "c"])
    limit = calibration_limit(proba, classes)
    draws = rng.multinomial(1, proba, size=(200, len(proba))).argmax(axis=-1)
    errors = [expected_calibration_error(classes[y], proba, classes=classes) for y in draws]
    assert 0.01 < np.mean(np.array(errors) > limit) < 0.1


def test_failures_are_counted():
    methods = {"boosting": (2.0, 1.0), "smote": (1.0, 1.0)}
    failed = make_comparison(methods, fail=[("smote", 0), ("smote", 2)])
    (line,) = say_failures(failed)
    error = failed.failures_["error"].iloc[0]
    assert line == f"Failed: smote on 2 of 3 folds, {error}"
    assert say_failures(make_comparison(methods)) == []
