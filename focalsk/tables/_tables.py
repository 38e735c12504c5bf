"""Tables for training and for prediction: samples, and classes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from focalsk.tables._columns import Columns, make_options
from focalsk.tables._files import read_frame, refuse_twins
from focalsk.tables._frames import (
    MISSING_WORDS,
    as_numbers,
    is_words,
    kind_of,
    label_of,
    plain_frame,
    some,
    without,
)
from focalsk.tables._reading import Options, Reading, strip_cells
from focalsk.tables._words import apply_readings, decide_readings, note_of

__all__ = ["read_rows", "read_table"]


class _Attached(dict):
    """A dict in a frame's ``attrs``: pandas copies those deeply for every column that it takes."""

    def __deepcopy__(self, memo: Any) -> _Attached:
        return self


def read_table(
    source: str | Path,
    target: str | None = None,
    *,
    decimal: str | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    missing: Iterable[Any] = (),
    types: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, NDArray[Any]]:
    """Read samples and their classes.

    Parameters
    ----------
    source : path-like or str
        A text file (separated by commas, semicolons, tabs, bars or what else duckdb sees; in
        UTF-8, UTF-16 or an older encoding; packed with gzip or Zstandard or not), a Parquet file
        (needs pyarrow), an Excel file (needs openpyxl), or the name of a data set:
        'breast_cancer', 'digits', 'iris' or 'wine' of scikit-learn, or one of imbalanced-learn's
        ``fetch_datasets``, which needs a network.
    target : str, default=None
        Column of the classes; not needed for a data set by name.
    decimal, thousands, date_format, missing, types
        As for :func:`infer_columns`. With ``types={target: 'categorical'}`` all words of the
        target are classes, be they called NA.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
        The other columns, words that are numbers or dates as such. What was decided stands in its
        ``attrs``, where :func:`infer_columns` finds it.
    y : ndarray of shape (n_samples,)
        Classes: int, bool or str.

    Raises
    ------
    ValueError
        If the file cannot be read as a table, a column can be read in two ways, or the target is
        absent, continuous, or of mixed types.
    OSError
        If the file cannot be opened, or the data set cannot be downloaded.
    ImportError
        If a library is needed and not there.

    Warns
    -----
    UserWarning
        If rows are left out because their class is missing.

    Examples
    --------
    >>> from focalsk.tables import read_table
    >>> X, y = read_table("breast_cancer")
    >>> X.shape, sorted(set(y.tolist()))
    ((569, 30), ['benign', 'malignant'])
    """
    options = make_options(decimal, thousands, date_format, missing, types)
    frame = read_frame(source)
    if target is None:
        if Path(source).exists():
            raise ValueError("A file needs the name of its target column.")
        target = "target"
    refuse_twins(frame)
    if target not in frame:
        raise ValueError(
            f"No column {target!r} in {source}. Its columns: {some(map(repr, frame.columns))}."
        )
    attrs = frame.attrs
    frame = plain_frame(frame)
    raw = frame.pop(target)
    words = {name: values for name, values in frame.items() if is_words(values)}
    readings = decide_readings(words, options, attrs.get("delimiter"))
    gone = {word for reading in readings.values() for word in reading.missing}
    y, told = _target(raw, gone, options)
    known = y.notna()
    if not known.any():
        raise ValueError(f"Column {target!r} is empty: there are no classes.")
    if not known.all():
        left_out = f"Rows without a value of {target!r}, left out: {(~known).sum()}"
        told.append(f"{left_out}.")
        warnings.warn(left_out, stacklevel=2)
    notes = {name: note_of(values[known], readings[name]) for name, values in words.items()}
    X = apply_readings(frame, readings)[known].reset_index(drop=True)
    for name in X:
        values = without(X[name], options.missing)
        if values is not X[name]:
            X[name] = values
    settings = {name: reading.settings() for name, reading in readings.items()}
    X.attrs = {
        "readings": _Attached(settings),
        "notes": _Attached({name: note for name, note in notes.items() if note}),
        "told": [*attrs.get("told", []), *told],
    }
    return X, _classes(y[known])


def _target(y: pd.Series, gone: set[str], options: Options) -> tuple[pd.Series, list[str]]:
    """The target's cells, None where one is missing, and what is to be said of them."""
    name = str(y.name)
    if not is_words(y):
        return y, []
    words = strip_cells(y, options.missing)
    distinct = list(dict.fromkeys(words.dropna()))
    doubtful = [word for word in distinct if word.lower() in MISSING_WORDS]
    told = []
    if doubtful and options.kind(name) != "categorical":
        n = int((words == doubtful[0]).sum())
        rest = [word for word in distinct if word not in doubtful]
        numbers = rest and pd.to_numeric(pd.Series(rest, dtype=object), errors="coerce").notna()
        where = "numbers" if numbers is not None and np.all(numbers) and rest else ""
        if where or doubtful[0] in gone:
            beside = "beside numbers" if where else "and elsewhere it is a missing value"
            raise ValueError(
                f"Column {name!r} holds {doubtful[0]!r} in {n} rows, {beside}. Give "
                f"missing=[{doubtful[0]!r}] (--missing {doubtful[0]}) to leave these rows out, or "
                f"types={{{name!r}: 'categorical'}} (--types {name}=categorical) to make it a "
                "class."
            )
        told.append(
            f"Class {doubtful[0]!r} is taken as a class: {n} rows. --missing {doubtful[0]} would "
            "leave them out."
        )
    cases = [word for word in distinct if distinct.count(word) and word.lower() != word]
    twins = [word for word in cases if word.lower() in distinct]
    if twins:
        told.append(f"Classes that differ by capital letters only: {twins[0]}, {twins[0].lower()}.")
    if options.kind(name) == "categorical":
        return words, told
    numbers = pd.to_numeric(words, errors="coerce")
    return (numbers, told) if numbers.notna().equals(words.notna()) else (words, told)


def _classes(y: pd.Series) -> NDArray[Any]:
    """Classes as int, bool or str."""
    kind = kind_of(y)
    if kind == "mixed":
        raise ValueError(f"Column {y.name!r} mixes numbers and strings: the classes must be alike.")
    if kind != "number":
        return np.array([label_of(value) for value in y])
    values = as_numbers(y)
    n_distinct = len(np.unique(values))
    if (values != np.round(values)).any() or n_distinct > max(30, len(values) / 20):
        raise ValueError(
            f"Column {y.name!r} holds {n_distinct} distinct numbers: that is regression, not "
            "classification."
        )
    return values.astype(np.int64)


def read_rows(
    source: str | Path,
    columns: Columns,
    *,
    decimal: str | None = None,
    thousands: str | None = None,
    date_format: str | None = None,
    missing: Iterable[Any] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read rows for prediction, as the table of training was read, whatever their form.

    Parameters
    ----------
    source : path-like or str
        As for :func:`read_table`.
    columns : Columns
        Those of the training; the file may have more, in any order.
    decimal, thousands, date_format, missing
        As for :func:`infer_columns`, where the form differs from that of the training.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_columns)
        The columns in use.
    rows : DataFrame
        The table as it stands in the file.

    Raises
    ------
    ValueError
        If a column is absent or there twice, or holds something else than in training.
    """
    rows = read_frame(source)
    absent = [repr(name) for name in columns.used if name not in rows]
    if absent:
        raise ValueError(f"{source} lacks columns of the model: {some(absent)}")
    refuse_twins(rows[columns.used])
    attrs, frame = rows.attrs, plain_frame(rows[columns.used])
    known = {name: _earlier(name, columns) for name in columns.used}
    options = make_options(decimal, thousands, date_format, missing, None)
    words = {name: values for name, values in frame.items() if is_words(values)}
    readings = decide_readings(words, options, attrs.get("delimiter"), known)
    return apply_readings(frame, readings), rows


def _earlier(name: str, columns: Columns) -> Reading:
    if name in columns.readings:
        return Reading(**columns.readings[name])
    if name in columns.dates:
        return Reading("date")
    return Reading("numeric") if name in columns.numeric else Reading()
