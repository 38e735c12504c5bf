"""Types of parameters: arrays of numbers, and words of which one is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import torch

__all__ = [
    "ClassWeight",
    "DecisionRule",
    "Numbers",
    "Optimizer",
    "Output",
    "Proba",
    "Scheme",
    "Sizes",
    "SupportsArray",
]


class SupportsArray(Protocol):
    """What NumPy makes an array of: arrays themselves, tensors, pandas' series.

    NumPy's own ``ArrayLike`` takes any string for one, and so would let every misspelt word pass.
    """

    def __array__(self) -> Any: ...


Numbers: TypeAlias = float | Sequence[float] | Sequence[Sequence[float]] | SupportsArray
Sizes: TypeAlias = int | Sequence[int] | SupportsArray

Scheme: TypeAlias = Literal["balanced", "effective", "geometric", "inverse", "sqrt"]
ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float]
Output: TypeAlias = Literal["softmax", "sigmoid"]
Proba: TypeAlias = Literal["posterior", "weighted", "raw"]
DecisionRule: TypeAlias = (
    Literal["auto", "posterior", "balanced"] | Sequence[Sequence[float]] | SupportsArray
)
Optimizer: TypeAlias = Literal["adam", "adamw", "sgd"] | Callable[..., torch.optim.Optimizer]
