"""FocalNet as a skorch net: what skorch's own net would do, and what it adds."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNet
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
    TrainEndCheckpoint,
)
from skorch.dataset import ValidSplit
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from focalsk import FocalLoss, FocalNet, SigmoidFocalLoss, focal_posterior, sigmoid_focal_posterior
from focalsk.nets._batches import Batches
from focalsk.nets._best_epoch import BestEpoch
from focalsk.nets._mlp import FocalMLP


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(
        120, 4, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    return X.astype(np.float32), y


class MLP(nn.Module):
    def __init__(self, n_outputs=3, width=8):
        super().__init__()
        self.hidden = nn.Linear(4, width)
        self.out = nn.Linear(width, n_outputs)

    def forward(self, X):
        return self.out(torch.relu(self.hidden(X)))


def make(**params):
    defaults = {"module": MLP, "max_epochs": 4, "batch_size": 32, "random_state": 0, "verbose": 0}
    return FocalNet(**{**defaults, **params})


def weights_of(net):
    return [p.detach().numpy().copy() for p in net.module_.parameters()]


def assert_same_weights(a, b, **tolerance):
    check = assert_allclose if tolerance else assert_array_equal
    for p, q in zip(weights_of(a), weights_of(b), strict=True):
        check(p, q, **tolerance)


def differ(a, b):
    return any((p != q).any() for p, q in zip(weights_of(a), weights_of(b), strict=True))


# --- Equivalences --------------------------------------------------------------------------------


class OrderedLoader:
    """FocalNet's batches for skorch's own net, epoch after epoch."""

    def __init__(self, dataset, batch_size, seed):
        self.batches = Batches(dataset, batch_size, shuffle=True, seed=seed)
        self.epoch = 0

    def __iter__(self):
        self.batches.set_epoch(self.epoch)
        self.epoch += 1
        return iter(self.batches)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 4.0]])
def test_without_gamma_it_is_skorch_with_cross_entropy(data, optimizer, weight):
    ours = make(optimizer=optimizer, lr=0.05, criterion__gamma=0.0)
    if weight is not None:
        ours.set_params(criterion__alpha=weight)
    ours.fit(*data)

    def cross_entropy(input, target):
        w = None if weight is None else torch.tensor(weight)
        return F.cross_entropy(input, target, w, reduction="sum") / len(target)

    class Loss(nn.Module):
        forward = staticmethod(cross_entropy)

    torch.manual_seed(1)
    theirs = NeuralNet(
        MLP, criterion=Loss, optimizer=optimizer, lr=0.05, max_epochs=4, batch_size=32,
        train_split=None, iterator_train=OrderedLoader, iterator_train__seed=0,
        dataset=ours.get_dataset(*data).__class__, verbose=0, callbacks="disable",
    ).initialize()  # fmt: skip
    theirs.module_.load_state_dict(make().initialize().module_.state_dict())
    theirs.partial_fit(*data)
    assert_same_weights(ours, theirs, rtol=1e-4, atol=1e-6)
    assert differ(ours, make(criterion__gamma=2.0, optimizer=optimizer, lr=0.05).fit(*data))


def test_recorded_loss_is_the_mean_of_the_batches(data):
    X, y = data
    net = make(max_epochs=1, lr=0.0, optimizer=torch.optim.SGD, criterion__alpha=[1.0, 2.0, 3.0])
    net.fit(X, y)
    logits = net.forward(X)
    expected = FocalLoss(2.0, [1.0, 2.0, 3.0], reduction="sum")(logits, torch.as_tensor(y)) / len(y)
    assert_allclose(net.history[-1, "train_loss"], expected, rtol=1e-5)


def test_sample_weight_counts_in_the_loss(data):
    X, y = data
    alpha = np.array([0.5, 1.0, 3.0], dtype=np.float32)
    by_class = make(criterion__alpha=alpha).fit(X, y)
    by_sample = make().fit(X, y, sample_weight=alpha[y])
    assert_same_weights(by_class, by_sample, rtol=1e-4, atol=1e-6)
    assert_same_weights(make().fit(X, y, sample_weight=np.ones(120, np.float32)), make().fit(X, y))
    assert differ(by_sample, make().fit(X, y))


class Hooks(Callback):
    """A callback on batches, for which a net keeps a row per batch."""

    def initialize(self):
        self.seen = []
        return self

    def on_batch_end(self, net, batch, training, **kwargs):
        self.seen.append((training, [len(part) for part in batch]))


def test_hooks_on_batches_change_nothing(data):
    X, y = data
    weight = np.linspace(0.5, 2, 120).astype(np.float32)
    plain = make(train_split=ValidSplit(4)).fit(X, y)
    net = make(train_split=ValidSplit(4), callbacks=[("hooks", Hooks())]).fit(X, y)
    assert_same_weights(plain, net)
    assert_array_equal(plain.history[:, "train_loss"], net.history[:, "train_loss"])
    assert_array_equal(plain.history[:, "valid_loss"], net.history[:, "valid_loss"])
    assert len(net.history[-1]["batches"]) == 3 + 1
    assert plain.history[-1]["batches"] == []
    seen = dict(net.callbacks_)["hooks"].seen
    assert seen[:4] == [*[(True, [n, n]) for n in (32, 32, 26)], (False, [30, 30])]
    hooked = make(callbacks=[Hooks()]).fit(X, y, sample_weight=weight)
    assert_same_weights(hooked, make().fit(X, y, sample_weight=weight))


class ByAutograd(FocalNet):
    def get_loss(self, *args, **kwargs):  # as one that adds a term of its own
        return super().get_loss(*args, **kwargs)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("hooks", [[], [Hooks()]])
def test_manual_step_is_autograd(data, optimizer, hooks):
    X, y = data[0].astype(np.float64), data[1]
    params = {
        "module": FocalMLP, "module__n_features": 4, "module__n_outputs": 3, "max_epochs": 4,
        "criterion__alpha": [1.0, 2.0, 4.0], "optimizer": optimizer, "lr": 0.05, "batch_size": 32,
        "dtype": torch.float64, "random_state": 0, "verbose": 0,
    }  # fmt: skip
    weight = np.linspace(0, 2, 120)
    ours = FocalNet(**params, callbacks=hooks).fit(X, y, sample_weight=weight)
    theirs = ByAutograd(**params).fit(X, y, sample_weight=weight)
    batches = ours.get_iterator(ours.get_dataset(X, y), training=True)
    assert ours._manual_step(batches) is not None
    assert theirs._manual_step(batches) is None
    assert_same_weights(ours, theirs, rtol=1e-9, atol=1e-12)
    assert_allclose(ours.history[:, "train_loss"], theirs.history[:, "train_loss"], rtol=1e-12)


@pytest.mark.parametrize("n", [1, 120])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_of_few_samples_is_that_of_a_dataset(data, n, dtype):
    X = data[0][:n].astype(dtype)
    for module in (FocalMLP(4, 3, dropout=0.5), MLP()):
        net = make(module=module).initialize()
        expected = net.forward(net.get_dataset(X))
        assert_allclose(net.forward(X), expected, rtol=1e-6)
        assert not net.module_.training
        inputs = torch.as_tensor(X, dtype=torch.float32)
        assert_allclose(expected, net.module_(inputs).detach(), rtol=1e-5, atol=1e-7)


def test_a_subclass_may_look_at_samples_and_logits(data):
    class Doubled(FocalNet):
        def get_dataset(self, X, y=None):
            return super().get_dataset(2 * X, y)

        def infer(self, x, **fit_params):
            return super().infer(x, **fit_params) + 1

    params = {"module": FocalMLP(4, 3), "verbose": 0}
    logits = Doubled(**params).initialize().forward(data[0])
    assert_allclose(logits, FocalNet(**params).initialize().forward(2 * data[0]) + 1, rtol=1e-5)


def test_a_subclass_may_add_to_the_loss():
    class Shrunk(FocalNet):
        def get_loss(self, *args, **kwargs):
            penalty = sum(p.square().sum() for p in self.module_.parameters())
            return super().get_loss(*args, **kwargs) + penalty

    X, y = np.eye(3, dtype=np.float32), np.arange(3)
    params = {
        "module__n_features": 3, "module__n_outputs": 3, "max_epochs": 100, "lr": 0.01,
        "random_state": 0, "verbose": 0,
    }  # fmt: skip
    sizes = [
        sum(abs(p).sum() for p in weights_of(kind(FocalMLP, **params).fit(X, y)))
        for kind in (Shrunk, FocalNet)
    ]
    assert 5 * sizes[0] < sizes[1]


def test_lbfgs_minimises_like_a_closure_says(data):
    params = {"optimizer": torch.optim.LBFGS, "batch_size": -1, "lr": 1.0, "max_epochs": 10}
    net = make(**params, optimizer__line_search_fn="strong_wolfe").fit(*data)
    losses = net.history[:, "train_loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert losses[-1] < make(max_epochs=10, batch_size=-1).fit(*data).history[-1, "train_loss"]


# Both are torch's own, from tracing a loss with a backward of its own.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_is_plain(data):
    compiled = make(compile=True, compile__backend="eager", max_epochs=1).fit(*data)
    assert_same_weights(compiled, make(max_epochs=1).fit(*data), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_csr_is_dense(data, kind):
    X, y = data
    X = np.where(abs(X) > 1, X, 0).astype(np.float32)
    dense, thin = make().fit(X, y), make().fit(kind(X), y)
    assert_same_weights(dense, thin)
    assert_array_equal(dense.predict_proba(X), thin.predict_proba(kind(X)))


# --- Prediction ----------------------------------------------------------------------------------


def test_softmax_predictions_are_the_posterior(data):
    X, y = data
    alpha = [0.2, 1.0, 3.0]
    net = make(criterion__gamma=1.5, criterion__alpha=alpha).fit(X, y)
    logits = net.forward(X)
    assert_array_equal(net.predict_proba(X), focal_posterior(logits, 1.5, alpha))
    assert_array_equal(net.predict(X), focal_posterior(logits, 1.5).argmax(dim=1))
    assert (net.predict(X) != net.predict_proba(X).argmax(axis=1)).any()


@pytest.mark.parametrize("n_labels", [1, 2])
def test_sigmoid_predictions_are_the_posterior(data, n_labels):
    X, y = data
    target = np.column_stack([y == 0, y > 0])[:, :n_labels].astype(np.float32)
    net = make(
        module__n_outputs=n_labels, criterion=SigmoidFocalLoss, criterion__alpha=0.25, max_epochs=40
    ).fit(X, target)
    logits = net.forward(X)
    p, decided = (sigmoid_focal_posterior(logits, 2.0, alpha) for alpha in (0.25, None))
    if n_labels == 1:  # two classes
        p, decided, target = torch.cat([1 - p, p], 1), decided[:, 0], target[:, 0]
    assert_array_equal(net.predict_proba(X), p)
    assert_array_equal(net.predict(X), decided > 0.5)
    assert (net.predict(X) == target).mean() > 0.8


def test_smoothing_is_undone_before_the_weights_decide(data):
    X, y = data
    alpha = torch.tensor([0.2, 1.0, 3.0])
    options = {"criterion__gamma": 1.5, "criterion__label_smoothing": 0.2}
    net = make(criterion__alpha=alpha, max_epochs=40, **options).fit(X, y)
    p = focal_posterior(net.forward(X), 1.5, alpha, label_smoothing=0.2)
    assert_array_equal(net.predict_proba(X), p)
    assert_array_equal(net.predict(X), (p * alpha).argmax(dim=1))
    assert (
        abs(net.predict_proba(X) - focal_posterior(net.forward(X), 1.5, alpha).numpy()).max() > 0.02
    )

    labels = np.eye(3, dtype=np.float32)[y]
    alpha = torch.tensor([[1.0, 1.0, 0.5], [2.0, 0.5, 3.0]])
    net = make(criterion=SigmoidFocalLoss, criterion__alpha=alpha, max_epochs=40, **options)
    net.fit(X, labels)
    p = sigmoid_focal_posterior(net.forward(X), 1.5, alpha, label_smoothing=0.2)
    assert_array_equal(net.predict_proba(X), p)
    assert_array_equal(net.predict(X), alpha[1] * p > alpha[0] * (1 - p))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_of_the_parameters(data, dtype):
    X, y = data
    net = make(dtype=dtype).fit(X.astype(np.float64), y)
    assert {p.dtype for p in net.module_.parameters()} == {dtype}
    assert torch.as_tensor(net.predict_proba(X)).dtype == dtype


# --- Seeds ---------------------------------------------------------------------------------------


def test_seed_decides_and_leaves_the_generator():
    X, y = np.eye(4, dtype=np.float32)[np.arange(40) % 4], np.arange(40) % 3
    state = torch.get_rng_state()
    one = make(module__width=5, batch_size=8).fit(X, y)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(1)
    assert_same_weights(one, make(module__width=5, batch_size=8).fit(X, y))
    assert differ(one, make(module__width=5, batch_size=8, random_state=1).fit(X, y))


def test_without_a_seed_the_global_generator_decides(data):
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(make(random_state=None).fit(*data))
    assert_same_weights(nets[0], nets[1])
    assert differ(nets[0], nets[2])


def test_partial_fit_goes_on(data):
    net = make(max_epochs=2).fit(*data)
    net.partial_fit(*data)
    assert_same_weights(net, make().fit(*data))
    assert len(net.history) == 4


# --- skorch's features ---------------------------------------------------------------------------


def test_history_has_losses_and_their_best(data):
    net = make(train_split=ValidSplit(5), max_epochs=12, lr=0.1).fit(*data)
    for name in ("train_loss", "valid_loss"):
        losses = net.history[:, name]
        best = [all(loss < other for other in losses[:i]) for i, loss in enumerate(losses)]
        assert net.history[:, name + "_best"] == best
        assert losses[-1] < losses[0]
    assert "valid_loss" not in make(max_epochs=1).fit(*data).history[-1]
    assert net.history[-1, "dur"] >= 0


def test_validation_loss_is_that_of_the_held_out(data):
    X, y = data
    split = ValidSplit(5)
    net = make(train_split=split).fit(X, y)
    _, valid = split(net.get_dataset(X, y), y)
    loss = FocalLoss(2.0)(net.forward(valid), torch.as_tensor(y[valid.indices]))
    assert len(valid) == 24
    assert_allclose(net.history[-1, "valid_loss"], loss, rtol=1e-5)


def test_checkpoint_and_saved_parameters(data, tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path, monitor="train_loss_best")
    net = make(callbacks=[checkpoint]).fit(*data)
    loaded = make().initialize()
    loaded.load_params(checkpoint=checkpoint)
    assert_same_weights(loaded, net)
    net.save_params(f_params=tmp_path / "all.pt", f_optimizer=tmp_path / "optimizer.pt")
    other = make(random_state=7).initialize()
    assert differ(other, net)
    other.load_params(f_params=tmp_path / "all.pt", f_optimizer=tmp_path / "optimizer.pt")
    assert_same_weights(other, net)
    assert_array_equal(other.predict_proba(data[0]), net.predict_proba(data[0]))


@pytest.mark.parametrize("callback", [Checkpoint, TrainEndCheckpoint])
def test_checkpoints_of_skorch(data, tmp_path, callback):
    params = {"monitor": None} if callback is Checkpoint else {}
    net = make(callbacks=[callback(dirname=tmp_path, **params)]).fit(*data)
    prefix = "" if callback is Checkpoint else "train_end_"
    loaded = make(random_state=7).initialize()
    loaded.load_params(
        f_params=tmp_path / f"{prefix}params.pt", f_history=tmp_path / f"{prefix}history.json"
    )
    assert_same_weights(loaded, net)
    assert loaded.history[:, "train_loss"] == net.history[:, "train_loss"]


def test_early_stopping_of_skorch(data):
    X, _ = data
    y = np.random.default_rng(0).integers(0, 3, 120)  # nothing to learn
    net = make(
        train_split=ValidSplit(3), max_epochs=200, lr=0.05,
        callbacks=[EarlyStopping(patience=3, sink=lambda text: None)],
    ).fit(X, y)  # fmt: skip
    losses = net.history[:, "valid_loss"]
    assert 4 <= len(losses) < 200
    assert min(losses[-3:]) > min(losses) * (1 - 1e-3)


def test_learning_rates_are_scheduled(data):
    scheduler = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    net = make(callbacks=[scheduler], optimizer=torch.optim.SGD, lr=0.8).fit(*data)
    assert_allclose(net.history[:, "event_lr"], 0.8 * 0.5 ** np.arange(4))
    assert differ(net, make(optimizer=torch.optim.SGD, lr=0.8).fit(*data))


def test_gradients_are_clipped(data):
    params = {"optimizer": torch.optim.SGD, "lr": 1.0, "batch_size": -1, "max_epochs": 1}
    net = make(**params, callbacks=[GradientNormClipping(1e-3)]).fit(*data)
    start = make(**params).initialize()
    moved = [a - b for a, b in zip(weights_of(net), weights_of(start), strict=True)]
    assert_allclose(np.sqrt(sum((step**2).sum() for step in moved)), 1e-3, rtol=1e-2)


@pytest.mark.parametrize("on_train", [True, False])
@pytest.mark.parametrize("use_caching", [True, False])
def test_epoch_scoring(data, on_train, use_caching):
    X, y = data
    split = ValidSplit(5)
    scoring = EpochScoring(
        "accuracy", name="acc", on_train=on_train, lower_is_better=False, use_caching=use_caching
    )
    net = make(train_split=split, callbacks=[scoring], max_epochs=5).fit(X, y)
    assert net.history[:, "acc_best"][0]
    train, valid = split(net.get_dataset(X, y), y)
    if use_caching and on_train:  # its predictions were made while the weights moved
        assert 0 <= net.history[-1, "acc"] <= 1
    else:
        part = train if on_train else valid
        assert_allclose(net.history[-1, "acc"], (net.predict(part) == y[part.indices]).mean())


def test_grid_search_over_parameters_of_the_criterion(data):
    net = make(max_epochs=10, lr=0.05)
    search = GridSearchCV(net, {"criterion__gamma": [0.0, 2.0]}, cv=2, scoring="accuracy")
    search.fit(*data)
    assert search.best_score_ > 0.6
    assert search.best_estimator_.criterion_.gamma == search.best_params_["criterion__gamma"]
    assert clone(net).get_params()["max_epochs"] == 10


def test_set_params_of_an_initialized_net():
    net = make().initialize()
    net.set_params(lr=0.3, criterion__gamma=5.0)
    assert net.optimizer_.param_groups[0]["lr"] == 0.3
    assert net.criterion_.gamma == 5.0


# --- Other data ----------------------------------------------------------------------------------


def test_torch_dataset_goes_through_a_data_loader(data):
    X, y = map(torch.as_tensor, data)
    net = make(lr=0.05, max_epochs=15).fit(TensorDataset(X, y), None)
    assert isinstance(net.get_iterator(net.get_dataset(TensorDataset(X, y))), DataLoader)
    assert_array_equal(net.predict(TensorDataset(X, y)), net.predict(data[0]))
    assert (net.predict(data[0]) == data[1]).mean() > 0.7


def test_iterators_of_torch(data):
    X, y = data
    net = make(iterator_train=DataLoader, iterator_valid=DataLoader, iterator_train__shuffle=False)
    net.fit(X, y)
    ours = make(iterator_train__shuffle=False).fit(X, y)
    assert_same_weights(net, ours)
    assert_array_equal(net.predict_proba(X), ours.predict_proba(X))


class TwoInputs(MLP):
    def forward(self, a, b):
        return super().forward(torch.cat([a, b], dim=1))


class ListOfInputs(MLP):
    def forward(self, X):
        return super().forward(torch.cat(list(X), dim=1))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", [dict, list])
def test_several_inputs_are_one(data, kind, weighted):
    X, y = data
    module = TwoInputs if kind is dict else ListOfInputs
    parts = {"a": X[:, :2], "b": X[:, 2:]} if kind is dict else [X[:, :2], X[:, 2:]]
    given = {"sample_weight": np.linspace(1, 2, len(y))} if weighted else {}
    net = make(module=module, iterator_train__shuffle=False).fit(parts, y, **given)
    same = make(iterator_train__shuffle=False).fit(X, y, **given)
    assert_same_weights(net, same, rtol=1e-5, atol=1e-7)
    assert_allclose(net.predict_proba(parts), same.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("X", [[[1.0, 2.0], [3.0, 4.0]], (), ["a", "b"]])
def test_lists_that_are_no_arrays_are_refused(X):
    with pytest.raises(TypeError, match="dict or list of arrays"):
        make().fit(X, [0, 1])


# --- BestEpoch -----------------------------------------------------------------------------------

NAN = float("nan")
STOPS = {
    "progress": ([1, 2, 3, 4, 5], {"n_iter_no_change": 1}, 5, 5),
    "no progress": ([3, 2, 1, 0, 5], {"n_iter_no_change": 1}, 3, 3),
    "patience": ([3, 2, 1, 0, 5], {"n_iter_no_change": 3}, 5, 5),
    "less than tol": ([1, 1.05, 1.1, 1.15, 5], {"n_iter_no_change": 2, "tol": 0.5}, 4, 1.15),
    "exactly tol": ([1, 1.5, 2, 2.5, 3], {"n_iter_no_change": 1, "tol": 0.5}, 5, 3),
    "NaN": ([2, NAN, NAN, 1, 9], {"n_iter_no_change": 2}, 4, 2),
    "without end": ([3, 2, 1, 0, -1], {"n_iter_no_change": np.inf}, 5, 3),
}


@pytest.mark.parametrize(("scores", "params", "n_epochs", "best"), STOPS.values(), ids=STOPS)
def test_best_epoch(data, scores, params, n_epochs, best):
    states = []

    def score(net):
        states.append(weights_of(net))
        return scores[len(states) - 1]

    stopper = BestEpoch(score, **params)
    net = make(callbacks=[("best", stopper)], max_epochs=5, lr=0.1).fit(*data)
    assert len(net.history) == n_epochs
    stopper = dict(net.callbacks_)["best"]
    assert_array_equal(stopper.scores_, scores[:n_epochs])
    assert stopper.best_score_ == best
    for found, expected in zip(weights_of(net), states[scores.index(best)], strict=True):
        assert_array_equal(found, expected)


def test_device_none_leaves_the_module_where_it_is(data):
    # As accelerate asks for.
    X, y = data
    assert_same_weights(make(device=None).fit(X, y), make(device="cpu").fit(X, y))
