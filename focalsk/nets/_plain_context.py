"""Whether a state goes into a file without code, and what the reader of one has given besides."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

__all__ = ["given", "given_modules", "is_saving", "without_code"]

_saving: ContextVar[bool] = ContextVar("focalsk_saving", default=False)
_given: ContextVar[Any] = ContextVar("focalsk_given", default=None)


@contextlib.contextmanager
def without_code() -> Iterator[None]:
    """Within, states name the modules of the user's and do not hold them."""
    token = _saving.set(True)
    try:
        yield
    finally:
        _saving.reset(token)


def is_saving() -> bool:
    """Whether the state that is asked for goes into a file without code."""
    return _saving.get()


@contextlib.contextmanager
def given_modules(modules: Any) -> Iterator[None]:
    """Within, states that name a module of the user's get this one, or that of a dict by name."""
    token = _given.set(modules)
    try:
        yield
    finally:
        _given.reset(token)


def given() -> Any:
    """What :func:`given_modules` was told; None outside."""
    return _given.get()
