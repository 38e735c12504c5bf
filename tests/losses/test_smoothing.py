"""Label smoothing undone: at the minimum of the loss, the posterior is that of the data."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional as F

from focalsk import FocalLoss, SigmoidFocalLoss, focal_posterior, sigmoid_focal_posterior
from focalsk.estimators._target_coding import ClassCoding, LabelCoding, OneVersusRestCoding
from focalsk.losses import OneVersusRestLoss, unsmoothed

RNG = np.random.default_rng(0)
CASES = [
    (k, gamma, smoothing, RNG.dirichlet(np.full(k, 2.0)), RNG.uniform(0.2, 4, k))
    for k in (2, 3, 5)
    for gamma in (0.0, 0.5, 2.0, 5.0)
    for smoothing in (0.05, 0.3)
]
cases = pytest.mark.parametrize(("k", "gamma", "smoothing", "eta", "alpha"), CASES)


def minimiser(expected_loss, k):
    """Logits (k,) of the least loss, by Newton's method from the neighbourhood."""

    def value_and_slope(z):
        z = torch.tensor(z, requires_grad=True)
        loss = expected_loss(z)
        loss.backward()
        return loss.item(), z.grad.numpy()

    z = minimize(value_and_slope, np.zeros(k), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    for _ in range(20):
        point = torch.tensor(z)
        slope = torch.autograd.functional.jacobian(expected_loss, point)
        curvature = torch.autograd.functional.hessian(expected_loss, point)
        step = torch.linalg.lstsq(curvature, slope, driver="gelsd").solution.numpy()
        z = z - step
        if abs(step).max() < 1e-13:
            break
    return torch.tensor(z)


def expected_over_classes(criterion, eta):
    """The loss of one logit vector, over classes of the probabilities eta."""
    classes, weight = torch.arange(len(eta)), torch.as_tensor(eta)

    def loss(z):
        rows = z.expand(len(eta), -1)
        return criterion(rows, classes, weight=weight, avg_factor=1.0)

    return loss


@cases
def test_softmax(k, gamma, smoothing, eta, alpha):
    weights = torch.tensor(alpha)
    criterion = FocalLoss(gamma, weights, label_smoothing=smoothing)
    z = minimiser(expected_over_classes(criterion, eta), k)
    found = focal_posterior(z, gamma, weights, label_smoothing=smoothing)
    np.testing.assert_allclose(found, eta, rtol=0, atol=1e-8)
    coding = ClassCoding(np.arange(k))
    weighted = coding.probabilities(z[None], gamma, alpha, "weighted", smoothing)[0]
    np.testing.assert_allclose(weighted, alpha * eta / (alpha @ eta), rtol=0, atol=1e-8)
    if smoothing == 0.3:  # left as it is, or undone before the weights, it would be far off
        assert abs(focal_posterior(z, gamma, weights).numpy() - eta).max() > 1e-2


@cases
def test_one_against_the_rest(k, gamma, smoothing, eta, alpha):
    criterion = OneVersusRestLoss(gamma, torch.tensor(alpha), label_smoothing=smoothing)
    z = minimiser(expected_over_classes(criterion, eta), k)
    coding = OneVersusRestCoding(np.arange(k))
    posterior = coding.probabilities(z[None], gamma, alpha, "posterior", smoothing)[0]
    np.testing.assert_allclose(posterior, eta, rtol=0, atol=1e-8)
    decided = coding.scores(z[None], gamma, alpha, smoothing)[0].sigmoid()
    np.testing.assert_allclose(decided, alpha * eta / (alpha @ eta), rtol=0, atol=1e-8)


@cases
def test_labels(k, gamma, smoothing, eta, alpha):
    weights = torch.tensor(np.stack([alpha[::-1].copy(), alpha]))
    criterion = SigmoidFocalLoss(gamma, weights, label_smoothing=smoothing)
    share = torch.tensor(eta)

    def expected_loss(z):
        rows = torch.stack([z, z])
        target = torch.stack([torch.zeros(k), torch.ones(k)]).double()
        return criterion(rows, target, weight=torch.stack([1 - share, share]), avg_factor=1.0)

    z = minimiser(expected_loss, k)
    found = sigmoid_focal_posterior(z, gamma, weights, label_smoothing=smoothing)
    np.testing.assert_allclose(found, eta, rtol=0, atol=1e-8)
    coding = LabelCoding(np.arange(k))
    weighted = coding.probabilities(z[None], gamma, weights.numpy(), "weighted", smoothing)[0]
    expected = weights[1] * share / (weights[1] * share + weights[0] * (1 - share))
    np.testing.assert_allclose(weighted, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("smoothing", [0.05, 0.3])
def test_the_minimiser_of_torchs_cross_entropy(k, smoothing):
    rng = np.random.default_rng(k)
    eta, alpha = torch.tensor(rng.dirichlet(np.full(k, 2.0))), torch.tensor(rng.uniform(0.2, 4, k))
    options = {"weight": alpha, "label_smoothing": smoothing, "reduction": "none"}
    z = minimiser(lambda z: F.cross_entropy(z.expand(k, -1), torch.arange(k), **options) @ eta, k)
    found = focal_posterior(z, 0.0, alpha, label_smoothing=smoothing)
    np.testing.assert_allclose(found, eta, rtol=0, atol=1e-8)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_a_gamma_for_each_class(k):
    rng = np.random.default_rng(k)
    eta, alpha, gamma = rng.dirichlet(np.full(k, 2.0)), rng.uniform(0.2, 4, k), rng.uniform(0, 5, k)
    for coding in (ClassCoding(np.arange(k)), OneVersusRestCoding(np.arange(k))):
        criterion = coding.loss(torch.tensor(gamma), alpha, 0.2)
        z = minimiser(expected_over_classes(criterion, eta), k)
        found = coding.probabilities(z[None], gamma, alpha, "posterior", 0.2)[0]
        np.testing.assert_allclose(found, eta, rtol=0, atol=1e-8)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 5.0])
def test_two_classes_with_one_sigmoid(gamma):
    eta, alpha = np.array([0.85, 0.15]), np.array([0.5, 3.0])
    coding = ClassCoding(np.arange(2), one_logit=True)
    criterion, share = coding.loss(gamma, alpha, 0.1), torch.tensor(eta)[:, None]
    target = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    z = minimiser(lambda z: criterion(z.expand(2, 1), target, weight=share, avg_factor=1.0), 1)
    found = coding.probabilities(z[None], gamma, alpha, "posterior", 0.1)[0]
    np.testing.assert_allclose(found, eta, rtol=0, atol=1e-8)
    decided = coding.scores(z[None], gamma, alpha, 0.1).sigmoid().item()
    assert decided == pytest.approx((alpha * eta)[1] / (alpha @ eta), abs=1e-8)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_the_smoothed_sigmoid_loss_is_torchs(smoothing):
    logits, target = torch.randn(7, 3).double(), torch.randint(2, (7, 3)).double()
    spread = target * (1 - smoothing) + smoothing / 2
    expected = F.binary_cross_entropy_with_logits(logits, spread)
    found = SigmoidFocalLoss(0.0, label_smoothing=smoothing)(logits, target)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("smoothing", [1e-3, 0.5, 0.999])
def test_what_cannot_be_keeps_its_order(smoothing, dtype):
    p = torch.tensor([[1.0, 0.0], [0.999, 0.001], [0.97, 0.03], [0.5, 0.5]], dtype=dtype)
    bare = unsmoothed(p, smoothing, dim=1)
    torch.testing.assert_close(bare.sum(1), torch.ones(4, dtype=dtype))
    assert (bare[:, 1].diff() > 0).all()
    labels = unsmoothed(p[:, 1], smoothing)
    assert ((labels >= 0) & (labels <= 1)).all()
    assert (labels.diff() > 0).all()
    logits = torch.tensor([[-1e4, 1e4, 0.0], [1e30, -1e30, 1.0]], dtype=dtype)
    for coding in (ClassCoding(np.arange(3)), OneVersusRestCoding(np.arange(3))):
        for proba in ("posterior", "weighted", "raw"):
            found = coding.probabilities(logits, 2.0, np.array([1.0, 5.0, 0.0]), proba, smoothing)
            assert torch.isfinite(found).all()
        assert torch.isfinite(
            coding.scores(logits, 2.0, np.array([1.0, 5.0, 0.0]), smoothing)
        ).all()


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan"), "much"])
def test_smoothing_that_cannot_be_undone(smoothing):
    for posterior in (focal_posterior, sigmoid_focal_posterior):
        with pytest.raises(ValueError, match=r"label_smoothing must be a float in \[0, 1\)"):
            posterior(torch.zeros(2), 0.0, label_smoothing=smoothing)
