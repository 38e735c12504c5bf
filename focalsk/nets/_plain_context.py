"""Whether a state goes into a file without code, and what the reader of one has given besides."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

__all__ = ["given", "given_modules", "is_saving", "without_code"]

_saving: ContextVar[bool] = ContextVar("focalsk_saving", default=False)
_given: ContextVar[tuple[Any, set[str]] | None] = ContextVar("focalsk_given", default=None)


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
def given_modules(modules: Any) -> Iterator[set[str]]:
    """Within, states that name a module of the user's get this one, or that of a dict by name.

    Gives the set of the names that have been asked for.
    """
    asked: set[str] = set()
    token = _given.set((modules, asked))
    try:
        yield asked
    finally:
        _given.reset(token)


def given(name: str) -> Any:
    """The module that :func:`given_modules` was told for a name, if any."""
    modules, asked = _given.get() or (None, set())
    asked.add(name)
    return modules.get(name) if isinstance(modules, Mapping) else modules
