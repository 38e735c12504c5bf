"""From a classifier's parameters to a net: which criterion, module, optimizer and seed."""

import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Callback, EpochScoring
from torch import nn

from focalsk import FocalLoss, FocalNetClassifier, SigmoidFocalLoss
from focalsk.estimators._building import (
    find_device,
    make_criterion,
    make_net,
    make_seed,
    module_params,
    optimizer_params,
)
from focalsk.estimators._outcome import divergence
from focalsk.estimators._target_coding import TargetCoding
from focalsk.losses import OneVersusRestLoss

X = np.random.default_rng(0).normal(size=(12, 4))
LABELS = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1]])


@pytest.mark.parametrize(
    ("y", "output", "kind", "n_outputs"),
    [
        ([0, 1], "softmax", FocalLoss, 2),
        ([0, 1, 2], "softmax", FocalLoss, 3),
        ([0, 1], "sigmoid", SigmoidFocalLoss, 1),
        ([0, 1, 2], "sigmoid", OneVersusRestLoss, 3),
        (LABELS, "softmax", SigmoidFocalLoss, 3),
    ],
)
def test_criterion_and_width_of_each_coding(y, output, kind, n_outputs):
    coding = TargetCoding.of(np.array(y), output)
    assert coding.n_outputs == n_outputs
    counts = coding.count(coding.encode(np.array(y)), None)
    alpha, criterion = make_criterion(FocalNetClassifier(gamma=1.5, alpha="sqrt"), coding, counts)
    assert type(criterion) is kind
    assert criterion.gamma == 1.5
    assert criterion.alpha.numel() == alpha.size
    net = make_net(FocalNetClassifier(), X, n_outputs, criterion)
    assert net.forward(X).shape == (12, n_outputs)
    targets = torch.as_tensor(coding.targets(coding.encode(np.array(y))))
    assert criterion(net.forward(X[: len(targets)]), targets) > 0


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 0.5])])
def test_one_versus_rest_weighs_the_samples_of_a_class(weight):
    torch.manual_seed(0)
    logits, target = torch.randn(3, 4), torch.tensor([3, 0, 3])
    alpha = torch.tensor([2.0, 1.0, 1.0, 0.5])
    terms = SigmoidFocalLoss(2.0, reduction="none")(logits, target).sum(dim=1) * alpha[target]
    terms = terms if weight is None else terms * weight
    loss = OneVersusRestLoss(2.0, alpha)
    torch.testing.assert_close(loss(logits, target, weight, avg_factor=3), terms.sum() / 3)


DECAY = {"weight_decay": 0.5}


@pytest.mark.parametrize(
    ("params", "kind", "expected"),
    [
        ({}, torch.optim.Adam, {"fused": True}),
        ({"optimizer": "adamw"}, torch.optim.AdamW, {"fused": True, "weight_decay": 0.0}),
        ({"optimizer": "sgd"}, torch.optim.SGD, {}),
        ({"optimizer": "sgd", **DECAY}, torch.optim.SGD, DECAY),
        (
            {"optimizer_params": {"foreach": True}, **DECAY},
            torch.optim.Adam,
            {"fused": False, "foreach": True, **DECAY},
        ),
        ({"optimizer": torch.optim.LBFGS}, torch.optim.LBFGS, {}),
    ],
)
def test_optimizer_and_its_parameters(params, kind, expected):
    found = optimizer_params(FocalNetClassifier(**params), torch.device("cpu"))
    assert found.pop("optimizer") is kind
    assert found == {f"optimizer__{name}": value for name, value in expected.items()}


def test_module_gets_the_shape_and_what_is_given():
    def factory(n_features, n_outputs, bias):
        return nn.Linear(n_features, n_outputs, bias)

    params = module_params(FocalNetClassifier(module=factory, module_params={"bias": False}), 4, 3)
    module = params.pop("module")
    linear = module(**{name.removeprefix("module__"): value for name, value in params.items()})
    assert linear.weight.shape == (3, 4)
    assert linear.bias is None


def test_callbacks_are_cloned():
    scoring = EpochScoring("accuracy", name="acc")
    estimator = FocalNetClassifier(callbacks=[scoring, ("named", scoring), EpochScoring], verbose=0)
    estimator.callbacks.pop()
    net = make_net(estimator, X, 2, FocalLoss())
    ours = [callback for _, callback in net.callbacks_ if isinstance(callback, EpochScoring)]
    assert len(ours) == 2
    assert all(callback is not scoring for callback in ours)
    assert "named" in dict(net.callbacks_)


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_find_device(device):
    assert find_device(device) == torch.device("cpu")
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match=r"must be 'auto' or a device .* Got 'warp' instead"):
        find_device("warp")


def test_seed_is_that_of_the_random_state():
    seeds = [make_seed(FocalNetClassifier(random_state=state)) for state in (0, 0, 1)]
    assert seeds[0] == seeds[1] != seeds[2]
    rng = np.random.RandomState(0)
    assert make_seed(FocalNetClassifier(random_state=rng)) == seeds[0]


def test_divergence_says_what_to_do():
    assert "Lower 'lr', now 3.0" in divergence(FocalNetClassifier(lr=3.0))


def test_a_clone_shares_what_its_callbacks_cannot_copy():
    class Writer(Callback):
        def __init__(self, lock):
            self.lock = lock

    classifier = FocalNetClassifier(callbacks=[Writer(threading.Lock()), ("mine", Callback())])
    copy = clone(classifier)
    assert copy.callbacks is not classifier.callbacks
    assert copy.callbacks[0].lock is classifier.callbacks[0].lock
    assert copy.callbacks[1][1] is not classifier.callbacks[1][1]
    assert clone(FocalNetClassifier(callbacks=["no callback"])).callbacks == ["no callback"]


def test_a_penalty_that_is_given_as_a_class_weight_is_noticed(recwarn):
    y = np.arange(12) % 3 == 0  # True is the rarer class
    with pytest.warns(UserWarning, match="MLPClassifier calls alpha is weight_decay"):
        FocalNetClassifier(alpha=0.0001, max_epochs=1).fit(X, y)
    recwarn.clear()
    for alpha, target in [(0.0001, ~y), (0.01, y), ([1, 0.0001], y), ({True: 0.001, False: 1}, y)]:
        FocalNetClassifier(alpha=alpha, max_epochs=1).fit(X, target)
    assert not recwarn.list
