"""Tables: what their columns are, and how they become numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

__all__ = ["Columns", "infer_columns", "make_cleaner", "make_encoder"]

_N_COMPONENTS = 100  # of a text column


@dataclass(frozen=True)
class Columns:
    """Columns of a frame by what they hold.

    Attributes
    ----------
    numeric, categorical, text : list of str or int
        Names of the columns, or positions in an array.
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
    """
    columns = Columns()
    for name, values in X.items():
        known = values.dropna()
        if known.nunique() < 2:
            columns.dropped[name] = "constant" if len(known) else "all missing"
        elif types.is_numeric_dtype(values) or types.is_bool_dtype(values):
            columns.numeric.append(name)
        elif _is_text(known):
            columns.text.append(name)
        else:
            columns.categorical.append(name)
    return columns


def _is_text(values: pd.Series) -> bool:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return False
    words = values.astype(str).str.count(r"\S+")
    return bool(words.mean() >= 3 and values.nunique() > len(values) / 2)


def make_encoder(columns: Columns) -> ColumnTransformer:
    """A transformer from a frame to dense numbers.

    Parameters
    ----------
    columns : Columns
        As from :func:`infer_columns`.

    Returns
    -------
    ColumnTransformer
        Numbers are scaled, categories one-hot encoded, texts turned into components of their
        TF-IDF; missing numbers become medians with an indicator, missing categories a category.
    """
    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    parts = [
        ("numeric", numeric, columns.numeric),
        (
            "categorical",
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            columns.categorical,
        ),
        *(
            (f"text-{name}", make_pipeline(TfidfVectorizer(), TruncatedSVD(_N_COMPONENTS)), name)
            for name in columns.text
        ),
    ]
    return ColumnTransformer([part for part in parts if part[2]])


def make_cleaner(columns: Columns) -> ColumnTransformer:
    """A transformer from a frame to one without missing values, for SMOTENC.

    Parameters
    ----------
    columns : Columns
        As from :func:`infer_columns`; texts are left out.

    Returns
    -------
    ColumnTransformer
        Its output is a frame with the columns' names.
    """
    parts = [
        ("numeric", SimpleImputer(strategy="median"), columns.numeric),
        (
            "categorical",
            SimpleImputer(missing_values=np.nan, strategy="constant", fill_value="missing"),
            columns.categorical,
        ),
    ]
    cleaner = ColumnTransformer(
        [part for part in parts if part[2]], verbose_feature_names_out=False
    )
    return cleaner.set_output(transform="pandas")
