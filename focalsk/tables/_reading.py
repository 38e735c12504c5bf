"""Numbers in words: what a column of cells like ``1.234,50 €`` means, decided or asked about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from focalsk.tables._frames import MISSING_WORDS

__all__ = ["Numbers", "Options", "Reading", "apply_reading", "look_at_numbers"]

MOSTLY = 0.95  # share of numbers from which the rest of a column is an error, not a category

_MONEY = r"(?:[A-Z]{0,2}[$€£¥₹₽₩₺₫฿₴₪₦]|Fr\.|kr\.?|zł|Kč|Ft|lei|CHF|USD|EUR|GBP|JPY|CNY|INR|BRL|CAD"
_MONEY += r"|AUD|NZD|MXN|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|ZAR|KRW|SGD|HKD)"
_BLANKS = " \u00a0\u202f\u2009"  # as ISO 31-0 and French separate thousands
_CELL = re.compile(
    rf"(?P<open>\()?(?P<sign>[-+−]?)\s*(?P<before>{_MONEY}?)\s*(?P<sign2>[-+−]?)"
    rf"(?P<body>\d[\d.,'’_{_BLANKS}]*|[.,]\d+)(?P<power>[eE][-+]?\d+)?"
    rf"(?P<after>\s*[%‰]|\s*{_MONEY}|\s+[^\W\d_][^\W\d]{{0,9}}[²³]?)?(?P<close>\))?"
)
_GROUPS = {  # a number whose thousands are separated so, its decimals so
    ".": re.compile(r"(\d+|[1-9]\d{0,2}(,\d{3})+|[1-9]\d?(,\d\d)+,\d{3})?(\.\d*)?"),
    ",": re.compile(r"(\d+|[1-9]\d{0,2}(\.\d{3})+)?(,\d*)?"),
}
_BY_BLANKS = re.compile(rf"\d{{1,3}}(?:([{_BLANKS}'’_])\d{{3}})(?:\1\d{{3}})*(?:[.,]\d*)?")
_SEPARATORS = re.compile(rf"[{_BLANKS}'’_]")
_OTHER = {".": ",", ",": "."}
_SURE = 40  # three digits behind each of so many commas are no accident (0.9 ** 40)


@dataclass(frozen=True)
class Options:
    """What a user says of a table, for what it does not say of itself.

    Attributes
    ----------
    decimal : {'.', ','} or None
        What separates decimals; the other may separate thousands.
    thousands : str or None
        What separates thousands.
    date_format : str or None
        As in ``strptime``: '%d/%m/%Y'.
    missing : tuple of str
        Further cells that stand for a missing value.
    types : dict of str to str
        'numeric', 'date', 'categorical', 'text' or 'drop' by the names of columns.
    """

    decimal: str | None = None
    thousands: str | None = None
    date_format: str | None = None
    missing: tuple[str, ...] = ()
    types: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not (self.decimal is None or isinstance(self.decimal, str)) or (
            self.decimal not in (None, ".", ",")
        ):
            raise ValueError(f"decimal must be '.' or ','. Got {self.decimal!r} instead.")
        if self.thousands is not None and (
            not isinstance(self.thousands, str)
            or len(self.thousands) != 1
            or self.thousands.isalnum()
            or self.thousands == self.decimal
        ):
            raise ValueError(
                "thousands must be one character like ',', other than decimal. Got "
                f"{self.thousands!r} instead."
            )
        if self.date_format is not None:
            _check_date_format(self.date_format)
        if not (self.types is None or isinstance(self.types, Mapping)):
            raise TypeError(f"types must be a dict by the names of columns. Got {self.types!r}.")
        kinds = ("numeric", "date", "categorical", "text", "drop")
        wrong = [kind for kind in (self.types or {}).values() if kind not in kinds]
        if wrong:
            raise ValueError(f"types must be among {', '.join(kinds)}. Got {wrong[0]!r} instead.")

    @property
    def mark(self) -> str | None:
        """The decimal mark that the two say, if they say any."""
        return self.decimal or _OTHER.get(self.thousands or "")

    def kind(self, name: str) -> str | None:
        """What the user says that a column is."""
        return (self.types or {}).get(name)


def _check_date_format(date_format: Any) -> None:
    try:
        if not (isinstance(date_format, str) and ("%" in date_format or date_format == "ISO8601")):
            raise ValueError("it names no part of a date")
        pd.to_datetime(pd.Series(["-"]), format=date_format, errors="coerce")
    except ValueError as error:
        raise ValueError(
            f"date_format must be one of strptime, like '%d/%m/%Y'. Got {date_format!r}: {error}."
        ) from None


@dataclass(frozen=True)
class Reading:
    """How the words of a column become values.

    Attributes
    ----------
    kind : {'words', 'numeric', 'date', 'duration'}
        What they become.
    decimal, thousands, unit : str
        Of numbers: their marks, and what is left off.
    date_format : str
        Of dates.
    missing : tuple of str
        Cells that are missing values, besides the empty ones.
    note : str
        What is to be said of it; no setting.
    """

    kind: str = "words"
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    date_format: str = ""
    missing: tuple[str, ...] = ()
    note: str = ""

    def settings(self) -> dict[str, Any]:
        """What differs from the defaults, to make it anew."""
        defaults = {field.name: field.default for field in fields(self)}
        mine = asdict(replace(self, note=""))
        return {name: value for name, value in mine.items() if value != defaults[name]}


@dataclass(frozen=True)
class Numbers:
    """What the cells of a column look like as numbers.

    Attributes
    ----------
    bodies : list of str
        The distinct numbers without signs and units.
    marks : set of {'.', ','}
        The decimal marks under which all of them are numbers.
    thousands : str
        Their separator, if it is neither '.' nor ','.
    units : set of str
        What stands before or behind them.
    example : str
        A cell with both readings, if there is one.
    """

    bodies: list[str]
    marks: frozenset[str]
    thousands: str
    units: frozenset[str]
    example: str

    @property
    def separated(self) -> list[str]:
        """Those with a mark."""
        return [body for body in self.bodies if "." in body or "," in body]

    @property
    def mark(self) -> str | None:
        """The decimal mark, where the cells themselves tell it."""
        return next(iter(self.marks)) if len(self.marks) == 1 and self.separated else None


def look_at_numbers(cells: Collection[str]) -> tuple[Numbers, list[str]]:
    """Take cells as numbers, and say which are none.

    Parameters
    ----------
    cells : collection of str
        Distinct cells without white space around them.

    Returns
    -------
    Numbers
        Of those that are.
    list of str
        The others.
    """
    bodies, units, others, separators = {}, set(), [], set()
    for cell in cells:
        found = _CELL.fullmatch(cell)
        if not found or bool(found["open"]) != bool(found["close"]):
            others.append(cell)
            continue
        body = found["body"].strip()
        spaced = _BY_BLANKS.fullmatch(body)
        if spaced:
            separators.add(spaced[1])
            body = body.replace(spaced[1], "")
        if not any(groups.fullmatch(body) for groups in _GROUPS.values()):
            others.append(cell)
            continue
        bodies[body] = cell
        units.add((found["before"] or found["after"] or "").strip())
    marks = frozenset(m for m in ".," if all(_GROUPS[m].fullmatch(body) for body in bodies))
    if len(separators) > 1:
        marks = frozenset()
    if separators and len(marks) == 2 and any("," in body for body in bodies):
        marks = frozenset({","})  # thousands are separated already
    elif separators and len(marks) == 2:
        marks = frozenset({"."})
    both = (cell for body, cell in bodies.items() if re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", body))
    thousands = next(iter(separators), "")
    example = next(both, "")
    return Numbers(list(bodies), marks, thousands, frozenset(units), example), others


def are_plain_numbers(cells: list[str], some_of_them: Numbers) -> bool:
    """Whether all of many cells are what a few of them are: numbers that Python knows, no codes.

    Parameters
    ----------
    cells : list of str
        All of them.
    some_of_them : Numbers
        What the first of them look like.
    """
    if some_of_them.units != {""} or some_of_them.thousands:
        return False
    if some_of_them.mark != "." and any("." in cell for cell in cells):
        return False
    if any(cell[0] == "0" and cell[1:2].isdigit() for cell in cells):
        return False
    numbers = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
    return bool(np.isfinite(numbers).all())


def decide_mark(
    name: str, numbers: Numbers, options: Options, of_table: str | None, delimiter: str | None
) -> tuple[str, str]:
    """The decimal mark of a column, and what tells it.

    Parameters
    ----------
    name : str
        The column.
    numbers : Numbers
        Its cells.
    options : Options
        What the user says.
    of_table : {'.', ','} or None
        The decimal mark that other columns of the table tell.
    delimiter : str or None
        What separates the columns of the file.

    Raises
    ------
    ValueError
        If nothing tells.
    """
    if options.mark and options.mark in numbers.marks:
        return options.mark, "as you say"
    if options.mark and numbers.separated:
        raise ValueError(
            f"Column {name!r} does not go with the decimal mark {options.mark!r}: it has "
            f"{numbers.separated[0]!r}."
        )
    if not numbers.separated:
        return ".", ""
    if numbers.mark:
        return numbers.mark, ""
    if of_table:
        return of_table, "as other columns tell"
    used = "." if "." in numbers.separated[0] else ","
    plain = [body for body in numbers.bodies if body not in numbers.separated]
    grouped = bool(plain) and all(len(body) <= 3 for body in plain)
    if used == "," and grouped and len(numbers.separated) >= _SURE:
        return ".", "all of its commas stand before three digits"
    if used == "." and delimiter != ";" and not (grouped and len(numbers.separated) > 4):
        return ".", "not thousands"
    small, large = numbers.example.replace(",", "."), numbers.example.replace(used, "")
    raise ValueError(
        f"Column {name!r} can be read in two ways: {numbers.example!r} is {large} with "
        f"thousands={used!r}, and {small} with decimal={used!r}. Say which (--thousands, "
        "--decimal)."
    )


def numeric_reading(
    name: str, numbers: Numbers, mark: str, why: str, missing: tuple[str, ...]
) -> Reading:
    """How numbers are read, and what is said of it.

    Parameters
    ----------
    name : str
        The column.
    numbers : Numbers
        Its cells.
    mark : {'.', ','}
        Its decimal mark.
    why : str
        What tells it.
    missing : tuple of str
        Words that are missing values.

    Raises
    ------
    ValueError
        If numbers of several units, or percents and others, stand in one column.
    """
    units = sorted(numbers.units)
    if len(units) > 2 or (len(units) == 2 and (units[0] or units[1] in "%‰")):
        raise ValueError(
            f"Column {name!r} holds numbers of several units: "
            f"{', '.join(repr(unit) if unit else 'none' for unit in units)}. Make them one, or "
            f"give types={{{name!r}: 'categorical'}} (--types)."
        )
    unit = units[-1] if units else ""
    other = _OTHER[mark]
    grouped = next((body for body in numbers.bodies if other in body), "")
    thousands = numbers.thousands or (other if grouped else "")
    said = []
    if mark == "," and any("," in body for body in numbers.bodies):
        said.append(f"decimal comma{f', {why}' if why else ''}")
        why = ""
    if thousands:
        shown = f": {grouped!r} is {grouped.replace(other, '').replace(mark, '.')}"
        said.append(f"thousands {thousands!r}{shown if grouped else ''}")
    if why and why != "as you say":
        said.append(why if said else f"decimal point, {why}")
    if unit:
        said.append(f"{unit!r} left off{': 45% is 45' if unit == '%' else ''}")
    return Reading("numeric", mark, thousands, unit, missing=missing, note="; ".join(said))


def apply_reading(values: pd.Series, reading: Reading) -> pd.Series:
    """Make values of the words of a column.

    Parameters
    ----------
    values : Series of str
        A column; cells that are no strings stay as they are.
    reading : Reading
        How.

    Returns
    -------
    Series
        float64, datetime64, or object with stripped strings.

    Raises
    ------
    ValueError
        If a cell is nothing of the kind.
    """
    words = strip_cells(values, reading.missing)
    if reading.kind == "words":
        return words
    codes, distinct = pd.factorize(words)
    nothing = [len(cell) < 12 and cell.lower() in MISSING_WORDS for cell in distinct]
    if any(nothing):
        codes, distinct = pd.factorize(words.mask(words.isin(distinct[nothing])))
    read = _parse_dates if reading.kind in ("date", "duration") else _parse_numbers
    parsed = pd.Series(read(pd.Series(distinct, dtype=object), reading))
    wrong = np.flatnonzero(parsed.isna())
    if len(wrong):
        kind = {"numeric": "numbers", "date": "dates", "duration": "times"}[reading.kind]
        raise ValueError(
            f"Column {values.name!r} must hold {kind}. Got {distinct[wrong[0]]!r} instead."
        )
    column = parsed.reindex(codes)  # -1, what is missing, is not there
    return pd.Series(column.array, index=values.index, name=values.name)


def strip_cells(values: pd.Series, missing: Collection[str] = ()) -> pd.Series:
    """Words without white space around them; None for the empty and the missing ones.

    Parameters
    ----------
    values : Series of str
        A column.
    missing : collection of str, default=()
        Cells that are missing, besides the empty ones.
    """
    codes, distinct = pd.factorize(values.astype(object))
    gone = {"", *missing}
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in distinct]
    kept = np.array([*(None if cell in gone else cell for cell in cells), None], dtype=object)
    return pd.Series(kept[codes], index=values.index, name=values.name, dtype=object)


def _parse_numbers(cells: pd.Series, reading: Reading) -> pd.Series:
    if reading.decimal == ".":
        numbers = pd.to_numeric(cells, errors="coerce")  # a hundred times faster than what follows
        if numbers.notna().all():
            return numbers.astype(np.float64)
    bare: list[str | None] = []
    for cell in cells:
        found = _CELL.fullmatch(cell) if isinstance(cell, str) else None
        if found is None or not _fits(found, reading):
            bare.append({"true": "1", "false": "0"}.get(str(cell).lower()))
            continue
        minus = "-" if found["open"] or {found["sign"], found["sign2"]} & {"-", "−"} else ""
        body = _SEPARATORS.sub("", found["body"]).replace(_OTHER[reading.decimal], "")
        bare.append(f"{minus}{body.replace(reading.decimal, '.')}{found['power'] or ''}")
    # Not skrub's ToFloat: it makes 123456792 of 123,456,789, for it is of 32 bits.
    return pd.to_numeric(pd.Series(bare, dtype=object)).astype(np.float64)


def _fits(found: re.Match[str], reading: Reading) -> bool:
    body = _SEPARATORS.sub("", found["body"])
    unit = (found["before"] or found["after"] or "").strip()
    return bool(_GROUPS[reading.decimal].fullmatch(body)) and unit in ("", reading.unit)


def _parse_dates(cells: pd.Series, reading: Reading) -> pd.Series:
    if reading.kind == "duration":
        full = cells.where(cells.str.count(":") > 1, cells + ":00")
        return pd.to_timedelta(full, errors="coerce")
    if reading.date_format == "ISO8601":
        dates = pd.to_datetime(cells, format="ISO8601", errors="coerce", utc=True)
    else:
        dates = pd.to_datetime(cells, format=reading.date_format, errors="coerce", utc=True)
    return dates.dt.tz_localize(None)


def count_missing(values: pd.Series, words: Collection[str]) -> str:
    """How many cells of a column are missing, in words; empty if none.

    Parameters
    ----------
    values : Series
        The column as it stands in the file.
    words : collection of str
        Cells that are missing, besides the empty ones.
    """
    codes, distinct = pd.factorize(values.astype(object))
    cells = [cell.strip() if isinstance(cell, str) else str(cell) for cell in distinct]
    gone = {"", *words}
    counts = Counter({"": int((codes < 0).sum())})
    for k in (k for k, cell in enumerate(cells) if cell in gone):
        counts[cells[k]] += int((codes == k).sum())
    said = [f"{counts['']} empty"] if counts[""] else []
    said += [f"{counts[word]} {word!r}" for word in words if counts[word]]
    return f"{', '.join(said)}: missing" if said else ""
