"""Training steps in closed form: what autograd gives, and what is left to it."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from focalsk import FocalLoss, SigmoidFocalLoss
from focalsk.losses import OneVersusRestLoss
from focalsk.nets._manual_step import manual_step, plain_forward
from focalsk.nets._mlp import FocalMLP

N, D, C = 40, 5, 3


def samples():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(N, D, generator=generator, dtype=torch.float64)
    return X, torch.arange(N) % C


def mlp(hidden=(6, 4), **params):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return FocalMLP(D, C, hidden, **params).double()


@pytest.mark.parametrize("hidden", [(), (6,), (6, 4, 7)])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, [0.0, 1.0, 3.0]])
@pytest.mark.parametrize("alpha", [None, [0.5, 0.0, 3.0]])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_are_those_of_autograd(hidden, gamma, alpha, weighted):
    X, y = samples()
    weight = torch.linspace(0, 2, N, dtype=torch.float64) if weighted else None
    module, criterion = mlp(hidden), FocalLoss(gamma, alpha)
    logits = module(X)
    loss = criterion(logits, y, weight=weight, avg_factor=N)
    expected = torch.autograd.grad(loss, list(module.parameters()))
    ours, grads = manual_step(module, criterion, X, y)(X, y, weight)
    torch.testing.assert_close(ours, loss.detach(), rtol=1e-12, atol=1e-15)
    for ours, grad in zip(grads, expected, strict=True):
        torch.testing.assert_close(ours, grad, rtol=1e-12, atol=1e-15)


CRITERIA = {
    "smoothed": (FocalLoss(0.0, label_smoothing=0.1), torch.int64),
    "smoothed, gamma": (FocalLoss(1.5, [0.5, 1.0, 3.0], label_smoothing=0.3), torch.int64),
    "smoothed, gammas": (FocalLoss([0.0, 1.0, 3.0], label_smoothing=0.2), torch.int64),
    "one against the rest": (OneVersusRestLoss(2.0, [0.5, 0.0, 3.0]), torch.int64),
    "labels": (SigmoidFocalLoss([0.0, 1.0, 3.0], torch.rand(2, C)), torch.float64),
    "smoothed, one against the rest": (
        OneVersusRestLoss(2.0, [0.5, 0.0, 3.0], label_smoothing=0.2),
        torch.int64,
    ),
    "smoothed labels": (
        SigmoidFocalLoss([0.0, 1.0, 3.0], torch.rand(2, C), label_smoothing=0.1),
        torch.float64,
    ),
    "labels, gamma 0": (SigmoidFocalLoss(0.0), torch.float32),
}


@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize(("criterion", "dtype"), CRITERIA.values(), ids=CRITERIA)
def test_other_losses_have_the_gradients_of_autograd(criterion, dtype, scale):
    X, y = samples()
    X = scale * X
    y = y if dtype == torch.int64 else nn.functional.one_hot(y).to(dtype)
    module, weight = mlp(), torch.linspace(0, 2, N, dtype=torch.float64)
    loss = criterion(module(X), y, weight=weight, avg_factor=N)
    expected = torch.autograd.grad(loss, list(module.parameters()))
    ours, grads = manual_step(module, criterion, X, y)(X, y, weight)
    torch.testing.assert_close(ours, loss.detach(), rtol=1e-12, atol=1e-15)
    for ours, grad in zip(grads, expected, strict=True):
        torch.testing.assert_close(ours, grad, rtol=1e-11, atol=1e-13 * grad.abs().max().item())


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropout_has_the_gradients_of_autograd(p):
    X, y = samples()
    module, criterion = mlp(dropout=p), FocalLoss(2.0)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        loss = criterion(module(X), y, avg_factor=N)
        expected = torch.autograd.grad(loss, list(module.parameters()))
        torch.manual_seed(3)
        ours, grads = manual_step(module, criterion, X, y)(X, y)
    torch.testing.assert_close(ours, loss.detach(), rtol=1e-12, atol=1e-15)
    for ours, grad in zip(grads, expected, strict=True):
        torch.testing.assert_close(ours, grad, rtol=1e-11, atol=1e-14)


def with_hook(register):
    module = mlp()
    register(module)
    return module


class Another(FocalMLP):
    def forward(self, input):
        return 2 * super().forward(input)


LEFT_TO_AUTOGRAD = {
    "another module": Another(D, C),
    "a frozen parameter": with_hook(lambda m: m.layers[0].weight.requires_grad_(False)),
    "a hook on the module": with_hook(lambda m: m.register_forward_hook(lambda *args: None)),
    "a hook on a layer": with_hook(
        lambda m: m.layers[1].register_full_backward_hook(lambda *args: None)
    ),
    "a hook on an activation": with_hook(
        lambda m: m.activations[0].register_forward_hook(lambda *args: None)
    ),
    "another activation": with_hook(lambda m: setattr(m.activations, "0", nn.Tanh())),
    "a hook on a parameter": with_hook(lambda m: m.layers[0].bias.register_hook(torch.neg)),
    "a parametrization": with_hook(lambda m: parametrizations.weight_norm(m.layers[0])),
    "another layer": with_hook(lambda m: m.layers.append(nn.Identity())),
    "no bias": with_hook(lambda m: m.layers[0].register_parameter("bias", None)),
    "a forward of its own": with_hook(lambda m: setattr(m, "forward", torch.sin)),
}


@pytest.mark.parametrize("name", LEFT_TO_AUTOGRAD)
def test_leaves_modules_to_autograd(name):
    assert manual_step(mlp(), FocalLoss(), *samples()) is not None
    assert manual_step(LEFT_TO_AUTOGRAD[name], FocalLoss(), *samples()) is None


@pytest.mark.parametrize(
    "criterion",
    [
        SigmoidFocalLoss(),
        nn.CrossEntropyLoss(),
        FocalLoss(ignore_index=1),
        FocalLoss(reduction="sum"),
        FocalLoss([1.0, 2.0]),
        FocalLoss(alpha=[1.0, 2.0]),
    ],
    ids=repr,
)
def test_leaves_losses_to_autograd(criterion):
    assert manual_step(mlp(), criterion, *samples()) is None


@pytest.mark.parametrize("hidden", [(), (6,), (6, 4, 7)])
def test_plain_forward_is_the_forward_of_the_module(hidden):
    X, _ = samples()
    module = mlp(hidden, dropout=0.5).eval()
    logits = plain_forward(module, X)
    torch.testing.assert_close(logits, module(X).detach(), rtol=1e-12, atol=1e-15)
    assert not logits.requires_grad


def test_leaves_forward_to_the_module():
    X, _ = samples()
    for name in ("another module", "a hook on the module", "a parametrization", "no bias"):
        assert plain_forward(LEFT_TO_AUTOGRAD[name], X) is None
    for other in (X.float(), X[:, 1:], X[:, None], {"X": X}):
        assert plain_forward(mlp(), other) is None
    with torch.autocast("cpu"):
        assert plain_forward(mlp(), X) is None


def test_leaves_samples_to_autograd():
    X, y = samples()
    for other in (y - 1, y + 1, y.int(), y.double(), nn.functional.one_hot(y), y[:0]):
        assert manual_step(mlp(), FocalLoss(), X, other) is None
    assert manual_step(mlp(), FocalLoss(), X[:, :-1], y) is None
    assert manual_step(mlp(), FocalLoss(), X[:, None], y) is None
    with torch.autocast("cpu"):
        assert manual_step(mlp(), FocalLoss(), X, y) is None
