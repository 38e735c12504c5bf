"""BestEpoch: when training stops, and whose weights are kept, for one net and for many."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from focalsk.nets._best_epoch import BestEpoch, StopTraining


class Net:
    """A net that is trained by counting: after epoch t its weight is t."""

    def __init__(self, n_nets=None):
        shape = (1,) if n_nets is None else (n_nets, 1)
        self.module_ = torch.nn.ParameterDict({"weight": torch.zeros(shape)})

    def train(self, stopper, epochs):
        stopper.on_train_begin(self)
        for _ in range(epochs):
            self.module_["weight"].data += 1
            try:
                stopper.on_epoch_end(self)
            except StopTraining:
                break
        stopper.on_train_end(self)
        return len(stopper.scores_), self.module_["weight"].detach().numpy().ravel()


def replay(scores):
    """A score function that gives one value, or one row, per epoch."""
    rest = iter(scores)
    return lambda net: next(rest)


def by_hand(scores, patience, tol):
    """Epochs trained and best epoch, by MLPClassifier's rule."""
    best, best_epoch, waited = -np.inf, 0, 0
    for epoch, score in enumerate(scores, 1):
        waited = 0 if score >= best + tol else waited + 1
        if score > best:
            best, best_epoch = score, epoch
        if waited > patience:
            return epoch, best_epoch
    return len(scores), best_epoch


CURVES = {
    "rises": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    "falls": [0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
    "hill": [0.1, 0.5, 0.4, 0.3, 0.6, 0.7],
    "creeps": [0.1, 0.101, 0.102, 0.103, 0.104, 0.105],
    "flat": [0.5] * 6,
    "nan": [0.2, 0.3, np.nan, np.nan, np.nan, np.nan],
    "nan-first": [np.nan, 0.3, 0.4, 0.5, 0.4, 0.3],
}
NEVER = {"all-nan": [np.nan] * 6, "all-minus-inf": [-np.inf] * 6}
RULES = [(1, 1e-4), (2, 0.01), (2, 0.0), (np.inf, 0.01)]


@pytest.mark.parametrize(("patience", "tol"), RULES)
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_one_net(curve, patience, tol):
    stopper = BestEpoch(replay(curve), patience, tol)
    epochs, weight = Net().train(stopper, len(curve))
    assert (epochs, weight) == by_hand(curve, patience, tol)
    assert stopper.n_iter_ == epochs
    np.testing.assert_array_equal(stopper.scores_, curve[:epochs])


@pytest.mark.parametrize(("patience", "tol"), RULES)
def test_nets_of_a_stack_stop_by_themselves(patience, tol):
    curves = [*CURVES.values(), *NEVER.values()]
    expected = [by_hand(curve, patience, tol) for curve in curves]
    stopper = BestEpoch(replay(np.transpose(curves)), patience, tol)
    epochs, weights = Net(len(curves)).train(stopper, 6)
    assert epochs == max(n for n, _ in expected)
    # A net that was never measured is left as it was trained, not as it began.
    assert [best for _, best in expected[-2:]] == [0, 0]
    expected[-2:] = [(n, epochs) for n, _ in expected[-2:]]
    assert list(zip(stopper.n_iter_, weights, strict=True)) == expected
    assert stopper.without_score_.tolist() == [False] * len(CURVES) + [True] * 2


@pytest.mark.parametrize("scores", NEVER.values(), ids=NEVER)
@pytest.mark.parametrize("n_nets", [None, 2])
def test_no_score_at_all_is_refused(scores, n_nets):
    rows = scores if n_nets is None else np.transpose([scores] * n_nets)
    net = Net(n_nets)
    with pytest.raises(ValueError, match="'monitor' gave no number after any epoch, only"):
        net.train(BestEpoch(replay(rows), np.inf), 6)
    assert (net.module_["weight"] == 6).all()  # not those before training


def test_no_progress_after_the_stop_counts():
    # The second net falls, stops, and would have recovered; the first keeps the training alive.
    scores = np.array([[1, 5], [2, 4], [3, 3], [4, 9], [5, 9]], dtype=float)
    stopper = BestEpoch(replay(scores), 1, 0.0)
    _, weights = Net(2).train(stopper, 5)
    assert weights.tolist() == [5, 1]
    assert stopper.best_score_.tolist() == [5, 5]


def test_buffers_are_kept_too():
    net = Net()
    net.module_.register_buffer("count", torch.zeros(1))

    class Counting(Callback):
        def on_epoch_end(self, net):
            net.module_.count += 10

    counting = Counting()

    def score(net):
        counting.on_epoch_end(net)
        return -float(net.module_["weight"].detach())

    net.train(BestEpoch(score, 2), 6)
    assert net.module_.count.item() == 10


def test_a_new_training_forgets_the_last():
    stopper = BestEpoch(replay([0.9, 0.1, 0.1, 0.2, 0.3]), 1, 0.0)
    assert Net().train(stopper, 6)[0] == 3
    assert Net().train(stopper, 2) == (2, [2])
    assert [float(score) for score in stopper.scores_] == [0.2, 0.3]


def test_an_interrupt_is_not_the_end_of_a_training():
    def interrupted(net):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as info:
        Net().train(BestEpoch(interrupted), 3)
    assert info.type is KeyboardInterrupt
    assert issubclass(StopTraining, KeyboardInterrupt)  # skorch's nets stop at it
