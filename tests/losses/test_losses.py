"""The losses against 60-digit arithmetic, against torch's own and against themselves."""

import copy
import functools
import itertools
import math
import pickle
import re

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from focalsk import FocalLoss, SigmoidFocalLoss, focal_loss, sigmoid_focal_loss
from focalsk.losses._losses import class_margins, sigmoid_focal, softmax_focal

INF, NAN = math.inf, math.nan
GAMMAS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
REDUCTIONS = ("none", "sum", "mean")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def value_and_grad(loss, logits):
    logits = logits.detach().requires_grad_()
    value = loss(logits)
    return value.detach(), torch.autograd.grad(value.sum(), logits)[0]


# The reference table ------------------------------------------------------------------------------

SIZES = (0.0, 1e-8, 1e-3, 0.5, 1, 3, 8, 16, 16.65, 20, 36, 40, 60, 85, 89, 100, 300, 700, 740, 1000)
MARGINS = sorted({sign * size for size in SIZES for sign in (-1, 1)})
# A row is the target's logit and these: flat, lopsided, far from zero, many.
OTHERS = (
    (0.0,),
    (0.0, 0.0),
    (0.0, -1000.0),
    (-0.5, 2.0),
    (0.0, -10.0, *range(-7, 0)),
)


@functools.cache
def reference(own, others, gamma):
    """Loss and its gradient in (own, *others), by the textbook's derivative in p."""
    with mpmath.workdps(60):
        odds = [mpmath.exp(mpmath.mpf(z) - own) for z in others]
        p = 1 / (1 + mpmath.fsum(odds))
        u = mpmath.fsum(odds) * p  # 1 - p without cancellation
        log_p = -mpmath.log1p(mpmath.fsum(odds))
        by_p = gamma * u ** (gamma - 1) * log_p - u**gamma / p
        gradient = [by_p * p * u, *(-by_p * p * (p * x) for x in odds)]
        return float(-(u**gamma) * log_p), [float(g) for g in gradient]


def targets_of(logits):
    """A target for every row, in all places."""
    return torch.arange(len(logits)) % logits.shape[1]


def by_transform(logits, target, gamma):
    def row(logits, target):
        return focal_loss(logits, target, gamma)

    return torch.func.vmap(row)(logits, target)


def sigmoid_of_two(logits, target, gamma):
    z = logits[:, 1] - logits[:, 0]
    return sigmoid_focal_loss(z, target.to(z.dtype), gamma, reduction="none")


# Every loss, as a function of (logits, target, gamma) whose truth is the softmax focal loss.
LOSSES = {
    "softmax": lambda z, t, g: focal_loss(z, t, g, reduction="none"),
    "softmax, gamma per class": lambda z, t, g: focal_loss(
        z, t, [g] * z.shape[1], reduction="none"
    ),
    "softmax, probabilities": lambda z, t, g: focal_loss(
        z, F.one_hot(t, z.shape[1]).to(z.dtype), g, reduction="none"
    ),
    "softmax, transformed": by_transform,
    "sigmoid": sigmoid_of_two,
}


def failures(actual, expected, dtype):
    """Count of the entries that are not finite or not exact; what underflows may be 0."""
    actual, expected = actual.double(), torch.tensor(expected, dtype=torch.float64)
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-10}[dtype]
    allowed = (tolerance * expected.abs()).clamp(min=torch.finfo(dtype).tiny)
    return int((~((actual - expected).abs() <= allowed)).sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("others", "near"),
    [(row, near) for row in OTHERS for near in (False, True) if not near or min(row) > -30],
    ids=str,
)
@pytest.mark.parametrize("name", LOSSES)
def test_exact_at_every_margin(name, others, near, dtype):
    if name == "sigmoid" and len(others) > 1:
        others = (0.0,)
    own = torch.tensor(MARGINS, dtype=dtype)[:, None]
    rest = torch.tensor(others, dtype=dtype).expand(len(own), -1)
    logits = torch.cat([own, rest], dim=1)
    if near:  # a batch without large logits takes a shorter way
        logits = logits[(logits.abs() <= 30).all(1)]
        own = logits[:, :1]
    target = targets_of(logits)
    order = (torch.arange(logits.shape[1]) - target[:, None]) % logits.shape[1]
    logits = logits.gather(1, order)  # each row is rolled so that its own logit is the target's
    for gamma in GAMMAS:
        value, gradient = value_and_grad(lambda z, g=gamma: LOSSES[name](z, target, g), logits)
        truth = [reference(z, others, gamma) for z in own.flatten().tolist()]
        assert failures(value, [v for v, _ in truth], dtype) == 0
        unrolled = torch.empty_like(gradient).scatter(1, order, gradient)
        assert failures(unrolled, [g for _, g in truth], dtype) == 0


@pytest.mark.parametrize(
    ("logits", "target", "value", "gradient"),
    [
        ([INF, 0.0], 0, 0.0, [0.0, 0.0]),
        ([INF, 0.0], 1, INF, [1.0, -1.0]),
        ([-INF, 0.0], 0, INF, [-1.0, 1.0]),
        ([-INF, 0.0], 1, 0.0, [0.0, 0.0]),
        ([INF, 0.0, 5.0], 0, 0.0, [0.0, 0.0, 0.0]),
        ([INF, 0.0, 5.0], 1, INF, [1.0, -1.0, 0.0]),
        ([-INF, 0.0, 0.0], 0, INF, [-1.0, 0.5, 0.5]),
        ([-INF, 0.0, -INF], 1, 0.0, [0.0, 0.0, 0.0]),
        ([-INF, INF, 0.0], 0, INF, [-1.0, 1.0, 0.0]),
    ],
)
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_infinite_logits_have_their_limits(logits, target, value, gradient, name, gamma):
    if name == "sigmoid" and len(logits) > 2:
        logits, target, value, gradient = [0.0, -INF], 0, 0.0, [0.0, 0.0]
    target = torch.tensor([target])
    actual = value_and_grad(lambda z: LOSSES[name](z, target, gamma), torch.tensor([logits]))
    if name == "softmax, probabilities" and value == INF in logits:
        gradient = actual[1].nan_to_num(7.0).tolist()[0]  # plain autograd: finite, but 0 at inf
    torch.testing.assert_close(actual, (torch.tensor([value]), torch.tensor([gradient])))


def test_label_without_weight_ignores_an_infinite_loss():
    logits = torch.tensor([-INF, INF, 0.0])
    target = torch.tensor([1.0, 0.0, 1.0])
    value, gradient = value_and_grad(
        lambda z: sigmoid_focal_loss(z, target, alpha=[0.0, 0.0, 1.0], reduction="sum"), logits
    )
    assert value == sigmoid_focal_loss(logits[2:], target[2:])
    assert gradient[:2].tolist() == [0.0, 0.0]


# Torch's own losses -------------------------------------------------------------------------------

SHAPES = ((3,), (7, 2), (7, 4), (3, 5, 2), (2, 3, 4, 5))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("kind", ["indices", "ignored", "probabilities"])
@pytest.mark.parametrize("weighted", [False, True])
def test_gamma_zero_is_cross_entropy(shape, reduction, smoothing, kind, weighted):
    logits = 3 * torch.randn(shape, dtype=torch.float64)
    dim = min(1, len(shape) - 1)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    if kind == "probabilities":
        target = torch.randn_like(logits).softmax(dim)
    else:
        target = torch.randint(shape[dim], shape[:dim] + shape[dim + 1 :])
    if kind == "ignored":
        options["ignore_index"] = 1
    alpha = torch.rand(shape[dim], dtype=torch.float64) if weighted else None
    actual = value_and_grad(lambda z: focal_loss(z, target, 0, alpha, **options), logits)
    expected = value_and_grad(lambda z: F.cross_entropy(z, target, alpha, **options), logits)
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("soft", [False, True])
def test_gamma_zero_is_binary_cross_entropy(reduction, soft):
    logits = 3 * torch.randn(6, 4, dtype=torch.float64)
    target = torch.rand_like(logits)
    target = target if soft else target.round()
    positives = torch.tensor([0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    alpha = torch.stack((torch.ones_like(positives), positives))
    for rows, pos_weight in ((None, None), (alpha, positives)):
        actual = value_and_grad(
            lambda z, a=rows: sigmoid_focal_loss(z, target, 0, a, reduction=reduction), logits
        )
        expected = value_and_grad(
            lambda z, w=pos_weight: F.binary_cross_entropy_with_logits(
                z, target, pos_weight=w, reduction=reduction
            ),
            logits,
        )
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_empty_batch(reduction):
    logits, indices = torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    expected = F.cross_entropy(logits, indices, reduction=reduction)
    for actual in (
        focal_loss(logits, indices, reduction=reduction),
        focal_loss(logits, logits, reduction=reduction),
        sigmoid_focal_loss(logits, logits, reduction=reduction),
    ):
        torch.testing.assert_close(actual, expected, equal_nan=True)


def test_all_targets_ignored():
    logits, target = torch.randn(4, 3), torch.full((4,), -100)
    assert focal_loss(logits, target).isnan()
    value, gradient = value_and_grad(lambda z: focal_loss(z, target, reduction="sum"), logits)
    assert value == 0
    assert not gradient.any()


# Weights, parameters, targets ---------------------------------------------------------------------


def textbook(logits, target, gamma, alpha):
    """Weighted softmax focal loss of probabilities as it is printed, in double precision."""
    p = logits.softmax(1)
    return -(target * alpha * (1 - p) ** gamma * p.log()).sum(1)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_alpha_and_gamma_per_class(n_classes):
    logits = torch.randn(9, n_classes, dtype=torch.float64)
    alpha = torch.rand(n_classes, dtype=torch.float64)
    gamma = torch.linspace(0, 3, n_classes, dtype=torch.float64)
    indices = torch.arange(9) % n_classes
    one_hot = F.one_hot(indices, n_classes).double()
    soft = torch.rand_like(logits).softmax(1)
    for target, dense in ((indices, one_hot), (one_hot, one_hot), (soft, soft)):
        actual = focal_loss(logits, target, gamma, alpha, reduction="none")
        torch.testing.assert_close(actual, textbook(logits, dense, gamma, alpha))
    mean = focal_loss(logits, indices, gamma, alpha)
    total = textbook(logits, one_hot, gamma, alpha).sum()
    torch.testing.assert_close(mean, total / alpha[indices].sum())


@pytest.mark.parametrize(
    ("alpha", "negative", "positive"),
    [
        (0.25, 0.75, 0.25),
        (torch.tensor(0.25), 0.75, 0.25),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        ([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]),
    ],
)
def test_sigmoid_alpha(alpha, negative, positive):
    logits = torch.randn(5, 3, dtype=torch.float64)
    target = torch.rand_like(logits)
    hit = sigmoid_focal_loss(logits, torch.ones_like(logits), 1.5, reduction="none")
    miss = sigmoid_focal_loss(logits, torch.zeros_like(logits), 1.5, reduction="none")
    expected = target * torch.tensor(positive) * hit + (1 - target) * torch.tensor(negative) * miss
    actual = sigmoid_focal_loss(logits, target, 1.5, alpha, reduction="none")
    torch.testing.assert_close(actual, expected)


def test_sigmoid_gamma_per_label():
    logits, target = torch.randn(5, 3), torch.rand(5, 3)
    actual = sigmoid_focal_loss(logits, target, np.array([0.0, 0.5, 3.0]), reduction="none")
    for k, gamma in enumerate([0.0, 0.5, 3.0]):
        expected = sigmoid_focal_loss(logits[:, k], target[:, k], gamma, reduction="none")
        torch.testing.assert_close(actual[:, k], expected)


def test_sigmoid_of_class_indices_is_one_hot_and_leaves_background_out():
    logits, target = torch.randn(4, 3), torch.tensor([0, 2, 3, 1])
    one_hot = F.one_hot(target, 4)[:, :3].float()
    assert sigmoid_focal_loss(logits, target) == sigmoid_focal_loss(logits, one_hot)
    assert sigmoid_focal_loss(logits, one_hot.int()) == sigmoid_focal_loss(logits, one_hot)


@pytest.mark.parametrize("loss", [focal_loss, sigmoid_focal_loss])
def test_weight_and_avg_factor(loss):
    logits = torch.randn(4, 3, 2)
    target = torch.rand_like(logits) if loss is sigmoid_focal_loss else torch.randint(3, (4, 2))
    each = loss(logits, target, reduction="none")
    for weight in (torch.rand(4), torch.rand(4, 1), torch.rand(each.shape), [0.0, 1.0, 2.0, 3.0]):
        spread = torch.as_tensor(weight).reshape(
            np.shape(weight) + (1,) * (each.dim() - np.ndim(weight))
        )
        torch.testing.assert_close(loss(logits, target, weight=weight), (each * spread).mean())
        torch.testing.assert_close(
            loss(logits, target, weight=weight, avg_factor=7), (each * spread).sum() / 7
        )
    assert loss(logits, target, weight=torch.ones(4)) == loss(logits, target)
    torch.testing.assert_close(loss(logits, target, avg_factor=torch.tensor(2.0)), each.sum() / 2)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("soft", [False, True])
def test_sample_without_weight_ignores_an_infinite_loss(soft, reduction):
    logits, target = torch.tensor([[-INF, 0.0], [1.0, 2.0]]), torch.tensor([0, 0])
    labels = F.one_hot(target, 2).float()
    for loss, t in ((focal_loss, labels if soft else target), (sigmoid_focal_loss, labels)):
        value, gradient = value_and_grad(
            lambda z, f=loss, t=t: f(z, t, weight=[0.0, 1.0], reduction=reduction), logits
        )
        alone = loss(logits[1:], t[1:], reduction=reduction)
        if reduction == "none":
            alone = torch.cat((torch.zeros_like(alone), alone))
        torch.testing.assert_close(value, alone / 2 if reduction == "mean" else alone)
        if t.is_floating_point() and loss is focal_loss:
            gradient.nan_to_num_()  # plain autograd
        assert gradient[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("loss", [focal_loss, sigmoid_focal_loss])
def test_gradients_reach_targets_and_parameters(loss):
    logits, target = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    target = target.detach().sigmoid().requires_grad_()
    logits = logits.detach().requires_grad_()
    gamma = torch.rand(4, dtype=torch.float64, requires_grad=True)
    alpha = torch.rand(4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda z, t, g, a: loss(z, t.clamp(0, 1), g.abs(), a.abs()), (logits, target, gamma, alpha)
    )


# Derivatives, transforms, compilers ---------------------------------------------------------------

INDICES = torch.tensor([0, 1, 1, 0, 1])
CALLS = {
    "two classes": ((5, 2), lambda z: focal_loss(z, INDICES, 1.7)),
    "classes": ((5, 3), lambda z: focal_loss(z, INDICES, 1.7, [0.2, 0.3, 0.5])),
    "gamma per class": ((5, 3), lambda z: focal_loss(z, INDICES, [0.0, 0.5, 2.0])),
    "pixels": ((5, 3, 2), lambda z: focal_loss(z, INDICES[:, None].expand(5, 2), 2.0)),
    "smoothed": ((5, 3), lambda z: focal_loss(z, INDICES, 2.0, label_smoothing=0.1)),
    "sigmoid": ((5, 3), lambda z: sigmoid_focal_loss(z, INDICES, 1.7, 0.25)),
    "no focus": ((5, 3), lambda z: sigmoid_focal_loss(z, INDICES, 0.0)),
}


@pytest.fixture(params=CALLS)
def call(request):
    shape, loss = CALLS[request.param]
    return loss, torch.randn(shape, dtype=torch.float64)


def test_first_and_second_derivatives(call):
    loss, logits = call
    assert torch.autograd.gradcheck(loss, logits.requires_grad_())
    assert torch.autograd.gradgradcheck(loss, logits)


def test_function_transforms(call):
    loss, logits = call
    gradient = value_and_grad(loss, logits)[1]
    torch.testing.assert_close(torch.func.grad(loss)(logits), gradient)
    hessian = torch.autograd.functional.hessian(loss, logits)
    torch.testing.assert_close(torch.func.jacrev(torch.func.grad(loss))(logits), hessian)
    stack = torch.stack((logits, logits + 1, -logits))
    torch.testing.assert_close(torch.func.vmap(loss)(stack), torch.stack([*map(loss, stack)]))
    torch.testing.assert_close(
        torch.func.vmap(torch.func.grad(loss))(stack),
        torch.stack([value_and_grad(loss, z)[1] for z in stack]),
    )


def test_vmap_over_targets_alone():
    logits, targets = torch.randn(5, 3), torch.stack((INDICES, 1 - INDICES))
    for loss in (focal_loss, sigmoid_focal_loss):
        actual = torch.func.vmap(loss, in_dims=(None, 0))(logits, targets)
        torch.testing.assert_close(actual, torch.stack([loss(logits, t) for t in targets]))


# The compiler itself instantiates autograd.Function, which torch deprecates.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiles_whole(call, backend):
    loss, logits = call
    torch._dynamo.reset()
    compiled = torch.compile(loss, backend=backend, fullgraph=True)
    torch.testing.assert_close(value_and_grad(compiled, logits), value_and_grad(loss, logits))


# Precision, devices, modules ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", [focal_loss, sigmoid_focal_loss])
def test_half_precision_is_computed_in_single(dtype, loss):
    logits, target = (20 * torch.randn(64, 3)).to(dtype), torch.arange(64) % 3
    expected, gradient = value_and_grad(lambda z: loss(z, target), logits.float())
    actual, half_gradient = value_and_grad(lambda z: loss(z, target), logits)
    assert actual.dtype == half_gradient.dtype == dtype
    torch.testing.assert_close(actual, expected.to(dtype))
    torch.testing.assert_close(half_gradient, gradient.to(dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        automatic = value_and_grad(lambda z: loss(z, target), logits)
    torch.testing.assert_close(automatic, (expected, gradient.to(dtype)), rtol=0, atol=0)


@pytest.mark.parametrize("loss", [focal_loss, sigmoid_focal_loss])
def test_autocast_computes_the_loss_of_a_layer_in_single(loss):
    layer, X, target = torch.nn.Linear(5, 3), torch.randn(64, 5), torch.arange(64) % 3
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = layer(100 * X)
        logits.retain_grad()
        actual = loss(logits, target)
        single = loss(logits.detach().float(), target)
    assert (logits.dtype, actual.dtype) == (torch.bfloat16, torch.float32)
    expected, gradient = value_and_grad(lambda z: loss(z.double(), target), logits.detach().float())
    torch.testing.assert_close((actual, single), (expected.float(), expected.float()))
    actual.backward()
    torch.testing.assert_close(logits.grad, gradient.bfloat16())
    assert layer.weight.grad.isfinite().all()


MODULES = {
    "softmax": (
        lambda: FocalLoss(1.5, [0.2, 0.3, 0.5], ignore_index=1, label_smoothing=0.1),
        lambda z, t: focal_loss(
            z, t, 1.5, [0.2, 0.3, 0.5], ignore_index=1, label_smoothing=0.1, avg_factor=3
        ),
    ),
    "gamma per class": (
        lambda: FocalLoss([0.0, 1.0, 2.0]),
        lambda z, t: focal_loss(z, t, [0.0, 1.0, 2.0], avg_factor=3),
    ),
    "sigmoid": (
        lambda: SigmoidFocalLoss(1.5, 0.25),
        lambda z, t: sigmoid_focal_loss(z, t, 1.5, 0.25, avg_factor=3),
    ),
    "sigmoid, two rows": (
        lambda: SigmoidFocalLoss([0.0, 1.0, 2.0], np.ones((2, 3))),
        lambda z, t: sigmoid_focal_loss(z, t, [0.0, 1.0, 2.0], np.ones((2, 3)), avg_factor=3),
    ),
}


@pytest.mark.parametrize(("make", "function"), MODULES.values(), ids=MODULES)
def test_module_is_function(make, function):
    logits, target = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    module = make()
    for twin in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(twin(logits, target, avg_factor=3), function(logits, target))
        assert repr(twin) == repr(module)
    assert f"gamma={np.asarray(module.gamma).tolist()}" in repr(module)
    assert {b.dtype for b in module.double().buffers()} <= {torch.float64}
    assert {b.device.type for b in module.to("meta").buffers()} <= {"meta"}


def test_module_keeps_a_copy():
    alpha = torch.tensor([1.0, 2.0], dtype=torch.float64)
    module = FocalLoss(alpha=alpha)
    alpha.zero_()
    assert module.alpha.tolist() == [1.0, 2.0]
    assert module.alpha.dtype == torch.float64
    assert list(module.state_dict()) == ["alpha"]


# The core -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [1, 2, 3])
@pytest.mark.parametrize("scale", [1, 30, 100, 1000])
def test_core_over_leading_axes_is_a_loop(scale, n_classes):
    logits = scale * torch.randn(4, 6, n_classes)
    target = torch.arange(6) % n_classes  # shared by the four
    gamma = torch.linspace(0, 3, 4)[:, None]
    stacked = softmax_focal(logits, target, gamma)
    classes_first = softmax_focal(logits.permute(2, 0, 1), target, gamma, dim=0)
    torch.testing.assert_close(stacked, classes_first)
    labels = torch.rand(6, n_classes)
    binary = sigmoid_focal(logits, labels, gamma[..., None])
    for i in range(4):
        g = gamma[i].item()
        torch.testing.assert_close(stacked[i], focal_loss(logits[i], target, g, reduction="none"))
        torch.testing.assert_close(
            binary[i], sigmoid_focal_loss(logits[i], labels, g, reduction="none")
        )


@pytest.mark.parametrize("n_classes", [1, 2, 3])
@pytest.mark.parametrize("scale", [1, 30, 100, 1000])
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_core_weighs_and_sums(dim, scale, n_classes):
    logits = (scale * torch.randn(n_classes, 4, 6)).movedim(0, dim)
    target, weight = torch.randint(n_classes, (4, 6)), torch.rand(6)
    for gamma in (0.0, 1.7, 2.0, torch.linspace(0, 3, 4)[:, None]):
        each, by_each = value_and_grad(
            lambda z, g=gamma: softmax_focal(z, target, g, dim, weight), logits
        )
        summed, by_sum = value_and_grad(
            lambda z, g=gamma: softmax_focal(z, target, g, dim, weight, 3.0), logits
        )
        mapped, by_map = value_and_grad(  # the way of function transforms, without shortcuts
            lambda z, g=gamma: torch.func.vmap(
                lambda z: softmax_focal(z, target, g, dim, weight.expand(4, 6))
            )(z[None])[0],
            logits,
        )
        torch.testing.assert_close((each, by_each), (mapped, by_map))
        torch.testing.assert_close((summed, by_sum), (each.sum() / 3, by_each / 3))


def test_class_margins_are_exact_and_differentiable():
    rows = [[own, *OTHERS[2]] for own in MARGINS]
    logits = torch.tensor(rows, dtype=torch.float64)
    margins = class_margins(logits)
    with mpmath.workdps(60):
        for k, i, j in itertools.permutations(range(3)):
            expected = [
                float(z[k] - mpmath.log(mpmath.exp(z[i]) + mpmath.exp(z[j])))
                for z in ([mpmath.mpf(x) for x in row] for row in rows)
            ]
            torch.testing.assert_close(
                margins[:, k], torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=1e-15
            )
    logits = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: class_margins(z, dim=1), logits)
    assert torch.autograd.gradgradcheck(lambda z: class_margins(z, dim=1), logits)


# What is refused ----------------------------------------------------------------------------------

Z, T = torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])
ONE_CLASS = "alpha must hold one weight per class, as one number only rescales"


@pytest.mark.parametrize(
    ("loss", "arguments", "options", "error", "message"),
    [
        (focal_loss, (Z.int(), T), {}, TypeError, "input must be a tensor of floating-point"),
        (focal_loss, ([0.0], T), {}, TypeError, "input must be a tensor of floating-point"),
        (focal_loss, (Z, [0, 1]), {}, TypeError, "target must be a tensor of class"),
        (focal_loss, (Z, T > 0), {}, TypeError, "target must be a tensor of class"),
        (focal_loss, (Z.sum(), T), {}, ValueError, "input must have an axis for the classes"),
        (focal_loss, (Z, T[:3]), {}, ValueError, "target must have shape (4,) to be class ind"),
        (focal_loss, (Z, T.float()), {}, ValueError, "target must have shape (4, 3) to be class p"),
        (focal_loss, (Z, T + 1), {}, ValueError, "target must hold class indices in [0, 3) or ig"),
        (focal_loss, (Z, T - 1), {}, ValueError, "got values from -1 to 1"),
        (focal_loss, (Z, Z + 2), {}, ValueError, "target must be in [0, 1], got values from 2.0"),
        (focal_loss, (Z, Z), {"ignore_index": 1}, ValueError, "ignore_index needs class indices"),
        (focal_loss, (Z, T, -1), {}, ValueError, "gamma must be finite and not negative, got -1"),
        (focal_loss, (Z, T, NAN), {}, ValueError, "gamma must be finite and not negative, got nan"),
        (focal_loss, (Z, T, [0, -1, 2]), {}, ValueError, "gamma must be finite and not negative"),
        (focal_loss, (Z, T, [0, 1]), {}, ValueError, "gamma must have 3 entries, one per class"),
        (focal_loss, (Z, T, [[0, 1, 2]]), {}, ValueError, "gamma must be a number or a vector"),
        (focal_loss, (Z, T, "2"), {}, TypeError, "gamma must be a number or an array of them"),
        (focal_loss, (Z, T, True), {}, TypeError, "gamma must be a number or an array of them"),
        (focal_loss, (Z, T, Z[0] > 0), {}, TypeError, "gamma must hold real numbers"),
        (focal_loss, (Z, T, 2, 0.25), {}, ValueError, ONE_CLASS),
        (focal_loss, (Z[:, :2], T % 2, 2, 0.25), {}, ValueError, "[1 - alpha, alpha]"),
        (focal_loss, (Z, T, 2, torch.tensor(0.25)), {}, ValueError, ONE_CLASS),
        (focal_loss, (Z, T, 2, [1, 2]), {}, ValueError, "alpha must have 3 entries, one per class"),
        (focal_loss, (Z, T, 2, Z), {}, ValueError, "alpha must be a vector, got shape (4, 3)"),
        (
            focal_loss,
            (Z, T, 2, [1, 2, -1]),
            {},
            ValueError,
            "alpha must be finite and not negative",
        ),
        (focal_loss, (Z, T, 2, [1, 2, INF]), {}, ValueError, "alpha must be finite and not neg"),
        (focal_loss, (Z, T, 2, [1, 2, NAN]), {}, ValueError, "alpha must be finite and not neg"),
        (focal_loss, (Z, T), {"reduction": "avg"}, ValueError, "reduction must be 'none', 'sum'"),
        (focal_loss, (Z, T), {"label_smoothing": 2}, ValueError, "label_smoothing must be a float"),
        (
            focal_loss,
            (Z, T),
            {"avg_factor": 0},
            ValueError,
            "avg_factor must be positive and finite, got 0",
        ),
        (focal_loss, (Z, T), {"avg_factor": 1, "reduction": "sum"}, ValueError, "avg_factor needs"),
        (focal_loss, (Z, T), {"weight": torch.ones(3)}, ValueError, "weight must be broadcastable"),
        (focal_loss, (Z, T), {"weight": Z}, ValueError, "weight must be broadcastable"),
        (focal_loss, (Z, T), {"weight": "a"}, TypeError, "weight must be"),
        (sigmoid_focal_loss, (T, T), {}, TypeError, "input must be a tensor of floating-point"),
        (sigmoid_focal_loss, (Z, [0]), {}, TypeError, "target must be a tensor"),
        (sigmoid_focal_loss, (Z, Z - 1), {}, ValueError, "target must be in [0, 1], got values"),
        (sigmoid_focal_loss, (Z, Z * NAN), {}, ValueError, "target must be in [0, 1], got values"),
        (sigmoid_focal_loss, (Z, T + 2), {}, ValueError, "target must be in [0, 3], got values"),
        (sigmoid_focal_loss, (Z, T.float()), {}, TypeError, "target must be integer to be class"),
        (
            sigmoid_focal_loss,
            (Z[:, :1], T),
            {},
            ValueError,
            "target must have input's shape (4, 1)",
        ),
        (
            sigmoid_focal_loss,
            (Z, Z, 2, 1.5),
            {},
            ValueError,
            "alpha must be in [0, 1] if it is one",
        ),
        (
            sigmoid_focal_loss,
            (Z, Z, 2, T[2]),
            {},
            ValueError,
            "alpha must be in [0, 1], got values",
        ),
        (sigmoid_focal_loss, (Z, Z, 2, [1, 2]), {}, ValueError, "alpha must have 3 entries"),
        (sigmoid_focal_loss, (Z, Z, 2, Z), {}, ValueError, "alpha must have shape (K,) or (2, K)"),
        (sigmoid_focal_loss, (Z, Z, -2), {}, ValueError, "gamma must be finite and not negative"),
        (sigmoid_focal_loss, (Z, Z), {"weight": T[:2]}, ValueError, "weight must be broadcastable"),
    ],
)
def test_refuses(loss, arguments, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        loss(*arguments, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FocalLoss(-1), "gamma must be finite and not negative"),
        (lambda: FocalLoss(alpha=0.25), ONE_CLASS),
        (lambda: FocalLoss(label_smoothing=-0.1), "label_smoothing must be"),
        (lambda: SigmoidFocalLoss(alpha=2), "alpha must be in [0, 1]"),
        (lambda: SigmoidFocalLoss(reduction="all"), "reduction must be"),
    ],
)
def test_modules_refuse_at_construction(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("loss", [focal_loss, sigmoid_focal_loss])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_weights_are_finite_and_not_negative(loss, value):
    target = torch.tensor([0, 1]) if loss is focal_loss else torch.ones(2, 2)
    with pytest.raises(ValueError, match="weight must be finite and not negative"):
        loss(torch.zeros(2, 2), target, 2.0, weight=torch.tensor([1.0, value]))
