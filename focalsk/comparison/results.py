"""What a comparison found: scores of every fold, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from focalsk.comparison.metrics import METRICS
from focalsk.comparison.running import Failure, FoldPrediction
from focalsk.comparison.statistics import corrected_interval, corrected_ttest, holm

__all__ = ["Comparison"]

_COLUMNS = ["method", "repeat", "fold", "metric", "value", "fit_seconds", "predict_seconds"]


class Comparison:
    """Result of :func:`compare_resampling`.

    Attributes
    ----------
    results_ : DataFrame
        One row for each method, repetition, fold and metric of :data:`METRICS`, with the columns
        ``method``, ``repeat``, ``fold``, ``metric``, ``value``, ``fit_seconds`` and
        ``predict_seconds`` (wall time on that fold).
    failures_ : DataFrame
        ``method``, ``repeat``, ``fold`` and ``error`` of what raised.
    best_ : str
        Method with the best mean of `scoring` among those that never failed.
    estimators_ : dict of str to estimator
        The methods as they were compared, unfitted.
    predictions_ : list of FoldPrediction
        Labels and probabilities of every test fold.
    scoring : str
        Name of the metric that ranks.
    y_ : ndarray of shape (n_samples,)
        True classes.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    """

    def __init__(
        self,
        outcomes: Iterable[FoldPrediction | Failure],
        y: NDArray[Any],
        estimators: dict[str, Any],
        scoring: str,
    ) -> None:
        outcomes = list(outcomes)
        self.y_ = y
        self.classes_ = np.unique(y)
        self.estimators_ = estimators
        self.scoring = scoring
        self.predictions_ = [said for said in outcomes if isinstance(said, FoldPrediction)]
        failed = [said for said in outcomes if isinstance(said, Failure)]
        self.failures_ = pd.DataFrame(
            [(said.method, said.repeat, said.fold, said.error) for said in failed],
            columns=["method", "repeat", "fold", "error"],
        )
        if not self.predictions_:
            first = failed[0]
            raise RuntimeError(f"Every method failed; {first.method!r} with {first.error}")
        rows = [row for said in self.predictions_ for row in _score(y, self.classes_, said)]
        self.results_ = pd.DataFrame(rows, columns=_COLUMNS)
        whole = set(self.results_["method"]) - set(self.failures_["method"])
        means = self._scores(scoring).mean()
        means = means[[name for name in means.index if name in whole]] if whole else means
        self.best_ = str(means.idxmax() if METRICS[scoring].greater_is_better else means.idxmin())

    def summary(self, metric: str | None = None) -> pd.DataFrame:
        """Means, ranks, and tests against the best method.

        Parameters
        ----------
        metric : str, default=None
            A name of :data:`METRICS`; None for `scoring`.

        Returns
        -------
        DataFrame
            One row for each method, the best first: ``mean``; ``low`` and ``high``, its corrected
            95 % interval [1]_; ``rank``, the mean over folds (1 is best); ``p_value`` of the
            corrected paired test against the first row, adjusted for the number of tests by
            Holm's procedure; ``fit_seconds`` and ``predict_seconds``, means; ``failed``, the
            number of folds on which it raised. A method that failed somewhere is averaged over
            the other folds and has neither rank nor test.

        References
        ----------
        .. [1] Nadeau, C. and Bengio, Y. (2003). "Inference for the generalization error". Machine
           Learning 52.
        """
        metric = self.scoring if metric is None else metric
        if metric not in METRICS:
            known = ", ".join(map(repr, METRICS))
            raise ValueError(f"metric must be among {known}. Got {metric!r} instead.")
        scores, greater = self._scores(metric), METRICS[metric].greater_is_better
        whole = scores.dropna(axis=1)
        means = scores.mean()
        order = means.sort_values(ascending=not greater).index
        order = [*(name for name in order if name in whole), *(n for n in order if n not in whole)]
        best, share = scores[order[0]], self._test_share()
        p_values = [
            corrected_ttest((best - scores[name]).to_numpy(), share)
            if name in whole and name != order[0]
            else np.nan
            for name in order
        ]
        intervals = [corrected_interval(scores[name].dropna(), share) for name in order]
        seconds = self.results_.groupby("method")[["fit_seconds", "predict_seconds"]].mean()
        return pd.DataFrame(
            {
                "mean": means[order],
                "low": [low for low, _ in intervals],
                "high": [high for _, high in intervals],
                "rank": whole.rank(axis=1, ascending=not greater).mean().reindex(order),
                "p_value": holm(p_values),
                **seconds.loc[order],
                "failed": scores[order].isna().sum(),
            },
            index=pd.Index(order, name="method"),
        )

    def _scores(self, metric: str) -> pd.DataFrame:
        """Scores of one metric: rows of (repeat, fold), a column for each method."""
        rows = self.results_[self.results_["metric"] == metric]
        table = rows.pivot(index=["repeat", "fold"], columns="method", values="value")
        return table[list(dict.fromkeys(rows["method"]))]

    def _test_share(self) -> float:
        n_test = np.mean([len(said.test) for said in self.predictions_])
        return float(n_test / (len(self.y_) - n_test))


def _score(
    y: NDArray[Any], classes: NDArray[Any], said: FoldPrediction
) -> Iterable[tuple[Any, ...]]:
    truth = y[said.test]
    for name, metric in METRICS.items():
        labels = said.labels
        if metric.tuned:
            if not said.tuned:
                continue
            labels = said.tuned[name.removesuffix("_tuned")]
        value = float(metric.score(truth, labels, said.proba, classes))
        seconds = (said.fit_seconds, said.predict_seconds)
        yield (said.method, said.repeat, said.fold, name, value, *seconds)
