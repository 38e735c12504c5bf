"""Files and data sets by name, read as frames."""

from __future__ import annotations

import csv
import gzip
import io
import re
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets

from focalsk.tables import as_numbers, kind_of, label_of, some

__all__ = ["parse_frame", "read_frame", "read_table"]

_LOADERS: dict[str, Callable[..., Any]] = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}
_MISSING = ["", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NaT"]
_MISSING += ["NULL", "null", "None"]
_MOSTLY = 0.95  # share of numbers from which the rest of a column is an error, not a category


def read_table(source: str | Path, target: str | None = None) -> tuple[pd.DataFrame, NDArray[Any]]:
    """Read samples and their classes.

    Parameters
    ----------
    source : path-like or str
        A CSV file (separated by commas, semicolons, tabs or bars; gzipped or not), a Parquet file
        (needs pyarrow), or the name of a data set: 'breast_cancer', 'digits', 'iris' or 'wine' of
        scikit-learn, or one of imbalanced-learn's ``fetch_datasets``, which needs a network.
    target : str, default=None
        Column of the classes; not needed for a data set by name.

    Returns
    -------
    X : DataFrame of shape (n_samples, n_features)
        The other columns, as :func:`parse_frame` leaves them.
    y : ndarray of shape (n_samples,)
        Classes: int, bool or str.

    Raises
    ------
    ValueError
        If the file cannot be read as a table, or the target is absent, continuous, or of mixed
        types.
    OSError
        If the file cannot be opened, or the data set cannot be downloaded.
    ImportError
        If pyarrow is needed and not there.

    Warns
    -----
    UserWarning
        If rows are left out because their class is missing.

    Examples
    --------
    >>> from focalsk.files import read_table
    >>> X, y = read_table("breast_cancer")
    >>> X.shape, sorted(set(y.tolist()))
    ((569, 30), ['benign', 'malignant'])
    """
    frame = parse_frame(read_frame(source))
    if target is None:
        if Path(source).exists():
            raise ValueError("A file needs the name of its target column.")
        target = "target"
    if target not in frame:
        raise ValueError(
            f"No column {target!r} in {source}. Its columns: {some(map(repr, frame.columns))}."
        )
    y = frame.pop(target)
    known = y.notna()
    if not known.any():
        raise ValueError(f"Column {target!r} is empty: there are no classes.")
    if not known.all():
        left_out = f"Rows without a value of {target!r}, left out: {(~known).sum()}"
        warnings.warn(left_out, stacklevel=2)
    return frame[known].reset_index(drop=True), _classes(y[known])


def _classes(y: pd.Series) -> NDArray[Any]:
    """Classes as int, bool or str."""
    kind = kind_of(y)
    if kind == "mixed":
        raise ValueError(f"Column {y.name!r} mixes numbers and strings: the classes must be alike.")
    if kind != "number":
        return np.array([label_of(value) for value in y])
    values = as_numbers(y)
    if not np.isfinite(values).all():
        raise ValueError(f"Column {y.name!r} holds infinite values: these cannot be classes.")
    n_distinct = len(np.unique(values))
    if (values != np.round(values)).any() or n_distinct > max(30, len(values) / 20):
        raise ValueError(
            f"Column {y.name!r} holds {n_distinct} distinct numbers: that is regression, not "
            "classification."
        )
    return values.astype(np.int64)


def read_frame(source: str | Path) -> pd.DataFrame:
    """Read a table as it stands: the cells of a CSV file stay strings.

    Parameters
    ----------
    source : path-like or str
        As for :func:`read_table`.

    Returns
    -------
    DataFrame
        Its ``attrs`` hold the separator of a CSV file under 'delimiter'.
    """
    path = Path(source)
    if not path.exists():
        return _data_set(str(source))
    if not path.is_file():
        raise ValueError(f"{source} is not a file.")
    data = path.read_bytes()
    try:
        if data[:4] == b"PAR1":
            return _read_parquet(path)
        return _read_csv(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except (ValueError, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"Cannot read {source}: {error}") from error


def _data_set(name: str) -> pd.DataFrame:
    if name in _LOADERS:
        data = _LOADERS[name](as_frame=True)
        names = np.asarray(data.target_names).astype(str)
        return data.data.assign(target=names[data.target])
    if not re.fullmatch(r"[a-z][a-z0-9_]+", name):
        raise FileNotFoundError(f"No such file: {name}")
    from imblearn.datasets import fetch_datasets

    try:
        data = fetch_datasets(filter_data=(name,))[name]
    except ValueError:  # before any download
        raise FileNotFoundError(f"No such file or data set: {name}") from None
    except OSError as error:
        raise OSError(f"The data set {name!r} needs a network to download: {error}") from error
    return pd.DataFrame(data.data).add_prefix("x").assign(target=data.target)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow: pip install pyarrow") from error
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index(drop=all(name is None for name in frame.index.names))
    return frame.set_axis(frame.columns.astype(str), axis=1)


def _read_csv(data: bytes) -> pd.DataFrame:
    if b"\0" in data[:4096]:
        raise ValueError("it is neither text nor Parquet.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if not text.strip():
        raise ValueError("it is empty.")
    delimiter = _delimiter(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text),
                sep=delimiter,
                dtype=str,
                keep_default_na=False,
                index_col=False,
                skipinitialspace=True,
            )
    except pd.errors.ParserWarning:
        raise ValueError("its rows have more fields than its header.") from None
    except pd.errors.ParserError as error:
        raise ValueError(str(error).split("C error: ")[-1].strip()) from error
    if frame.iloc[:, -1].eq("").any():  # as pandas leaves what a short row lacks
        _refuse_short_rows(text, delimiter, frame.shape[1])
    if frame.empty:
        raise ValueError("it has no rows below its header.")
    frame.columns = frame.columns.str.strip()
    frame.attrs["delimiter"] = delimiter
    return frame


def _refuse_short_rows(text: str, delimiter: str, n_fields: int) -> None:
    for row in (rows := csv.reader(io.StringIO(text), delimiter=delimiter)):
        if 0 < len(row) < n_fields:
            raise ValueError(
                f"line {rows.line_num} has {len(row)} fields, and the header {n_fields}."
            )


def _delimiter(text: str) -> str:
    """The separator that gives the header most fields."""
    header = text.lstrip().split("\n", 1)[0]
    return max(",;\t|", key=lambda sep: len(next(csv.reader([header], delimiter=sep))))


def parse_frame(frame: pd.DataFrame, strings: Collection[str] = ()) -> pd.DataFrame:
    """Turn columns of strings into numbers and dates where all their known values are such.

    Parameters
    ----------
    frame : DataFrame
        Columns of other types stay as they are.
    strings : collection of str, default=()
        Columns that stay strings.

    Returns
    -------
    DataFrame
        ``'?'``, ``'NA'`` and the like are missing; strings have no white space around them.

    Raises
    ------
    ValueError
        If nearly all of a column are numbers, but not all.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.files import parse_frame
    >>> parse_frame(pd.DataFrame({"age": ["31", "?"], "since": ["2020-01-31", "2021-12-01"]}))
        age      since
    0  31.0 2020-01-31
    1   NaN 2021-12-01
    """
    comma = frame.attrs.get("delimiter", ",") != ","
    parsed = {}
    for name, values in frame.items():
        if kind_of(values) == "string":
            values = _strip(values) if name in strings else _parse(values, comma)
        parsed[name] = values
    return pd.DataFrame(parsed, index=frame.index)


def _strip(values: pd.Series) -> pd.Series:
    values = values.astype(object).str.strip()
    return values.where(~values.isin(_MISSING), np.nan)


def _parse(values: pd.Series, decimal_comma: bool) -> pd.Series:
    values = _strip(values)
    known = values.dropna()
    if known.empty:
        return values.astype(float)
    plain = values
    if decimal_comma and known.str.fullmatch(r"[-+]?\d*,?\d+").all():
        plain = values.str.replace(",", ".")
    numbers = pd.to_numeric(plain, errors="coerce")
    wrong = known.index[numbers[known.index].isna()]
    if len(wrong) == 0:
        return numbers
    if len(wrong) <= (1 - _MOSTLY) * len(known) and numbers.nunique() > 20:
        raise ValueError(
            f"Column {values.name!r} mixes numbers and strings: {known[wrong[0]]!r} in row "
            f"{values.index.get_loc(wrong[0]) + 1}, numbers in most others."
        )
    if known.str.match(r"\d{4}-\d\d-\d\d").all():
        dates = pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)
        if dates[known.index].notna().all():
            return dates.dt.tz_localize(None)
    return values
