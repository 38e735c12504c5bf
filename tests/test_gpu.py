"""What runs on the CPU runs on a GPU: skipped, with the reason, where there is none."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV

from focalsk import FocalGridSearchCV, FocalNetClassifier, focal_loss, sigmoid_focal_loss

pytestmark = pytest.mark.gpu
X, y = make_classification(300, 8, n_informative=6, n_classes=3, random_state=0)
X = X.astype(np.float32)


def make(**params):
    return FocalNetClassifier(**{"device": "cuda", "max_epochs": 5, "random_state": 0} | params)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses_are_those_of_the_cpu(reduction):
    logits, target = (
        torch.randn(64, 3, generator=torch.Generator().manual_seed(0)),
        torch.arange(64) % 3,
    )
    kwargs = {"alpha": torch.tensor([0.2, 0.3, 0.5]), "reduction": reduction}
    for loss, t in [(focal_loss, target), (sigmoid_focal_loss, target)]:
        there = loss(logits.cuda(), t.cuda(), **kwargs | {"alpha": kwargs["alpha"].cuda()})
        assert_allclose(there.cpu(), loss(logits, t, **kwargs), rtol=1e-5)


@pytest.mark.parametrize(
    "params",
    [{}, {"alpha": "balanced"}, {"output": "sigmoid"}, {"early_stopping": True}, {"dropout": 0.2}],
    ids=str,
)
def test_fit_is_deterministic_and_learns(params):
    first, second = make(**params).fit(X, y), make(**params).fit(X, y)
    assert next(first.net_.module_.parameters()).is_cuda
    assert_allclose(first.predict_proba(X), second.predict_proba(X), rtol=1e-6)
    assert make(**params, lr=0.02).set_params(max_epochs=30).fit(X, y).score(X, y) > 0.7


def test_search_is_that_of_scikit_learn():
    grid = {"gamma": [0, 2], "alpha": [None, "balanced"]}
    ours = FocalGridSearchCV(make(), grid, scoring="neg_log_loss").fit(X, y)
    theirs = GridSearchCV(make(), grid, scoring="neg_log_loss").fit(X, y)
    assert ours.stacks_[0]["trained"] == "stacked"
    assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-3
    )
