"""From the columns of a table to the numbers that a network takes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted

from focalsk.tables._columns import Columns
from focalsk.tables._files import refuse_twins
from focalsk.tables._frames import (
    MISSING_WORDS,
    as_numbers,
    is_words,
    label_of,
    measure_of,
    plain_frame,
    some,
    without,
)
from focalsk.tables._reading import Reading, apply_reading, strip_cells

__all__ = ["ColumnPicker", "TableCleaner", "make_cleaner", "make_encoder"]

_N_COMPONENTS = 30  # of a text column
_MAX_CATEGORIES = 50
_MISSING = "missing"


class ColumnPicker(TransformerMixin, BaseEstimator):
    """Take the columns of a frame that a model knows, wherever they stand and whatever is beside.

    Parameters
    ----------
    columns : list of str
        Their names, in the order that they are to have.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import ColumnPicker
    >>> rows = pd.DataFrame([{"job": "cook", "age": 31, "id": 7}])
    >>> ColumnPicker(["age", "job"]).fit_transform(rows)
       age   job
    0   31  cook
    """

    def __init__(self, columns: Any) -> None:
        self.columns = columns

    def fit(self, X: Any, y: ArrayLike | None = None) -> ColumnPicker:
        """Nothing: the columns are given."""
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """The columns, as they are.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Samples, of pandas or polars.

        Raises
        ------
        ValueError
            If a column is absent.
        """
        X = plain_frame(X)
        _check_columns(X, columns=self.columns)
        return X[list(self.columns)]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns."""
        return np.array(self.columns, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _check_columns(X: pd.DataFrame, **lists: Any) -> None:
    for kind, names in lists.items():
        if isinstance(names, str) or not isinstance(names, Collection):
            raise TypeError(f"{kind} must be a list of names. Got {names!r} instead.")
    names = [name for names in lists.values() for name in names]
    absent = [name for name in names if name not in X]
    if absent:
        raise ValueError(f"X lacks the columns {some(map(repr, absent))}.")
    refuse_twins(X[list(dict.fromkeys(names))])


class TableCleaner(TransformerMixin, BaseEstimator):
    """Make a frame of plain numbers and strings from one of any types.

    Parameters
    ----------
    numbers : list of str, default=()
        Columns that become float64; dates and times become days. Missing values become NaN.
    strings : list of str, default=()
        Columns that become strings, with 'missing' for missing values.
    readings : dict of str to dict, default=None
        How words of a column become numbers or dates, and which of them are missing, as in
        :attr:`Columns.readings`.
    impute : bool, default=False
        Whether to fill missing numbers with the median of `fit`.

    Attributes
    ----------
    median_ : dict of str to float
        What missing numbers become, if `impute` is True.
    measures_ : dict of str to str
        What the numbers of a column stand for, where that was known in `fit`: 'numbers', 'dates'
        or 'times'.
    known_ : dict of str to dict
        The categories of `fit` by what is the same whatever the form of the table: 1, 1.0 and
        '1.0', or True and 'true'.

    Notes
    -----
    Other columns are left out. The output has the columns in the order of the parameters, named by
    strings.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import TableCleaner
    >>> X = pd.DataFrame({"age": [31, None], "smoker": [True, None], "note": ["a", "b"]})
    >>> TableCleaner(numbers=["age"], strings=["smoker"]).fit_transform(X)
        age   smoker
    0  31.0     True
    1   NaN  missing
    """

    def __init__(
        self,
        numbers: Any = (),
        strings: Any = (),
        readings: Mapping[str, Mapping[str, Any]] | None = None,
        impute: bool = False,
    ) -> None:
        self.numbers = numbers
        self.strings = strings
        self.readings = readings
        self.impute = impute

    def fit(self, X: pd.DataFrame, y: ArrayLike | None = None) -> TableCleaner:
        """Find the medians, and the forms of the categories.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Samples.
        y : None
            Not used.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: pd.DataFrame, y: ArrayLike | None = None) -> pd.DataFrame:
        """Fit, and convert the columns.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Samples.
        y : None
            Not used.

        Returns
        -------
        DataFrame of shape (n_samples, n_numbers + n_strings)
        """
        self.known_: dict[str, dict[str, str]] = {}
        clean, self.measures_ = self._clean(X)
        medians = clean[list(self.numbers)].median() if self.impute else pd.Series(dtype=float)
        self.median_ = {name: float(value) for name, value in medians.fillna(0.0).items()}
        return clean.fillna(self.median_) if self.impute else clean

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Convert the columns.

        Parameters
        ----------
        X : DataFrame of shape (n_samples, n_features)
            Samples, of pandas or polars.

        Returns
        -------
        DataFrame of shape (n_samples, n_numbers + n_strings)

        Raises
        ------
        ValueError
            If a column is absent, or one of numbers holds something else or infinite values, or
            dates where `fit` had numbers.
        """
        check_is_fitted(self)
        clean, measures = self._clean(X)
        self._check_measures(measures)
        return clean.fillna(self.median_) if self.impute else clean

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the output's columns, whatever the input's are."""
        return np.array([*self.numbers, *self.strings], dtype=object)

    def _clean(self, X: Any) -> tuple[pd.DataFrame, dict[str, str]]:
        """The plain columns, and what the numbers among them stand for, where that is known."""
        X = plain_frame(X)
        _check_columns(X, numbers=self.numbers, strings=self.strings)
        readings = self.readings or {}
        columns: dict[str, Any] = {}
        measures: dict[str, str] = {}
        for name in self.numbers:
            values = X[name]
            if values.dtype.kind not in "fiu" and is_words(values):
                reading = Reading(**readings.get(name, {"kind": "numeric"}))
                values = apply_reading(values, reading)
            measures[name] = measure_of(values)
            columns[name] = as_numbers(without(values, readings.get(name, {}).get("missing", ())))
        for name in self.strings:
            missing = readings.get(name, {}).get("missing", ())
            columns[name] = self._as_strings(X[name], missing)
        known = {name: measure for name, measure in measures.items() if measure}
        return pd.DataFrame(columns, index=X.index), known

    def _check_measures(self, measures: Mapping[str, str]) -> None:
        """Refuse dates where `fit` had numbers, and the like."""
        known = getattr(self, "measures_", {})  # models of version 0.2 have none
        for name, measure in measures.items():
            if known.get(name, measure) != measure:
                raise ValueError(
                    f"Column {name!r} must hold {known[name]}, as in fit. Got {measure} instead."
                )

    def _as_strings(self, values: pd.Series, missing: Any) -> NDArray[Any]:
        if missing:
            values = strip_cells(values, missing)
        try:
            codes, distinct = pd.factorize(values.astype(object))
        except TypeError:  # what has no hash
            raise ValueError(
                f"Column {values.name!r} must hold words or numbers. Got {values.iloc[0]!r}."
            ) from None
        labels = [label_of(value) for value in distinct]
        name = str(values.name)
        if name not in self.known_:  # in fit
            kept = [*labels, _MISSING] if (codes < 0).any() else labels
            self.known_[name] = {form: label for label in reversed(kept) for form in _forms(label)}
            self.known_[name] |= {label: label for label in kept}
            empty = _MISSING
        else:
            known = self.known_[name]
            labels = [_known_label(label, known) for label in labels]
            words = [label for label in known if label.lower() in MISSING_WORDS - {_MISSING}]
            # A table read by others has lost the word: NA is a category here and no value there.
            empty = words[0] if _MISSING not in known and len(words) == 1 else _MISSING
        return np.array([*labels, empty], dtype=object)[codes]  # -1, the last, is missing


def _forms(label: str) -> list[str]:
    """What else a category may be called: its number, or the small letters of yes and true."""
    forms = [label]
    if re.fullmatch(r"[-+]?\d+[.,]?\d*", label):
        forms.append(f"{float(label.replace(',', '.')):g}")
    if label.lower() in ("true", "false"):
        forms += [label.lower(), "1" if label.lower() == "true" else "0"]
    return forms


def _known_label(label: str, known: Mapping[str, str]) -> str:
    if label in known:
        return known[label]
    found = [known[form] for form in _forms(label) if form in known]
    if not found and label.lower() in MISSING_WORDS and _MISSING in known:
        return _MISSING
    return found[0] if found else label


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
        TF-IDF by skrub's ``StringEncoder``. Missing numbers become medians with an indicator;
        missing categories are a category; rare categories share a column with those that only
        come up in prediction.

    Examples
    --------
    >>> import pandas as pd
    >>> from focalsk.tables import infer_columns, make_encoder
    >>> X = pd.DataFrame({"age": [31, 57, 57, None], "job": ["cook", "smith", "cook", "smith"]})
    >>> make_encoder(infer_columns(X)).fit_transform(X).shape
    (4, 4)
    """
    _check_is_columns(columns)
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
    clean = TableCleaner(
        numbers=columns.numeric,
        strings=columns.categorical + columns.text,
        readings=_needed_readings(columns),
    )
    # imbalanced-learn takes no pipeline within a pipeline, though one within a ColumnTransformer.
    steps = (
        [("preprocess", ColumnTransformer(parts, remainder=numeric))] if parts else numeric.steps
    )
    return Pipeline([("columns", clean), *steps])


def _check_is_columns(columns: Any) -> None:
    if not isinstance(columns, Columns):
        raise TypeError(f"columns must be a Columns, as infer_columns gives. Got {columns!r}.")


def _text_encoder() -> Pipeline:
    from skrub import StringEncoder  # takes a second to import: only where there are texts

    return make_pipeline(StringEncoder(_N_COMPONENTS, random_state=0), StandardScaler())


def make_cleaner(columns: Columns) -> TableCleaner:
    """A transformer from a frame to one without missing values, for SMOTENC.

    Parameters
    ----------
    columns : Columns
        As from :func:`infer_columns`; texts are left out.

    Returns
    -------
    TableCleaner
        Its output is a frame with the columns' names.
    """
    _check_is_columns(columns)
    return TableCleaner(
        numbers=columns.numeric,
        strings=columns.categorical,
        readings=_needed_readings(columns),
        impute=True,
    )


def _needed_readings(columns: Columns) -> dict[str, dict[str, Any]] | None:
    plain: tuple[dict[str, Any], ...] = ({"kind": "numeric"}, {})
    readings = {name: columns.readings.get(name, {}) for name in columns.used}
    return {name: how for name, how in readings.items() if how not in plain} or None
