"""The default network: a multi-layer perceptron."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import torch
from torch import nn

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
    n_cosines : int, default=0
        Cosines of each number that stand beside it in the input of the first layer, as in the
        periodic embeddings of [1]_; their frequencies are fixed.
    cosine_scale : float, default=0.3
        Standard deviation of the normal distribution whose quantiles are the frequencies, in
        periods per unit.
    n_numbers : int, default=None
        How many features, from the first on, get cosines; None for all.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep
       Learning", NeurIPS 2022, arXiv:2203.05556.

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
        n_cosines: int = 0,
        cosine_scale: float = 0.3,
        n_numbers: int | None = None,
    ) -> None:
        super().__init__()
        self.n_features = n_features
        self.n_numbers = n_features if n_numbers is None else n_numbers
        self.frequencies, self.phases = _cosines(n_cosines, cosine_scale)
        if isinstance(hidden_layer_sizes, Sequence):
            hidden = list(hidden_layer_sizes)
        else:
            hidden = [hidden_layer_sizes]
        n_inputs = n_features + n_cosines * self.n_numbers
        sizes = [n_inputs, *hidden, n_outputs]
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes))
        # One module for each, without parameters: explainers such as DeepLIFT hook them.
        self.activations = nn.ModuleList(nn.ReLU() for _ in hidden)
        self.dropout = dropout

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Logits (B, C) of a batch (B, D), dense or CSR."""
        first: Any
        first, *others = self.layers
        if self.frequencies:
            input = expand(input.mT, self).mT
        h = csr.linear(input, first.weight, first.bias) if csr.is_csr(input) else first(input)
        for activation, layer in zip(self.activations, others, strict=True):
            h = activation(h)
            if self.training and self.dropout > 0:
                keep = random_units(len(h), h.shape[1], h.device) >= limit(self.dropout)
                h = h * keep / (1 - self.dropout)
            h = layer(h)
        return h


def _cosines(n: int, scale: float) -> tuple[list[float], list[float]]:
    """Frequencies at the quantiles of a half-normal distribution, and phases all over the circle.

    They are the same for every net, which lets nets side by side share what they see.
    """
    normal, golden = NormalDist(), (math.sqrt(5) - 1) / 2
    frequencies = [scale * normal.inv_cdf(0.5 + (i + 0.5) / (2 * n)) for i in range(n)]
    return frequencies, [2 * math.pi * ((i + 0.5) * golden % 1) for i in range(n)]


def expand(X: torch.Tensor, net: Any) -> torch.Tensor:
    """Features (..., D, B) with the cosines of the numbers below them."""
    frequencies = X.new_tensor(net.frequencies)[:, None]
    phases = X.new_tensor(net.phases)[:, None]
    numbers = X[..., : net.n_numbers, None, :]
    waves = torch.addcmul(phases, numbers, 2 * math.pi * frequencies).cos_()
    return torch.cat([X, waves.flatten(-3, -2)], dim=-2)


def random_units(
    n_samples: int, n_units: int, device: Any, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Uniform int16 (n_samples, n_units): dropout keeps the units that :func:`limit` does not pass.

    The draw does not depend on the rate. Nets that differ only in it therefore share one random
    stream, which lets them train side by side exactly as they would alone. Sixteen bits a unit
    take a quarter of the time of floats.
    """
    n_words = -(-n_samples * n_units // 4)
    words = torch.empty(n_words, dtype=torch.int64, device=device)
    words.random_(-(2**63), None, generator=generator)
    return words.view(torch.int16)[: n_samples * n_units].view(n_samples, n_units)


def limit(dropout: float) -> int:
    """The least of :func:`random_units` that a dropout rate keeps, to the nearest 1 in 65536."""
    return min(round(dropout * 2**16), 2**16 - 1) - 2**15
