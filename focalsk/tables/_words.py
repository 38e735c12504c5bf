"""Columns of words: which are numbers or dates; what the whole table tells of each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from focalsk.tables._dates import date_formats, duration_cells
from focalsk.tables._frames import MISSING_WORDS, some
from focalsk.tables._reading import (
    MOSTLY,
    Numbers,
    Options,
    Reading,
    apply_reading,
    are_plain_numbers,
    count_missing,
    decide_mark,
    look_at_numbers,
    numeric_reading,
    strip_cells,
)

__all__ = ["apply_readings", "decide_readings"]

_PROBE = 500


@dataclass(frozen=True)
class _Look:
    """A column of words at first sight: its distinct cells, and what they could be."""

    values: pd.Series
    cells: list[str]
    missing: tuple[str, ...]  # those that are no values if the others are numbers or dates
    numbers: Numbers
    others: list[str]  # no numbers
    formats: list[str]  # of dates
    n_dates: int


def decide_readings(
    words: Mapping[str, pd.Series],
    options: Options,
    delimiter: str | None = None,
    known: Mapping[str, Reading] | None = None,
) -> dict[str, Reading]:
    """How each column of words is to be read.

    Parameters
    ----------
    words : dict of str to Series of str
        The columns.
    options : Options
        What the user says of them.
    delimiter : str, default=None
        What separates the columns of the file.
    known : dict of str to Reading, default=None
        How an earlier table of these columns was read: kinds are kept, and what this table leaves
        open is as it was in that.

    Returns
    -------
    dict of str to Reading

    Raises
    ------
    ValueError
        If a column can be read in two ways, or nearly all of it are numbers or dates, but not all.
    """
    known = known or {}
    looks = {name: _look(values, options) for name, values in words.items()}
    fixed = {name: _kind(name, options, known) for name in looks}
    numeric = [name for name, look in looks.items() if _is_numeric(look, fixed[name])]
    told = {looks[name].numbers.mark for name in numeric} - {None}
    mark = next(iter(told)) if len(told) == 1 else None
    days_first = _days_first([look for name, look in looks.items() if name not in numeric])
    readings = {}
    for name, look in looks.items():
        before = known.get(name, Reading())
        if name in numeric and fixed[name] != "date":
            reading = _numeric(name, look, options, mark, delimiter, before if known else None)
        elif fixed[name] in ("categorical", "text", "drop"):
            reading = Reading()
        else:
            reading = _dated(name, look, options, days_first, fixed[name], before)
        readings[name] = reading
    return _with_missing(looks, readings, options, known)


def apply_readings(frame: pd.DataFrame, readings: Mapping[str, Reading]) -> pd.DataFrame:
    """Make values of the words of a frame.

    Parameters
    ----------
    frame : DataFrame
        Columns of any types.
    readings : dict of str to Reading
        How to read some of them.
    """
    columns = {
        name: apply_reading(values, readings[name]) if name in readings else values
        for name, values in frame.items()
    }
    return pd.DataFrame(columns, index=frame.index)


def _kind(name: str, options: Options, known: Mapping[str, Reading]) -> str | None:
    said = options.kind(name)
    if said or not known:
        return said
    kinds = {"words": "categorical", "duration": "date"}
    kind = known[name].kind if name in known else "words"
    return kinds.get(kind, kind)


def _look(values: pd.Series, options: Options) -> _Look:
    stripped = strip_cells(values, options.missing)
    cells = list(dict.fromkeys(stripped.dropna()))
    missing = tuple(cell for cell in cells if len(cell) < 12 and cell.lower() in MISSING_WORDS)
    rest = [cell for cell in cells if cell not in missing] if missing else cells
    if len(rest) > 2 * _PROBE:  # long texts, say: a few tell
        numbers, others = look_at_numbers(rest[:_PROBE])
        if not numbers.bodies and not date_formats(others, options.date_format)[1]:
            return _Look(stripped, cells, missing, numbers, others, [], 0)
        if not others and are_plain_numbers(rest, numbers):
            return _Look(stripped, cells, missing, numbers, [], [], 0)
    numbers, others = look_at_numbers(rest)
    formats, n_dates = date_formats(rest, options.date_format) if others else ([], 0)
    return _Look(stripped, cells, missing, numbers, others, formats, n_dates)


def _is_numeric(look: _Look, fixed: str | None) -> bool:
    if fixed is not None:
        return fixed == "numeric"
    if not look.numbers.bodies or look.formats:
        return False
    codes = any(re.fullmatch(r"0\d+", body) for body in look.numbers.bodies)
    share = len(look.others) / (len(look.others) + len(look.numbers.bodies))
    few = share <= 1 - MOSTLY and len(look.numbers.bodies) > 20
    few = few or all(cell.lower().lstrip("+-") in ("inf", "infinity") for cell in look.others)
    return not codes and (not look.others or few) and not _mixed_units(look)


def _mixed_units(look: _Look) -> bool:
    """Whether words behind numbers differ: 2 rooms, 3 beds. Money and percents are never words."""
    words = [unit for unit in look.numbers.units if unit.isalpha() and unit.islower()]
    return bool(words) and len(look.numbers.units) > 1


def _numeric(
    name: str,
    look: _Look,
    options: Options,
    mark: str | None,
    delimiter: str | None,
    before: Reading | None,
) -> Reading:
    if look.others and before is not None:  # in prediction
        others = [cell for cell in look.others if cell.lower() not in ("true", "false")]
        if others:
            raise ValueError(f"Column {name!r} must hold numbers. Got {others[0]!r} instead.")
    elif look.others:
        if any(cell.lower().lstrip("+-") in ("inf", "infinity") for cell in look.others):
            raise ValueError(f"Column {name!r} holds infinite values: make them finite or missing.")
        _refuse_mixture(name, look, "numbers")
    if not look.numbers.marks:
        shown = some(map(repr, look.numbers.separated), 3)
        raise ValueError(f"Column {name!r} holds numbers of several forms: {shown}. Make them one.")
    if before is not None and mark is None and not look.numbers.mark and not options.mark:
        mark = before.decimal if before.decimal in look.numbers.marks else None
    decimal, why = decide_mark(name, look.numbers, options, mark, delimiter)
    reading = numeric_reading(name, look.numbers, decimal, why, look.missing)
    if before is not None and reading.unit != before.unit and "%" in reading.unit + before.unit:
        raise ValueError(
            f"Column {name!r} has the unit {reading.unit or 'none'!r}, and had "
            f"{before.unit or 'none'!r} when the model was trained."
        )
    return reading


def _refuse_mixture(name: str, look: _Look, kind: str) -> None:
    bad = look.others[0]
    row = int((look.values == bad).to_numpy().argmax()) + 1
    raise ValueError(
        f"Column {name!r} mixes {kind} and strings: {bad!r} in row {row}, {kind} in most others. "
        f"Give missing=[{bad!r}] if that is a missing value (--missing), or "
        f"types={{{name!r}: 'categorical'}} (--types)."
    )


def _days_first(looks: list[_Look]) -> bool | None:
    """Whether the day is before the month, by the columns that have but one reading."""
    told = {look.formats[0].startswith("%d") for look in looks if len(look.formats) == 1}
    open_ones = any(len(look.formats) > 1 for look in looks)
    return next(iter(told)) if open_ones and len(told) == 1 else None


def _dated(
    name: str,
    look: _Look,
    options: Options,
    days_first: bool | None,
    fixed: str | None,
    before: Reading,
) -> Reading:
    rest = [cell for cell in look.cells if cell not in look.missing]
    if duration_cells(rest):
        return Reading("duration", missing=look.missing, note="times as parts of a day")
    formats = look.formats or (date_formats(rest, options.date_format)[0] if fixed else [])
    if before.date_format in formats:
        formats = [before.date_format]
    if len(formats) > 1 and days_first is not None:
        formats = [name for name in formats if name.startswith("%d") == days_first] or formats
    if len(formats) > 1:
        _refuse_ambiguous(name, rest[0], formats)
    if formats:
        shown = "as in ISO 8601" if formats[0] == "ISO8601" else formats[0]
        years = ", years 00 to 68 are 20xx" if "%y" in formats[0] else ""
        zones = ", in UTC" if any(re.search(r"(Z|[+-]\d\d:?\d\d)$", cell) for cell in rest) else ""
        zones = zones if any(":" in cell for cell in rest) else ""
        note = f"dates, {shown}{years}{zones}"
        return Reading("date", date_format=formats[0], missing=look.missing, note=note)
    if fixed in ("date", "numeric") and rest:
        wrong = f"Column {name!r} must hold dates of one format"
        raise ValueError(f"{wrong}. Got {some(map(repr, rest), 3)}.")
    if fixed is None and rest and look.n_dates >= MOSTLY * len(rest):
        raise ValueError(
            f"Column {name!r} mixes dates of several formats, or dates and other things: "
            f"{some(map(repr, _unlike(rest)), 3)}. Make them one, or give date_format "
            f"(--date-format) or types={{{name!r}: 'categorical'}} (--types)."
        )
    return Reading()


def _unlike(cells: list[str]) -> list[str]:
    """One cell of each format."""
    unlike = {tuple(date_formats([cell])[0]): cell for cell in cells}
    return [unlike[formats] for formats in sorted(unlike)]  # what is no date first


def _refuse_ambiguous(name: str, cell: str, formats: list[str]) -> None:
    readings = [
        f"{pd.to_datetime(cell, format=form, utc=True):%d %B %Y} with date_format={form!r}"
        for form in formats
    ]
    raise ValueError(
        f"Column {name!r} can be read in {len(readings)} ways: {cell!r} is "
        f"{' or '.join(readings)}. Say which (--date-format)."
    )


def _with_missing(
    looks: Mapping[str, _Look],
    readings: Mapping[str, Reading],
    options: Options,
    known: Mapping[str, Reading],
) -> dict[str, Reading]:
    """Words that are missing among numbers are so in all columns: that is the file's convention."""
    found = {word for name, reading in readings.items() for word in reading.missing}
    complete = {}
    for name, reading in readings.items():
        missing: Any = reading.missing
        if reading.kind == "words":
            here = set(looks[name].cells)
            before = known[name].missing if name in known else found
            missing = tuple(sorted(here & set(before))) if not known else tuple(before)
        missing = tuple(dict.fromkeys([*missing, *options.missing]))
        complete[name] = replace(reading, missing=missing)
    return complete


def note_of(values: pd.Series, reading: Reading) -> str:
    """What is to be said of a column of words: how it is read, and what is missing.

    Parameters
    ----------
    values : Series of str
        The column as it stands.
    reading : Reading
        How it is read.
    """
    parts = [reading.note, count_missing(values, reading.missing)]
    if reading.kind == "words" and _are_codes(values):
        parts.insert(0, "codes with leading zeros")
    return "; ".join(part for part in parts if part)


def _are_codes(values: pd.Series) -> bool:
    cells = {cell.strip() for cell in values.dropna() if isinstance(cell, str)} - {""}
    return (
        bool(cells)
        and all(cell.isdigit() for cell in cells)
        and any(len(cell) > 1 and cell[0] == "0" for cell in cells)
    )
