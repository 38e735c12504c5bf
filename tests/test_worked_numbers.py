"""Numbers worked out by hand or by a formula as it is usually written."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch import nn

from focalsk import (
    FocalLoss,
    FocalNet,
    FocalNetClassifier,
    SigmoidFocalLoss,
    compute_alpha,
    focal_loss,
    focal_posterior,
    sigmoid_focal_loss,
)
from focalsk.nets._batches import ArrayDataset


def logit(p):
    return torch.tensor(p, dtype=torch.float64).logit()


# A positive sample, easy to hard ------------------------------------------------------------------


@pytest.mark.parametrize(("p", "factor"), [(0.95, 0.05), (0.65, 0.35), (0.28, 0.72)])
@pytest.mark.parametrize("gamma", [1, 2])
def test_factor_of_a_positive_sample(p, factor, gamma):
    expected = factor**gamma * -math.log(p)
    one = torch.ones((), dtype=torch.float64)
    assert_allclose(sigmoid_focal_loss(logit(p), one, gamma), expected)
    # The same sample as one of two classes, and as a negative one.
    two_logits = torch.stack([torch.zeros_like(one), logit(p)])
    assert_allclose(focal_loss(two_logits, torch.tensor(1), gamma), expected)
    assert_allclose(sigmoid_focal_loss(logit(1 - p), 0 * one, gamma), expected)


def test_nine_negatives_for_a_positive():
    """Weights .9 and .1 make up for 10 % of positives: both classes count alike."""
    logits = torch.zeros(10, dtype=torch.float64)
    target = torch.zeros(10, dtype=torch.float64)
    target[0] = 1
    for gamma in (0, 2):
        loss = sigmoid_focal_loss(logits, target, gamma, alpha=0.9, reduction="none")
        expected = torch.where(target == 1, 0.9, 0.1) * 0.5**gamma * math.log(2)
        assert_allclose(loss, expected, rtol=1e-6)
        assert_allclose(loss[0], loss[1:].sum())


# One row of the one-hot target counts -------------------------------------------------------------


def test_three_classes_by_hand():
    p = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]], dtype=torch.float64)
    loss = focal_loss(p.log(), torch.tensor([0, 1]), 2, alpha=[0.2, 0.3, 0.5], reduction="none")
    expected = [0.2 * 0.3**2 * -math.log(0.7), 0.3 * 0.8**2 * -math.log(0.2)]
    assert_allclose(loss, expected)


FIVE_WEIGHTS = [0.1, 0.2, 0.3, 0.15, 0.25]


def one_hot_loss(logits, target, gamma, alpha, epsilon=0.0):
    """The matrix (N, C) whose rows sum to the losses."""
    p = logits.softmax(dim=-1)
    one_hot = F.one_hot(target, logits.shape[-1])
    return -torch.tensor(alpha) * one_hot * (1 - p) ** gamma * (p + epsilon).log()


def test_five_classes_as_a_one_hot_sum():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([4, 0, 3])
    terms = one_hot_loss(logits, target, 2, FIVE_WEIGHTS)
    assert (terms != 0).sum() == 3
    loss = focal_loss(logits, target, 2, FIVE_WEIGHTS, reduction="none")
    assert_allclose(loss.detach(), terms.sum(1).detach(), rtol=1e-6)
    # Their plain mean is a matter of the denominator.
    mean = focal_loss(logits, target, 2, FIVE_WEIGHTS, avg_factor=3)
    assert_allclose(mean.item(), terms.sum(1).mean().item(), rtol=1e-6)
    mean.backward()
    assert torch.isfinite(logits.grad).all()


def test_ignored_class():
    """With class 0 masked out of the one-hot target, its samples have neither loss nor gradient."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(6, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 1, 2, 0, 4, 3])
    terms = one_hot_loss(logits, target, 2, FIVE_WEIGHTS)[:, 1:]
    loss = focal_loss(logits, target, 2, FIVE_WEIGHTS, ignore_index=0, reduction="none")
    assert_allclose(loss.detach(), terms.sum(1).detach(), rtol=1e-6)
    assert loss[target == 0].eq(0).all()
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert gradient[target == 0].eq(0).all()
    assert gradient[target != 0].ne(0).all()
    mean = FocalLoss(2, FIVE_WEIGHTS, ignore_index=0)(logits, target)
    counted = torch.tensor(FIVE_WEIGHTS)[target[target != 0]]
    assert_allclose(mean.item(), (loss.sum() / counted.sum()).item(), rtol=1e-6)


# The formulas in common use -----------------------------------------------------------------------


def weighted_sigmoid_formula(pred, target, weight, gamma, alpha, reduction, avg_factor):
    """The sigmoid focal loss of detection frameworks, by the probability of the wrong answer."""
    p = pred.sigmoid()
    wrong = (1 - p) * target + p * (1 - target)
    factor = (alpha * target + (1 - alpha) * (1 - target)) * wrong.pow(gamma)
    loss = F.binary_cross_entropy_with_logits(pred, target, reduction="none") * factor
    loss = loss if weight is None else loss * weight
    if avg_factor is not None:
        return loss.sum() / avg_factor
    return {"none": loss, "sum": loss.sum(), "mean": loss.mean()}[reduction]


@pytest.mark.parametrize(
    ("reduction", "avg_factor"), [("none", None), ("sum", None), ("mean", None), ("mean", 3.0)]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_sigmoid_form_with_weight_and_avg_factor(reduction, avg_factor, weighted):
    generator = torch.Generator().manual_seed(2)
    pred = torch.randn(8, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    target = (torch.rand(8, 3, generator=generator) < 0.3).double()
    weight = torch.rand(8, 3, generator=generator, dtype=torch.float64) if weighted else None
    for gamma, alpha in [(2.0, 0.25), (0.5, 0.75)]:
        expected = weighted_sigmoid_formula(
            pred, target, weight, gamma, alpha, reduction, avg_factor
        )
        for loss in (
            sigmoid_focal_loss(
                pred, target, gamma, alpha,
                weight=weight, reduction=reduction, avg_factor=avg_factor,
            ),
            SigmoidFocalLoss(gamma, alpha, reduction=reduction)(pred, target, weight, avg_factor),
        ):  # fmt: skip
            torch.testing.assert_close(loss, expected)
            ours, theirs = (torch.autograd.grad(x.sum(), pred, retain_graph=True)[0]
                            for x in (loss, expected))  # fmt: skip
            torch.testing.assert_close(ours, theirs)


def test_sigmoid_weight_per_sample():
    pred, target = torch.randn(4, 3), torch.ones(4, 3)
    weight = torch.tensor([1.0, 0.0, 2.0, 1.0])
    expected = weighted_sigmoid_formula(pred, target, weight[:, None], 2.0, 0.25, "sum", None)
    loss = sigmoid_focal_loss(pred, target, 2.0, 0.25, weight=weight, reduction="sum")
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("gamma", [0, 2, 5])
def test_reductions(gamma, reduction):
    """Binary and multi-class, from the cross-entropy and the probability that it implies."""
    generator = torch.Generator().manual_seed(3)
    reduce = {"none": lambda x: x, "sum": torch.sum, "mean": torch.mean}[reduction]

    logits = torch.randn(32, generator=generator, dtype=torch.float64)
    target = (torch.rand(32, generator=generator) < 0.2).double()
    nll = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    expected = reduce((1 - torch.exp(-nll)) ** gamma * nll)
    torch.testing.assert_close(
        SigmoidFocalLoss(gamma, reduction=reduction)(logits, target), expected
    )

    logits = torch.randn(32, 4, generator=generator, dtype=torch.float64)
    target = torch.randint(4, (32,), generator=generator)
    alpha = torch.tensor([1.0, 1.0, 3.0, 0.5], dtype=torch.float64)
    nll = F.cross_entropy(logits, target, reduction="none")
    loss = (1 - torch.exp(-nll)) ** gamma * nll
    torch.testing.assert_close(FocalLoss(gamma, reduction=reduction)(logits, target), reduce(loss))
    weighted = alpha[target] * loss
    mean = weighted.sum() / alpha[target].sum()
    torch.testing.assert_close(
        FocalLoss(gamma, alpha, reduction=reduction)(logits, target),
        mean if reduction == "mean" else reduce(weighted),
    )


def test_images_of_logits():
    """(N, C, H, W) is the same as one row for each pixel."""
    generator = torch.Generator().manual_seed(4)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    target = torch.randint(3, (2, 4, 5), generator=generator)
    rows = logits.movedim(1, -1).reshape(-1, 3)
    for reduction in ("sum", "mean"):
        torch.testing.assert_close(
            focal_loss(logits, target, 2.0, [1, 2, 3], reduction=reduction),
            focal_loss(rows, target.flatten(), 2.0, [1, 2, 3], reduction=reduction),
        )


# Class weights ------------------------------------------------------------------------------------


def test_weights_of_84_and_16_percent():
    y = np.repeat([0, 1], [84, 16])
    geometric = compute_alpha("geometric", y)
    assert_allclose(geometric, (0.84 * 0.16) ** 0.5 / np.array([0.84, 0.16]))
    assert_allclose(geometric, [0.436, 2.29], atol=2e-3)
    assert_allclose(geometric.prod(), 1)
    balanced = compute_alpha("balanced", y)
    inverse = 1 / np.array([0.84, 0.16])
    assert_allclose(balanced, inverse / (0.84 * inverse[0] + 0.16 * inverse[1]))
    assert_allclose(balanced, [0.595, 3.125], atol=1e-3)
    assert_allclose(compute_alpha("inverse", y), [0.16, 0.84])


def test_a_class_that_does_not_occur():
    y = np.repeat(["A", "B", "C"], [100, 200, 300])
    inverse = compute_alpha("inverse", y, classes=["A", "B", "C", "D"])
    assert_allclose(inverse, [6 / 11, 3 / 11, 2 / 11, 0])
    balanced = compute_alpha("balanced", y, classes=["D", "C", "B", "A"])
    assert_allclose(balanced, [0, 2 / 3, 1, 2])
    for scheme in ("geometric", "sqrt", "effective"):
        weights = compute_alpha(scheme, y, classes=["A", "B", "C", "D"])
        assert weights[3] == 0
        assert np.isfinite(weights).all()


@pytest.mark.parametrize(
    "params", [{"alpha": [1, 1, 3]}, {"class_weight": {"A": 1, "B": 1, "C": 3}}]
)
def test_net_for_100_200_and_300_observations(params):
    rng = np.random.default_rng(0)
    y = np.repeat(["A", "B", "C"], [100, 200, 300])
    X = rng.normal(size=(600, 4)) + 2 * np.eye(3, 4)[np.repeat([0, 1, 2], [100, 200, 300])]
    classifier = FocalNetClassifier((10, 10), max_epochs=5, random_state=0, **params).fit(X, y)
    shapes = [layer.weight.shape for layer in classifier.net_.module_.layers]
    assert shapes == [(10, 4), (10, 10), (3, 10)]
    assert_allclose(classifier.class_count_, [100, 200, 300])
    assert_allclose(classifier.alpha_, [1, 1, 3])
    assert classifier.predict(X).dtype == y.dtype
    # The loss counts C three times, whose samples are half of all.
    criterion = FocalLoss(2, [1, 1, 3], reduction="none")
    codes = torch.from_numpy(np.searchsorted(classifier.classes_, y))
    assert_allclose(criterion(torch.zeros(600, 3), codes).sum() / 600, 2 * (4 / 9) * math.log(3))


def test_mean_of_cross_entropy_with_weights():
    logits, target = torch.randn(600, 3), torch.repeat_interleave(
        torch.arange(3), torch.tensor([100, 200, 300])
    )  # fmt: skip
    weight = torch.tensor([1.0, 1.0, 3.0])
    torch.testing.assert_close(
        focal_loss(logits, target, 0, weight), F.cross_entropy(logits, target, weight)
    )


# Training -----------------------------------------------------------------------------------------


class Samples(torch.utils.data.Dataset):
    def __init__(self):
        generator = torch.Generator().manual_seed(5)
        self.X = torch.randn(1000, 10, generator=generator)
        self.y = (self.X[:, 0] > 1).long()

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


def test_net_trains_like_a_plain_loop(capsys):
    """A dataset of 1000 x 10 in batches of 32, five epochs, in the dataset's order."""
    samples = Samples()
    torch.manual_seed(0)
    start = nn.Linear(10, 2)

    model = nn.Linear(10, 2)
    model.load_state_dict(start.state_dict())
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=0.001), FocalLoss(gamma=2)
    losses = []
    for _ in range(5):
        total = 0.0
        for inputs, targets in torch.utils.data.DataLoader(samples, batch_size=32):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
        losses.append(total / 1000)

    def net(verbose=1):
        module = nn.Linear(10, 2)
        module.load_state_dict(start.state_dict())
        return FocalNet(
            module, criterion__gamma=2.0, lr=0.001, max_epochs=5, batch_size=32,
            iterator_train__shuffle=False, verbose=verbose,
        )  # fmt: skip

    by_dataset = net().fit(samples)
    printed = capsys.readouterr().out
    assert all(f"{loss:.4f}" in printed for loss in losses)
    by_arrays = net(verbose=0).fit(ArrayDataset(samples.X, samples.y))
    for trained in (by_dataset, by_arrays):
        assert_allclose(trained.history[:, "train_loss"], losses, rtol=1e-5)
        torch.testing.assert_close(trained.module_.weight, model.weight)
    assert losses == sorted(losses, reverse=True)


def test_prioritised_samples():
    """Twice the weight is twice the sample, in batches of everything."""
    samples = Samples()
    X, y = samples.X.double().numpy(), samples.y.numpy()
    weight = np.where(np.arange(1000) < 200, 2.0, 1.0)
    params = {"hidden_layer_sizes": (), "batch_size": -1, "max_epochs": 20, "random_state": 0}
    weighted = FocalNetClassifier(**params).fit(X, y, sample_weight=weight)
    repeated = FocalNetClassifier(**params).fit(np.r_[X, X[:200]], np.r_[y, y[:200]])
    plain = FocalNetClassifier(**params).fit(X, y)
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-6)
    assert not np.allclose(weighted.predict_proba(X), plain.predict_proba(X), rtol=1e-3)


@pytest.mark.parametrize("gamma", [2.0, [0.0, 2.0, 5.0]])
def test_net_that_labels_every_step(gamma):
    """Logits (N, C, L): the classes are on the second axis in predictions as in the loss."""
    generator = torch.Generator().manual_seed(6)
    X = torch.randn(6, 2, 7, generator=generator)
    y = torch.randint(3, (6, 7), generator=generator)
    net = FocalNet(
        nn.Conv1d, module__in_channels=2, module__out_channels=3, module__kernel_size=1,
        criterion__gamma=gamma, criterion__alpha=[1.0, 2.0, 3.0],
        max_epochs=1, random_state=0, verbose=0,
    ).fit(X, y)  # fmt: skip
    rows = net.forward(X).movedim(1, -1)
    expected = focal_posterior(rows, gamma, [1.0, 2.0, 3.0]).movedim(-1, 1)
    assert_allclose(net.predict_proba(X), expected, rtol=1e-5)
    assert_allclose(net.predict(X), focal_posterior(rows, gamma).argmax(-1))
