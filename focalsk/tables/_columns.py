"""What the columns of a table are, and what is to be said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from focalsk.tables._files import refuse_twins
from focalsk.tables._frames import (
    as_numbers,
    is_date,
    is_words,
    kind_of,
    label_of,
    plain_frame,
    some,
    without,
)
from focalsk.tables._leaks import (
    NEAR_PERFECT,
    copies_target,
    improbably_distinct,
    is_identifier,
    named_identifier,
    tells_classes,
)
from focalsk.tables._reading import Options
from focalsk.tables._words import apply_readings, decide_readings, note_of

__all__ = ["Columns", "describe", "infer_columns"]

_PLACEHOLDERS = (-1, -9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999)


@dataclass(frozen=True)
class Columns:
    """Columns of a frame by what they hold.

    Attributes
    ----------
    numeric, categorical, text : list of str or int
        Names of the columns as strings, or positions in an array. Dates are numbers, booleans are
        categories.
    dropped : dict of str to str
        Columns that are of no use, or would tell what they must not, with the reason.
    dates : list of str
        Those of the numeric ones that are dates or times.
    readings : dict of str to dict
        How columns of words become numbers or dates: parameters of a reading, by name.
    notes : dict of str to str
        What was guessed or left off, and what is missing, column by column.
    suspects : dict of str to str
        Columns that are kept although something is odd about them, with what it is.
    told : list of str
        What is to be said of the table as a whole.

    Raises
    ------
    TypeError
        If what should be a list of names is none.
    ValueError
        If a column has two places.
    """

    numeric: list[Any] = field(default_factory=list)
    categorical: list[Any] = field(default_factory=list)
    text: list[Any] = field(default_factory=list)
    dropped: dict[Any, str] = field(default_factory=dict)
    dates: list[Any] = field(default_factory=list)
    readings: dict[Any, dict[str, Any]] = field(default_factory=dict)
    notes: dict[Any, str] = field(default_factory=dict)
    suspects: dict[Any, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for kind in ("numeric", "categorical", "text", "dates"):
            names = getattr(self, kind)
            if isinstance(names, str | Set) or not isinstance(names, Collection):
                raise TypeError(f"{kind} must be a list of names. Got {names!r} instead.")
            object.__setattr__(self, kind, list(names))
        twice = [name for name, n in Counter(self.used).items() if n > 1]
        if twice:
            raise ValueError(f"Each column has one place. Got {twice[0]!r} twice.")

    @property
    def used(self) -> list[Any]:
        """Names of all columns that are not left out."""
        return [*self.numeric, *self.categorical, *self.text]

    def lines(self, most: int = 40) -> list[str]:
        """What is to be said of the columns.

        Parameters
        ----------
        most : int, default=40
            How many columns of a kind are named; those with a note all are.

        Returns
        -------
        list of str
            One line for each kind.
        """
        numbers = [name for name in self.numeric if name not in self.dates]
        kinds = {"Numeric": numbers, "Dates": self.dates, "Categorical": self.categorical}
        kinds["Text"] = self.text
        lines = list(self.told)
        for kind, names in kinds.items():
            if names:
                lines.append(f"{kind}: {self._named(names, most)}")
        if self.dropped:
            reasons = [f"{name} ({reason})" for name, reason in self.dropped.items()]
            lines.append(f"Columns left out: {some(reasons, most)}")
        lines += [f"Look at {name}: {what}" for name, what in self.suspects.items()]
        return lines

    def remarks(self) -> list[str]:
        """What a user should know before the work: guesses, columns left out, suspicions."""
        guessed = {name: note for name, note in self.notes.items() if not _only_missing(note)}
        said = [f"Column {name!r}: {note}." for name, note in guessed.items()]
        said += [
            f"Column {name!r} is left out: {reason}."
            for name, reason in self.dropped.items()
            if reason not in ("constant", "all missing")
        ]
        return said + [f"Column {name!r}: {what}." for name, what in self.suspects.items()]

    def _named(self, names: list[Any], most: int) -> str:
        noted = [f"{name} ({self.notes[name]})" for name in names if name in self.notes]
        plain = [str(name) for name in names if name not in self.notes]
        return ", ".join([*noted, *([some(plain, most)] if plain else [])])


def _only_missing(note: str) -> bool:
    return note.endswith(" missing") and ";" not in note


def infer_columns(
    X: Any,
    y: ArrayLike | None = None,
    *,
    decimal: str | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    missing: Iterable[Any] = (),
    types: Mapping[str, str] | None = None,
) -> Columns:
    """Tell numbers, dates, categories and texts apart, and what is better left out.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Of pandas, whatever its types, or of polars. Words may be numbers or dates.
    y : array-like of shape (n_samples,), default=None
        Classes; with them, columns that copy or tell them are found.
    decimal : {'.', ','}, default=None
        Decimal mark of numbers in words. None finds out, and asks where that cannot be.
    thousands : str, default=None
        What separates the thousands of numbers in words.
    date_format : str, default=None
        Of dates in words, as in ``strptime``: '%d/%m/%Y'.
    missing : iterable of str or number, default=()
        Cells that stand for a missing value, besides empty ones.
    types : dict of str to str, default=None
        'numeric', 'date', 'categorical', 'text' or 'drop' for columns that are not what they
        look like. A column that is named here is not left out.

    Returns
    -------
    Columns

    Raises
    ------
    ValueError
        If two columns have one name, a column mixes numbers and strings or holds infinite values
        or objects of other types, a column can be read in two ways, or no column is of use; if `y`
        has not one class for each row, or an option is none.
    TypeError
        If X is no data frame, or `missing` or `types` is of another type.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import infer_columns
    >>> X = pd.DataFrame({"age": [31, 57, 57], "job": ["cook", "smith", "cook"], "unit": "kg"})
    >>> columns = infer_columns(X)
    >>> columns.numeric, columns.categorical, columns.dropped
    (['age'], ['job'], {'unit': 'constant'})
    """
    options = make_options(decimal, thousands, date_format, missing, types)
    X = plain_frame(X)
    refuse_twins(X)
    if not len(X.columns):
        raise ValueError("X must have columns. Got none.")
    if unknown := [name for name in options.types or {} if name not in X]:
        raise ValueError(f"types must name columns of X. Got {unknown[0]!r} besides.")
    codes = None if y is None else _class_codes(y, len(X))
    notes, told = dict(X.attrs.get("notes", {})), list(X.attrs.get("told", []))
    earlier = dict(X.attrs.get("readings", {}))
    words = {name: X[name] for name in X if is_words(X[name]) and name not in earlier}
    readings = decide_readings(words, options)
    for name, reading in readings.items():
        notes[name] = note_of(X[name], reading)
    X = apply_readings(X, readings)
    settings = {name: reading.settings() for name, reading in readings.items()}
    settings |= {name: earlier[name] for name in X if name in earlier}
    columns = Columns(told=told, readings={name: how for name, how in settings.items() if how})
    for name in X:
        values = without(X[name], options.missing)
        n_gone = int(values.isna().sum() - X[name].isna().sum())
        if n_gone:
            columns.readings.setdefault(name, {"kind": "numeric"})["missing"] = options.missing
            notes[name] = "; ".join(
                filter(None, [notes.get(name), f"{n_gone} {' or '.join(options.missing)}: missing"])
            )
        _sort_in(columns, name, values, options, codes, notes)
    if not columns.used:
        reasons = [f"{name!r} ({reason})" for name, reason in columns.dropped.items()]
        raise ValueError(f"No column is of use: {some(reasons)}.")
    columns.notes.update({name: notes[name] for name in columns.used if notes.get(name)})
    return columns


def _class_codes(y: ArrayLike, n: int) -> NDArray[np.intp]:
    """Classes by number, one per row."""
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        raise ValueError("Input y is a masked array with missing values: fill or drop them.")
    classes = np.asarray(y)
    if classes.ndim != 1:
        raise ValueError(f"y must have one dimension. Got the shape {classes.shape} instead.")
    if len(classes) != n:
        raise ValueError(f"y must have one entry per row of X, {n} in all. Got {len(classes)}.")
    if pd.isna(classes).any():
        raise ValueError("y must hold classes, with none missing.")
    if classes.dtype.kind == "f" and (classes != np.round(classes)).any():
        raise ValueError("y must hold classes. Got numbers with fractions.")
    try:
        return pd.factorize(classes)[0]
    except TypeError as error:  # what has no hash
        raise ValueError(f"y must hold classes. Got {classes[0]!r}.") from error


def make_options(
    decimal: str | None,
    thousands: str | None,
    date_format: str | None,
    missing: Iterable[Any],
    types: Mapping[str, str] | None,
) -> Options:
    """What a user says of a table, checked."""
    words = [missing] if isinstance(missing, str) else missing
    if isinstance(words, bytes) or not isinstance(words, Iterable):
        raise TypeError(f"missing must be a list of words and numbers. Got {missing!r}.")
    words = [word for word in words if not (word is None or word is pd.NA or word != word)]
    wrong = [word for word in words if not isinstance(word, str | Real | np.generic)]
    if wrong:
        raise TypeError(f"missing must be a list of words and numbers. Got {wrong[0]!r} in it.")
    return Options(decimal, thousands, date_format, tuple(map(label_of, words)), types)


def _sort_in(
    columns: Columns,
    name: str,
    values: pd.Series,
    options: Options,
    y: NDArray[np.intp] | None,
    notes: dict[str, str],
) -> None:
    """Put one column where it belongs."""
    given, kind = options.kind(name), kind_of(values)
    if kind == "mixed":
        raise ValueError(
            f"Column {name!r} mixes numbers and strings, or holds other objects: make it one type."
        )
    if given == "drop":
        columns.dropped[name] = "as you say"
        return
    reason = _useless(values, kind) or ("" if given else _telling(name, values, kind, y))
    if reason:
        columns.dropped[name] = reason
        return
    if given in ("numeric", "date") and kind != "number":
        as_numbers(values)
    if given == "text" or (given is None and kind == "string" and _is_text(values.dropna())):
        columns.text.append(name)
    elif given == "categorical" or (given is None and kind != "number"):
        columns.categorical.append(name)
    else:
        as_numbers(values)  # refuses infinite values
        columns.numeric.append(name)
        if is_date(values):
            columns.dates.append(name)
            notes[name] = notes.get(name) or "dates or times"
    n_missing = int(values.isna().sum())
    if n_missing and "missing" not in notes.get(name, ""):
        notes[name] = "; ".join(filter(None, [notes.get(name), f"{n_missing} missing"]))
    _suspect(columns, name, values, y, given)


def _useless(values: pd.Series, kind: str) -> str:
    """Why nothing can be learned from a column; an empty string if something can."""
    known = values.dropna()
    n_distinct = known.nunique()
    if n_distinct == 0:
        return "all missing"
    return "constant" if n_distinct == 1 else ""


def _telling(name: str, values: pd.Series, kind: str, y: NDArray[np.intp] | None) -> str:
    """Why a column must not be learned from; an empty string if it may."""
    known = values.dropna()
    if known.nunique() == len(values) and kind != "number" and not _is_text(known):
        return "identifier: all values differ"
    reason = is_identifier(name, values)
    if not reason and y is not None and copies_target(values, y):
        return "a copy of the target, under other words or a coarser one"
    return reason


def _suspect(
    columns: Columns, name: str, values: pd.Series, y: NDArray[np.intp] | None, given: str | None
) -> None:
    """Note what is odd about a column that is kept."""
    odd = []
    if y is not None and name not in columns.text:
        score = tells_classes(values, y)
        if score >= NEAR_PERFECT:
            odd.append(
                f"tells the classes by itself (balanced accuracy {score:.3f}): does it come from "
                "the answer"
            )
        elif values.isna().any() and tells_classes(values.isna().astype(float), y) >= NEAR_PERFECT:
            odd.append("whether it is missing tells the classes by itself")
    share = values.nunique() / len(values)
    if given is None and share > 0.5 and not odd:
        if named_identifier(name) and name not in columns.dates:
            odd.append("looks like an identifier by its name")
        elif improbably_distinct(values):
            odd.append("whole numbers that all differ, as those of an identifier do")
        elif name in columns.categorical and share > 0.9 and len(values) > 20:
            odd.append(f"{values.nunique()} of {len(values)} values differ: nearly an identifier")
    if name in columns.numeric and name not in columns.dates:
        numbers = as_numbers(values)
        odd += [said for said in (_placeholder(numbers), _days_in_digits(numbers)) if said]
    if odd:
        columns.suspects[name] = "; ".join(odd)


def _placeholder(numbers: NDArray[np.float64]) -> str:
    """A number that stands far off and often: -999, say."""
    known = numbers[~np.isnan(numbers)]
    for value in _PLACEHOLDERS:
        here = known == value
        n = int(here.sum())
        if n < max(2, 0.005 * len(known)) or n == len(known):
            continue
        low, high = known[~here].min(), known[~here].max()
        alone = value < min(low, 0) if value < 0 else value > high
        gap = low - value if value < 0 else value - high
        far = gap > (0.5 if abs(value) >= 99 else 2) * (high - low)
        odd_sign = value < 0 <= low and high >= 10 and n > 2
        if alone and (far or odd_sign):
            return (
                f"{n} cells are {value}, far from all others: if that is a missing value, give "
                f"missing=[{value}] (--missing={value})"
            )
    return ""


def _days_in_digits(numbers: NDArray[np.float64]) -> str:
    """Dates like 20210325, which are no even scale."""
    known = numbers[~np.isnan(numbers)]
    if not ((known > 19000000) & (known < 21000000) & (known == np.round(known))).all():
        return ""
    digits = pd.Series(known.astype(int).astype(str))
    days = pd.to_datetime(digits, format="%Y%m%d", errors="coerce")
    if days.isna().any():
        return ""
    return "numbers that look like dates, year to day: types 'date' reads them so"


def _is_text(known: pd.Series) -> bool:
    words = known.astype(str).str.count(r"[^\W\d_]+")
    return bool(words.mean() >= 3 and known.nunique() > len(known) / 2)


def describe(
    source: str, columns: Columns, classes: NDArray[Any], counts: NDArray[np.intp]
) -> list[str]:
    r"""Say what a table holds, in a few lines.

    Parameters
    ----------
    source : str
        Where it comes from.
    columns : Columns
        Its columns.
    classes : ndarray of shape (n_classes,)
        Its classes.
    counts : ndarray of shape (n_classes,)
        How many samples each has.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import numpy as np
    >>> from focalsk.tables import Columns, describe
    >>> columns = Columns(numeric=["age"], dropped={"id": "row numbers"})
    >>> print(*describe("x.csv", columns, np.array(["no", "yes"]), np.array([30, 10])), sep="\n")
    x.csv: 40 rows; columns: 1 numeric
    Classes: no: 30 (75.0%), yes: 10 (25.0%)
    Numeric: age
    Columns left out: id (row numbers)
    """
    classes, counts = np.asarray(classes), np.asarray(counts)
    kinds = [
        f"{len(names)} {kind}"
        for kind in ("numeric", "categorical", "text")
        if (names := getattr(columns, kind))
    ]
    total = counts.sum()
    shown = [
        f"{str(classes[k]).strip()}: {counts[k]} ({counts[k] / total:.1%})"
        for k in np.argsort(-counts, kind="stable")
    ]
    return [
        f"{source}: {total} rows; columns: {', '.join(kinds)}",
        f"Classes: {some(shown)}",
        *columns.lines(),
    ]
