"""What is printed fits a terminal, and says no more than the tests allow."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from focalsk.comparison import METRICS, Comparison
from focalsk.comparison.running import Failure, FoldPrediction
from focalsk.printed import describe, format_table, verdict
from focalsk.tables import Columns

Y = np.tile([0, 0, 1], 20)
DECISIONS = ["balanced_accuracy", "f1_macro", "g_mean", "mcc"]


def comparison(noise, seconds=None, failures=(), scoring="average_precision"):
    """Methods whose probabilities are the truth with more or less noise."""
    rng = np.random.default_rng(0)
    outcomes = []
    for fold, test in enumerate(np.array_split(np.arange(len(Y)), 5)):
        for name, scale in noise.items():
            positive = np.clip(Y[test] + scale * rng.normal(size=len(test)), 0.01, 0.99)
            labels = (positive > 0.5).astype(int)
            outcomes.append(
                FoldPrediction(
                    method=name,
                    repeat=0,
                    fold=fold,
                    test=test,
                    labels=labels,
                    proba=np.column_stack([1 - positive, positive]),
                    tuned=dict.fromkeys(DECISIONS, labels),
                    fit_seconds=(seconds or {}).get(name, 1.0),
                )
            )
    outcomes += [
        Failure(name, 0, fold, "ValueError: too few") for name in failures for fold in (0, 1)
    ]
    methods = [*noise, *failures]
    return Comparison(outcomes, Y, dict.fromkeys(methods, DummyClassifier()), scoring)


def test_table_is_described():
    columns = Columns(numeric=["a", "b"], text=["t"], dropped={"id": "row numbers"})
    facts = describe("x.csv", columns, np.array([" not 1", "1"]), np.array([10, 30]))
    assert facts == [
        "x.csv: 40 rows; columns: 2 numeric, 1 text",
        "Classes: 1: 30 (75.0%), not 1: 10 (25.0%)",
        "Columns left out: id (row numbers)",
    ]


@pytest.mark.parametrize("scoring", ["average_precision", "balanced_accuracy_tuned", "log_loss"])
def test_summary_has_a_line_for_each_method_and_fits_100_characters(scoring):
    found = comparison(
        {"cross-entropy-balanced": 0.1, "balanced-random-forest": 2.0}, scoring=scoring
    )
    lines = format_table(found).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 100
    assert METRICS[scoring].label in lines[0]
    summary = found.summary()
    for line, (name, row) in zip(lines[1:], summary.iterrows(), strict=True):
        assert line.split()[:2] == [name, f"{row['mean']:.3f}"]


def test_significance_is_claimed_only_where_it_is():
    said = " ".join(verdict(comparison({"good": 0.01, "bad": 20.0})))
    assert "Recommended: good, the best mean AP of 2 methods." in said
    assert "lead over each of the others is significant" in said
    tie = {"good": 0.7, "other": 0.8}
    said = " ".join(verdict(comparison(tie)))
    assert "Its lead is not significant over" in said
    best = comparison(tie).best_
    said = " ".join(verdict(comparison(tie, seconds={best: 9.0})))
    assert "methods that train faster is not significant; the simplest may do: " in said


def test_failures_are_named_and_a_single_method_is_not_recommended():
    found = comparison({"only": 0.1}, failures=["smote"])
    assert [line.split()[0] for line in format_table(found).splitlines()] == ["method", "only"]
    said = list(verdict(found))
    assert said == ["Failed: smote on 2 folds, ValueError: too few"]
