"""FocalNet for a stack of nets: batches of several streams, one step for several models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from focalsk.nets import _csr as csr
from focalsk.nets._adam import quick_step
from focalsk.nets._batches import EPOCH, ArrayDataset, Batches, derive_seed
from focalsk.nets._best_epoch import StopTraining
from focalsk.nets._compact import nets_to_keep, take_nets, take_state
from focalsk.nets._focal_net import FocalNet
from focalsk.nets._manual_step import layers_of_stack, stacked_step
from focalsk.nets._stacked_modules import StackedMLP

__all__ = ["StackBatches", "StackDataset", "StackNet"]


class StackDataset(Dataset):
    """Datasets of S streams that go through as many batches, each in the order of its seed.

    Parameters
    ----------
    streams : list of S ArrayDataset
        What each stream sees.
    seeds : list of S int
        What orders it.
    """

    def __init__(self, streams: Sequence[ArrayDataset], seeds: Sequence[int]) -> None:
        self.streams = list(streams)
        self.seeds = list(seeds)

    def __len__(self) -> int:
        return max(len(stream) for stream in self.streams)


class StackBatches:
    """Batches ``(X, y, weight, sizes)`` of a :class:`StackDataset`, with a leading stream axis.

    Where the last batches of the streams differ in length, the shorter ones are filled up with
    samples of weight 0. `sizes`, a list of S, are the lengths without
    these. CSR tensors remain S tensors.
    """

    def __init__(self, dataset: StackDataset, **kwargs: Any) -> None:
        self.seeds = dataset.seeds
        # They are copied side by side. Fresh memory for each costs time, and much memory where an
        # allocator does not find again what was freed.
        self.streams = [
            Batches(stream, seed=seed, reuse=True, **kwargs)
            for stream, seed in zip(dataset.streams, dataset.seeds, strict=True)
        ]

    @property
    def keep_sparse(self) -> bool:
        """Whether X is a list of CSR tensors."""
        return self.streams[0].keep_sparse

    def set_epoch(self, epoch: int) -> None:
        for stream in self.streams:
            stream.set_epoch(epoch)

    def keep(self, streams: np.ndarray) -> None:
        """Go on with some of the streams."""
        self.streams = [self.streams[s] for s in streams]
        self.seeds = [self.seeds[s] for s in streams]

    def generators(self, device: str | torch.device) -> list[torch.Generator]:
        """What each stream's nets would draw from in this epoch alone: see FocalNet.fit_loop."""
        return [
            torch.Generator(device).manual_seed(derive_seed(seed, EPOCH, stream.epoch + 1))
            for stream, seed in zip(self.streams, self.seeds, strict=True)
        ]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batches in zip(*self.streams, strict=True):
            parts = [list(part) for part in zip(*batches, strict=True)]  # X, y and perhaps weights
            X, y = parts[:2]
            sizes = [len(part) for part in y]
            if len(set(sizes)) > 1:
                ones = X[0].new_ones(max(sizes), layout=torch.strided)
                weights = parts[2] if len(parts) > 2 else [ones[:size] for size in sizes]
                parts = [[_fill_up(p, max(sizes)) for p in part] for part in (X, y, weights)]
            stacked = [torch.stack(part) for part in parts[1:]]
            samples = parts[0] if csr.is_csr(X[0]) else torch.stack(parts[0])
            weight = stacked[1] if len(stacked) > 1 else None
            yield samples, stacked[0], weight, sizes


def _fill_up(part: torch.Tensor, n_samples: int) -> torch.Tensor:
    if csr.is_csr(part):
        return csr.fill_up(part, n_samples)
    return torch.cat([part, part.new_zeros((n_samples - len(part), *part.shape[1:]))])


class StackNet(FocalNet):
    """A :class:`FocalNet` whose module is a stack; losses have one entry per net.

    Parameters
    ----------
    module : StackedMLP or VmapStack
        The nets.
    rates : list of M pairs (lr, weight_decay), default=None
        Those of each net where they differ; then `lr` must be 1 and the optimizer's step be
        proportional to it. The weight decays are added to the gradients.
    **kwargs
        As for FocalNet.
    """

    module_: Any
    criterion_: Any

    # Callbacks of the user's it has none: any other KeyboardInterrupt is to end the search.
    _stop = StopTraining

    def __init__(
        self, module: Any, *, rates: list[tuple[float, float]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(module, **kwargs)
        self.rates = rates

    def fit_loop(self, *args: Any, **kwargs: Any) -> StackNet:
        """Train as FocalNet does; nets may leave meanwhile."""
        self.whole_ = self.module_, self.criterion_
        self.n_models_ = self.criterion_.n_streams * self.criterion_.n_nets
        self.in_stack_ = np.arange(self.n_models_)
        self.iterators_: list[StackBatches] = []
        super().fit_loop(*args, **kwargs)
        self.iterators_ = []
        return self

    def keep(self, running: np.ndarray) -> None:
        """Go on with the nets of a mask (M,) alone, if half of those in the stack can leave."""
        grid = (self.criterion_.n_streams, self.criterion_.n_nets)
        streams, nets = nets_to_keep(running[self.in_stack_].reshape(grid))
        if 2 * nets.size > len(self.in_stack_):
            return
        self.take(self.in_stack_[(streams[:, None] * grid[1] + nets).ravel()])

    def take(self, nets: np.ndarray) -> None:
        """Go on with some of the nets in the stack alone: as many of each stream that remains."""
        kept = np.searchsorted(self.in_stack_, nets)
        streams = np.unique(kept // self.criterion_.n_nets)
        index, old = torch.as_tensor(kept), self.module_
        self.in_stack_ = nets
        if self.rates is not None:
            self.rates = [self.rates[i] for i in kept]
        self.module_ = take_nets(old, index, len(streams))
        self.criterion_ = take_nets(self.criterion_, index, len(streams))
        self.criterion_.n_nets = len(nets) // len(streams)
        take_state(self.optimizer_, old, self.module_, index)
        for iterator in self.iterators_:
            iterator.keep(streams)

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Bring all nets back, with the weights of a state."""
        self.module_, self.criterion_ = self.whole_
        self.module_.load_state_dict(state)

    def _record_loss(self, name: str, losses: list[torch.Tensor], sizes: list[Any]) -> None:
        values, weights = torch.stack(losses).numpy(force=True), np.asarray(sizes, dtype=float)
        row = np.full(self.n_models_, np.nan)  # of nets that have left
        row[self.in_stack_] = (values * weights).sum(axis=0) / weights.sum(axis=0)
        self.history.record(name, row.tolist())

    def get_iterator(self, dataset: StackDataset, training: bool = False) -> StackBatches:
        batch_size = self.batch_size
        if batch_size == -1 or not training:
            batch_size = len(dataset)
        self.iterators_.append(self._batches(dataset, batch_size, training))
        return self.iterators_[-1]

    def _batches(self, dataset: StackDataset, batch_size: int, training: bool) -> StackBatches:
        return StackBatches(
            dataset,
            batch_size=batch_size,
            shuffle=training,
            device=self.device,
            dtype=self._module_dtype(),
            accepts_sparse=self._accepts_sparse(),
        )

    def _n_samples(self, batch: Any) -> np.ndarray:
        return np.repeat(batch[3], self.criterion_.n_nets)

    def _manual_step(self, iterator: StackBatches) -> Callable[[Any], dict[str, torch.Tensor]]:
        """The step of an epoch: gradients, by hand where they are known, and the update."""
        self._set_training()
        module, generators = self.module_, iterator.generators(self.device)
        by_hand = isinstance(module, StackedMLP) and not iterator.keep_sparse
        gradients: Any = self._autograd
        parameters = list(module.parameters())
        if by_hand:
            layers, parameters = layers_of_stack(module)
            gradients = partial(stacked_step, layers, self.criterion_)
        update = self._update(parameters)

        def step(batch: Any) -> dict[str, torch.Tensor]:
            X, y, weight, sizes = batch
            drop = module.drop(sizes, generators) if isinstance(module, StackedMLP) else None
            X = module.expand(X) if by_hand else X
            losses, grads = gradients(X, y, weight, _counts(sizes, y.device), drop)
            update(grads)
            return {"loss": losses}

        return step

    def _autograd(
        self, X: Any, y: torch.Tensor, weight: Any, n_samples: Any, drop: Any
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        logits = self.infer(X) if drop is None else self.infer(X, drop=drop)
        losses, gradient = self.criterion_(logits.detach(), y, weight, n_samples)
        parameters = list(self.module_.parameters())
        grads = torch.autograd.grad(logits, parameters, gradient, materialize_grads=True)
        return losses, [grad.contiguous() for grad in grads]  # as the fused kernel reads them

    def _update(self, parameters: list[torch.nn.Parameter]) -> Callable[[Any], Any]:
        """The optimizer's step; where nets have rates of their own, a part of it for each."""
        update = quick_step(self.optimizer_, parameters)
        if self.rates is None:
            return update
        lr, decay = torch.tensor(self.rates, dtype=torch.float64).T
        per_net = [
            [rate.to(p).view(-1, *[1] * (p.ndim - 1)) for rate in (lr, decay)] for p in parameters
        ]

        def rated(grads: list[torch.Tensor]) -> None:
            with torch.no_grad():
                before = [p.clone() for p in parameters]
                for p, grad, (_, own_decay) in zip(parameters, grads, per_net, strict=True):
                    grad.addcmul_(p, own_decay)
                update(grads)
                for p, start, (own_lr, _) in zip(parameters, before, per_net, strict=True):
                    p.copy_(start.lerp_(p, own_lr))

        return rated

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        self._set_training(False)
        X, y, weight, sizes = batch
        with torch.no_grad():
            logits = self.infer(X)
            losses, _ = self.criterion_(logits, y, weight, _counts(sizes, y.device))
        return {"loss": losses, "y_pred": logits}


def _counts(sizes: list[int], device: torch.device) -> torch.Tensor | None:
    """How many samples of each stream's batch count (S, 1); None for all."""
    return torch.tensor(sizes, device=device)[:, None] if len(set(sizes)) > 1 else None
