"""How far probabilities are from frequencies, in one number and as a curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.calibration import calibration_curve

from focalsk.displays._checks import (
    check_axis,
    check_known,
    check_whole,
    distinct,
    probabilities,
    read_classes,
)

__all__ = ["expected_calibration_error", "reliability_curve"]


def expected_calibration_error(
    y_true: ArrayLike, proba: ArrayLike, n_bins: int = 15, classes: ArrayLike | None = None
) -> float:
    """Mean gap between confidence and frequency, over equal-width bins of the confidence.

    With two classes, the confidence is the probability of the second and the frequency its share of
    the bin, so that the error is about the reliability curve of the rare class. With more classes,
    the confidence is the greatest probability and the frequency that of its class being right [1]_.
    Bins are closed on the right, and weigh as much as they have samples.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True classes.
    proba : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of the classes, or of the second of two.
    n_bins : int, default=15
        Number of bins between 0 and 1.
    classes : array-like of shape (n_classes,), default=None
        Classes of the columns of `proba`; None for the sorted classes of `y_true`.

    Returns
    -------
    float
        In [0, 1]; 0 is perfect calibration.

    Raises
    ------
    ValueError
        If classes are missing or none of `classes`, probabilities are not in [0, 1], the shapes do
        not go together, or `n_bins` is no whole number of at least 1.
    TypeError
        If probabilities are no numbers.

    References
    ----------
    .. [1] Guo, C., Pleiss, G., Sun, Y. and Weinberger, K. Q. (2017). "On calibration of modern
       neural networks". ICML 2017.

    Examples
    --------
    Four samples of confidence 0.3, of which one is positive: the gap is 0.05.

    >>> from focalsk.displays import expected_calibration_error
    >>> round(expected_calibration_error([0, 0, 0, 1], [0.3, 0.3, 0.3, 0.3]), 6)
    0.05
    """
    check_whole(n_bins, "n_bins")
    y_true, proba = read_classes(y_true), probabilities(proba, "proba")
    classes = distinct(y_true) if classes is None else read_classes(classes, "classes")
    if proba.ndim == 1:
        proba = np.column_stack([1 - proba, proba])
    if proba.shape != (len(y_true), len(classes)):
        raise ValueError(
            f"proba must have a row for each of the {len(y_true)} samples and a column for each of "
            f"the {len(classes)} classes. Got the shape {proba.shape} instead."
        )
    check_known(y_true, classes)
    top = np.ones(len(proba), dtype=int) if len(classes) == 2 else proba.argmax(axis=1)
    confidence = np.take_along_axis(proba, top[:, None], axis=1)[:, 0]
    edges = np.linspace(0, 1, n_bins + 1)
    bins = np.digitize(confidence, edges[1:-1], right=True)
    gaps = np.bincount(bins, weights=(classes[top] == y_true) - confidence)
    return float(np.abs(gaps).sum() / len(proba))


def reliability_curve(
    y_true: ArrayLike, proba: ArrayLike, n_bins: int = 10, strategy: str = "quantile"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Observed share against predicted probability, in bins of the probability.

    Parameters
    ----------
    y_true : array-like of bool of shape (n_samples,)
        Whether a sample is positive.
    proba : array-like of shape (n_samples,)
        Probability that it is.
    n_bins : int, default=10
        Number of bins at most; equal probabilities are never parted.
    strategy : {'quantile', 'positives'}, default='quantile'
        What the bins have in equal numbers: samples, or positive samples. The latter is for rare
        classes: every share is as certain as the others, in proportion, and none is 0.

    Returns
    -------
    predicted, observed : ndarray of shape (<= n_bins,)
        Mean probability and share of positives of each bin.

    Raises
    ------
    ValueError
        If there is no such strategy, or no positive sample where they are to be counted; if
        `y_true` holds something else than true and false, or 0 and 1; if probabilities are not in
        [0, 1], or not as many.
    TypeError
        If probabilities are no numbers.

    Examples
    --------
    >>> from focalsk.displays import reliability_curve
    >>> predicted, observed = reliability_curve([0, 0, 1, 1], [0.1, 0.3, 0.6, 0.8], n_bins=2)
    >>> predicted.round(2), observed
    (array([0.2, 0.7]), array([0., 1.]))
    """
    if not isinstance(strategy, str) or strategy not in ("quantile", "positives"):
        raise ValueError(f"strategy must be 'quantile' or 'positives'. Got {strategy!r} instead.")
    check_whole(n_bins, "n_bins")
    classes, proba = read_classes(y_true), probabilities(proba, "proba")
    if not np.isin(distinct(classes), [0, 1]).all():
        raise ValueError(f"y_true must say whether a sample is positive. Got {classes[0]!r} in it.")
    check_axis(proba, "proba", len(classes))
    y_true = classes.astype(bool)
    if strategy == "quantile":
        observed, predicted = calibration_curve(y_true, proba, n_bins=n_bins, strategy=strategy)
        return predicted, observed
    if not y_true.any():
        raise ValueError("strategy='positives' needs positive samples. Got none.")
    edges = np.quantile(proba[y_true], np.linspace(0, 1, n_bins + 1)[1:-1])
    bins = np.searchsorted(edges, proba)
    n = np.bincount(bins)
    some = n > 0
    predicted, observed = (np.bincount(bins, values)[some] / n[some] for values in (proba, y_true))
    return predicted, observed
