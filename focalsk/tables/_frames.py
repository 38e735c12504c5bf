"""Columns of any frame as NumPy's types hold them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

__all__ = [
    "MISSING_WORDS",
    "as_numbers",
    "is_date",
    "is_words",
    "kind_of",
    "label_of",
    "measure_of",
    "plain_column",
    "plain_frame",
    "some",
    "without",
]

#: Words that are missing values in a column of numbers or dates, in small letters.
_WORDS = (
    "na n/a n.a. #n/a <na> nan -nan nat null (null) nil none ? . - -- --- – — * missing unknown",
    r"undefined k.a. #value! #div/0! #null! #ref! #name? \n",
)
MISSING_WORDS = frozenset(" ".join(_WORDS).split())
_DAY = np.timedelta64(1, "D")
_DATES = ("datetime", "datetime64", "date", "period")
_TIMES = ("timedelta", "timedelta64", "time")
#: Types of polars that NumPy has not.
_OBJECTS = (
    *("Categorical", "Enum", "String", "Binary", "Decimal", "Int128", "UInt128"),
    *("Object", "List", "Array", "Struct", "Null"),
)


def plain_frame(X: Any) -> pd.DataFrame:
    """A pandas frame with NumPy's types from one of pandas or polars.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Of pandas, its nullable and Arrow-backed types included, or of polars.

    Returns
    -------
    DataFrame of shape (n_samples, n_features)
        Column names are strings.

    Raises
    ------
    TypeError
        If X is neither.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import plain_frame
    >>> X = pd.DataFrame({"age": pd.array([31, None], dtype="Int64")})
    >>> plain_frame(X)["age"].dtype
    dtype('float64')
    """
    if isinstance(X, pd.DataFrame):
        names = [str(name) for name in X.columns]
        columns = [plain_column(X.iloc[:, k]) for k in range(len(names))]
        if all(new is None for new in columns):
            return X if names == list(X.columns) else X.set_axis(names, axis=1)
        columns = [X.iloc[:, k] if new is None else new for k, new in enumerate(columns)]
        frame = pd.concat(columns, axis=1) if columns else X.copy()
        frame.attrs = X.attrs
        return frame.set_axis(names, axis=1)
    if hasattr(X, "collect_schema") and not hasattr(X, "to_pandas"):
        raise TypeError(f"X must be a DataFrame. Got a {type(X).__name__}: call collect().")
    if type(X).__module__.startswith("polars") and hasattr(X, "columns"):
        return pd.DataFrame({str(name): _of_polars(X[name]) for name in X.columns})
    raise TypeError(f"X must be a DataFrame of pandas or polars. Got {type(X).__name__} instead.")


def plain_column(values: pd.Series) -> pd.Series | None:
    """The column in NumPy's types; None if it is so already.

    Parameters
    ----------
    values : Series
        Any column of pandas.
    """
    dtype = values.dtype
    if types.is_object_dtype(dtype):
        return _words_of_mixed(values)
    if isinstance(dtype, pd.SparseDtype):
        return values.sparse.to_dense()
    if isinstance(dtype, pd.ArrowDtype):
        import pyarrow

        held = pyarrow.Array.from_pandas(values).to_pandas()
        return pd.Series(held.array, index=values.index, name=values.name)
    if not (types.is_extension_array_dtype(dtype) and hasattr(dtype, "na_value")):
        return None
    if types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return values.astype(object if values.hasnans else bool)
    if types.is_integer_dtype(dtype) and not values.hasnans:
        return values.astype(dtype.numpy_dtype)
    if types.is_numeric_dtype(dtype):
        return pd.Series(values.to_numpy(float, na_value=np.nan), values.index, name=values.name)
    return None


def _words_of_mixed(values: pd.Series) -> pd.Series | None:
    """Numbers among which words like NA stand, all as words, which are read as those of a file."""
    if not types.infer_dtype(values, skipna=True).startswith("mixed"):
        return None
    words = {value.strip().lower() for value in values if isinstance(value, str)}
    if not words or not words <= MISSING_WORDS:
        return None
    labels = [label_of(value) if pd.notna(value) else None for value in values]
    return pd.Series(labels, index=values.index, name=values.name, dtype=object)


def _of_polars(values: Any) -> Any:
    """What NumPy makes of a series of polars; categories and all that it lacks become objects."""
    kind = str(values.dtype)
    if kind.startswith(_OBJECTS):
        return pd.Series(values.to_list(), dtype=object)
    if kind == "Boolean" and values.null_count():
        return pd.Series(values.to_list(), dtype=object)
    return values.to_numpy()


def kind_of(values: pd.Series) -> str:
    """What a column holds: 'number', 'string', 'category' or 'mixed'.

    Parameters
    ----------
    values : Series
        A column in NumPy's types.
    """
    if isinstance(values.dtype, pd.CategoricalDtype) or types.is_bool_dtype(values):
        return "category"
    if types.is_numeric_dtype(values):
        return "mixed" if types.is_complex_dtype(values) else "number"
    held = types.infer_dtype(values, skipna=True)
    if held in ("string", "empty"):
        return "string"
    if held == "boolean":
        return "category"
    numbers = ("integer", "floating", "decimal", "mixed-integer-float")
    return "number" if held in numbers + _DATES + _TIMES else "mixed"


def is_words(values: pd.Series) -> bool:
    """Whether a column holds strings; one that is all missing does not."""
    if not (types.is_object_dtype(values) or types.is_string_dtype(values)):
        return False
    return types.infer_dtype(values, skipna=True) == "string"


def is_date(values: pd.Series) -> bool:
    """Whether a column holds dates or times."""
    return measure_of(values) in ("dates", "times")


def measure_of(values: pd.Series) -> str:
    """What numbers of a column stand for: 'dates', 'times', 'numbers', or '' if all are missing.

    Parameters
    ----------
    values : Series
        A column in NumPy's types.
    """
    if values.isna().all():
        return ""
    if types.is_numeric_dtype(values) or isinstance(values.dtype, pd.CategoricalDtype):
        return "numbers"
    held = types.infer_dtype(values, skipna=True)
    return "dates" if held in _DATES else "times" if held in _TIMES else "numbers"


def as_numbers(values: pd.Series) -> NDArray[np.float64]:
    """A column as float64; dates and times are days, those since 1970.

    Parameters
    ----------
    values : Series of shape (n_samples,)
        Numbers, dates, times or booleans.

    Raises
    ------
    ValueError
        If it holds something else, or infinite values, or dates that cannot be told.
    """
    if values.dtype == np.float64 or types.is_integer_dtype(values):
        numbers = values.to_numpy(np.float64)
    else:
        numbers = _to_numbers(values)
    if np.isinf(numbers).any():
        raise ValueError(
            f"Column {values.name!r} holds infinite values: make them finite or missing."
        )
    return numbers


def _to_numbers(values: pd.Series) -> NDArray[np.float64]:
    held = types.infer_dtype(values, skipna=True)
    if held in ("bytes", "complex"):  # NumPy would make numbers of some of them
        raise _no_numbers(values, values.dropna().iloc[0])
    try:
        if held == "boolean":
            values = values.map({True: 1.0, False: 0.0}).astype(float)
        elif held in _DATES + _TIMES:
            return _to_days(values, held)
        with np.errstate(over="ignore"):  # of numbers with more bits; infinity is refused
            return values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta, OverflowError) as error:
        raise ValueError(f"Column {values.name!r} holds values out of range: {error}.") from error
    except (TypeError, ValueError):
        wrong = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
        raise _no_numbers(values, wrong.iloc[0]) from None


def _no_numbers(values: pd.Series, wrong: Any) -> ValueError:
    return ValueError(f"Column {values.name!r} must hold numbers. Got {wrong!r} instead.")


def _to_days(values: pd.Series, held: str) -> NDArray[np.float64]:
    """Days, of dates those since 1970. NumPy counts: pandas would count in nanoseconds."""
    if held in ("date", "datetime"):
        values = _datetimes(values)
    elif held == "time":
        values = pd.to_timedelta(values.astype(str).where(values.notna()))
    elif held == "timedelta":
        values = pd.to_timedelta(values)
    elif isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert(None)
    spans = values.to_numpy()
    if spans.dtype.kind == "M":
        spans = spans - np.zeros((), spans.dtype)
    return spans / _DAY


def _datetimes(values: pd.Series) -> pd.Series:
    """Dates of Python, as UTC has them; those of 9999 too, which nanoseconds do not reach."""
    try:
        return pd.to_datetime(values, utc=True).dt.tz_localize(None)
    except pd.errors.OutOfBoundsDatetime:
        if any(getattr(value, "tzinfo", None) is not None for value in values):
            raise
        return pd.Series(values.to_numpy("M8[s]"), values.index, name=values.name)


def without(values: pd.Series, missing: Iterable[str]) -> pd.Series:
    """A column of numbers in which some are missing: -999, say.

    Parameters
    ----------
    values : Series
        A column; if it holds no numbers it stays as it is.
    missing : iterable of str
        What stands for a missing value; words are none here.
    """
    words = list(missing)
    if not words or kind_of(values) != "number" or is_date(values):
        return values
    numbers = pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").dropna()
    return values.where(~values.isin(numbers)) if len(numbers) else values


def label_of(value: Any) -> str:
    """A category as a string; whole numbers are the same with and without a fraction.

    Parameters
    ----------
    value : object
        What a cell holds.
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def some(words: Iterable[str], most: int = 8) -> str:
    """The first of many words.

    Parameters
    ----------
    words : iterable of str
        All of them.
    most : int, default=8
        How many are shown.
    """
    words = list(words)
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
