"""Tables: what their columns are, and how they become numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pandas.api import types
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
    "describe",
    "infer_columns",
    "make_cleaner",
    "make_encoder",
]

_N_COMPONENTS = 30  # of a text column
_N_HASHES = 2**13  # more than a text has components, whatever its vocabulary
_MAX_CATEGORIES = 50
_DAY = pd.Timedelta(days=1)


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
        kind = kind_of(values)
        if kind == "mixed":
            raise ValueError(
                f"Column {name!r} mixes numbers and strings, or holds other objects: make it one "
                "type."
            )
        reason = _useless(values, kind)
        if reason:
            columns.dropped[name] = reason
        elif kind == "number":
            as_numbers(values.rename(name))  # refuses infinite values
            columns.numeric.append(name)
        elif kind == "string" and _is_text(values.dropna()):
            columns.text.append(name)
        else:
            columns.categorical.append(name)
    if len(columns.dropped) == len(names):
        reasons = [f"{name!r} ({reason})" for name, reason in columns.dropped.items()]
        raise ValueError(f"No column is of use: {some(reasons)}.")
    return columns


def _repeats(names: list[str]) -> bool:
    return len(set(names)) < len(names)


def kind_of(values: pd.Series) -> str:
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
            raise ValueError(f"X lacks the columns {some(map(repr, absent))}.")
        numbers = {name: as_numbers(X[name]) for name in self.numbers}
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
    # imbalanced-learn takes no pipeline within a pipeline, though one within a ColumnTransformer.
    steps = (
        [("preprocess", ColumnTransformer(parts, remainder=numeric))] if parts else numeric.steps
    )
    return Pipeline([("tidy", tidy), *steps])


def _text_encoder() -> Pipeline:
    # Hashed words: components never outnumber them, as they would those of a small vocabulary.
    return make_pipeline(
        HashingVectorizer(token_pattern=r"\w+", alternate_sign=False, n_features=_N_HASHES),
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


def as_numbers(values: pd.Series) -> NDArray[np.float64]:
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
    labels = np.array([*map(label_of, distinct), "missing"], dtype=object)
    return labels[codes]  # -1, the last, for what is missing


def label_of(value: Any) -> str:
    """A category as a string; whole numbers are the same with and without a fraction."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def describe(
    source: str, columns: Columns, classes: NDArray[Any], counts: NDArray[np.intp]
) -> list[str]:
    """Say what a table holds, in a few lines.

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
    """
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
    facts = [
        f"{source}: {total} rows; columns: {', '.join(kinds)}",
        f"Classes: {some(shown)}",
    ]
    if columns.dropped:
        reasons = [f"{name} ({reason})" for name, reason in columns.dropped.items()]
        facts.append(f"Columns left out: {some(reasons)}")
    return facts


def some(words: Iterable[str], most: int = 8) -> str:
    """The first of many words."""
    words = list(words)
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
