"""Dates in words: the one format that a column is written in, or a question about it."""

from __future__ import annotations

import re
from collections.abc import Collection

import pandas as pd

__all__ = ["date_formats", "duration_cells"]

_TIME = re.compile(
    r"(?P<gap>[T ]|, )(?P<h>\d{1,2}):\d{2}(?P<s>:\d{2})?(?P<f>\.\d+)?(?P<p> ?[AaPp]\.?[Mm]\.?)?"
    r"(?P<z> ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?$"
)
_SEP = r"(?P<s>[-/. ])"
_SHAPES = (  # of a day, and the formats that it may have
    (rf"\d{{4}}{_SEP}\d{{1,2}}(?P=s)\d{{1,2}}", ("%Y{s}%m{s}%d",)),
    (r"\d{1,2}(?P<s>\.)\d{1,2}\.\d{4}", ("%d.%m.%Y",)),
    (r"\d{1,2}(?P<s>\.)\d{1,2}\.\d{2}", ("%d.%m.%y",)),
    (r"\d{1,2}(?P<s>[-/])\d{1,2}(?P=s)\d{4}", ("%d{s}%m{s}%Y", "%m{s}%d{s}%Y")),
    (
        r"\d{1,2}(?P<s>[-/])\d{1,2}(?P=s)\d{2}",
        ("%d{s}%m{s}%y", "%m{s}%d{s}%y", "%y{s}%m{s}%d"),
    ),
    (r"\d{1,2}(?P<s>[- /])[A-Za-z]{3}(?P=s)\d{4}", ("%d{s}%b{s}%Y",)),
    (r"\d{1,2}(?P<s>[- /])[A-Za-z]{3}(?P=s)\d{2}", ("%d{s}%b{s}%y",)),
    (r"\d{1,2}\.? (?P<s>)[A-Za-z]{4,9} \d{4}", ("%d %B %Y", "%d. %B %Y")),
    (r"[A-Za-z]{3}(?P<s>)\.? \d{1,2}, ?\d{4}", ("%b %d, %Y",)),
    (r"[A-Za-z]{3,9}(?P<s>) \d{1,2}, ?\d{4}", ("%B %d, %Y",)),
    (r"(?:19|20)\d{6}(?P<s>)", ("%Y%m%d",)),
    (r"\d{4}(?P<s>[-/])\d{2}", ("%Y{s}%m",)),
    (r"\d{2}(?P<s>[-/])\d{4}", ("%m{s}%Y",)),
)
SHAPES = [(re.compile(pattern), formats) for pattern, formats in _SHAPES]


def date_formats(cells: Collection[str], given: str | None = None) -> tuple[list[str], int]:
    """The formats in which all cells are dates.

    Parameters
    ----------
    cells : collection of str
        Distinct cells without white space around them.
    given : str, default=None
        A format that goes before all others.

    Returns
    -------
    list of str
        None if there is no such format; several if what is the day and what the month is open.
    int
        How many cells look like dates of whatever format.

    Examples
    --------
    >>> from focalsk.tables._dates import date_formats
    >>> date_formats(["03/25/2021", "01/02/2020"])
    (['%m/%d/%Y'], 2)
    >>> date_formats(["03/04/2021"])
    (['%d/%m/%Y', '%m/%d/%Y'], 1)
    """
    if not cells:
        return [], 0
    known = pd.Series(list(cells), dtype=object)
    if given and parses(known, given):
        return [given], len(known)
    looks = [_formats(cell) for cell in cells]
    n_alike = sum(bool(formats) for formats in looks)
    if n_alike < len(looks):
        return [], n_alike
    candidates = dict.fromkeys(name for formats in looks for name in formats)
    if all("%Y-%m-%d" in name for name in candidates):
        candidates = {"ISO8601": None}
    return [name for name in candidates if parses(known, name)], n_alike


def parses(cells: pd.Series, date_format: str) -> bool:
    """Whether all cells are dates of a format.

    Parameters
    ----------
    cells : Series of str
        Without missing values.
    date_format : str
        As in ``strptime``, or 'ISO8601'.
    """
    dates = pd.to_datetime(cells, format=date_format, errors="coerce", utc=True)
    return bool(dates.notna().all())


def _formats(cell: str) -> list[str]:
    """The formats that one cell may have."""
    time = _TIME.search(cell)
    day = cell[: time.start()] if time else cell
    for pattern, formats in SHAPES:
        found = pattern.fullmatch(day)
        if found:
            clock = _clock(time) if time else ""
            return [name.format(s=found["s"]) + clock for name in formats]
    return []


def _clock(time: re.Match[str]) -> str:
    hour = "%I" if time["p"] else "%H"
    parts = [time["gap"], f"{hour}:%M", ":%S" * bool(time["s"]), ".%f" * bool(time["f"])]
    if time["p"]:
        parts.append(" %p" if time["p"].startswith(" ") else "%p")
    if time["z"]:
        zone = "Z" if time["z"].strip() in ("Z", "UTC", "GMT") else "%z"
        parts.append(" " * time["z"].startswith(" ") + (time["z"].strip() if zone == "Z" else zone))
    return "".join(parts)


def duration_cells(cells: Collection[str]) -> bool:
    """Whether all cells are times like 14:05 or 1:30:00.

    Parameters
    ----------
    cells : collection of str
        Distinct cells without white space around them.
    """
    return bool(cells) and all(re.fullmatch(r"\d{1,3}:[0-5]\d(:[0-5]\d)?", cell) for cell in cells)
