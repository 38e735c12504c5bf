"""Private names of joblib."""

from __future__ import annotations

from typing import Any

import torch

# `joblib.hash` is public but takes no subclass: it hashes a tensor by its pickle, which differs
# between tensors of one content.
from joblib.hashing import NumpyHasher

__all__ = ["content_hash"]


class _Hasher(NumpyHasher):
    """joblib's hash, by which tensors of one content are equal."""

    def save(self, obj: Any) -> None:
        if isinstance(obj, torch.Tensor):
            obj = (type(obj), obj.requires_grad, obj.numpy(force=True))
        super().save(obj)


def content_hash(value: Any) -> str:
    """A hash of a value's content, in which tensors count as arrays.

    Raises
    ------
    Exception
        Whatever pickling raises for what cannot be pickled, a lambda say.
    """
    return _Hasher("md5").hash(value)
