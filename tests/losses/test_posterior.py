"""The posterior against numerical minimisers of the loss and 60-digit arithmetic."""

import functools
import itertools
import math

import mpmath
import numpy as np
import pytest
import torch

from focalsk import (
    focal_loss,
    focal_posterior,
    sigmoid_focal_loss,
    sigmoid_focal_posterior,
)
from focalsk.losses._posterior import focal_scores, sigmoid_focal_scores

GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
MARGINS = (-1000, -700, -100, -40, -8, -1, -1e-8, 0, 1e-8, 0.5, 8, 39, 41, 100, 700, 1000)
ETAS = {
    2: (0.84, 0.16),
    3: (0.7, 0.25, 0.05),
    5: (0.4, 0.3, 0.15, 0.1, 0.05),
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def minimiser(loss, start):
    """Logits where the gradient of a loss vanishes, by Newton's method from L-BFGS's end."""
    logits = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logits], max_iter=500, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        value = loss(logits)
        value.backward()
        return value

    optimizer.step(closure)
    logits = logits.detach()
    for _ in range(5):
        gradient = torch.func.grad(loss)(logits)
        if gradient.abs().max() < 1e-13:
            break
        hessian = torch.autograd.functional.hessian(loss, logits)
        logits = logits - torch.linalg.pinv(hessian, hermitian=True, rtol=1e-9) @ gradient
    assert gradient.abs().max() < 1e-12
    return logits


# The posterior of what the losses train -----------------------------------------------------------


@pytest.mark.parametrize("n_classes", ETAS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("gamma", [*GAMMAS, "per class"])
def test_minimiser_of_focal_loss_gives_back_the_posterior(n_classes, weighted, gamma):
    eta = double(ETAS[n_classes])
    gamma = torch.linspace(0.5, 2, n_classes).double() if gamma == "per class" else gamma
    alpha = torch.linspace(0.5, 2, n_classes).double() if weighted else None
    logits = minimiser(lambda z: focal_loss(z, eta, gamma, alpha), eta.log())
    posterior = focal_posterior(logits, gamma, alpha)
    torch.testing.assert_close(posterior, eta, rtol=0, atol=1e-8)
    if alpha is not None:  # without alpha, the posterior under the class weights
        weighted = alpha * eta / (alpha * eta).sum()
        torch.testing.assert_close(focal_posterior(logits, gamma), weighted, rtol=0, atol=1e-8)


@pytest.mark.parametrize("gamma", [*GAMMAS, [0.5, 3.0, 1.0]])
@pytest.mark.parametrize("alpha", [None, 0.25, [0.5, 1.0, 2.0], [[0.5, 1, 2], [3, 1, 0.2]]])
def test_minimiser_of_sigmoid_focal_loss_gives_back_the_posterior(gamma, alpha):
    eta = double([0.03, 0.4, 0.9])
    options = {"reduction": "sum"}
    logits = minimiser(lambda z: sigmoid_focal_loss(z, eta, gamma, alpha, **options), eta.logit())
    posterior = sigmoid_focal_posterior(logits, gamma, alpha)
    torch.testing.assert_close(posterior, eta, rtol=0, atol=1e-8)


# Every finite logit -------------------------------------------------------------------------------


@functools.cache
def log_h(margin, gamma):
    """The log of h from its definition, in 60 digits."""
    with mpmath.workdps(60):
        odds = mpmath.exp(-mpmath.mpf(margin))
        v, u, log_v = 1 / (1 + odds), odds / (1 + odds), -mpmath.log1p(odds)
        return mpmath.log(v) - mpmath.log(u**gamma - gamma * u ** (gamma - 1) * v * log_v)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", GAMMAS)
def test_exact_at_every_margin(gamma, dtype):
    margins = torch.tensor(MARGINS, dtype=dtype)
    truth = [[log_h(m, gamma), log_h(-m, gamma)] for m in margins.tolist()]
    logits = torch.stack((margins, torch.zeros_like(margins)), dim=1)
    close = functools.partial(
        torch.testing.assert_close, rtol=20 * torch.finfo(dtype).eps, atol=torch.finfo(dtype).eps
    )
    close(focal_scores(logits, gamma), torch.tensor([[*map(float, t)] for t in truth], dtype=dtype))
    odds = torch.tensor([float(a - b) for a, b in truth], dtype=dtype)
    close(sigmoid_focal_scores(margins, gamma), odds)
    close(sigmoid_focal_posterior(margins, gamma), focal_posterior(logits, gamma)[:, 0])


def test_gamma_zero_is_softmax_and_sigmoid():
    logits = 10 * torch.randn(20, 4, dtype=torch.float64)
    torch.testing.assert_close(focal_posterior(logits, 0), logits.softmax(-1))
    torch.testing.assert_close(sigmoid_focal_posterior(logits, 0), logits.sigmoid())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 2.0, [0.0, 0.5, 5.0]])
def test_extreme_logits_give_probabilities(gamma, dtype):
    values = (-1000.0, -20.0, 0.0, 1e-3, 1000.0, math.inf)
    rows = [r for r in itertools.product(values, repeat=3) if r.count(math.inf) < 2]
    logits = torch.tensor(rows, dtype=dtype)
    result = torch.promote_types(dtype, torch.float32)
    for alpha in (None, [0.2, 1.0, 5.0]):
        posterior = focal_posterior(logits, gamma, alpha)
        torch.testing.assert_close(posterior.sum(1), torch.ones(len(rows), dtype=result))
        assert ((posterior >= 0) & (posterior <= 1)).all()
        binary = sigmoid_focal_posterior(logits, gamma, alpha)
        assert ((binary >= 0) & (binary <= 1)).all()
        assert posterior.dtype == binary.dtype == result


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, [0.2, 1.0, 5.0], [1e-30, 1.0, 1e30]])
def test_one_gamma_is_a_gamma_per_class(gamma, alpha, dtype):
    values = (-1000.0, -87.0, -20.0, -1.0, 0.0, 1e-8, 1e-3, 5.0, 60.0)
    logits = torch.tensor(list(itertools.product(values, repeat=3)), dtype=dtype)
    expected = focal_posterior(logits.double(), [gamma] * 3, alpha)
    limits = torch.finfo(dtype)
    close = functools.partial(torch.testing.assert_close, rtol=1000 * limits.eps, atol=limits.tiny)
    for given, dim in ((logits, 1), (logits.T, 0), (logits.T.contiguous().T, 1)):
        posterior = focal_posterior(given, gamma, alpha, dim=dim)
        close(posterior if dim else posterior.T, expected.to(dtype))


def test_one_gamma_can_be_differentiated_through():
    logits = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: focal_posterior(z, 2.0, [0.5, 1.0, 2.0]), logits)
    mapped = torch.func.vmap(lambda z: focal_posterior(z, 2.0))(logits.detach())
    torch.testing.assert_close(mapped, focal_posterior(logits.detach(), 2.0))


def test_only_what_was_trained_counts_however_small():
    logits = torch.tensor([[1000.0, 0.0, 1.0]])
    for gamma in (0.0, 2.0):
        assert focal_posterior(logits, gamma, [0.0, 1.0, 0.0]).tolist() == [[0.0, 1.0, 0.0]]


# Parameters ---------------------------------------------------------------------------------------


def test_other_axes_are_a_loop():
    logits, gamma, alpha = torch.randn(2, 5, 3), torch.rand(2, 1, 3), 0.1 + torch.rand(2, 1, 3)
    stacked = focal_posterior(logits, gamma, alpha)
    rows = torch.stack((torch.ones_like(alpha), alpha))  # (2, M, 1, C)
    labels = sigmoid_focal_posterior(logits, gamma, rows)
    for i in range(2):
        one = gamma[i, 0], alpha[i, 0]
        torch.testing.assert_close(stacked[i], focal_posterior(logits[i], *one))
        torch.testing.assert_close(stacked[i].T, focal_posterior(logits[i].T, *one, dim=0))
        expected = sigmoid_focal_posterior(logits[i], gamma[i, 0], rows[:, i, 0])
        torch.testing.assert_close(labels[i], expected)


def test_arrays_and_lists_are_tensors():
    logits, values = torch.randn(5, 3), [0.5, 1.0, 2.0]
    expected = focal_posterior(logits, torch.tensor(values), torch.tensor(values))
    frozen = np.array(values)
    frozen.flags.writeable = False
    for given in (values, frozen):
        torch.testing.assert_close(focal_posterior(logits, given, given), expected)


def test_what_was_never_trained_has_probability_zero():
    logits = torch.randn(5, 3)
    posterior = focal_posterior(logits, 2.0, [1.0, 0.0, 2.0])
    torch.testing.assert_close(posterior.sum(1), torch.ones(5))
    assert posterior[:, 1].tolist() == [0.0] * 5
    rows = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    assert sigmoid_focal_posterior(logits, 2.0, rows).tolist() == [[1.0, 0.0, 0.0]] * 5


@pytest.mark.parametrize(
    ("posterior", "gamma", "alpha", "error", "message"),
    [
        (focal_posterior, -1, None, ValueError, "gamma must be finite and not negative"),
        (focal_posterior, [1, 2], None, ValueError, "gamma must have 3 entries"),
        (focal_posterior, 2, 0.25, ValueError, "alpha must hold one weight per class"),
        (focal_posterior, 2, [1, 2], ValueError, "alpha must have 3 entries"),
        (focal_posterior, 2, "balanced", TypeError, "alpha must be a number or an array"),
        (sigmoid_focal_posterior, math.nan, None, ValueError, "gamma must be finite"),
        (sigmoid_focal_posterior, 2, 1.5, ValueError, r"alpha must be in \[0, 1\]"),
        (sigmoid_focal_posterior, 2, [[1, 2, 3]], ValueError, r"alpha must have shape \(K,\)"),
    ],
)
def test_refuses(posterior, gamma, alpha, error, message):
    with pytest.raises(error, match=message):
        posterior(torch.zeros(5, 3), gamma, alpha)


def test_alpha_of_zeros_is_refused():
    with pytest.raises(ValueError, match="alpha must be positive for some class"):
        focal_posterior(torch.zeros(2, 3), 2.0, [0.0, 0.0, 0.0])


@pytest.mark.parametrize("posterior", [focal_posterior, sigmoid_focal_posterior])
@pytest.mark.parametrize("logits", [[[0.0, 1.0]], np.zeros((1, 2)), torch.zeros(1, 2).int()])
def test_logits_are_a_tensor_of_floats(posterior, logits):
    with pytest.raises(TypeError, match="logits must be a floating point tensor, got"):
        posterior(logits, 2.0)
