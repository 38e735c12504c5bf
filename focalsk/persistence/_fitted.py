"""Models of `focalsk fit`, with the columns that they were trained on."""

from __future__ import annotations

import os
import warnings
from typing import Any

from focalsk.persistence._files import is_model, read_model

__all__ = ["read_fitted"]

_PICKLE = "focalsk model 2"  # what was written before there were files without code


def read_fitted(path: str, allow_pickle: bool = False) -> dict[str, Any]:
    """What `focalsk fit` has written.

    Parameters
    ----------
    path : str
        The file.
    allow_pickle : bool, default=False
        Whether to load an older one, and run whatever code is in it.

    Returns
    -------
    dict
        With the estimator, columns, reading, classes, target and versions.

    Raises
    ------
    ValueError
        If the file is no such model, or a pickle that is not allowed.
    OSError
        If there is none.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f"No such file: {path}")
    if is_model(path):
        model = read_model(path)
    elif allow_pickle:
        model = _unpickle(path)
    else:
        raise ValueError(
            f"{path} is no model of focalsk fit. If it is an older one, a pickle, of somebody whom "
            "you trust to run code here, say --allow-pickle."
        )
    if not {"columns", "reading"} <= model.keys():
        raise ValueError(f"{path} holds no columns: it is of save_model, not of focalsk fit.")
    return model


def _unpickle(path: str) -> dict[str, Any]:
    import joblib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions: said in one line
            model = joblib.load(path)
    except Exception:  # a pickle of anything may raise anything
        model = None
    if not isinstance(model, dict) or model.get("format") != _PICKLE:
        raise ValueError(f"{path} is no model of focalsk fit, or needs other versions.")
    return model
