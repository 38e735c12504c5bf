"""Many candidate nets as one net with a leading model axis, and back.

Nets that differ only in what does not change shapes or batches (gamma, alpha, lr, the seed, the
fold they train on, ...) form a stack of S streams of K nets: the nets of a stream see the same
samples in the same order. `FocalNet` trains the stack with the loop that trains one net.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from skorch.callbacks import Callback
from torch import nn

from focalsk.estimators._building import (
    as_gamma,
    find_optimizer,
    make_criterion,
    module_params,
    net_params,
)
from focalsk.estimators._classifier import FocalNetClassifier
from focalsk.estimators._monitor import Monitor
from focalsk.estimators._target_coding import Samples, TargetCoding
from focalsk.estimators._validation import read_samples, read_validation_set
from focalsk.nets import (
    WEIGHTS,
    ArrayDataset,
    Batches,
    BestEpoch,
    EpochKeeper,
    FocalMLP,
    FocalNet,
    Rows,
    StackDataset,
    StackedMLP,
    StackNet,
    VmapStack,
    seeded,
    stack_losses,
)

__all__ = ["COUPLED_DECAY", "FittedStream", "Fold", "Rows", "Stack", "Task"]

# Optimizers that add weight_decay to the gradient.
COUPLED_DECAY = {torch.optim.Adam, torch.optim.SGD}


@dataclass(frozen=True)
class Fold:
    """The samples of one training set as `fit` would read them."""

    reader: FocalNetClassifier  # knows n_features_in_ and feature_names_in_
    coding: TargetCoding
    samples: Samples
    counts: NDArray[np.float64]
    valid: Samples | None = None  # a validation set that `fit` was given
    parts: dict[Any, tuple[Samples, Samples]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        reader: FocalNetClassifier,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        rows: Callable[[FocalNetClassifier], Rows | None] = lambda reader: None,
    ) -> Fold:
        """Read samples with an unfitted classifier, which is changed.

        `validation` is (X_val, y_val, sample_weight_val) as `fit` takes them. Where `rows` finds
        the same samples in an array that others share, those are kept and no copy.
        """
        coding, samples = read_samples(reader, X, y, sample_weight)
        valid = read_validation_set(reader, coding, *validation)
        found = rows(reader)
        if found is not None and _are_alike(found.whole, samples.X):
            if len(samples.codes) < len(found):  # without those of weight 0
                found = found[np.asarray(sample_weight) > 0]
            samples = samples._replace(X=found)
        counts = coding.count(samples.codes, samples.weight)
        return cls(reader, coding, samples, counts, valid)

    def split(self, fraction: float, seed: int) -> tuple[Samples, Samples]:
        """Training and validation samples for early stopping, made once."""
        if self.valid is not None:
            return self.samples, self.valid
        if (fraction, seed) not in self.parts:
            self.parts[fraction, seed] = self.coding.split(self.samples, fraction, seed)
        return self.parts[fraction, seed]


class Task:
    """One net to train: a candidate's parameters on a fold.

    Parameters
    ----------
    key : object
        Whatever names it.
    estimator : FocalNetClassifier
        Unfitted, with the candidate's parameters; it is not changed.
    fold : Fold
        What it trains on.
    seed : int
        The seed that its `random_state` stands for.
    """

    def __init__(self, key: Any, estimator: FocalNetClassifier, fold: Fold, seed: int) -> None:
        self.key = key
        self.estimator = estimator
        self.fold = fold
        self.seed = seed
        self.alpha, self.criterion = make_criterion(estimator, fold.coding, fold.counts)
        self.train = self.valid = fold.samples
        self.split()
        self._module_params()  # refuses what would be refused alone

    def split(self) -> None:
        """Hold out the samples that validate."""
        if self.estimator.early_stopping:
            fraction = self.estimator.validation_fraction
            self.train, self.valid = self.fold.split(fraction, self.seed)

    @property
    def optimizer(self) -> Any:
        return find_optimizer(self.estimator)

    def datasets(self) -> tuple[Any, Any]:
        """What the net trains on and, with early stopping, what it is validated with."""
        coding = self.fold.coding
        return coding.dataset(self.train), coding.dataset(self.valid)

    def make_module(self) -> nn.Module:
        """The net as it would start alone."""
        params = self._module_params()
        module = params.pop("module")
        if isinstance(module, nn.Module):
            return module
        with seeded(self.seed, WEIGHTS):
            return module(**{name.removeprefix("module__"): v for name, v in params.items()})

    def _module_params(self) -> dict[str, Any]:
        return module_params(self.estimator, self.train.X.shape[1], self.fold.coding.n_outputs)


class Stack:
    """A stack of nets, trained together.

    Parameters
    ----------
    streams : list of lists of Task
        Nets of a stream see the same samples in the same order, and all streams have as many
        nets and batches; see `focalsk.search` for what makes them alike.

    Attributes
    ----------
    tasks : list of M Task
        Stream by stream, as the models lie in the stack.
    module : StackedMLP or VmapStack
        The nets.
    net : FocalNet
        What trains them.
    n_iter_ : ndarray of shape (M,)
        The epochs that each has been trained.
    """

    def __init__(self, streams: list[list[Task]]) -> None:
        self.streams = streams
        self.tasks = [task for stream in streams for task in stream]
        first = self.tasks[0]
        params = net_params(first.estimator, first.train.X)
        dtype, device = params["dtype"], params["device"]
        nets: list[Any] = _make_modules(self.tasks, dtype)
        stacked = StackedMLP if isinstance(nets[0], FocalMLP) else VmapStack
        self.module = stacked(nets, len(streams)).to(device)
        criteria = [task.criterion for task in self.tasks]
        loss = stack_losses(criteria, len(streams), first.fold.coding.n_outputs, dtype)
        rates: Any = [(task.estimator.lr, task.estimator.weight_decay) for task in self.tasks]
        if len(set(rates)) == 1:
            rates = None
        else:
            params["lr"] = 1.0
            if first.optimizer in COUPLED_DECAY:
                params.pop("optimizer__weight_decay", None)
            else:
                rates = [(lr, 0.0) for lr, _ in rates]
        self.net = StackNet(
            self.module,
            rates=rates,
            criterion=loss,
            random_state=first.seed,
            callbacks="disable",
            verbose=0,
            **params,
        ).initialize()
        self.dtype, self.device = dtype, torch.device(device)

    def fit(
        self,
        on_epoch: Callable[[], None] | None = None,
        checkpoint: tuple[Any, str] | None = None,
    ) -> Stack:
        """Train all nets.

        Parameters
        ----------
        on_epoch : callable, default=None
            Called after each epoch.
        checkpoint : (folder, key), default=None
            Where the last epochs are kept, and the hash of all that the training depends on.
        """
        first = self.tasks[0].estimator
        parts = [stream[0].datasets() for stream in self.streams]
        seeds = [stream[0].seed for stream in self.streams]
        train = StackDataset([part[0] for part in parts], seeds)
        valid = None
        if on_epoch is not None:
            self.net.callbacks_.append(("on_epoch", EachEpoch(on_epoch)))
        stopper: Any = None
        if first.early_stopping:
            valid = StackDataset([part[1] for part in parts], seeds)
            by_loss = first.monitor == "loss"
            stopper = BestEpoch(self._monitor(), first.n_iter_no_change, first.tol, leave=by_loss)
            self.net.callbacks_.append(("best_epoch", stopper))
        self.net.notify("on_train_begin", X=None, y=None)
        keeper = None if checkpoint is None else EpochKeeper(*checkpoint, stopper)
        self.net.fit_loop(train, epochs=first.max_epochs, valid=valid, keeper=keeper)
        try:
            self.net.notify("on_train_end", X=None, y=None)
        except ValueError:  # no net had a score
            if not self.diverged().all():
                raise
        self.net.callbacks_ = []
        if first.early_stopping and (stopper.without_score_ & ~self.diverged()).any():
            raise ValueError(f"The 'monitor' {first.monitor!r} gave no number for some nets.")
        n_epochs = len(self.net.history)
        self.n_iter_ = stopper.n_iter_ if stopper else np.full(len(self.tasks), n_epochs)
        return self

    def _monitor(self) -> Callable[[FocalNet], Any]:
        monitor = self.tasks[0].estimator.monitor
        if monitor == "loss":
            return lambda net: -np.asarray(net.history[-1]["valid_loss"])

        held_out = [as_given(stream[0].valid) for stream in self.streams]
        monitors = [
            Monitor(monitor, stream[0].fold.coding, valid)
            for stream, valid in zip(self.streams, held_out, strict=True)
        ]

        def scores(net: FocalNet) -> list[float]:
            diverged = iter(self.diverged())
            return [
                np.nan if next(diverged) else monitors[s](classifier)
                for s, valid in enumerate(held_out)
                for classifier in self.classifiers(s, valid.X)
            ]

        return scores

    def diverged(self) -> NDArray[np.bool_]:
        """Which nets have weights that are no longer numbers: (M,)."""
        bad = [~p.isfinite().flatten(1).all(dim=1) for p in self.module.parameters()]
        return torch.stack(bad).any(dim=0).numpy(force=True)

    def logits(self, stream: int, X: Any) -> torch.Tensor:
        """Logits (K, n, C) of the nets of a stream for validated samples."""
        self.module.eval()
        rows = max(1, 2**20 // (len(self.streams[stream]) * max(1, int(np.prod(X.shape[1:])))))
        batches = Batches(
            ArrayDataset(X),
            rows,
            device=self.device,
            dtype=self.dtype,
            accepts_sparse=isinstance(self.module, StackedMLP),
        )
        with torch.no_grad():
            return torch.cat([self.module.logits(stream, batch[0]).cpu() for batch in batches], 1)

    def fitted(self, stream: int, X: Any) -> FittedStream:
        """The nets of a stream, quick to answer about validated `X`."""
        return FittedStream(self, stream, X)

    def classifiers(self, stream: int, X: Any) -> Iterator[FocalNetClassifier]:
        """The nets of a stream as fitted classifiers, quick to answer about validated `X`."""
        fitted = self.fitted(stream, X)
        return map(fitted.classifier, range(len(fitted.tasks)))


def _make_modules(tasks: Sequence[Task], dtype: torch.dtype) -> list[nn.Module]:
    made: dict[Any, nn.Module] = {}
    modules = []
    for i, task in enumerate(tasks):
        # Nets of one seed start alike and are made once, unless a user's factory makes them.
        key = i if task.estimator.module else (task.seed, task.estimator.dropout)
        if key not in made:
            made[key] = task.make_module().to(dtype)
        modules.append(made[key])
    return modules


def as_given(samples: Samples) -> Samples:
    """Samples as an array of their own, which scikit-learn can read."""
    return samples._replace(X=samples.X.copy()) if isinstance(samples.X, Rows) else samples


class EachEpoch(Callback):
    """Call a function after each epoch."""

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.function()


class FittedStream:
    """The trained nets of one stream of a stack, which are asked about samples together.

    Parameters
    ----------
    stack : Stack
        Trained.
    stream : int
        Which of its streams.
    X : {ndarray, CSR matrix} of shape (n, ...)
        Validated samples that all nets will be asked about.

    Attributes
    ----------
    tasks : list of K Task
        What each net was trained for.
    """

    def __init__(self, stack: Stack, stream: int, X: Any) -> None:
        self.tasks = stack.streams[stream]
        self._stack, self._stream = stack, stream
        self._known = [(X, stack.logits(stream, X))]

    def logits(self, X: Any) -> torch.Tensor:
        """Logits (K, n, C) of all nets, computed once for samples that are alike.

        Those of the first samples are kept, and those of the last others: a scorer may copy its
        samples, or ask every net about a part of them.
        """
        for known, logits in self._known:
            if X is known or _are_equal(X, known):
                return logits
        self._known[1:] = [(X, self._stack.logits(self._stream, X))]
        return self._known[1][1]

    def classifier(self, k: int) -> FocalNetClassifier:
        """A net as a fitted classifier, to be given validated samples."""
        return _as_fitted(self.tasks[k], OneOfStream(self, k))


@dataclass(frozen=True)
class OneOfStream:
    """Answers for one net of a stream: all that a fitted classifier needs to predict."""

    stream: FittedStream
    k: int

    def forward(self, X: Any) -> torch.Tensor:
        """Logits (n, C) of validated samples."""
        return self.stream.logits(X)[self.k]


def _are_alike(a: Any, b: Any) -> bool:
    """Whether two dense or CSR matrices have samples of the same kind."""
    same = a.dtype == b.dtype and a.shape[1:] == b.shape[1:]
    return same and sparse.issparse(a) == sparse.issparse(b)


def _are_equal(a: Any, b: Any) -> bool:
    """Whether two dense or CSR matrices have the same entries."""
    if type(a) is not type(b) or a.shape != b.shape or a.dtype != b.dtype:
        return False
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    parts = ("indptr", "indices", "data")
    return all(np.array_equal(getattr(a, part), getattr(b, part)) for part in parts)


def _as_fitted(task: Task, net: Any) -> FocalNetClassifier:
    fitted = copy.copy(task.estimator)
    fitted.n_features_in_ = task.fold.reader.n_features_in_
    # Without feature_names_in_: these classifiers are asked about validated arrays.
    fitted._coding = task.fold.coding
    fitted.classes_ = task.fold.coding.classes
    fitted.class_count_ = task.fold.counts
    fitted.alpha_, fitted.gamma_ = task.alpha, as_gamma(task.criterion)
    fitted._smoothing = task.criterion.label_smoothing
    fitted.net_ = net
    return fitted
