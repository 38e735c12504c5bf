"""The ensemble and what it is measured against, each on a frame as it comes.

Every method is one estimator with library defaults. Trees that know categories and missing values
get them as they are; the others get focalsk's encoder (medians, one-hot), fitted on the training
rows. Pixels become 50 principal components, and a text the components of its TF-IDF, for all alike.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import _datasets as datasets
import pandas as pd
from imblearn.ensemble import BalancedRandomForestClassifier
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import focalsk
from focalsk import FocalNetClassifier
from focalsk.tables import infer_columns, make_encoder

ENSEMBLE = "focal-ensemble"
LEARNERS = ["losses", "nets", "estimators"]  # the rooms that decide what a net learns


@dataclass(frozen=True)
class Method:
    """How a method is built.

    Attributes
    ----------
    build : callable
        ``build(seed) -> classifier``.
    takes : {'numbers', 'frame', 'strings', 'filled'}
        Numbers alone; frames with categories and missing values; those with strings in place of the
        categories, which CatBoost wants; or frames without missing values.
    packages : list of str
        Where it is from: it is left out if one is absent, and runs again with another version.
    params : dict
        Of its estimator, other than the defaults.
    follows_code : bool
        Whether it runs again when focalsk's code changes.
    decides : bool
        Whether it has a parameter `decision` that may be a metric, set after the fit.
    """

    build: Callable[[int], Any]
    takes: str = "numbers"
    packages: list[str] = field(default_factory=lambda: ["scikit-learn"])
    params: dict[str, Any] = field(default_factory=dict)
    follows_code: bool = False
    decides: bool = False

    def key(self) -> str:
        """What its results depend on; they are run again when it changes."""
        parts = [f"{name} {version(name)}" for name in self.packages]
        parts += [repr(sorted(self.params.items()))] if self.params else []
        parts += [code()] if self.follows_code else []
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]

    def missing(self) -> str:
        """What it needs and is not there."""
        for name in self.packages:
            try:
                version(name)
            except PackageNotFoundError:
                return name
        if self.follows_code and not hasattr(focalsk, "FocalEnsembleClassifier"):
            return "focalsk.FocalEnsembleClassifier"
        return ""


def code() -> str:
    """A digest of what decides the ensemble's results in focalsk."""
    root = Path(focalsk.__file__).parent
    files = [file for room in LEARNERS for file in sorted((root / room).rglob("*.py"))]
    tables = [root / "tables.py", *sorted((root / "tables").rglob("*.py"))]
    digest = hashlib.sha256()
    for file in [*files, *(file for file in tables if file.exists())]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def ensemble(**params: Any) -> Method:
    """The ensemble with other parameters than its defaults."""

    def build(seed: int) -> Any:
        return focalsk.FocalEnsembleClassifier(**{"random_state": seed, **params})

    return Method(
        build, "frame", ["torch", "scikit-learn"], params, follows_code=True, decides=True
    )


def boosting(**params: Any) -> Method:
    return Method(
        lambda seed: HistGradientBoostingClassifier(
            categorical_features="from_dtype", random_state=seed, **params
        ),
        "frame",
    )


def lightgbm(seed: int) -> Any:
    from lightgbm import LGBMClassifier

    return LGBMClassifier(random_state=seed, n_jobs=1, verbose=-1)


def catboost(seed: int) -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        random_state=seed, thread_count=1, verbose=0, allow_writing_files=False
    )


def pytabkit(name: str, **params: Any) -> Method:
    """A net of pytabkit's with its tuned defaults, which takes a fifth of the rows to stop by.

    It stops by the log loss of these, and not by the error, as pytabkit advises where probabilities
    matter.
    """
    params = {"val_metric_name": "cross_entropy", **params}

    def build(seed: int) -> Any:
        import pytabkit

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        kind = getattr(pytabkit, name)
        return kind(random_state=seed, n_threads=1, device="cpu", verbosity=0, **params)

    return Method(build, "filled", ["pytabkit"], params)


METHODS = {
    ENSEMBLE: ensemble(),
    "focal-net": Method(lambda seed: FocalNetClassifier(random_state=seed), packages=["torch"]),
    "boosting": boosting(),
    "boosting-balanced": boosting(class_weight="balanced"),
    "lightgbm": Method(lightgbm, "frame", ["lightgbm"]),
    "catboost": Method(catboost, "strings", ["catboost"]),
    "random-forest": Method(lambda seed: RandomForestClassifier(random_state=seed)),
    "balanced-random-forest": Method(
        lambda seed: BalancedRandomForestClassifier(random_state=seed),
        packages=["scikit-learn", "imbalanced-learn"],
    ),
    "logistic": Method(
        lambda seed: LogisticRegression(max_iter=1000, class_weight="balanced", random_state=seed)
    ),
    "mlp": Method(lambda seed: MLPClassifier((10, 10), random_state=seed)),
    "realmlp": pytabkit("RealMLP_TD_Classifier", use_ls=False),
    "tabm": pytabkit("TabM_D_Classifier"),
}


# From the columns of a set to what a method takes -------------------------------------------------


def make(method: Method, data: datasets.DataSet, seed: int) -> Pipeline:
    """The method with what comes before it for the set."""
    steps: list[tuple[str, Any]] = []
    model = method.build(seed)
    if data.kind == "image":
        steps += [("scale", StandardScaler()), ("pca", PCA(50, random_state=0))]
        steps += [("rescale", StandardScaler())] if method.takes == "numbers" else []
    elif data.kind == "text" or method.takes == "numbers":
        steps += [("encode", make_encoder(infer_columns(data.X)))]
    elif method.takes == "strings":
        nominal = [i for i, t in enumerate(data.X.dtypes) if t == "category"]
        steps += [("strings", FunctionTransformer(as_strings))]
        model.set_params(cat_features=nominal or None)
    elif method.takes == "filled":
        steps += [("strings", FunctionTransformer(as_strings)), ("fill", fill())]
    elif "lightgbm" in method.packages:  # which refuses some characters in names
        steps += [("rename", FunctionTransformer(renamed))]
    return Pipeline([*steps, ("classifier", model)])


def fill() -> ColumnTransformer:
    """Medians and an indicator where a number is missing; strings stay as they are."""
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    numbers = make_column_selector(dtype_include="number")
    parts = make_column_transformer(
        (imputer, numbers), remainder="passthrough", verbose_feature_names_out=False
    )
    return parts.set_output(transform="pandas")


def renamed(X: pd.DataFrame) -> pd.DataFrame:
    return X.set_axis([f"x{i}" for i in range(X.shape[1])], axis=1)


def as_strings(X: pd.DataFrame) -> pd.DataFrame:
    """Categories as strings, a missing one being one of its own."""
    nominal = X.select_dtypes("category")
    strings = nominal.astype(object).where(nominal.notna(), "").astype(str).astype(object)
    return X.assign(**dict(strings.items()))
