"""What breaks if a private name of skorch, joblib or skl2onnx goes."""

import inspect

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from torch import nn

from focalsk import FocalNet
from focalsk._compat._joblib import content_hash
from focalsk._compat._skorch import optimizer_names


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


def test_skl2onnx_parses_what_is_inside():
    """Its signatures; what they do is tested in tests/export."""
    from skl2onnx._parse import _parse_sklearn
    from skl2onnx.common.utils_classifier import get_label_classes

    assert list(inspect.signature(_parse_sklearn).parameters)[:3] == ["scope", "model", "inputs"]
    assert list(inspect.signature(get_label_classes).parameters)[:2] == ["scope", "op"]
