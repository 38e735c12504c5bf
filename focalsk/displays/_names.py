"""Names of a user's, as they can be shown: nothing hidden in them, and none without end."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

__all__ = ["by_name", "shortened", "visible"]

_LONG_WORD = 200  # characters


def visible(text: str) -> str:
    r"""Text whose control characters can be seen, with those that turn the direction of text.

    Parameters
    ----------
    text : str
        Of anybody's.

    Returns
    -------
    str
        With ``<U+202E>`` in place of such a character; line breaks and tabs stay.

    Examples
    --------
    >>> from focalsk.displays._names import visible
    >>> visible("abc\u202edef")
    'abc<U+202E>def'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"<U+{ord(c):04X}>" if _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    if character in "\n\t":
        return False
    turns = unicodedata.bidirectional(character) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip
    return turns or unicodedata.category(character) == "Cc"


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
