"""The benchmark of the ensemble: decisions are tuned as they should be, nothing is run twice."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression

SCRIPTS = str(Path(__file__).parents[1] / "benchmarks")


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        import _cells
        import _datasets
        import _rivals

        yield _cells, _rivals, _datasets
    for name in ("_cells", "_datasets", "_rivals"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_scores_of_a_confusion_table_are_those_of_scikit_learn(scripts, n_classes):
    cells, _, _ = scripts
    rng = np.random.default_rng(n_classes)
    y, labels = rng.integers(n_classes, size=(2, 80))
    table = cells.confusion(y, labels, n_classes)
    assert cells.balanced_accuracy(table) == pytest.approx(
        metrics.balanced_accuracy_score(y, labels)
    )
    assert cells.f1_macro(table) == pytest.approx(metrics.f1_score(y, labels, average="macro"))
    assert cells.mcc(table) == pytest.approx(metrics.matthews_corrcoef(y, labels))


def test_posteriors_that_are_right_are_tuned_to_the_class_of_greatest_posterior_over_prior(scripts):
    cells, _, _ = scripts
    rng = np.random.default_rng(0)
    rare = rng.beta(0.3, 2.7, size=20_000)
    y = (rng.random(rare.size) < rare).astype(int)
    prior = np.bincount(y) / len(y)
    tau = cells.tune(np.column_stack([1 - rare, rare]), y, prior, "balanced_accuracy")
    assert tau == pytest.approx(1, abs=0.25)


def test_a_fold_is_fitted_once(scripts, tmp_path):
    cells, rivals, datasets = scripts
    fits = []

    def build(seed):
        fits.append(seed)
        return LogisticRegression()

    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=90), "b": pd.Categorical(["u", None, "v"] * 30)})
    data = datasets.DataSet("small", X, np.repeat([0, 0, 1], 30), "me")
    method = rivals.Method(build)
    place = (1, 2, 3)
    assert cells.run("lr", method, data, place, tmp_path, only_cached=True) is None
    first = cells.run("lr", method, data, place, tmp_path)
    assert fits == [5] * (1 + cells.INNER_FOLDS)
    assert cells.run("lr", method, data, place, tmp_path) == first
    assert len(fits) == 1 + cells.INNER_FOLDS
    assert {f"{name}_tuned" for name in cells.DECISIONS} <= first.keys()


@pytest.mark.filterwarnings("default")
def test_a_method_that_fails_is_told(scripts, tmp_path, capsys):
    cells, rivals, datasets = scripts

    def build(seed):
        raise RuntimeError("no")

    data = datasets.DataSet("small", np.zeros((30, 1)), np.repeat([0, 0, 1], 10), "me", "image")
    scores = cells.run("bad", rivals.Method(build), data, (0, 0, 3), tmp_path)
    assert scores == {"error": "RuntimeError: no"}
    assert "RuntimeError" in capsys.readouterr().err
