"""Checkpoints: files of arrays and JSON with a checksum, named by all that they depend on."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from focalsk._compat._files import write_whole
from focalsk._compat._joblib import content_hash

__all__ = ["checkpoint_key", "library_versions", "read_checkpoint", "write_checkpoint"]

_MAGIC = b"focalsk checkpoint 1\n"
_DIGEST = hashlib.sha256().digest_size
_PACKAGES = ("focalsk", "numpy", "scikit-learn", "skorch", "torch")


def library_versions(*others: str) -> list[str]:
    """Versions of the libraries that any result depends on, and of others."""
    return [version(package) for package in (*_PACKAGES, *others)]


def checkpoint_key(*parts: Any) -> str:
    """A hash of all that a result depends on, the versions of the libraries among it.

    Raises
    ------
    ValueError
        If something cannot be told from another that differs: a lambda, say.
    """
    try:
        return content_hash((library_versions(), parts))
    except Exception as error:
        raise ValueError(
            "With 'checkpoint', all parameters and data must be such that they can be recognised "
            f"later, as what can be pickled is. Set checkpoint=None, or change this: {error}"
        ) from error


def write_checkpoint(
    path: Path, key: str, header: Any, arrays: Mapping[str, NDArray[Any]] | None = None
) -> None:
    """Write a file that holds a header (as JSON can), arrays, and a checksum of both.

    Raises
    ------
    OSError
        If it cannot be written, with its name; what was there stays.
    """
    text = json.dumps({"key": key, "header": header}, default=_plain)
    content = io.BytesIO()
    head = np.frombuffer(text.encode(), dtype=np.uint8)
    for name, array in (arrays or {}).items():  # NumPy before 2.1 can only be asked to pickle
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"An array of objects has no place in a checkpoint: {name!r}.")
    everything: dict[str, Any] = {"": head, **(arrays or {})}
    np.savez(content, **everything)
    payload = content.getvalue()
    parts = (_MAGIC, hashlib.sha256(payload).digest(), payload)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.writelines(parts))


def read_checkpoint(path: Path, key: str) -> tuple[Any, dict[str, NDArray[Any]]] | None:
    """Read what :func:`write_checkpoint` wrote; None if there is nothing that can be used.

    Nothing in the file is executed. One that is torn, or of something else, is renamed to
    ``*.damaged``.

    Warns
    -----
    UserWarning
        Of a file that is renamed.

    Raises
    ------
    OSError
        If the file is there and the disk does not give it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _parse(content, key)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        warnings.warn(
            f"The checkpoint {path} cannot be used: {error}. It is renamed to {aside.name}, and "
            "what it stood for is done again.",
            stacklevel=2,
        )
        return None


def _parse(content: bytes, key: str) -> tuple[Any, dict[str, NDArray[Any]]]:
    start = len(_MAGIC) + _DIGEST
    if not content.startswith(_MAGIC):
        raise ValueError("it is not a checkpoint of this version")
    if hashlib.sha256(content[start:]).digest() != content[len(_MAGIC) : start]:
        raise ValueError("it is torn or changed, its checksum is wrong")
    with np.load(io.BytesIO(content[start:]), allow_pickle=False) as arrays:
        found = dict(arrays)
    head = json.loads(found.pop("").tobytes())
    if head["key"] != key:
        raise ValueError("it is of other data, parameters or versions")
    return head["header"], found


def _plain(value: Any) -> Any:
    """Numbers and arrays of NumPy as JSON has them."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"A {type(value).__name__} has no place in a checkpoint.")
