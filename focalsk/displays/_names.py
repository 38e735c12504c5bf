"""Names of a user's, as they can be shown: nothing hidden in them, and none without end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from focalsk._compat._text import visible

__all__ = ["by_name", "shortened", "visible"]

_LONG_WORD = 200  # characters


def shortened(text: str, most: int | None = None) -> str:
    """Visible text without an end too far away: its middle is left out.

    Parameters
    ----------
    text : str
        Of anybody's.
    most : int, default=None
        Characters to keep; None cuts words alone, of more than 200 characters.

    Returns
    -------
    str

    Examples
    --------
    >>> from focalsk.displays._names import shortened
    >>> shortened("a name of many letters", 12)
    'a name …ters'
    >>> len(shortened(10_000 * "n"))
    200
    """
    text = visible(text)
    if most is not None:
        return _cut(text, most)
    pattern = rf"\S{{{_LONG_WORD + 1},}}"
    return re.sub(pattern, lambda word: _cut(word.group(), _LONG_WORD), text)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - 1]}…{text[-tail:]}"


def by_name(estimator: Any) -> Mapping[str, Any]:
    """Estimators by name, as they are given; one alone has the name of its class."""
    return estimator if isinstance(estimator, Mapping) else {type(estimator).__name__: estimator}
