"""FocalNet for a stack of nets: batches of several streams, losses and steps of several models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from focalsk.losses import SigmoidFocalLoss, sigmoid_focal, softmax_focal
from focalsk.nets import _csr as csr
from focalsk.nets._batches import ArrayDataset, Batches
from focalsk.nets._best_epoch import StopTraining
from focalsk.nets._focal_net import FocalNet

__all__ = ["StackDataset", "StackNet", "StackedLoss"]


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
    samples of weight 0. `sizes` (S,) are the lengths without these. CSR tensors remain S tensors.
    """

    def __init__(self, dataset: StackDataset, **kwargs: Any) -> None:
        self.streams = [
            Batches(stream, seed=seed, **kwargs)
            for stream, seed in zip(dataset.streams, dataset.seeds, strict=True)
        ]

    def set_epoch(self, epoch: int) -> None:
        for stream in self.streams:
            stream.set_epoch(epoch)

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
            yield samples, stacked[0], weight, torch.tensor(sizes, device=stacked[0].device)


def _fill_up(part: torch.Tensor, n_samples: int) -> torch.Tensor:
    if csr.is_csr(part):
        return csr.fill_up(part, n_samples)
    return torch.cat([part, part.new_zeros((n_samples - len(part), *part.shape[1:]))])


class StackedLoss(nn.Module):
    """The loss of each of M nets, in S streams of K, with its own gamma and alpha.

    Parameters
    ----------
    criteria : sequence of M FocalLoss or SigmoidFocalLoss
        The losses of the nets alone, all of one kind.
    n_streams : int
        Number of streams S.
    n_outputs : int
        Number of logits C of a net.
    class_dim : int
        Where the logits (M, C, B) or (M, B, C) have the classes.
    dtype : torch.dtype
        That of the logits.
    """

    def __init__(
        self,
        criteria: Sequence[nn.Module],
        n_streams: int,
        n_outputs: int,
        class_dim: int,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.sigmoid = isinstance(criteria[0], SigmoidFocalLoss)
        self.class_dim = class_dim
        self.grid = (n_streams, len(criteria) // n_streams)
        gammas = [torch.as_tensor(loss.gamma, dtype=dtype) for loss in criteria]
        self.gamma: torch.Tensor
        self.alpha: torch.Tensor | None
        self.per_class = any(gamma.ndim for gamma in gammas)
        if self.per_class:
            gammas = [gamma.expand(n_outputs) for gamma in gammas]
        self.register_buffer("gamma", torch.stack(gammas).unflatten(0, self.grid))
        given: list[Any] = [loss.alpha for loss in criteria if loss.alpha is not None]
        if not given:
            self.alpha = None
            return
        ones = torch.ones_like(given[0])
        alphas: list[Any] = [ones if loss.alpha is None else loss.alpha for loss in criteria]
        self.register_buffer("alpha", torch.stack(alphas).to(dtype).unflatten(0, self.grid))

    def forward(
        self,
        logits: torch.Tensor,
        target: torch.Tensor,
        weight: torch.Tensor | None,
        sizes: torch.Tensor,
    ) -> torch.Tensor:
        """Losses (M,) for targets (S, B) or (S, B, C), weights (S, B) and batch lengths (S,)."""
        logits = logits.unflatten(0, self.grid)  # (S, K, C, B) or (S, K, B, C)
        terms = (self._sigmoid if self.sigmoid else self._softmax)(logits, target)  # (S, K, B)
        if weight is not None:
            terms = terms * weight[:, None]
        return (terms.sum(-1) / sizes[:, None]).flatten()

    def _softmax(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        target = target[:, None].expand(*self.grid, -1)
        gamma = self.gamma.gather(2, target) if self.per_class else self.gamma[..., None]
        alpha = None if self.alpha is None else self.alpha.gather(2, target)
        return softmax_focal(logits, target, gamma, 2 if self.class_dim == 1 else 3, alpha)

    def _sigmoid(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        if self.class_dim == 1:
            logits = logits.transpose(2, 3)  # (S, K, B, C)
        one_hot = target if target.ndim == 3 else F.one_hot(target, logits.shape[3])
        one_hot = one_hot.to(logits.dtype)[:, None]  # (S, 1, B, C)
        gamma = self.gamma[:, :, None] if self.per_class else self.gamma[..., None, None]
        loss = sigmoid_focal(logits, one_hot, gamma)
        if self.alpha is None:
            return loss.sum(-1)
        if target.ndim == 2:  # one class per sample: alpha (S, K, C) weighs the sample
            chosen = target[:, None].expand(*self.grid, -1)
            return loss.sum(-1) * self.alpha.gather(2, chosen)
        negative, positive = self.alpha[:, :, None, 0], self.alpha[:, :, None, 1]  # (S, K, 1, C)
        return (loss * torch.lerp(negative, positive, one_hot)).sum(-1)


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

    # Callbacks of the user's it has none: any other KeyboardInterrupt is to end the search.
    _stop = StopTraining

    def __init__(
        self, module: Any, *, rates: list[tuple[float, float]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(module, **kwargs)
        self.rates = rates

    def get_iterator(self, dataset: StackDataset, training: bool = False) -> StackBatches:
        batch_size = self.batch_size
        if batch_size == -1 or not training:
            batch_size = len(dataset)
        return StackBatches(
            dataset,
            batch_size=batch_size,
            shuffle=training,
            device=self.device,
            dtype=self._module_dtype(),
            accepts_sparse=self._accepts_sparse(),
        )

    def _n_samples(self, batch: Any) -> np.ndarray:
        sizes = batch[3].numpy(force=True)
        return np.repeat(sizes, self.criterion_.grid[1])

    def _step(self, batch: Any, training: bool, **fit_params: Any) -> dict[str, torch.Tensor]:
        self._set_training(training)
        Xi, yi, weight, sizes = batch
        y_pred = self.infer(Xi)
        return {"loss": self.criterion_(y_pred, yi, weight, sizes), "y_pred": y_pred}

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, torch.Tensor]:
        if self.rates is None:
            return super().train_step(batch)
        self.optimizer_.zero_grad(set_to_none=True)
        step = self.train_step_single(batch)
        with torch.no_grad():
            before = [p.clone() for p in self.module_.parameters()]
            for p in self.module_.parameters():
                p.grad.add_(self._per_net(1, p) * p)
            self.optimizer_.step()
            for p, start in zip(self.module_.parameters(), before, strict=True):
                p.copy_(start.lerp(p, self._per_net(0, p)))
        return step

    def _per_net(self, which: int, like: torch.Tensor) -> torch.Tensor:
        values = like.new_tensor([rate[which] for rate in self.rates or []])
        return values.view(-1, *[1] * (like.ndim - 1))
