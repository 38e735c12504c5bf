"""The libraries of the extra `onnx`, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["library"]


def library(name: str, purpose: str) -> Any:
    """Import a library, or say how to install it.

    Parameters
    ----------
    name : str
        Of the module.
    purpose : str
        What needs it.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {name}. Install it with: pip install 'focalsk[onnx]'"
        ) from error
