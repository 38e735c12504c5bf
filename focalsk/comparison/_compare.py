"""compare_resampling: whether focal loss beats resampling on given data."""

from __future__ import annotations

import os
import warnings
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import RepeatedStratifiedKFold, check_cv
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d, indexable

from focalsk.comparison._folds import Split, run
from focalsk.comparison._methods import MethodContext, Methods, make_methods
from focalsk.comparison._metrics import METRICS, scorer_for
from focalsk.comparison._results import Comparison
from focalsk.estimators import FocalNetClassifier, check_no_missing, plain
from focalsk.tables import (
    Columns,
    TableCleaner,
    infer_columns,
    make_cleaner,
    make_encoder,
    plain_frame,
)

__all__ = ["compare_resampling"]


def compare_resampling(
    X: Any,
    y: Any,
    *,
    estimator: FocalNetClassifier | None = None,
    methods: Methods = "default",
    preprocessor: Any = None,
    columns: Columns | None = None,
    cv: Any = 5,
    n_repeats: int = 1,
    scoring: str = "average_precision",
    tune: bool = True,
    n_jobs: int | None = None,
    random_state: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Comparison:
    """Compare focal loss with resampling, and with what else is done about imbalance.

    Every neural method trains the same network on the same folds of the same preprocessed
    samples; what resamples does so inside the training fold only. Decisions and probabilities are
    scored side by side, and decisions twice: those of ``predict``, and those of a threshold that
    is tuned for each metric on held-out training samples, so that no method wins by its
    threshold alone.

    Parameters
    ----------
    X : {DataFrame, array-like, sparse matrix} of shape (n_samples, n_features)
        Samples. Columns of a frame, of pandas or polars, may be numbers, dates, categories, texts,
        and have missing values.
    y : array-like of shape (n_samples,)
        Classes; with two, metrics like the average precision are about the second in sorted order.
    estimator : FocalNetClassifier, default=None
        The network of every neural method; None for the library's defaults. Its loss is set by
        each method.
    methods : 'default', 'quick', iterable or dict, default='default'
        Names of ``focalsk.comparison.METHODS`` ('default' is all, 'quick' some), or pairs of a name
        and a classifier, a sampler of imbalanced-learn's, or a pair of either and a grid that is
        searched within the training fold. Steps are named 'preprocess', 'sampler' and
        'classifier': ``("mine", (SMOTE(), {"sampler__k_neighbors": [3, 5]}))``. A classifier that
        is a pipeline is taken as it is, and a FocalEnsembleClassifier takes the columns as they
        are unless there is a `preprocessor`.
    preprocessor : transformer, default=None
        From the columns to numbers; None scales numbers, encodes categories, and turns texts into
        components of their TF-IDF.
    columns : Columns, default=None
        What the columns of a frame are, as :func:`focalsk.tables.infer_columns` tells, which is
        asked if this is None. Columns that name the rows or copy `y` are left out.
    cv : int, splitter or iterable of splits, default=5
        Folds, stratified and shuffled for an int.
    n_repeats : int, default=1
        How often an int `cv` is repeated.
    scoring : str, default='average_precision'
        The metric that ranks, and that searches within a method maximise: one of
        ``focalsk.comparison.METRICS``.
    tune : bool, default=True
        Whether to tune thresholds, at the price of a second fit of everything.
    n_jobs : int, default=None
        Fits that run at once, as in joblib. Changes the time and no score.
    random_state : int or None, default=None
        Seed of folds, and of methods that have none of their own. None draws one.
    checkpoint : path-like, default=None
        Folder where each fold of a method is kept as soon as it is there; a run that was killed
        goes on from it and gives what it would have given. Needs an int `random_state`. Folds of
        other versions of the libraries are not taken.
    progress : bool, default=False
        Whether to show a bar that counts the fits.

    Returns
    -------
    Comparison
        With ``results_``, ``summary()``, ``best_``, ``failures_``, ``plot()`` and ``to_html()``.

    Raises
    ------
    ValueError
        If a parameter is not among what is allowed, there is one class only, or a class has fewer
        samples than there are folds.

    Warns
    -----
    UserWarning
        For each column of a frame that is left out because it names the rows or copies `y`, that
        tells the classes by itself, or whose words are taken as numbers or dates.

    Notes
    -----
    A method that fails on a fold is noted in ``failures_``, and the rest goes on.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalNetClassifier
    >>> from focalsk.comparison import compare_resampling
    >>> X, y = make_classification(200, weights=[0.85], random_state=0)
    >>> comparison = compare_resampling(
    ...     X,
    ...     y,
    ...     estimator=FocalNetClassifier(max_epochs=20),
    ...     methods=["focal-balanced", "smote"],
    ...     random_state=0,
    ... )
    >>> comparison.results_.shape  # 2 methods, 5 folds, 13 metrics
    (130, 7)
    >>> comparison.best_ == comparison.summary().index[0]
    True
    """
    if not isinstance(scoring, str) or scoring not in METRICS:
        known = ", ".join(map(repr, METRICS))
        raise ValueError(f"scoring must be among {known}. Got {scoring!r} instead.")
    if METRICS[scoring].tuned and not tune:
        raise ValueError(f"scoring={scoring!r} needs tune=True.")
    if checkpoint is not None and random_state is None:
        raise ValueError("checkpoint needs an int random_state. Got None instead.")
    y = _labels(y)
    if preprocessor is not None and not hasattr(preprocessor, "fit_transform"):
        raise TypeError(f"preprocessor must be a transformer or None. Got {preprocessor!r}.")
    if columns is not None and not (isinstance(columns, Columns) and _is_frame(X)):
        raise TypeError(f"columns must be a Columns, for a data frame. Got {columns!r}.")
    X, _ = indexable(X, y)
    if not _is_frame(X):
        X = _checked_numbers(X, preprocessor)
    else:
        X = plain_frame(X)
        if preprocessor is None and columns is None:
            columns = infer_columns(X, y)
            for remark in columns.remarks():
                warnings.warn(remark, stacklevel=2)
        if columns is not None and preprocessor is None:
            _check_columns(X, columns)
    seed = random_state
    if seed is None:
        seed = int(check_random_state(None).randint(2**31 - 1))
    context = make_context(
        X,
        n_classes=len(np.unique(y)),
        estimator=estimator,
        preprocessor=preprocessor,
        columns=columns,
        classes=np.unique(y),
        scoring=scoring,
        random_state=seed,
    )
    estimators = make_methods(methods, context)
    splits = make_splits(X, y, cv, n_repeats, seed)
    outcomes = run(
        estimators,
        X,
        y,
        splits,
        seed=seed,
        tune=tune,
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        progress=progress,
    )
    return Comparison(outcomes, y, estimators, scoring, random_state=seed, columns=columns)


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") and not sparse.issparse(X)


def _labels(y: Any) -> NDArray[Any]:
    """Classes in NumPy's types, whatever pandas or polars hold them in."""
    if y is None:
        raise ValueError("compare_resampling requires y to be passed, but the target y is None.")
    if sparse.issparse(y):
        raise TypeError(
            "Sparse data was passed for y, but dense data is required. Use '.toarray()' to convert "
            "it to a dense array."
        )
    check_no_missing(y, "y")
    if hasattr(y, "dtype") and hasattr(y, "iloc"):
        y = plain_frame(y.to_frame("y"))["y"]
    labels = np.asarray(column_or_1d(np.asarray(plain(y, "y"))))
    if labels.dtype.kind == "O" and len({isinstance(label, str) for label in labels}) > 1:
        raise TypeError("y must hold classes of one type. Got strings and others.")
    if labels.dtype.kind in "mM":
        raise TypeError(f"y must hold strings, integers or booleans. Got {labels.dtype}.")
    check_classification_targets(labels)
    return labels


_MOST = 1e150  # what may be squared, and summed, to scale a column


def _checked_numbers(X: Any, preprocessor: Any) -> Any:
    """Samples that are no data frame, as an array or a CSR matrix; NaN is missing in an array."""
    X = plain(X)
    if preprocessor is not None:
        return X if sparse.issparse(X) or hasattr(X, "iloc") else np.asarray(X)
    missing: Any = True if sparse.issparse(X) else "allow-nan"
    X = check_array(
        X, accept_sparse="csr", dtype="numeric", ensure_all_finite=missing, input_name="X"
    )
    if X.dtype.kind not in "fiub":
        X = X.astype(np.float64)
    values = X.data if sparse.issparse(X) else X
    _check_most("X", values)
    return X


def _check_most(name: str, values: NDArray[Any]) -> None:
    most = float(np.nanmax(np.abs(values), initial=0)) if values.dtype.kind == "f" else 0
    if most > _MOST:
        raise ValueError(
            f"{name} must hold numbers up to {_MOST:g}, which are scaled. Got {most:g}."
        )


def _check_columns(X: pd.DataFrame, columns: Columns) -> None:
    """Refuse numbers of a frame that are too large to be scaled."""
    numbers = TableCleaner(numbers=columns.numeric, readings=columns.readings).fit_transform(X)
    for name in columns.numeric:
        _check_most(f"Column {name!r}", numbers[name].to_numpy())


def make_context(
    X: Any,
    *,
    n_classes: int,
    estimator: FocalNetClassifier | None,
    preprocessor: Any,
    scoring: str,
    random_state: int | None,
    columns: Columns | None = None,
    classes: ArrayLike | None = None,
) -> MethodContext:
    """What the methods are made of, for these samples.

    Parameters
    ----------
    X, estimator, preprocessor, scoring, random_state, columns
        As for :func:`compare_resampling`.
    n_classes : int
        Number of classes.
    classes : array-like of shape (n_classes,), default=None
        The classes; None for 0, 1 and so on.
    """
    network = FocalNetClassifier() if estimator is None else estimator
    if not isinstance(network, FocalNetClassifier):
        raise TypeError(
            f"estimator must be a FocalNetClassifier. Got {network!r} instead; give other "
            "classifiers among the methods."
        )
    clean, categorical, numeric = None, [], True
    if preprocessor is not None:
        encode = preprocessor
    elif _is_frame(X):
        columns = infer_columns(X) if columns is None else columns
        encode = make_encoder(columns)
        # SMOTENC knows numbers and categories; texts are components by the time of SMOTE.
        if columns.categorical and not columns.text:
            clean, categorical = make_cleaner(columns), columns.categorical
            numeric = bool(columns.numeric)
    elif sparse.issparse(X):
        encode = MaxAbsScaler()
    else:
        encode = make_encoder(Columns(numeric=list(range(np.shape(X)[1]))))
    return MethodContext(
        network=clone(network).set_params(random_state=random_state),
        encode=encode,
        clean=clean,
        categorical=categorical,
        numeric=numeric,
        n_classes=n_classes,
        scorer=scorer_for(scoring, np.arange(n_classes) if classes is None else classes),
        random_state=random_state,
        raw=preprocessor is None,
    )


def make_splits(X: Any, y: NDArray[Any], cv: Any, n_repeats: int, seed: int) -> list[Split]:
    """The divisions into training and test, numbered.

    Parameters
    ----------
    X, y, cv, n_repeats
        As for :func:`compare_resampling`.
    seed : int
        Seed of folds that are made here.

    Raises
    ------
    ValueError
        If there is one class only, or one has fewer samples than there are folds.
    """
    classes, counts = np.unique(y, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"y must hold at least two classes. Got {classes.tolist()[0]!r} only.")
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        if counts.min() < cv:
            rare = classes.tolist()[counts.argmin()]
            raise ValueError(
                f"Each class needs a sample for each of the {cv} folds. Got {counts.min()} of "
                f"class {rare!r}."
            )
        cv = RepeatedStratifiedKFold(n_splits=cv, n_repeats=n_repeats, random_state=seed)
    splitter = check_cv(cv, y, classifier=True)
    pairs = [_positions(i, pair, len(y)) for i, pair in enumerate(splitter.split(X, y))]
    if not pairs:
        raise ValueError("cv must give at least one split. Got none.")
    per_repeat = len(pairs) // getattr(splitter, "n_repeats", 1)
    return [Split(*divmod(i, per_repeat), *pair) for i, pair in enumerate(pairs)]


def _positions(place: int, pair: Any, n_samples: int) -> list[NDArray[np.intp]]:
    """Training and test samples of a split, which must be there and apart."""
    try:
        parts = [part if len(part) else np.arange(0) for part in map(np.asarray, pair)]
        train, test = (np.arange(n_samples)[part] for part in parts)
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"cv must give the positions of training and test samples, of which there are "
            f"{n_samples}. Got others in split {place}: {error}"
        ) from error
    if not (len(train) and len(test)):
        raise ValueError(
            f"cv must give training and test samples in each split. Got {len(train)} and "
            f"{len(test)} in split {place}."
        )
    if n_both := len(np.intersect1d(train, test)):
        warnings.warn(
            f"{n_both} samples are both in the training and in the test samples of split {place} "
            "of cv: the scores there are too good.",
            stacklevel=4,
        )
    return [train, test]
