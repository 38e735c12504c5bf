"""Tables: from files to frames, what their columns are, and how they become numbers."""

from __future__ import annotations

import csv
import gzip
import io
import re
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api import types
from sklearn import datasets
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

__all__ = [
    "Columns",
    "Tidy",
    "infer_columns",
    "make_cleaner",
    "make_encoder",
    "parse_frame",
    "read_frame",
    "read_table",
]

_LOADERS: dict[str, Callable[..., Any]] = {
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
}
_MISSING = ["", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NaT"]
_MISSING += ["NULL", "null", "None"]
_MOSTLY = 0.95  # share of numbers from which the rest of a column is an error, not a category
_N_COMPONENTS = 30  # of a text column
_N_HASHES = 2**13  # more than a text has components, whatever its vocabulary
_MAX_CATEGORIES = 50
_DAY = pd.Timedelta(days=1)


# Reading ----------------------------------------------------------------------------------------


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
    >>> from focalsk.tables import read_table
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
        raise ValueError(f"No column {target!r} in {source}. Its columns: {_some(frame.columns)}.")
    y = frame.pop(target)
    known = y.notna()
    if not known.any():
        raise ValueError(f"Column {target!r} is empty: there are no classes.")
    if not known.all():
        left_out = f"{(~known).sum()} rows without a value of {target!r} are left out."
        warnings.warn(left_out, stacklevel=2)
    return frame[known].reset_index(drop=True), _classes(y[known])


def _classes(y: pd.Series) -> NDArray[Any]:
    """Classes as int, bool or str."""
    kind = _kind(y)
    if kind == "mixed":
        raise ValueError(f"Column {y.name!r} mixes numbers and strings: the classes must be alike.")
    if kind != "number":
        return np.array([_label(value) for value in y])
    values = _as_numbers(y)
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
    short = frame.isna().any(axis=1)  # an empty field is an empty string here
    if short.any():
        raise ValueError(f"row {short.idxmax() + 1} has fewer fields than the header.")
    if frame.empty:
        raise ValueError("it has no rows below its header.")
    frame.columns = frame.columns.str.strip()
    frame.attrs["delimiter"] = delimiter
    return frame


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
    >>> from focalsk.tables import parse_frame
    >>> parse_frame(pd.DataFrame({"age": ["31", "?"], "since": ["2020-01-31", "2021-12-01"]}))
        age      since
    0  31.0 2020-01-31
    1   NaN 2021-12-01
    """
    comma = frame.attrs.get("delimiter", ",") != ","
    parsed = {}
    for name, values in frame.items():
        if _kind(values) == "string":
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


# Columns ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Columns:
    """Columns of a frame by what they hold.

    Attributes
    ----------
    numeric, categorical, text : list of str or int
        Names of the columns as strings, or positions in an array. Dates are numbers, booleans are
        categories.
    dropped : dict of str to str
        Columns that are of no use, with the reason.
    """

    numeric: list[Any] = field(default_factory=list)
    categorical: list[Any] = field(default_factory=list)
    text: list[Any] = field(default_factory=list)
    dropped: dict[Any, str] = field(default_factory=dict)


def infer_columns(X: pd.DataFrame) -> Columns:
    """Tell numbers, categories and texts apart.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The columns.

    Returns
    -------
    Columns

    Raises
    ------
    ValueError
        If two columns have one name, a column mixes numbers and strings or holds infinite values
        or objects of other types, or no column is of use.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import infer_columns
    >>> X = pd.DataFrame({"age": [31, 57, 57], "job": ["cook", "smith", "cook"], "unit": "kg"})
    >>> columns = infer_columns(X)
    >>> columns.numeric, columns.categorical, columns.dropped
    (['age'], ['job'], {'unit': 'constant'})
    """
    names = [str(name) for name in X.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if _repeats(names) else []
    if twice:
        raise ValueError(f"Each column needs a name of its own. Got {twice[0]!r} twice.")
    columns = Columns()
    for position, name in enumerate(names):
        values = X.iloc[:, position]
        kind = _kind(values)
        if kind == "mixed":
            raise ValueError(
                f"Column {name!r} mixes numbers and strings, or holds other objects: make it one "
                "type."
            )
        reason = _useless(values, kind)
        if reason:
            columns.dropped[name] = reason
        elif kind == "number":
            _as_numbers(values.rename(name))  # refuses infinite values
            columns.numeric.append(name)
        elif kind == "string" and _is_text(values.dropna()):
            columns.text.append(name)
        else:
            columns.categorical.append(name)
    if len(columns.dropped) == len(names):
        reasons = [f"{name!r} ({reason})" for name, reason in columns.dropped.items()]
        raise ValueError(f"No column is of use: {_some(reasons, '{}')}.")
    return columns


def _repeats(names: list[str]) -> bool:
    return len(set(names)) < len(names)


def _kind(values: pd.Series) -> str:
    """What a column holds: 'number', 'string', 'category' or 'mixed'."""
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
    dates = ("datetime", "datetime64", "date", "timedelta", "timedelta64", "period")
    return "number" if held in numbers + dates else "mixed"


def _useless(values: pd.Series, kind: str) -> str:
    """Why a column is of no use; an empty string if it is."""
    known = values.dropna()
    n_distinct = known.nunique()
    if n_distinct < 2:
        return "constant" if len(known) else "all missing"
    if n_distinct == len(values):
        if types.is_integer_dtype(values) and (np.diff(values.to_numpy(dtype=float)) == 1).all():
            return "row numbers"
        if kind == "string" and not _is_text(known):
            return "identifier: all values differ"
    return ""


def _is_text(known: pd.Series) -> bool:
    words = known.astype(str).str.count(r"\S+")
    return bool(words.mean() >= 3 and known.nunique() > len(known) / 2)


# Numbers ----------------------------------------------------------------------------------------


class Tidy(TransformerMixin, BaseEstimator):
    """Make a frame of plain numbers and strings from one of any types.

    Parameters
    ----------
    numbers : list of str, default=()
        Columns that become float64; dates and times become days. Missing values become NaN.
    strings : list of str, default=()
        Columns that become strings, with 'missing' for missing values.
    impute : bool, default=False
        Whether to fill missing numbers with the median of `fit`.

    Attributes
    ----------
    median_ : dict of str to float
        What missing numbers become, if `impute` is True.

    Notes
    -----
    Other columns are left out. The output has the columns in the order of the parameters, named by
    strings.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import Tidy
    >>> X = pd.DataFrame({"age": [31, None], "smoker": [True, None], "note": ["a", "b"]})
    >>> Tidy(numbers=["age"], strings=["smoker"]).fit_transform(X)
        age   smoker
    0  31.0     True
    1   NaN  missing
    """

    def __init__(self, numbers: Any = (), strings: Any = (), impute: bool = False) -> None:
        self.numbers = numbers
        self.strings = strings
        self.impute = impute

    def fit(self, X: pd.DataFrame, y: ArrayLike | None = None) -> Tidy:
        """Find the medians.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Samples.
        y : None
            Not used.
        """
        tidy = self._tidy(X)
        medians = tidy[list(self.numbers)].median() if self.impute else pd.Series(dtype=float)
        self.median_ = {name: float(value) for name, value in medians.fillna(0.0).items()}
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Convert the columns.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        DataFrame of shape (n_samples, n_numbers + n_strings)

        Raises
        ------
        ValueError
            If a column is absent, or one of numbers holds something else or infinite values.
        """
        return self._tidy(X).fillna(self.median_)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the output's columns, whatever the input's are."""
        return np.array([*self.numbers, *self.strings], dtype=object)

    def _tidy(self, X: pd.DataFrame) -> pd.DataFrame:
        if not isinstance(X, pd.DataFrame):
            raise TypeError(f"X must be a pandas DataFrame. Got {type(X).__name__} instead.")
        X = X.set_axis(X.columns.astype(str), axis=1)
        absent = [name for name in self.get_feature_names_out() if name not in X]
        if absent:
            raise ValueError(f"X lacks the columns {_some(absent)}.")
        numbers = {name: _as_numbers(X[name]) for name in self.numbers}
        strings = {name: _as_strings(X[name]) for name in self.strings}
        return pd.DataFrame({**numbers, **strings}, index=X.index)


def make_encoder(columns: Columns) -> Pipeline:
    """A transformer from a frame to dense numbers.

    Parameters
    ----------
    columns : Columns
        As from :func:`infer_columns`, or positions of numeric columns of an array.

    Returns
    -------
    Pipeline
        Numbers are scaled, categories one-hot encoded, texts turned into components of their
        TF-IDF. Missing numbers become medians with an indicator; missing categories are a
        category; rare categories share a column with those that only come up in prediction.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import infer_columns, make_encoder
    >>> X = pd.DataFrame({"age": [31, 57, 57, None], "job": ["cook", "smith", "cook", "smith"]})
    >>> make_encoder(infer_columns(X)).fit_transform(X).shape
    (4, 4)
    """
    numeric = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
    )
    named = [name for name in columns.numeric if isinstance(name, str)]
    if not (named or columns.categorical or columns.text):
        return numeric
    categorical = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=2,
        max_categories=_MAX_CATEGORIES,
        sparse_output=False,
    )
    parts = [("categorical", categorical, columns.categorical)] if columns.categorical else []
    parts += [(f"text-{name}", _text_encoder(), name) for name in columns.text]
    tidy = Tidy(numbers=columns.numeric, strings=columns.categorical + columns.text)
    encode = ColumnTransformer(parts, remainder=numeric) if parts else numeric
    return Pipeline([("tidy", tidy), ("preprocess", encode)])


def _text_encoder() -> Pipeline:
    # Hashed words: components never outnumber them, as they would those of a small vocabulary.
    return make_pipeline(
        HashingVectorizer(n_features=_N_HASHES, alternate_sign=False),
        TfidfTransformer(),
        TruncatedSVD(_N_COMPONENTS, random_state=0),
        StandardScaler(),
    )


def make_cleaner(columns: Columns) -> Tidy:
    """A transformer from a frame to one without missing values, for SMOTENC.

    Parameters
    ----------
    columns : Columns
        As from :func:`infer_columns`; texts are left out.

    Returns
    -------
    Tidy
        Its output is a frame with the columns' names.
    """
    return Tidy(numbers=columns.numeric, strings=columns.categorical, impute=True)


def _as_numbers(values: pd.Series) -> NDArray[np.float64]:
    if types.infer_dtype(values, skipna=True) in ("date", "datetime"):
        values = pd.to_datetime(values)
    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    if types.is_datetime64_any_dtype(values):
        values = values - pd.Timestamp(0, tz=values.dt.tz)
    if types.is_timedelta64_dtype(values):
        values = values / _DAY
    try:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        wrong = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
        raise ValueError(
            f"Column {values.name!r} must hold numbers. Got {wrong.iloc[0]!r} instead."
        ) from None
    if np.isinf(numbers).any():
        raise ValueError(
            f"Column {values.name!r} holds infinite values: make them finite or missing."
        )
    return numbers


def _as_strings(values: pd.Series) -> NDArray[Any]:
    codes, distinct = pd.factorize(values.astype(object))
    labels = np.array([*map(_label, distinct), "missing"], dtype=object)
    return labels[codes]  # -1, the last, for what is missing


def _label(value: Any) -> str:
    """A category as a string; whole numbers are the same with and without a fraction."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _some(names: Any, form: str = "{!r}", most: int = 8) -> str:
    """The first of many names."""
    names = list(names)
    shown = ", ".join(form.format(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
