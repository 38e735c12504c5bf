"""The default network: a multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from focalsk.nets import _csr as csr

__all__ = ["FocalMLP"]


class FocalMLP(nn.Module):
    """Multi-layer perceptron: linear layers with ReLU and dropout between them.

    Weights start as those of :class:`torch.nn.Linear`.

    Parameters
    ----------
    n_features : int
        Number of input features D.
    n_outputs : int
        Number of logits C.
    hidden_layer_sizes : int or sequence of int, default=(10, 10)
        Width of each hidden layer; an empty sequence gives a linear model.
    dropout : float, default=0.0
        Probability of zeroing a hidden unit while training, in [0, 1).

    Examples
    --------
    >>> import torch
    >>> from focalsk.nets import FocalMLP
    >>> FocalMLP(n_features=4, n_outputs=3)(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    """

    accepts_sparse = True
    """Whether the first layer takes a CSR tensor as it is. A subclass says so for itself."""

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_layer_sizes: int | Sequence[int] = (10, 10),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if isinstance(hidden_layer_sizes, Sequence):
            hidden = list(hidden_layer_sizes)
        else:
            hidden = [hidden_layer_sizes]
        sizes = [n_features, *hidden, n_outputs]
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes))
        self.dropout = dropout

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits (B, C) of a batch (B, D), dense or CSR."""
        first: Any
        first, *others = self.layers
        h = csr.linear(input, first.weight, first.bias) if csr.is_csr(input) else first(input)
        for layer in others:
            h = F.relu(h)
            if self.training and self.dropout > 0:
                keep = kept_units(len(h), h.shape[1], self.dropout, h.device)
                h = h * keep / (1 - self.dropout)
            h = layer(h)
        return h


def kept_units(
    n_samples: int, n_units: int, p: float | torch.Tensor, device: Any, generator: Any = None
) -> torch.Tensor:
    """Which units (n_samples, n_units) dropout keeps, from one uniform draw that `p` is no part of.

    Nets that differ only in `p` therefore share one random stream, which lets them train side by
    side exactly as they would alone.
    """
    shape = (n_samples, n_units)
    draw = torch.rand(shape, dtype=torch.float32, device=device, generator=generator)
    return draw >= p
