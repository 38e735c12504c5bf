"""Many candidate nets as one net with a leading model axis, and back.

Nets that differ only in what does not change shapes or batches (gamma, alpha, lr, the seed, the
fold they train on, ...) form a stack of S streams of K nets: the nets of a stream see the same
samples in the same order. `FocalNet` trains the stack with the loop that trains one net.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
import torch
from joblib.hashing import NumpyHasher
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import nn

from focalsk.estimators._building import (
    OPTIMIZERS,
    find_optimizer,
    make_criterion,
    module_params,
    net_params,
)
from focalsk.estimators._classifier import FocalNetClassifier
from focalsk.estimators._target_coding import Head, Samples
from focalsk.estimators._validation import read_samples
from focalsk.nets import (
    WEIGHTS,
    ArrayDataset,
    Batches,
    BestEpoch,
    FocalMLP,
    FocalNet,
    StackDataset,
    StackedMLP,
    StackNet,
    VmapStack,
    seeded,
    stack_losses,
)

__all__ = ["Fold", "Stack", "Task", "fingerprint", "group_tasks", "why_alone", "why_no_stack"]

# What may differ between the nets of a stack.
_PER_NET = {
    "gamma", "alpha", "class_weight", "proba", "lr", "weight_decay", "random_state", "dropout",
}  # fmt: skip
# Optimizers whose step is proportional to lr, and those that add weight_decay to the gradient,
# unless they are given parameters that change it.
_LINEAR_IN_LR = set(OPTIMIZERS.values())
_COUPLED_DECAY = {torch.optim.Adam, torch.optim.SGD}
_CHANGES_STEP = {"lr", "weight_decay", "decoupled_weight_decay", "maximize"}
# Optimizers that treat every weight by itself; others would mix the nets of a stack.
_ELEMENTWISE = tuple(
    getattr(torch.optim, name)
    for name in (
        "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop",
        "Rprop", "SGD",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """The samples of one training set as `fit` would read them."""

    reader: FocalNetClassifier  # knows n_features_in_ and feature_names_in_
    head: Head
    samples: Samples
    counts: NDArray[np.float64]
    parts: dict[Any, tuple[Samples, Samples]] = field(default_factory=dict)

    @classmethod
    def of(cls, reader: FocalNetClassifier, X: Any, y: Any, sample_weight: Any = None) -> Fold:
        """Read samples with an unfitted classifier, which is changed."""
        head, samples = read_samples(reader, X, y, sample_weight)
        return cls(reader, head, samples, head.count(samples.codes, samples.weight))

    def split(self, fraction: float, seed: int) -> tuple[Samples, Samples]:
        """Training and validation samples for early stopping, made once."""
        if (fraction, seed) not in self.parts:
            self.parts[fraction, seed] = self.head.split(self.samples, fraction, seed)
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
        self.alpha, self.criterion = make_criterion(estimator, fold.head, fold.counts)
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

    def stack_key(self) -> Any:
        """Tasks of one key train in one stack."""
        head, n_samples = self.fold.head, len(self.train.codes)
        params = self.estimator.get_params(deep=False)
        alone = {name: value for name, value in params.items() if name not in _PER_NET}
        odd = not _CHANGES_STEP.isdisjoint(params["optimizer_params"] or {})
        if odd or self.optimizer not in _LINEAR_IN_LR:
            alone["lr"] = params["lr"]
        if odd or self.optimizer not in _COUPLED_DECAY:
            alone["weight_decay"] = params["weight_decay"]
        batch_size = n_samples if params["batch_size"] == -1 else params["batch_size"]
        data = self.train.X
        shape = (-(-n_samples // batch_size), data.shape[1:], str(data.dtype), type(data))
        alone = {name: fingerprint(value) for name, value in alone.items()}
        return joblib.hash((alone, shape, head.classes.tolist(), head.multilabel, head.sigmoid))

    def datasets(self) -> tuple[Any, Any]:
        """What the net trains on and, with early stopping, what it is validated with."""
        head = self.fold.head
        return head.dataset(self.train), head.dataset(self.valid)

    def make_module(self) -> nn.Module:
        """The net as it would start alone."""
        params = self._module_params()
        module = params.pop("module")
        if isinstance(module, nn.Module):
            return module
        with seeded(self.seed, WEIGHTS):
            return module(**{name.removeprefix("module__"): v for name, v in params.items()})

    def _module_params(self) -> dict[str, Any]:
        return module_params(self.estimator, self.train.X.shape[1], self.fold.head.n_outputs)


class _Hasher(NumpyHasher):
    """joblib's hash, by which tensors of one content are equal."""

    def save(self, obj: Any) -> None:
        if isinstance(obj, torch.Tensor):
            obj = (type(obj), obj.requires_grad, obj.numpy(force=True))
        super().save(obj)


def fingerprint(value: Any) -> str:
    """A hash of a parameter's content; of what cannot be pickled (a lambda), its identity."""
    try:
        return _Hasher("md5").hash(value)
    except Exception:
        return f"id {id(value)}"


def why_alone(estimator: Any) -> str | None:
    """Why a classifier's net cannot train beside others, or None if it can."""
    if type(estimator) is not FocalNetClassifier:
        return f"{type(estimator).__name__} is not a FocalNetClassifier"
    if estimator.callbacks:
        return "it has callbacks, which belong to one net"
    optimizer = estimator.optimizer
    if not isinstance(optimizer, str) and optimizer not in _ELEMENTWISE:
        name = getattr(optimizer, "__name__", type(optimizer).__name__)
        return f"its optimizer, {name}, may not treat every weight by itself"
    if "param_groups" in (estimator.optimizer_params or {}):
        return "its param_groups name the weights of one net"
    return None


def why_no_stack(task: Task) -> str | None:
    """Why a user's module cannot be stacked, or None.

    vmap refuses BatchNorm and dropout in training, say. A batch of a stack may be filled up, which
    a net notices whose logits of a sample depend on the other samples.
    """
    if task.estimator.module is None:
        return None
    try:
        stack = VmapStack([task.make_module(), task.make_module()])
        X = ArrayDataset(task.train.X).take(slice(0, 2))[0]
        X = X.to(stack.params[0].dtype)[None]
        logits, first = stack(X), stack(X[:, :1])
    except Exception as error:
        return f"vmap refused {type(task.make_module()).__name__}: {error}".splitlines()[0]
    if not torch.allclose(logits[..., :1], first, rtol=1e-3, atol=1e-5):
        return f"{type(stack.base[0]).__name__} mixes the samples of a batch"
    return None


def group_tasks(tasks: Sequence[Task]) -> list[list[list[Task]]]:
    """Tasks as stacks of streams of nets; every stream of a stack has as many nets."""
    stacks: dict[Any, dict[Any, list[Task]]] = defaultdict(lambda: defaultdict(list))
    for task in tasks:
        same_samples = (id(task.fold), task.seed, task.estimator.validation_fraction)
        stacks[task.stack_key()][same_samples].append(task)
    by_size: dict[Any, list[list[Task]]] = defaultdict(list)
    for key, streams in stacks.items():
        for stream in streams.values():
            by_size[key, len(stream)].append(stream)
    return list(by_size.values())


class Stack:
    """A stack of nets, trained together.

    Parameters
    ----------
    streams : list of lists of Task
        As :func:`group_tasks` makes them.

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
        loss = stack_losses(criteria, len(streams), first.fold.head.n_outputs, dtype)
        rates: Any = [(task.estimator.lr, task.estimator.weight_decay) for task in self.tasks]
        if len(set(rates)) == 1:
            rates = None
        else:
            params["lr"] = 1.0
            if first.optimizer in _COUPLED_DECAY:
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

    def fit(self, on_epoch: Callable[[], None] | None = None) -> Stack:
        """Train all nets; `on_epoch` is called after each epoch."""
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
        self.net.fit_loop(train, epochs=first.max_epochs, valid=valid)
        self.net.notify("on_train_end", X=None, y=None)
        self.net.callbacks_ = []
        n_epochs = len(self.net.history)
        self.n_iter_ = stopper.n_iter_ if stopper else np.full(len(self.tasks), n_epochs)
        return self

    def _monitor(self) -> Callable[[FocalNet], Any]:
        monitor = self.tasks[0].estimator.monitor
        if monitor == "loss":
            return lambda net: -np.asarray(net.history[-1]["valid_loss"])

        def scores(net: FocalNet) -> list[float]:
            return [
                task.fold.head.scorer(monitor, task.valid)(classifier)
                for s, stream in enumerate(self.streams)
                for task, classifier in zip(
                    stream, self.classifiers(s, stream[0].valid.X), strict=True
                )
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

    def classifiers(self, stream: int, X: Any) -> Iterator[FocalNetClassifier]:
        """The nets of a stream as fitted classifiers, quick to answer about validated `X`."""
        logits = self.logits(stream, X)
        for k, task in enumerate(self.streams[stream]):
            yield _as_fitted(task, _OneOfStack(self, stream, k, X, logits[k]))


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


class EachEpoch(Callback):
    """Call a function after each epoch."""

    def __init__(self, function: Callable[[], None]) -> None:
        self.function = function

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.function()


class _OneOfStack:
    """What a fitted classifier asks of its net, answered by one net of a stack."""

    def __init__(self, stack: Stack, stream: int, k: int, X: Any, logits: torch.Tensor) -> None:
        self.stack, self.stream, self.k = stack, stream, k
        self.X, self.known = X, logits
        self.criterion_ = stack.streams[stream][k].criterion

    def forward(self, X: Any) -> torch.Tensor:
        return self.known if X is self.X else self.stack.logits(self.stream, X)[self.k]


def _as_fitted(task: Task, net: Any) -> FocalNetClassifier:
    fitted = copy.copy(task.estimator)
    fitted.n_features_in_ = task.fold.reader.n_features_in_
    # Without feature_names_in_: these classifiers are asked about validated arrays.
    fitted._head = task.fold.head
    fitted.classes_ = task.fold.head.classes
    fitted.class_count_ = task.fold.counts
    fitted.alpha_ = task.alpha
    fitted.net_ = net
    return fitted
