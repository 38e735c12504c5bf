"""Metrics of K nets on the same samples: one count, or one sort, for all of them.

Each metric is a function of what the nets answer, of the truth, and of the method that answers,
with the arguments of scikit-learn's function of that name. It returns the scores (K,), equal to
scikit-learn's to rounding, and for which nets they are sure to be that without a warning; or None
where only scikit-learn knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from focalsk._compat._sklearn import HAS_BRIER_OF_SEVERAL, POSITIVE_OF_SEVERAL
from focalsk.estimators import FittedStream, TargetCoding

__all__ = ["METRICS", "Answers", "Truth", "Values", "accuracy", "read_truth"]

Floats = NDArray[np.float64]
Flags = NDArray[Any]
Values = tuple[Floats, Flags]


# What is compared --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Truth:
    """The targets: codes (n,) of the sorted classes (C,), and weights (n,) or None."""

    codes: NDArray[np.int64]
    classes: NDArray[Any]
    weight: Floats | None

    @cached_property
    def has_all_classes(self) -> bool:
        """Whether each class has a sample with a weight."""
        return bool((np.bincount(self.codes, self.weight, len(self.classes)) > 0).all())


def read_truth(y: Any, coding: TargetCoding, params: dict[str, Any]) -> Truth | None:
    """Targets and weights that are as ordinary as the metrics below need them; else None."""
    y, classes = np.asarray(y), coding.classes
    if coding.multilabel or y.ndim != 1 or not _are_plain(classes) or not _are_plain(y):
        return None
    if len(classes) < 2 or len(y) < 4 * len(classes):  # scikit-learn warns of many classes
        return None
    if (classes.dtype.kind in "OU") != (y.dtype.kind in "OU"):
        return None
    codes = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    if (classes[codes] != y).any():
        return None
    given = {name: value for name, value in params.items() if value is not None}
    if not given:
        return Truth(codes, classes, None)
    if set(given) != {"sample_weight"}:
        return None
    weight = np.asarray(given["sample_weight"])
    if weight.shape != y.shape or weight.dtype.kind not in "iuf":
        return None
    weight = weight.astype(np.float64)
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        return None
    return Truth(codes, classes, weight)


def _are_plain(labels: NDArray[Any]) -> bool:
    """Whether labels are integers, whole floats or strings."""
    if labels.dtype.kind == "O":
        return all(isinstance(label, str) for label in labels)
    if labels.dtype.kind == "f":
        return bool((np.isfinite(labels) & (labels == np.trunc(labels))).all())
    return labels.dtype.kind in "iuU"


class Answers:
    """What K nets of a stream say of samples; each kind is computed once."""

    def __init__(self, fitted: FittedStream, wanted: Sequence[int], X: Any) -> None:
        self.coding = fitted.tasks[0].fold.coding
        self._classifiers = [fitted.classifier(k) for k in wanted]
        self._logits = fitted.logits(X)[list(wanted)]

    @cached_property
    def decision_function(self) -> NDArray[Any]:
        """Decision scores (K, n) of two classes, (K, n, C) of more."""
        pairs = zip(self._classifiers, self._logits, strict=True)
        return np.stack([classifier._scores(logits) for classifier, logits in pairs])

    @cached_property
    def probabilities(self) -> list[NDArray[Any]]:
        """Probabilities (n, C) of each net, in memory as the net alone would give them."""
        return [
            self.coding.probabilities(logits, c.gamma_, c.alpha_, c.proba, c._smoothing).numpy()
            for c, logits in zip(self._classifiers, self._logits, strict=True)
        ]

    @cached_property
    def predict_proba(self) -> NDArray[Any]:
        """Probabilities (K, n, C)."""
        return np.stack(self.probabilities)

    @cached_property
    def predict(self) -> NDArray[np.int64]:
        """Codes (K, n) of the classes decided for."""
        scores = self.decision_function
        return (scores > 0).astype(np.int64) if scores.ndim == 2 else scores.argmax(axis=-1)


# Metrics of decisions ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """Summed weights (K, C) of each class: of its samples, of those said to be, of both."""

    true: Floats
    said: Floats
    hits: Floats
    present: Flags  # in the truth or the predictions, whatever its weight


def _count(answers: Answers, truth: Truth) -> Counts:
    said, n_classes = answers.predict, len(truth.classes)
    net = np.arange(len(said))[:, None]
    cells = ((net * n_classes + truth.codes) * n_classes + said).ravel()
    shape = (len(said), n_classes, n_classes)

    def table(weight: Floats | None) -> Floats:
        weights = None if weight is None else np.broadcast_to(weight, said.shape).ravel()
        return np.bincount(cells, weights, int(np.prod(shape))).reshape(shape).astype(np.float64)

    confusion = table(truth.weight)
    seen = confusion if truth.weight is None else table(None)
    present = (seen.sum(2) > 0) | (seen.sum(1) > 0)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    return Counts(confusion.sum(2), confusion.sum(1), hits, present)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole != 0)


def accuracy(answers: Answers, truth: Truth, method: str) -> Values | None:
    if method != "predict":
        return None
    right = answers.predict == truth.codes
    sure = np.ones(len(right), dtype=bool)
    if truth.weight is None:
        return np.asarray(right.mean(axis=1)), sure
    return right @ truth.weight / truth.weight.sum(), sure


def _balanced_accuracy(answers: Answers, truth: Truth, method: str) -> Values | None:
    if method != "predict":
        return None
    counts = _count(answers, truth)
    recalls = _ratio(counts.hits, counts.true)
    sure = np.all((counts.true > 0) | ~counts.present, axis=1)
    n_present = np.count_nonzero(counts.present, axis=1)
    return recalls.sum(axis=1) / n_present, sure


def _matthews_corrcoef(answers: Answers, truth: Truth, method: str) -> Values | None:
    if method != "predict":
        return None
    counts = _count(answers, truth)
    total = counts.true.sum(axis=1)
    covariance = counts.hits.sum(axis=1) * total - (counts.true * counts.said).sum(axis=1)
    of_said = total**2 - (counts.said**2).sum(axis=1)
    of_true = total**2 - (counts.true**2).sum(axis=1)
    product = of_said * of_true
    # With weights, what should be 0 is rounding, which scikit-learn divides by or not.
    sure = np.full(len(total), True) if truth.weight is None else product > 1e-6 * total**4
    return _ratio(covariance, np.sqrt(np.maximum(product, 0))), sure


def _of_counts(
    parts: Callable[[Counts], tuple[Floats, Floats]],
) -> Callable[..., Values | None]:
    """Precision, recall or F1: the ratio of what `parts` makes of counts, in all averages."""

    def metric(
        answers: Answers, truth: Truth, method: str, *, average: Any = "binary", pos_label: Any = 1
    ) -> Values | None:
        if method != "predict" or average not in ("binary", "macro", "micro", "weighted"):
            return None
        counts = _count(answers, truth)
        if average == "binary":
            positive = _index_of(pos_label, truth.classes)
            if len(truth.classes) != 2 or positive is None:
                return None
            above, below = (part[:, positive] for part in parts(counts))
            return _ratio(above, below), counts.present[:, positive] & (below > 0)
        if pos_label not in (None, 1):
            return None
        above, below = parts(counts)
        if average == "micro":
            above, below = above.sum(axis=1), below.sum(axis=1)
            return _ratio(above, below), below > 0
        weights = counts.true if average == "weighted" else counts.present.astype(np.float64)
        total = weights.sum(axis=1)
        sure = ((below > 0) | ~counts.present).all(axis=1) & (total > 0)
        return _ratio((_ratio(above, below) * weights).sum(axis=1), total), sure

    return metric


def _index_of(label: Any, classes: NDArray[Any]) -> int | None:
    """The number of a class; None if it is no class, or of another type than these."""
    if isinstance(label, bool) or isinstance(label, str) != (classes.dtype.kind in "OU"):
        return None
    found = np.flatnonzero(classes == label)
    return int(found[0]) if len(found) == 1 else None


# Metrics of rankings -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Curves:
    """Weight above each distinct score, from the highest score on, of K rankings one by one."""

    tp: Floats  # of positive samples
    fp: Floats  # of negative samples
    starts: NDArray[np.int64]  # (K,) where each ranking starts
    ends: NDArray[np.int64]  # (K,) its last entry: all samples

    def before(self, counts: Floats) -> Floats:
        """The count above the next higher score: 0 at the start."""
        previous = np.empty_like(counts)
        previous[1:] = counts[:-1]
        previous[self.starts] = 0
        return previous

    def sum(self, terms: Floats) -> Floats:
        """Sums (K,) over each ranking."""
        return np.add.reduceat(terms, self.starts)


def _curves(scores: NDArray[Any], positive: Flags, weight: Floats | None) -> Curves:
    """Count along K rankings (K, n) of the same samples; those of equal score count together."""
    if weight is not None and not weight.all():
        chosen = weight > 0
        scores, positive, weight = scores[:, chosen], positive[chosen], weight[chosen]
    order = np.argsort(scores, axis=1)[:, ::-1]
    ranked = np.take_along_axis(scores, order, axis=1)
    is_last = np.ones(scores.shape, dtype=bool)
    np.not_equal(ranked[:, 1:], ranked[:, :-1], out=is_last[:, :-1])
    if weight is None:
        tp = positive.astype(np.float64)[order].cumsum(axis=1)[is_last]
        fp = np.nonzero(is_last)[1] + 1 - tp
    else:
        tp, fp = ((weight * m)[order].cumsum(axis=1)[is_last] for m in (positive, ~positive))
    ends = is_last.sum(axis=1).cumsum() - 1
    return Curves(tp, fp, np.r_[0, ends[:-1] + 1], ends)


def _area_under_roc(scores: NDArray[Any], positive: Flags, weight: Floats | None) -> Floats:
    """Area under the ROC curve (K,), by trapezoids."""
    c = _curves(scores, positive, weight)
    areas = (c.fp - c.before(c.fp)) * (c.tp + c.before(c.tp)) / 2
    return c.sum(areas) / (c.tp[c.ends] * c.fp[c.ends])


def _area_under_precision(scores: NDArray[Any], positive: Flags, weight: Floats | None) -> Floats:
    """Average precision (K,): each step in recall times the precision after it."""
    c = _curves(scores, positive, weight)
    steps = (c.tp - c.before(c.tp)) * c.tp / (c.tp + c.fp)
    return c.sum(steps) / c.tp[c.ends]


def _rankings(answers: Answers, truth: Truth, method: str) -> tuple[NDArray[Any], Flags] | None:
    """Scores of the second of two classes (K, n), or of all (K, n, C); where they are finite."""
    if method not in ("decision_function", "predict_proba") or not truth.has_all_classes:
        return None
    scores: NDArray[Any] = getattr(answers, method)
    if len(truth.classes) == 2 and scores.ndim == 3:
        scores = scores[..., 1]
    finite = np.isfinite(scores)
    return scores, finite.reshape(len(scores), -1).all(axis=1)


def _average_precision(
    answers: Answers, truth: Truth, method: str, *, average: Any = "macro", pos_label: Any = 1
) -> Values | None:
    found = _rankings(answers, truth, method)
    if found is None or average != "macro":
        return None
    scores, sure = found
    if scores.ndim == 2:
        if _index_of(pos_label, truth.classes) != 1:
            return None
        return _area_under_precision(scores, truth.codes == 1, truth.weight), sure
    # With labels of more than two classes, scikit-learn still wants 1 among them or as default.
    if pos_label != 1 or isinstance(pos_label, bool):
        return None
    if POSITIVE_OF_SEVERAL and 1 not in truth.classes.tolist():
        return None
    areas = [
        _area_under_precision(scores[..., c], truth.codes == c, truth.weight)
        for c in range(len(truth.classes))
    ]
    return np.mean(areas, axis=0), sure


def _roc_auc(
    answers: Answers,
    truth: Truth,
    method: str,
    *,
    average: Any = "macro",
    multi_class: Any = "raise",
) -> Values | None:
    found = _rankings(answers, truth, method)
    if found is None or average not in ("macro", "weighted"):
        return None
    scores, sure = found
    if scores.ndim == 2:
        return _area_under_roc(scores, truth.codes == 1, truth.weight), sure
    if method != "predict_proba":
        return None
    sure = sure & np.isclose(scores.sum(axis=2), 1).all(axis=1)
    if multi_class == "ovr":
        areas = [
            _area_under_roc(scores[..., c], truth.codes == c, truth.weight)
            for c in range(len(truth.classes))
        ]
        shares = np.bincount(truth.codes, truth.weight, len(truth.classes))
        weights = shares if average == "weighted" else None
        return np.average(areas, axis=0, weights=weights), sure
    if multi_class == "ovo" and truth.weight is None:
        return _one_versus_one(scores, truth, average), sure
    return None


def _one_versus_one(scores: NDArray[Any], truth: Truth, average: str) -> Floats:
    areas, shares = [], []
    for a, b in combinations(range(len(truth.classes)), 2):
        either = (truth.codes == a) | (truth.codes == b)
        codes, both = truth.codes[either], scores[:, either]
        pair = [_area_under_roc(both[..., c], codes == c, None) for c in (a, b)]
        areas.append((pair[0] + pair[1]) / 2)
        shares.append(either.mean())
    return np.average(areas, axis=0, weights=shares if average == "weighted" else None)


# Metrics of probabilities ------------------------------------------------------------------------


def _of_probabilities(
    losses: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]], *, takes_strings: bool
) -> Callable[..., Values | None]:
    """The mean of `losses` (n,) of one-hot classes and probabilities, both (n, C).

    In single precision its last digits depend on the order of operations, so it is computed net by
    net in scikit-learn's order. What is saved is all the checks.
    """

    def metric(answers: Answers, truth: Truth, method: str) -> Values | None:
        n_classes = len(truth.classes)
        if method != "predict_proba" or not truth.has_all_classes:
            return None
        if n_classes == 2 and truth.classes.dtype.kind in "OU" and not takes_strings:
            return None
        values, sure = [], []
        for p in answers.probabilities:
            if n_classes == 2:
                p = np.column_stack([1 - p[:, 1], p[:, 1]])
            tolerance = np.sqrt(np.finfo(p.dtype).eps)
            sums_to_one = np.abs(p.sum(axis=1) - 1).max() < tolerance  # False of NaN
            sure.append(sums_to_one and p.min() >= 0 and p.max() <= 1)
            one_hot = np.eye(n_classes, dtype=p.dtype)[truth.codes]
            values.append(np.average(losses(one_hot, p), weights=truth.weight))
        return np.array(values, dtype=np.float64), np.array(sure)

    return metric


def _log_losses(one_hot: NDArray[Any], p: NDArray[Any]) -> NDArray[Any]:
    eps = np.finfo(p.dtype).eps
    terms = one_hot * np.log(p.clip(eps, 1 - eps))  # clipped: 0 * log(p) is 0
    return -terms.sum(axis=1)


def _brier_scores(one_hot: NDArray[Any], p: NDArray[Any]) -> NDArray[Any]:
    scores = ((one_hot - p) ** 2).sum(axis=1)
    return scores / 2 if p.shape[1] == 2 else scores


METRICS: dict[Any, Callable[..., Values | None]] = {
    metrics.accuracy_score: accuracy,
    metrics.balanced_accuracy_score: _balanced_accuracy,
    metrics.matthews_corrcoef: _matthews_corrcoef,
    metrics.precision_score: _of_counts(lambda counts: (counts.hits, counts.said)),
    metrics.recall_score: _of_counts(lambda counts: (counts.hits, counts.true)),
    metrics.f1_score: _of_counts(lambda counts: (2 * counts.hits, counts.true + counts.said)),
    metrics.average_precision_score: _average_precision,
    metrics.roc_auc_score: _roc_auc,
    metrics.log_loss: _of_probabilities(_log_losses, takes_strings=True),
}
if HAS_BRIER_OF_SEVERAL:  # an older one is of two classes, and rounds otherwise
    # Of two strings, the Brier score wants to be told the positive one.
    METRICS[metrics.brier_score_loss] = _of_probabilities(_brier_scores, takes_strings=False)
