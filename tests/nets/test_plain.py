"""Nets as arrays, numbers and strings: what comes back, and what stays as it is."""

import copy
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from skorch.callbacks import EpochScoring, LRScheduler
from skorch.exceptions import DeviceWarning
from torch import nn

from focalsk import FocalNet
from focalsk.nets._plain import decode, encode

X, Y = make_classification(80, n_features=5, random_state=0)
X = X.astype(np.float32)


class Own(nn.Module):
    """A module of a user's, with an attribute that is no weight."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.layer, self.factor = nn.Linear(5, 2), factor

    def forward(self, X):
        return self.factor * self.layer(X)


def fitted(module, **params):
    torch.manual_seed(0)
    module = module()
    return FocalNet(module, random_state=0, verbose=0, max_epochs=2, **params).fit(X, Y)


def holds_only(state, kinds):
    """Whether a state is made of some types."""
    if isinstance(state, dict):
        return all(holds_only(value, kinds) for value in state.values())
    if type(state) in (list, tuple, set):
        return all(holds_only(value, kinds) for value in state)
    return state is None or isinstance(state, kinds)


PLAIN = (bool, int, float, str, np.ndarray)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(3, 2, dtype=torch.float64),
        torch.tensor(1.5),
        torch.arange(4),
        torch.tensor([True, False]),
        torch.randn(4, 3).T,
        torch.randn(2, 3, 4).permute(2, 0, 1),
        torch.randn(5).to(torch.bfloat16),
        torch.randn(5).half(),
        torch.empty(0, 3),
        nn.Parameter(torch.ones(2)),
        nn.Parameter(torch.ones(2), requires_grad=False),
    ],
    ids=lambda tensor: f"{tensor.dtype} {tuple(tensor.shape)}",
)
def test_tensors_come_back(tensor):
    state = encode(tensor, strict=True)
    assert holds_only(state, PLAIN)
    again = decode(pickle.loads(pickle.dumps(state)))
    assert type(again) is type(tensor)
    assert torch.equal(again, tensor)
    assert (again.dtype, again.stride()) == (tensor.dtype, tensor.stride())
    assert again.requires_grad == tensor.requires_grad


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1.0, np.inf], "b": (1, "x", None)},
        {1: "int", "1": "str", False: "bool", None: 2.5, 0.5: "float", (1, 2): "tuple"},
        {"__focalsk__": "a key of ours"},
        {1, 2},
        [],
        [1.0, 2],
        torch.float16,
        torch.device("cpu"),
        torch.optim.SGD,
        nn.Conv2d,
        FocalNet,
    ],
    ids=str,
)
def test_values_come_back(value):
    assert decode(encode(value)) == value


def test_floats_keep_their_bits():
    values = [0.1, -0.0, np.nan, 5e-324, 1.7976931348623157e308]
    again = decode(encode(values))
    assert_array_equal(np.array(again).view(np.int64), np.array(values).view(np.int64))


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "torch.nn.functional.relu", "torch.optim.lr_scheduler"]
)
def test_state_names_no_other_code(name):
    with pytest.raises(ValueError, match="which is no class of a net"):
        decode({"__focalsk__": "type", "name": name})
    with pytest.raises(ValueError, match="this version does not know"):
        decode({"__focalsk__": name})


@pytest.mark.parametrize(
    "module",
    [
        lambda: nn.Linear(5, 2),
        lambda: nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)),
        lambda: nn.Sequential(
            nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 3, 2), nn.Flatten(), nn.LazyLinear(2)
        ),
    ],
    ids=["linear", "norm", "lazy convolution"],
)
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.RMSprop])
def test_nets_of_torchs_layers_are_plain_and_train_on(module, optimizer):
    scoring = EpochScoring("accuracy", lower_is_better=False)
    net = fitted(module, optimizer=optimizer, callbacks=[scoring])
    state = net.__getstate__()
    assert holds_only(state, PLAIN)
    again = copy.deepcopy(net)
    assert again.module is again.module_
    assert again.history == net.history
    assert again.get_params().keys() == net.get_params().keys()
    for each in (net, again):
        each.set_params(lr=0.02, optimizer__weight_decay=0.1)
        each.partial_fit(X, Y)
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    assert again.history[:, "train_loss"] == net.history[:, "train_loss"]


def tied():
    module = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), nn.Linear(5, 2))
    module[2].weight = module[0].weight
    return module


def hooked():
    module = nn.Linear(5, 2)
    module.register_forward_hook(double)
    return module


def double(module, given, output):
    return 2 * output


@pytest.mark.parametrize("module", [Own, tied, hooked], ids=["own", "tied", "hooked"])
def test_what_holds_more_is_pickled_as_it_is(module):
    net = fitted(module)
    again = pickle.loads(pickle.dumps(net))
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    net.partial_fit(X, Y)
    again.partial_fit(X, Y)
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    if module is tied:
        assert again.module_[2].weight is again.module_[0].weight


def test_callback_that_holds_the_optimizer_still_turns_it():
    net = fitted(lambda: nn.Linear(5, 2), callbacks=[LRScheduler("StepLR", step_size=1, gamma=0.5)])
    again = pickle.loads(pickle.dumps(net))
    scheduler = dict(again.callbacks_)["LRScheduler"].lr_scheduler_
    assert scheduler.optimizer is again.optimizer_


def test_net_that_is_not_initialized_keeps_its_parameters():
    net = FocalNet(nn.Linear(5, 2), criterion__gamma=1.0, lr=0.1)
    again = copy.deepcopy(net)
    assert again.get_params(deep=False).keys() == net.get_params(deep=False).keys()
    assert again.lr == 0.1
    assert not again.initialized_


def test_net_on_cuda_loads_where_there_is_none(monkeypatch):
    if torch.cuda.is_available():
        pytest.skip("is about a machine without CUDA")
    for module in (Own, lambda: nn.Linear(5, 2)):
        net = fitted(module)
        net.device = "cuda"  # as if; its weights are here
        data = pickle.dumps(net)
        net.device = "cpu"
        with pytest.warns(DeviceWarning, match=r"no CUDA|not available"):
            again = pickle.loads(data)
        assert str(again.device) == "cpu"
        assert_array_equal(again.predict_proba(X), net.predict_proba(X))
