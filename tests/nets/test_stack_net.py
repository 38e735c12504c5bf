"""The stack's batches, losses and steps against those of its nets alone."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from torch.testing import assert_close

from focalsk.losses import FocalLoss, OneVersusRestLoss, SigmoidFocalLoss
from focalsk.nets._batches import ArrayDataset, Batches
from focalsk.nets._focal_net import FocalNet
from focalsk.nets._mlp import FocalMLP
from focalsk.nets._stack_net import StackBatches, StackDataset, StackNet
from focalsk.nets._stacked_loss import stack_losses
from focalsk.nets._stacked_modules import StackedMLP

S, K, C, B = 2, 3, 4, 5
GENERATOR = torch.Generator().manual_seed(0)
F64 = {"dtype": torch.float64, "generator": GENERATOR}


def make_part(n, seed, weighted=False, csr=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    weight = rng.uniform(0.5, 2, n) if weighted else None
    return ArrayDataset(sparse.csr_array(X) if csr else X, rng.integers(0, 2, n), weight)


# --- Batches -------------------------------------------------------------------------------------


@pytest.mark.parametrize("csr", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [(12, 12), (12, 11), (8, 9)])
def test_batches_are_those_of_the_streams(sizes, weighted, csr):
    parts = [make_part(n, n, weighted, csr) for n in sizes]
    # The batches must be as many; with 8 and 9 samples, in batches of 5.
    kwargs = {"batch_size": 5, "shuffle": True}
    stacked = StackBatches(StackDataset(parts, [3, 4]), **kwargs)
    alone = [Batches(part, seed=seed, **kwargs) for part, seed in zip(parts, [3, 4], strict=True)]
    for epoch in (0, 1):
        for batches in (stacked, *alone):
            batches.set_epoch(epoch)
        seen = 0
        for batch, *streams in zip(stacked, *alone, strict=True):
            X, y, weight, counts = batch
            seen += np.array(counts)
            for s, (X_s, y_s, *weight_s) in enumerate(streams):
                n = counts[s]
                assert n == len(y_s)
                assert_close(X[s, :n], X_s, rtol=0, atol=0)
                assert_array_equal(y[s, :n], y_s)
                assert not X[s, n:].any()
                if weight is None:
                    assert not weighted
                    assert n == X.shape[1]
                else:
                    assert_close(weight[s, :n], weight_s[0] if weighted else torch.ones(n).double())
                    assert not weight[s, n:].any()
        assert_array_equal(seen, sizes)


def test_length_is_that_of_the_longest_stream():
    assert len(StackDataset([make_part(4, 0), make_part(6, 0)], [0, 0])) == 6


# --- Losses --------------------------------------------------------------------------------------

ALPHAS = [None, torch.tensor([0.5, 1, 2, 4]), torch.tensor([3.0, 0, 1, 1])]
GAMMAS = {"scalar": [0.0, 1.5, 4.0], "per-class": [torch.tensor([0, 1, 2.0, 5]), 2.0, 0.0]}


def check(criteria, target, weight):
    """Losses (M,) and gradients together against autograd's, net by net."""
    logits = torch.randn(S * K, B, C, **F64) * 3
    sizes = torch.tensor([B, B - 1])
    weight = torch.ones(S, B, dtype=torch.float64) if weight is None else weight.clone()
    weight[1, -1] = 0  # filled up
    loss = stack_losses(criteria, S, C, torch.float64)
    together, gradient = loss(logits.transpose(1, 2), target, weight, sizes[:, None])
    assert len(torch.unique(together)) == S * K
    logits.requires_grad_()
    alone = []
    for m, criterion in enumerate(criteria):
        s, n = m // K, int(sizes[m // K])
        alone.append(criterion(logits[m, :n], target[s, :n], weight[s, :n], avg_factor=n))
    (expected,) = torch.autograd.grad(torch.stack(alone).sum(), logits)
    assert_close(together, torch.stack(alone).detach(), rtol=1e-12, atol=1e-15)
    assert_close(gradient.transpose(1, 2), expected, rtol=1e-12, atol=1e-15)


weighted = pytest.mark.parametrize("weight", [None, torch.rand(S, B, **F64)], ids=["", "weighted"])
gammas = pytest.mark.parametrize("gammas", GAMMAS.values(), ids=GAMMAS)


@weighted
@gammas
@pytest.mark.parametrize("alphas", [ALPHAS, [None] * 3], ids=["alpha", "no-alpha"])
def test_softmax_loss(alphas, gammas, weight):
    criteria = [FocalLoss(g, a) for g, a in zip(gammas, alphas, strict=True)] * S
    check(criteria, torch.randint(C, (S, B), generator=GENERATOR), weight)


@weighted
@gammas
@pytest.mark.parametrize("alphas", [ALPHAS, [None] * 3], ids=["alpha", "no-alpha"])
def test_one_versus_rest_loss(alphas, gammas, weight):
    criteria = [OneVersusRestLoss(g, a) for g, a in zip(gammas, alphas, strict=True)] * S
    check(criteria, torch.randint(C, (S, B), generator=GENERATOR), weight)


@weighted
@gammas
@pytest.mark.parametrize("with_alpha", [True, False])
def test_label_loss(with_alpha, gammas, weight):
    alphas = [None, *torch.rand(2, 2, C, **F64)] if with_alpha else [None] * 3
    criteria = [SigmoidFocalLoss(g, a) for g, a in zip(gammas, alphas, strict=True)] * S
    target = torch.randint(2, (S, B, C), generator=GENERATOR).float()
    check(criteria, target, weight)


# --- Training ------------------------------------------------------------------------------------

OPTIMIZERS = {
    "adam": (torch.optim.Adam, {}, True),
    "sgd": (torch.optim.SGD, {}, True),
    "momentum": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}, True),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.3}, False),
}
RATES = [(0.1, 0.0), (0.01, 0.5), (0.03, 0.1), (0.1, 0.2)]


@pytest.mark.parametrize(("optimizer", "params", "coupled"), OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("sizes", [(20, 20), (20, 17)])
@pytest.mark.parametrize("differ", [True, False])
def test_nets_train_as_alone(optimizer, params, coupled, sizes, differ):
    given = {f"optimizer__{name}": value for name, value in params.items()}
    rates = [(lr, decay if coupled else 0.0) for lr, decay in RATES] if differ else None
    parts = [make_part(n, n) for n in sizes]
    nets = []
    for seed in range(4):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            nets.append(FocalMLP(3, 2, (4,)).double())
    losses = [FocalLoss(gamma) for gamma in (0.0, 2.0, 1.0, 3.0)]
    common = {"max_epochs": 3, "batch_size": 8, "callbacks": "disable", "verbose": 0}
    module = StackedMLP(nets, n_streams=2)
    stack = StackNet(
        module, rates=rates, criterion=stack_losses(losses, 2, 2, torch.float64),
        optimizer=optimizer, lr=1.0 if differ else 0.05, **given, **common,
    ).initialize()  # fmt: skip
    stack.fit_loop(StackDataset(parts, [5, 6]), valid=StackDataset(parts, [5, 6]))
    for m, (net, loss) in enumerate(zip(nets, losses, strict=True)):
        lr, decay = rates[m] if differ else (0.05, 0.0)
        own = given | ({"optimizer__weight_decay": decay} if coupled else {})
        alone = FocalNet(
            net, criterion=loss, optimizer=optimizer, lr=lr, random_state=5 + m // 2, **own,
            **common,
        ).initialize()  # fmt: skip
        alone.fit_loop(parts[m // 2], valid=parts[m // 2])
        for layer, weight, bias in zip(
            alone.module_.layers, module.weights, module.biases, strict=True
        ):
            assert_close(weight[m], layer.weight, rtol=0, atol=1e-12)
            assert_close(bias[m, :, 0], layer.bias, rtol=0, atol=1e-12)
        for name in ("train_loss", "valid_loss"):
            together = [row[m] for row in stack.history[:, name]]
            np.testing.assert_allclose(together, alone.history[:, name], atol=1e-12)
    assert torch.isfinite(module.weights[0]).all()
