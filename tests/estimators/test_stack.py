"""Nets trained in a stack have the weights that they have alone."""

import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import make_classification, make_multilabel_classification
from skorch.callbacks import EpochScoring
from torch import nn

from focalsk import FocalNetClassifier
from focalsk.estimators._building import make_seed
from focalsk.estimators._grouping import fingerprint, group_tasks, why_alone, why_no_stack
from focalsk.estimators._stack import Fold, Stack, Task

X, Y = make_classification(
    70, 4, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, flip_y=0.2,
    random_state=0,
)  # fmt: skip
LABELS = make_multilabel_classification(70, 4, n_classes=3, random_state=0)[1]
WEIGHT = np.random.default_rng(0).uniform(0.5, 2, 70)


class Tanh(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(n_features, 4), nn.Linear(4, n_outputs)])

    def forward(self, X):
        first, second = self.layers
        return second(torch.tanh(first(X)))


def make(**params):
    settings = {"hidden_layer_sizes": (4,), "max_epochs": 3, "batch_size": 16, "lr": 0.05}
    return FocalNetClassifier(**{**settings, "random_state": 0, **params})


def make_tasks(classifiers, folds):
    return [
        Task((i, s), clf, fold, make_seed(clf))
        for s, fold in enumerate(folds)
        for i, clf in enumerate(classifiers)
    ]


def weights_in(stack, m):
    if hasattr(stack.module, "weights"):
        for weight, bias in zip(stack.module.weights, stack.module.biases, strict=True):
            yield weight[m].detach()
            yield bias[m, :, 0].detach()
    else:
        yield from (p[m].detach() for p in stack.module.params)


CASES = {
    "gamma": ({}, "gamma", [0, 2, [0, 1, 2]]),
    "alpha": ({}, "alpha", [None, "sqrt", [1, 2, 3]]),
    "smoothing": ({"alpha": "sqrt"}, "label_smoothing", [0, 0.1, 0.4]),
    "smoothing, sigmoid": ({"output": "sigmoid"}, "label_smoothing", [0, 0.1, 0.4]),
    "lr": ({}, "lr", [0.01, 0.1]),
    "momentum": (
        {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9}},
        "weight_decay",
        [0, 0.1],
    ),
    "random-state": ({}, "random_state", [0, 1]),
    "dropout": ({"hidden_layer_sizes": (5, 6)}, "dropout", [0.2, 0.5]),
    "module": ({"module": Tanh}, "gamma", [0, 2]),
    "stopping": (
        {"early_stopping": True, "max_epochs": 15, "n_iter_no_change": 1},
        "lr",
        [0.1, 0.4, 0.01],
    ),
    "stopping-module": (
        {"early_stopping": True, "max_epochs": 15, "n_iter_no_change": 1, "module": Tanh},
        "lr",
        [0.1, 0.4, 0.01],
    ),
}
DATA = {
    "dense": (X, Y, None),
    "csr": (sparse.csr_array(X), Y, None),
    "weights": (X, Y, WEIGHT),
    "labels": (X, LABELS, None),
}


PAIRS = [(case, "dense") for case in CASES] + [
    (case, data)
    for case in ("gamma", "smoothing, sigmoid", "dropout", "stopping", "module")
    for data in list(DATA)[1:]
]


@pytest.mark.parametrize(("case", "data"), PAIRS)
def test_weights_and_epochs_are_those_alone(case, data):
    params, name, values = CASES[case]
    X, y, weight = DATA[data]
    classifiers = [make(**{**params, name: value}) for value in values]
    rows = [np.arange(70) != 3, np.arange(70) % 10 > 0]  # 69 and 63 samples
    if name == "dropout":
        rows[0] = np.arange(70) % 10 > 0
        rows[1] = np.arange(70) % 10 > 1  # as many batches, but other draws
    given = [(X[r], y[r], None if weight is None else weight[r]) for r in rows]
    groups = group_tasks(make_tasks(classifiers, [Fold.of(make(**params), *g) for g in given]))
    assert sum(len(stream) for streams in groups for stream in streams) == 2 * len(values)
    n_iter = set()
    for streams in groups:
        stack = Stack(streams).fit()
        assert not stack.diverged().any()
        for m, task in enumerate(stack.tasks):
            i, s = task.key
            alone = classifiers[i].fit(*given[s])
            for p, q in zip(weights_in(stack, m), alone.net_.module_.parameters(), strict=True):
                assert_allclose(p, q.detach(), rtol=0, atol=1e-11)
            assert stack.n_iter_[m] == alone.n_iter_
            n_iter.add(alone.n_iter_)
    if params.get("early_stopping"):
        assert len(n_iter) > 1


def test_classifiers_answer_as_if_fitted():
    classifiers = [make(gamma=gamma, alpha=alpha) for gamma in (0, 2) for alpha in (None, "sqrt")]
    fold = Fold.of(make(), X, Y)
    [streams] = group_tasks(make_tasks(classifiers, [fold]))
    stack = Stack(streams).fit()
    for clf, alone in zip(stack.classifiers(0, X), classifiers, strict=True):
        alone.fit(X, Y)
        assert_array_equal(clf.classes_, alone.classes_)
        assert_array_equal(clf.class_count_, alone.class_count_)
        assert_array_equal(clf.predict(X), alone.predict(X))
        if alone.alpha is not None:
            assert_array_equal(clf.alpha_, alone.alpha_)
        for method in ("predict_proba", "decision_function", "predict_log_proba"):
            for samples in (X, X[5:9].copy()):
                ours, theirs = getattr(clf, method)(samples), getattr(alone, method)(samples)
                assert_allclose(ours, theirs, rtol=0, atol=1e-10)
        assert clf.score(X, Y) == alone.score(X, Y)


def test_tasks_do_not_change_their_estimators():
    clf = make()
    [streams] = group_tasks(make_tasks([clf], [Fold.of(make(), X, Y)]))
    stack = Stack(streams).fit()
    next(stack.classifiers(0, X))
    assert vars(clf) == vars(make())


def test_on_epoch_is_called_each_epoch():
    calls = []
    [streams] = group_tasks(make_tasks([make()], [Fold.of(make(), X, Y)]))
    Stack(streams).fit(lambda: calls.append(1))
    assert len(calls) == 3


def test_diverged_nets_are_told():
    classifiers = [make(optimizer="sgd", lr=lr) for lr in (0.1, 1e300, 0.2)]
    [streams] = group_tasks(make_tasks(classifiers, [Fold.of(make(), X, Y)]))
    with np.errstate(all="ignore"):
        stack = Stack(streams).fit()
    assert stack.diverged().tolist() == [False, True, False]


# --- What goes together --------------------------------------------------------------------------


def n_stacks(first, second, fold=None):
    fold = fold or Fold.of(make(), X, Y)
    return len(group_tasks(make_tasks([make(**first), make(**second)], [fold])))


TOGETHER = [
    ({"gamma": 0}, {"gamma": [1, 2, 3]}),
    ({"alpha": None}, {"class_weight": "balanced"}),
    ({"proba": "raw"}, {"proba": "weighted"}),
    ({"lr": 0.1}, {"weight_decay": 0.1}),
    ({"dropout": 0.0}, {"dropout": 0.2}),
    ({"dropout": 0.1}, {"dropout": 0.1, "random_state": 1}),
    ({"module": Tanh}, {"module": Tanh, "gamma": 1}),
    ({"module_params": None}, {}),
]
APART = [
    ({"batch_size": 16}, {"batch_size": 15}),
    ({"max_epochs": 3}, {"max_epochs": 4}),
    ({"optimizer": "adam"}, {"optimizer": "sgd"}),
    ({"optimizer": "adamw"}, {"optimizer": "adamw", "weight_decay": 0.1}),
    ({"optimizer": torch.optim.RMSprop, "lr": 0.1}, {"optimizer": torch.optim.RMSprop}),
    ({"optimizer_params": {"weight_decay": 0.1}, "lr": 0.1}, {"optimizer_params": {"lr": 1}}),
    ({"hidden_layer_sizes": (4,)}, {"hidden_layer_sizes": (5,)}),
    ({"early_stopping": True}, {}),
    ({"early_stopping": True, "tol": 0.1}, {"early_stopping": True}),
    ({"module": Tanh}, {}),
]


@pytest.mark.parametrize(("first", "second"), TOGETHER)
def test_together(first, second):
    assert n_stacks(first, second) == 1


@pytest.mark.parametrize(("first", "second"), APART)
def test_apart(first, second):
    assert n_stacks(first, second) == 2


def test_streams():
    folds = [Fold.of(make(), X[:n], Y[:n]) for n in (60, 62, 70)]  # 4, 4 and 5 batches
    classifiers = [make(gamma=0), make(gamma=1), make(gamma=0, random_state=1)]
    groups = group_tasks(make_tasks(classifiers, folds))
    keys = [[[task.key for task in stream] for stream in streams] for streams in groups]
    # Streams of a stack have as many nets; those of another seed see another order.
    assert keys == [
        [[(0, 0), (1, 0)], [(0, 1), (1, 1)]],
        [[(2, 0)], [(2, 1)]],
        [[(0, 2), (1, 2)]],
        [[(2, 2)]],
    ]


# --- Why not -------------------------------------------------------------------------------------


class Heir(FocalNetClassifier):
    pass


def test_why_alone():
    assert why_alone(make()) is None
    assert why_alone(make(optimizer=torch.optim.Adagrad)) is None
    assert why_alone(Heir()) == "Heir is not a FocalNetClassifier"
    assert "callbacks" in why_alone(make(callbacks=[EpochScoring("f1")]))
    assert "LBFGS" in why_alone(make(optimizer=torch.optim.LBFGS))
    assert "<lambda>" in why_alone(make(optimizer=lambda params, lr: None))
    assert "param_groups" in why_alone(make(optimizer_params={"param_groups": []}))


class Mixing(Tanh):
    def forward(self, X):
        return super().forward(X - X.mean(0))


class Random(Tanh):
    def forward(self, X):
        return super().forward(X * torch.rand_like(X))


def wide(n_units):
    return lambda n_features, n_outputs: nn.Sequential(
        nn.Linear(n_features, n_units), nn.Tanh(), nn.Linear(n_units, n_outputs)
    )


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (None, None),
        (Tanh, None),
        (wide(2**10), None),
        (wide(2**18), "Sequential has 2,097,155 weights, and trains faster one by one"),
        (Mixing, "Mixing mixes the samples of a batch"),
        (Random, "vmap refused Random: .*random"),
        (lambda n_features, n_outputs: nn.BatchNorm1d(4), "vmap refused BatchNorm1d: "),
    ],
)
def test_why_no_stack(module, reason):
    state = torch.random.get_rng_state()
    [task] = make_tasks([make(module=module)], [Fold.of(make(), X, Y)])
    found = why_no_stack(task)
    if reason is None:
        assert found is None
    else:
        assert re.match(reason, found)
        assert "\n" not in found
    assert_array_equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("batch_size", [16, -1])
def test_large_batches_of_wide_modules_do_not_stack(batch_size):
    classifier = make(module=wide(2**15), batch_size=batch_size)
    [task] = make_tasks([classifier], [Fold.of(make(), X, Y)])
    found = why_no_stack(task)
    if batch_size == 16:
        assert found is None
    else:
        n_values = len(Y) * (2 * 2**15 + 3)
        said = f"Sequential computes {n_values:,} values in a batch, and trains faster one by one"
        assert found == said


# --- Fingerprints --------------------------------------------------------------------------------


def test_fingerprint():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.load_state_dict(first.state_dict())
    same = [({"a": [1, 2]}, {"a": [1, 2]}), (Tanh, Tanh), (first, second), (np.ones(2), np.ones(2))]
    for a, b in same:
        assert fingerprint(a) == fingerprint(b)
    with torch.no_grad():
        second.weight[0, 0] += 1
    different = [(1, 2), (1, True), ("a", None), (first, second), (np.ones(2), np.zeros(2))]
    for a, b in different:
        assert fingerprint(a) != fingerprint(b)


def test_fingerprint_of_what_cannot_be_pickled():
    def f():
        return 1

    def g():
        return 1

    assert fingerprint(f) == fingerprint(f) != fingerprint(g)
    assert fingerprint([f]) != fingerprint([f])  # no content to compare: apart is always right
