"""The members of an ensemble: which samples each one sees, how it starts, how all are trained."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import Subset

from focalsk.estimators._classifier import FocalNetClassifier
from focalsk.estimators._resuming import stack_fit_key
from focalsk.estimators._stack import Fold, Stack, Task
from focalsk.losses import SigmoidFocalLoss
from focalsk.nets import ArrayDataset, Batches, FocalMLP, StackedMLP, VmapStack

__all__ = [
    "Member",
    "Trained",
    "batch_size_for",
    "join_trained",
    "logits_of",
    "stack_of",
    "train_members",
]


class Member(Task):
    """A net that is trained on some samples and stopped by the others.

    Parameters
    ----------
    key, estimator, fold, seed
        As for Task; the fold has all samples.
    held_out : ndarray of shape (n_samples,), bool
        The samples that validate.
    """

    def __init__(
        self,
        key: int,
        estimator: FocalNetClassifier,
        fold: Fold,
        seed: int,
        held_out: NDArray[np.bool_],
    ) -> None:
        super().__init__(key, estimator, fold, seed)
        self.held_out = held_out

    def split(self) -> None:
        """Nothing: what is held out is given."""

    def datasets(self) -> tuple[Any, Any]:
        """Rows of one array: nothing is copied."""
        return self._part(~self.held_out), self._part(self.held_out)

    def _part(self, chosen: NDArray[np.bool_]) -> Subset:
        X, codes, weight = self.fold.samples
        rows: Any = np.flatnonzero(chosen)
        if weight is not None:  # of mean 1 among those, so that nothing depends on the others
            weight = weight / weight[rows].mean()
        return Subset(ArrayDataset(X, self.fold.coding.targets(codes), weight), rows)

    def make_module(self) -> nn.Module:
        """The net as it starts; a FocalMLP begins with the class frequencies."""
        module = super().make_module()
        if isinstance(module, FocalMLP):
            last: Any = module.layers[-1]
            with torch.no_grad():
                last.bias.copy_(torch.as_tensor(self._start()))
        return module

    def _start(self) -> NDArray[np.float64]:
        """Logits of the class frequencies, smoothed a little."""
        coding, share = self.fold.coding, self.fold.coding.prior(self.fold.counts)
        share = 0.99 * share + 0.01 / len(share)
        if coding.n_outputs == 1:
            return np.log(share[1:] / share[:1])
        if isinstance(self.criterion, SigmoidFocalLoss):
            return np.log(share / (1 - share))
        return np.log(share) - np.log(share).mean()


class Trained(NamedTuple):
    """What training gives: the stacked arrays of all members, and what each one says and did."""

    state: dict[str, NDArray[Any]]
    logits: list[NDArray[Any]]  # of the samples that it held out: (n_held_out, C)
    n_iter: NDArray[np.int64]
    history: list[list[float]]  # validation loss of each epoch, NaN after the end
    diverged: NDArray[np.bool_]


def train_members(
    members: Sequence[Member],
    on_epoch: Callable[[], None] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Trained:
    """Train members as stacks; those with as many batches in an epoch form one.

    The last epochs of each stack are kept in the folder `checkpoint`.
    """
    stacks = defaultdict(list)
    for i, member in enumerate(members):
        size = member.estimator.batch_size
        stacks[-(-int((~member.held_out).sum()) // size)].append(i)
    order = np.argsort([i for indices in stacks.values() for i in indices])
    parts = [
        _train_stack([members[i] for i in indices], on_epoch, checkpoint)
        for indices in stacks.values()
    ]
    whole = join_trained(parts)
    return Trained(
        {name: value[order] for name, value in whole.state.items()},
        [whole.logits[i] for i in order],
        whole.n_iter[order],
        [whole.history[i] for i in order],
        whole.diverged[order],
    )


def join_trained(parts: Sequence[Trained]) -> Trained:
    """Several groups of members as one."""
    return Trained(
        {name: np.concatenate([p.state[name] for p in parts]) for name in parts[0].state},
        [each for part in parts for each in part.logits],
        np.concatenate([part.n_iter for part in parts]),
        [each for part in parts for each in part.history],
        np.concatenate([part.diverged for part in parts]),
    )


def stack_of(members: Sequence[Member], trained: Trained) -> nn.Module:
    """All members as one stack, on the CPU, whose nets see the same samples."""
    nets: list[Any] = [member.make_module() for member in members]
    stack = (StackedMLP if isinstance(nets[0], FocalMLP) else VmapStack)(nets, n_streams=1)
    state = {name: torch.as_tensor(value) for name, value in trained.state.items()}
    dtype = next(value.dtype for value in state.values() if value.is_floating_point())
    stack.to(dtype).load_state_dict(state)
    return stack.eval()


def logits_of(stack: nn.Module, X: Any) -> Iterator[torch.Tensor]:
    """Logits (M, n, C) of all nets of a stack, some samples at a time."""
    parameter = next(stack.parameters())
    values = len(parameter) * max(1, int(np.prod(X.shape[1:])), parameter.shape[1])
    sparse_too = isinstance(stack, StackedMLP)
    batches = Batches(
        ArrayDataset(X), max(1, 2**22 // values), dtype=parameter.dtype, accepts_sparse=sparse_too
    )
    for batch in batches:
        with torch.no_grad():
            yield stack.logits(0, batch[0])  # type: ignore[operator]


def _train_stack(
    members: list[Member], on_epoch: Callable[[], None] | None, checkpoint: Any
) -> Trained:
    stack = Stack([[member] for member in members])
    key = None if checkpoint is None else stack_fit_key(members, stack.device, stack.module)
    stack.fit(on_epoch, None if key is None else (checkpoint, key))
    logits = [
        stack.logits(s, member.fold.samples.X[member.held_out])[0].numpy()
        for s, member in enumerate(members)
    ]
    losses = np.array(stack.net.history[:, "valid_loss"]).T.tolist()
    state = {name: value.numpy(force=True) for name, value in stack.module.state_dict().items()}
    return Trained(state, logits, stack.n_iter_, losses, stack.diverged())


def batch_size_for(wanted: int, sizes: Sequence[int]) -> int:
    """The batch size next to the wanted one by which all members have as many batches."""
    for size in range(wanted, wanted // 2, -1):
        if len({-(-n // size) for n in sizes}) == 1:
            return size
    return wanted
