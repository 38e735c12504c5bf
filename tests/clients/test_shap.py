"""SHAP on the network and on the probabilities."""

import numpy as np
import pytest
import shap
import torch
from numpy.testing import assert_allclose

from focalsk import FocalNetClassifier


@pytest.fixture(scope="module")
def fitted(data):
    X, y = data
    return FocalNetClassifier(max_epochs=10, random_state=0).fit(X.astype(np.float32), y)


def rows(data, first, last):
    return torch.as_tensor(data[0][first:last], dtype=torch.float32)


@pytest.mark.parametrize("explainer", ["DeepExplainer", "GradientExplainer"])
def test_explanations_of_the_network_sum_up(data, fitted, explainer):
    module = fitted.net_.module_
    background, explained = rows(data, 0, 100), rows(data, 100, 104)
    with torch.no_grad():
        expected = module(explained) - module(background).mean(0)
    options = {"nsamples": 2000, "rseed": 0} if explainer == "GradientExplainer" else {}
    values = getattr(shap, explainer)(module, background).shap_values(explained, **options)
    tolerance = 0.2 if options else 1e-5  # the gradients are sampled
    assert_allclose(values.sum(1), expected, atol=tolerance)


def test_the_network_is_as_it_was_after_an_explanation(data, fitted):
    before = fitted.predict_proba(data[0])
    shap.DeepExplainer(fitted.net_.module_, rows(data, 0, 50)).shap_values(rows(data, 50, 52))
    assert_allclose(fitted.predict_proba(data[0]), before, rtol=1e-6)


def test_explanations_of_probabilities_sum_up(data, fitted):
    X = data[0].astype(np.float32)
    explain = shap.KernelExplainer(fitted.predict_proba, X[:20])
    values = explain.shap_values(X[30:32], silent=True)
    expected = fitted.predict_proba(X[30:32]) - fitted.predict_proba(X[:20]).mean(0)
    assert_allclose(values.sum(1), expected, atol=1e-4)
