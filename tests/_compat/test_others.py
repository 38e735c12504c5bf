"""What breaks if a private name of skorch, joblib, skl2onnx or scikit-learn's trees goes."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNet
from torch import nn

from focalsk import FocalNet
from focalsk._compat._joblib import content_hash
from focalsk._compat._skorch import component_names, optimizer_names, usual_virtual_params
from focalsk._compat._trees import Tree, TreePredictor


def test_tensors_are_hashed_by_content():
    a, b, c = torch.ones(2), torch.ones(3)[:2], torch.zeros(2)
    assert content_hash({"x": a}) == content_hash({"x": b}) != content_hash({"x": c})
    assert content_hash(a) != content_hash(nn.Parameter(a)) != content_hash(np.ones(2))


def test_what_cannot_be_pickled_has_no_content():
    with pytest.raises(Exception, match=r"pickle|lambda|local"):
        content_hash(lambda: None)


@pytest.mark.parametrize("name", ["_default_callbacks", "_set_training"])
def test_skorch_has_the_methods_that_are_overridden(name):
    assert hasattr(NeuralNet, name), f"skorch would no longer call FocalNet's own {name}"


def test_optimizers_of_a_net():
    net = FocalNet(nn.Linear(2, 2), verbose=0).initialize()
    assert optimizer_names(net) == ["optimizer"]
    assert optimizer_names(object()) == ["optimizer"]


def test_modules_and_criteria_of_a_net():
    net = FocalNet(nn.Linear(2, 2), verbose=0).initialize()
    assert component_names(net) == ["module_", "criterion_"]
    assert component_names(object()) == ["module_", "criterion_"]


def test_virtual_parameters_are_those_that_skorch_registers():
    net = FocalNet(nn.Linear(2, 2), verbose=0).initialize()
    found, usual = net.virtual_params_, usual_virtual_params(net)
    assert list(found) == list(usual)
    assert [f.func for f in found.values()] == [f.func for f in usual.values()]
    assert [f.keywords for f in found.values()] == [f.keywords for f in usual.values()]


def test_trees_are_what_fitted_ones_hold():
    X, y = np.eye(30)[:, :2], np.arange(30) % 2
    assert isinstance(DecisionTreeClassifier().fit(X, y).tree_, Tree)
    boosting = HistGradientBoostingClassifier(max_iter=1).fit(X, y)
    assert isinstance(boosting._predictors[0][0], TreePredictor)


def test_skl2onnx_parses_what_is_inside():
    """Its signatures; what they do is tested in tests/export."""
    from skl2onnx._parse import _parse_sklearn
    from skl2onnx.common.utils_classifier import get_label_classes

    assert list(inspect.signature(_parse_sklearn).parameters)[:3] == ["scope", "model", "inputs"]
    assert list(inspect.signature(get_label_classes).parameters)[:2] == ["scope", "op"]
