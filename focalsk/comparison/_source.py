"""Estimators as Python source that makes them anew."""

from __future__ import annotations

import ast
import inspect
import json
import math
import sys
import textwrap
from typing import Any

import numpy as np
from sklearn.metrics import make_scorer

__all__ = ["python_source"]

_WIDTH = 64


def python_source(estimator: Any, name: str = "model") -> str:
    """Write Python that imports what it needs and makes an estimator with the same parameters.

    Parameters
    ----------
    estimator : estimator
        Fitted or not; what it learned is left out.
    name : str, default='model'
        Variable that the source assigns to.

    Returns
    -------
    str
        Parameters at their defaults are left out.

    Raises
    ------
    ValueError
        If a parameter is an object that Python's syntax cannot express, like a lambda.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from focalsk.comparison._source import python_source
    >>> print(python_source(make_pipeline("passthrough", LogisticRegression(C=0.5))))
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    <BLANKLINE>
    model = Pipeline(
        steps=[
            ("passthrough", "passthrough"),
            ("logisticregression", LogisticRegression(C=0.5)),
        ],
    )
    """
    names = _Names()
    source = f"{name} = {_write(estimator, names)}"
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise ValueError(
            f"The estimator has parameters that Python source cannot express: {source}"
        ) from error
    return "\n".join([*names.imports(), "", source])


class _Names:
    """The names that the source uses, and what they are imported from."""

    def __init__(self) -> None:
        self.taken: dict[str, tuple[str, Any]] = {}

    def of(self, thing: Any) -> str:
        """Name of a class or function; one of the same name from elsewhere gets an alias."""
        module, name = _public_module(thing), thing.__name__
        if self.taken.get(name, (module, thing))[1] is not thing:
            name = module.split(".")[0].capitalize() + name
        self.taken[name] = module, thing
        return name

    def imports(self) -> list[str]:
        """Lines of imports; what a script or a function defines can be imported from nowhere."""
        lines = []
        for name, (module, thing) in self.taken.items():
            alias = "" if name == thing.__name__ else f" as {name}"
            own = module == "__main__" or not _is_importable(thing)
            line = f"from {module} import {thing.__name__}{alias}"
            lines.append(f"# {name} is your own" if own else line)
        return sorted(lines)


def _is_importable(thing: Any) -> bool:
    """Whether it is a class or a function that its module offers by its name."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    return getattr(sys.modules.get(module), name, None) is thing


def _public_module(thing: Any) -> str:
    """The shortest module that offers a class or function, as users import it."""
    parts = thing.__module__.split(".")
    for end in range(1, len(parts)):
        module = ".".join(parts[:end])
        if getattr(sys.modules.get(module), thing.__name__, None) is thing:
            return module
    return thing.__module__


def _write(value: Any, names: _Names) -> str:
    if _is_importable(value):
        return value.__name__ if value.__module__ == "builtins" else names.of(value)
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _write_estimator(value, names)
    if isinstance(value, list):
        return _join("[", [_write(item, names) for item in value], "]")
    if isinstance(value, tuple):
        items = [_write(item, names) for item in value]
        return f"({items[0]},)" if len(items) == 1 else _join("(", items, ")")
    if isinstance(value, dict):
        pairs = [f"{_write(key, names)}: {_write(item, names)}" for key, item in value.items()]
        return _join("{", pairs, "}")
    if isinstance(value, np.generic):
        return _write(value.item(), names)
    if isinstance(value, np.ndarray):
        return f"{names.of(np.array)}({_write(value.tolist(), names)})"
    if isinstance(value, str):
        return json.dumps(value)  # as Python writes it, in double quotes
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if hasattr(value, "_score_func"):
        return _write_scorer(value, names)
    if type(value).__module__ != "builtins":  # a splitter, say, whose repr is a call
        names.of(type(value))
    return repr(value)


def _write_scorer(scorer: Any, names: _Names) -> str:
    # Its own repr leaves the quotes of texts out.
    settings = {"response_method": scorer._response_method, **scorer._kwargs}
    if scorer._sign < 0:
        settings["greater_is_better"] = False
    items = [f"{name}={_write(value, names)}" for name, value in settings.items()]
    return _join(f"{names.of(make_scorer)}(", [_write(scorer._score_func, names), *items], ")")


def _write_estimator(estimator: Any, names: _Names) -> str:
    defaults = inspect.signature(type(estimator)).parameters
    params = [
        f"{name}={_write(value, names)}"
        for name, value in estimator.get_params(deep=False).items()
        if name not in defaults or repr(defaults[name].default) != repr(value)
    ]
    output = getattr(estimator, "_sklearn_output_config", {}).get("transform")
    setting = f'.set_output(transform="{output}")' if output else ""
    return _join(f"{names.of(type(estimator))}(", params, ")") + setting


def _join(start: str, items: list[str], end: str) -> str:
    """One line if it is short, else a line for each item, or for several that are very short."""
    line = start + ", ".join(items) + end
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    lines = [""]
    for item in items:
        packed = f"{lines[-1]} {item},".lstrip()
        if max(map(len, items)) > _WIDTH / 4 or len(packed) > _WIDTH:
            lines.append(f"{item},")
        else:
            lines[-1] = packed
    return start + "\n" + textwrap.indent("\n".join(filter(None, lines)), "    ") + f"\n{end}"
