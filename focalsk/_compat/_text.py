"""Text of anybody's, as a terminal or a page can show it: nothing hidden in it."""

from __future__ import annotations

import unicodedata

__all__ = ["visible"]


def visible(text: str, shown: str = "\n\t") -> str:
    r"""Text whose control characters can be seen, with those that turn the direction of text.

    Parameters
    ----------
    text : str
        Of anybody's.
    shown : str, default="\n\t"
        Control characters that are meant.

    Returns
    -------
    str
        With ``<U+202E>`` in place of such a character.

    Examples
    --------
    >>> from focalsk._compat._text import visible
    >>> visible("abc\u202edef")
    'abc<U+202E>def'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"<U+{ord(c):04X}>" if c not in shown and _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    turns = unicodedata.bidirectional(character) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip
    return turns or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
