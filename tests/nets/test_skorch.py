"""FocalNet with the habits of skorch's users: what works as there, and each difference named."""

import builtins
import copy
import pickle
import threading

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import DataLoader

from focalsk import FocalNet, SigmoidFocalLoss
from focalsk.losses import OneVersusRestLoss


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(120, 4, n_informative=3, n_redundant=0, random_state=0)
    return X.astype(np.float32), y


@pytest.fixture(scope="module")
def three():
    X, y = make_classification(
        120, 4, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    return X.astype(np.float32), y


def make(n_outputs=2, kind=FocalNet, module=nn.Linear, **params):
    defaults = {"lr": 0.05, "max_epochs": 4, "batch_size": 32, "random_state": 0, "verbose": 0}
    if module is nn.Linear:
        defaults |= {"module__in_features": 4, "module__out_features": n_outputs}
    return kind(module, **{**defaults, **params})


# --- A classifier to scikit-learn ----------------------------------------------------------------


def test_it_is_a_classifier(data):
    net = make()
    assert is_classifier(net)
    with pytest.raises(AttributeError, match="once it is trained"):
        net.classes_  # noqa: B018
    net.fit(*data)
    assert net.classes_.tolist() == [0, 1]
    assert net.score(*data) == (net.predict(data[0]) == data[1]).mean()
    assert make(classes=["no", "yes"]).classes_.tolist() == ["no", "yes"]


def test_classes_are_those_of_the_logits(three):
    X, y = three
    some = y != 2  # the third is never seen
    assert make(3).fit(X[some], y[some]).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1", "neg_log_loss"])
@pytest.mark.parametrize("one_logit", [False, True])
def test_grid_search_by_scores_of_two_classes(data, scoring, one_logit):
    X, y = data
    net = make(1, criterion=SigmoidFocalLoss) if one_logit else make()
    target = y.astype(np.float32)[:, None] if one_logit else y
    grid = {"criterion__gamma": [0.0, 2.0]}
    search = GridSearchCV(net, grid, scoring=scoring, cv=3, error_score="raise")
    assert np.isfinite(search.fit(X, target).best_score_)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda net: CalibratedClassifierCV(net, cv=3),
        lambda net: VotingClassifier([("net", net)], voting="soft"),
        lambda net: StackingClassifier([("net", net)], cv=3),
    ],
)
def test_wrappers_of_classifiers(three, wrap):
    X, y = three
    assert wrap(make(3, max_epochs=20)).fit(X, y).score(X, y) > 0.7


@pytest.mark.parametrize("on_train", [False, True])
@pytest.mark.parametrize("use_caching", [False, True])
@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1"])
def test_epoch_scoring_is_the_scorer_of_the_trained_net(data, scoring, on_train, use_caching):
    score = EpochScoring(scoring, False, name="s", on_train=on_train, use_caching=use_caching)
    net = make(callbacks=[score], train_split=ValidSplit(4, stratified=True)).fit(*data)
    assert all(0 <= value <= 1 for value in net.history[:, "s"])


@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("criterion", ["softmax", SigmoidFocalLoss, OneVersusRestLoss])
def test_decision_function_decides(three, n_outputs, criterion):
    X, y = three
    target = y if criterion in ("softmax", OneVersusRestLoss) else np.eye(3)[y][:, :n_outputs]
    given = {} if criterion == "softmax" else {"criterion": criterion}
    if n_outputs < 3 and criterion != SigmoidFocalLoss:
        target = y % 2
    if n_outputs == 1 and criterion != SigmoidFocalLoss:
        return
    net = make(n_outputs, **given).fit(X, target.astype(int))
    scores, decided, p = net.decision_function(X), net.predict(X), net.predict_proba(X)
    if scores.ndim == 1:
        assert_array_equal(scores > 0, decided)
        assert p.shape == (120, 2)
    elif criterion is SigmoidFocalLoss:
        assert_array_equal(scores > 0, decided)
    else:
        assert_array_equal(scores.argmax(1), decided)
        assert_allclose(p.sum(1), 1, rtol=1e-5)


# --- As in skorch --------------------------------------------------------------------------------


class Softmax(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 2), nn.Softmax(-1))


@pytest.mark.parametrize(
    ("criterion", "module"), [(nn.CrossEntropyLoss, nn.Linear), (nn.NLLLoss, Softmax)]
)
def test_other_criteria_are_those_of_neural_net_classifier(data, criterion, module):
    X, y = data
    torch.manual_seed(0)
    start = nn.Linear(4, 2) if module is nn.Linear else module()
    ours, theirs = (
        kind(
            copy.deepcopy(start),
            criterion=criterion,
            optimizer=torch.optim.SGD,
            lr=0.1,
            max_epochs=4,
            batch_size=32,
            train_split=None,
            iterator_train__shuffle=False,
            verbose=0,
        ).fit(X, y)
        for kind in (FocalNet, NeuralNetClassifier)
    )
    assert_allclose(ours.history[:, "train_loss"], theirs.history[:, "train_loss"], rtol=1e-6)
    assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert not hasattr(ours, "decision_function")


class OldGetLoss(FocalNet):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        return super().get_loss(y_pred, y_true, X=X, training=training)


def test_get_loss_without_weight(data):
    usual, old = make().fit(*data), make(kind=OldGetLoss).fit(*data)
    assert_allclose(old.history[:, "train_loss"], usual.history[:, "train_loss"], rtol=1e-5)


@pytest.mark.parametrize(
    "net", [make(kind=OldGetLoss), make(criterion=nn.CrossEntropyLoss)], ids=["get_loss", "loss"]
)
def test_weights_that_would_be_lost_are_refused(data, net):
    with pytest.raises(TypeError, match=r"sample_weight needs a .* that takes 'weight'"):
        net.fit(*data, sample_weight=np.ones(120))


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_weights_are_checked(data, value):
    weight = np.ones(120)
    weight[3] = value
    with pytest.raises(ValueError, match="sample_weight must be finite and not negative"):
        make().fit(*data, sample_weight=weight)


class Foreign:
    """A callback that does not inherit from skorch's."""

    def __init__(self):
        self.called = []

    def initialize(self):
        return self

    def set_params(self, **params):
        return self

    def get_params(self, deep=True):
        return {}

    def __getattr__(self, name):
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.called.append(name)


def test_callbacks_need_not_inherit(data):
    callback = Foreign()
    net = make(callbacks=[("foreign", callback)]).fit(*data)
    assert callback.called.count("on_batch_end") == 4 * 4
    assert_array_equal(net.predict(data[0]), make().fit(*data).predict(data[0]))


class Accumulate(FocalNet):
    """Gradients of two batches in one step, as skorch's documentation has it."""

    def get_loss(self, *args, **kwargs):
        return super().get_loss(*args, **kwargs) / 2

    def train_step(self, batch, **fit_params):
        step = self.train_step_single(batch, **fit_params)
        if len(self.history[-1, "batches"]) % 2 == 0:
            self.optimizer_.step()
            self.optimizer_.zero_grad()
        return step


def test_gradient_accumulation_is_a_batch_twice_as_large(data):
    X, y = data[0][:96], data[1][:96]
    sgd = {"optimizer": torch.optim.SGD, "iterator_train__shuffle": False}
    split = make(kind=Accumulate, batch_size=24, **sgd).fit(X, y)
    whole = make(batch_size=48, **sgd).fit(X, y)
    assert_allclose(split.predict_proba(X), whole.predict_proba(X), rtol=1e-5)


class OwnSGD(torch.optim.SGD):
    """An optimizer that evaluates its closure, as those of other packages do."""

    def step(self, closure=None):
        with torch.enable_grad():
            loss = closure()
        super().step()
        return loss


def test_optimizers_of_others_get_a_closure(data):
    own, usual = (make(optimizer=kind).fit(*data) for kind in (OwnSGD, torch.optim.SGD))
    assert_allclose(own.predict_proba(data[0]), usual.predict_proba(data[0]), rtol=1e-5)


class Tuple(nn.Linear):
    def forward(self, X):
        return super().forward(X), X


def test_first_output_is_the_logits(data):
    X, y = data
    several, usual = (make(module=kind(4, 2)) for kind in (Tuple, nn.Linear))
    several.module.load_state_dict(usual.module.state_dict())
    assert_array_equal(several.fit(X, y).predict_proba(X), usual.fit(X, y).predict_proba(X))
    assert len(several.forward(X)) == 2


def test_predict_nonlinearity_is_skorchs(data):
    net = make(predict_nonlinearity=lambda z: z.softmax(-1)).fit(*data)
    assert_allclose(net.predict_proba(data[0]), net.forward(data[0]).softmax(-1))
    raw = make(predict_nonlinearity=None).fit(*data)
    assert_array_equal(raw.predict_proba(data[0]), raw.forward(data[0]))


def test_unfitted_nets_say_so(data):
    for method in ("predict", "predict_proba", "forward"):
        with pytest.raises(NotFittedError, match="not initialized"):
            getattr(make(), method)(data[0])


def test_fit_params_reach_the_split(data):
    seen = {}

    def split(dataset, y=None, **params):
        seen.update(params)
        return dataset, dataset

    class Takes(nn.Linear):
        def forward(self, X, extra=None):
            return super().forward(X)

    make(module=Takes(4, 2), train_split=split).fit(*data, extra=3)
    assert seen == {"extra": 3}


# --- Named differences ---------------------------------------------------------------------------


def test_default_callbacks_and_rows(data):
    net = make(train_split=ValidSplit(4)).fit(*data)
    assert [name for name, _ in net.callbacks_] == ["epoch_timer", "print_log"]
    assert "valid_acc" not in net.history[-1]
    assert net.history[-1]["batches"] == []
    assert net.history[-1]["valid_batch_count"] == 1  # larger than batch_size
    loader = make(train_split=ValidSplit(4), batch_size=10, iterator_valid=DataLoader).fit(*data)
    assert loader.history[-1]["valid_batch_count"] == 3


def test_options_of_a_loader_need_one(data):
    with pytest.raises(TypeError, match="pass iterator_train=DataLoader"):
        make(iterator_train__num_workers=2).fit(*data)


@pytest.mark.parametrize("form", ["frame", "doubles", "a weight third"])
def test_samples_in_other_forms_are_the_same_samples(data, form):
    X, y = data
    expected = make().fit(X, y).predict_proba(X)
    if form == "frame":  # one array, not a dict of columns
        net = make().fit(pd.DataFrame(X), y)
    elif form == "doubles":  # cast to the module's type
        net = make().fit(X.astype(np.float64), y)
    else:
        ones = torch.ones(len(X))
        dataset = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(y), ones)
        net = make(train_split=None, batch_size=-1).fit(dataset)
        expected = make(batch_size=-1).fit(X, y, sample_weight=ones).predict_proba(X)
    assert_allclose(net.predict_proba(X), expected, rtol=1e-5)


def test_nets_on_the_cpu_are_pickled_as_they_are(data):
    net = make(torch_load_kwargs={"weights_only": True}).fit(*data)
    again = pickle.loads(pickle.dumps(net))  # without torch.load, whose options are not asked
    assert_array_equal(again.predict_proba(data[0]), net.predict_proba(data[0]))


@pytest.mark.parametrize("y", [np.array(["a", "b"] * 60), np.array([None] * 120)])
def test_names_of_classes_are_refused(data, y):
    with pytest.raises(TypeError, match="FocalNetClassifier takes classes of any type"):
        make().fit(data[0], y)


def test_missing_targets_are_refused(data):
    with pytest.raises(ValueError, match="y must be given"):
        make().fit(data[0])


def test_trimmed_nets_keep_the_posterior(data):
    net = make(criterion__gamma=3.0, criterion__alpha=torch.tensor([0.2, 0.8])).fit(*data)
    expected = net.predict_proba(data[0])
    net.trim_for_prediction()
    assert_array_equal(net.predict_proba(data[0]), expected)


class ReadsValidLoss(Callback):
    def on_epoch_end(self, net, **kwargs):
        assert net.history[-1]["valid_loss_best"] in (True, False)


@pytest.mark.parametrize("callback", [ReadsValidLoss(), EarlyStopping()])
def test_callbacks_on_validation_need_it(data, callback):
    with pytest.raises(ValueError, match=r"A callback reads 'valid_loss\w*'"):
        make(callbacks=[clone(callback, safe=False)]).fit(*data)
    make(callbacks=[callback], train_split=ValidSplit(4)).fit(*data)


@pytest.mark.parametrize("n", [32, 33, 64, 65, 97])
def test_batch_norm_trains_with_any_number_of_samples(data, n):
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))
    net = make(module=module, max_epochs=2).fit(data[0][:n], data[1][:n])
    assert np.isfinite(net.history[:, "train_loss"]).all()


def test_a_batch_of_one_names_batch_size(data):
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(ValueError, match="'batch_size'"):
        make(module=module, batch_size=1).fit(*data)


def test_nan_is_said_and_never_given(data):
    X = data[0].copy()
    X[3, 1] = np.nan
    with pytest.warns(ConvergenceWarning, match="training loss became nan"):
        net = make().fit(X, data[1])
    with pytest.raises(ValueError, match="gives NaN"):
        net.predict_proba(data[0])


def test_probabilities_in_place_of_logits_are_noticed(data):
    with pytest.warns(UserWarning, match="leave out the softmax"):
        make(module=Softmax).fit(*data)
    sigmoid = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    with pytest.warns(UserWarning, match="leave out the sigmoid"):
        make(module=sigmoid, criterion=SigmoidFocalLoss).fit(data[0], data[1][:, None])


# --- Arrays, files, printing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        lambda a: a[::-1].copy()[::-1],
        lambda a: np.asfortranarray(a),
        lambda a: a.astype(a.dtype.newbyteorder()),
        lambda a: np.repeat(a, 2, axis=0)[::2],
    ],
    ids=["reversed", "fortran", "byte order", "strided"],
)
def test_any_layout_of_an_array(data, other):
    X, y = data
    weight = np.linspace(1, 2, 120)
    usual = make().fit(X, y, sample_weight=weight)
    net = make().fit(other(X), other(y), sample_weight=other(weight))
    assert_array_equal(net.predict_proba(other(X)), usual.predict_proba(X))


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.int64, bool])
def test_whole_numbers_of_any_kind(data, kind):
    X, y = data
    net = make(batch_size=np.int64(32), max_epochs=np.int16(4)).fit(X, y.astype(kind))
    assert_array_equal(net.predict(X), make().fit(X, y).predict(X))


def test_cloudpickle_takes_a_class_of_a_notebook_along(data):
    namespace = {"nn": nn, "__name__": "__main__"}  # by value, as a class of a notebook
    exec("class Local(nn.Linear):\n    pass", namespace)
    net = make(module=namespace["Local"](4, 2)).fit(*data)
    loaded = pickle.loads(cloudpickle.dumps(net))
    assert_array_equal(loaded.predict_proba(data[0]), net.predict_proba(data[0]))
    loaded.partial_fit(*data)


def test_silent_nets_are_silent_under_another_print(data, monkeypatch):
    said = []
    monkeypatch.setattr(builtins, "print", lambda *args, **kwargs: said.append(args))
    make().fit(*data)
    assert said == []


def test_locks_in_a_callback_do_no_harm(data):
    class Locked(Callback):
        def __init__(self):
            self.lock = threading.Lock()

    make(callbacks=[Locked()]).fit(*data)
