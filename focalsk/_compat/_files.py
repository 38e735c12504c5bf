"""Files that are whole: written beside their target, and renamed once they are on the disk."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

__all__ = ["write_whole"]


def write_whole(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that, whatever happens, it is the old one or the new one as a whole.

    Parameters
    ----------
    path : path-like
        The file; links are followed.
    write : callable
        ``write(file)`` fills a binary file.

    Raises
    ------
    OSError
        If it cannot be written, with `path` as its ``filename``. What was there stays.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():  # a pipe or a device has no place beside it
            with target.open("wb") as file:
                write(file)
        else:
            _write_beside(target, write)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), os.fspath(path)) from error


def _write_beside(target: Path, write: Callable[[BinaryIO], object]) -> None:
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, part)
        os.replace(part, target)
        _sync_folder(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, where folders can be opened."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
