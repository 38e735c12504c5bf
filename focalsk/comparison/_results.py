"""What a comparison found: scores of every fold, and what they add up to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from focalsk.comparison._folds import Failure, FoldPrediction
from focalsk.comparison._metrics import METRICS
from focalsk.displays import corrected_interval, corrected_ttest, holm
from focalsk.tables import Columns

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
    random_state : int or None
        Seed of folds and methods.
    columns_ : Columns or None
        What the columns of a frame were taken for; None for an array.
    y_ : ndarray of shape (n_samples,)
        True classes.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_folds_ : int
        Number of folds of all repetitions.
    positive_class_ : object
        The class that curves are about: the second of two, the rarest of more.
    """

    def __init__(
        self,
        outcomes: Iterable[FoldPrediction | Failure],
        y: NDArray[Any],
        estimators: dict[str, Any],
        scoring: str,
        random_state: int | None = None,
        columns: Columns | None = None,
    ) -> None:
        outcomes = list(outcomes)
        self.y_ = y
        self.classes_ = np.unique(y)
        self.estimators_ = estimators
        self.scoring = scoring
        self.random_state = random_state
        self.columns_ = columns
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
        self.best_ = str(self.summary().index[0])

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
            number of folds on which it raised. All means are over the same folds, those that
            no method failed on. A method that failed somewhere has neither rank nor test and
            stands below those that did not; one that failed on more than half of the folds has no
            mean either, and takes no folds from the others.

        Raises
        ------
        ValueError
            If there is no such metric, or it is one of tuned decisions and none were tuned.

        References
        ----------
        .. [1] Nadeau, C. and Bengio, Y. (2003). "Inference for the generalization error". Machine
           Learning 52.
        """
        metric = self.scoring if metric is None else metric
        scores, greater = self._common_scores(metric), METRICS[metric].greater_is_better
        failed = self.failures_["method"].value_counts().reindex(scores.columns, fill_value=0)
        means = scores.mean() if greater else -scores.mean()
        order = pd.DataFrame({"failed": failed > 0, "loss": -means})
        order = order.sort_values(["failed", "loss"], kind="stable").index
        whole = scores.loc[:, failed == 0] if (failed == 0).any() else scores
        best, share = scores[order[0]], self._test_train_ratio()
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
                "mean": scores.mean()[order],
                "low": [low for low, _ in intervals],
                "high": [high for _, high in intervals],
                "rank": whole.rank(axis=1, ascending=not greater).mean().reindex(order),
                "p_value": holm(p_values),
                **seconds.reindex(order),
                "failed": failed[order],
            },
            index=pd.Index(order, name="method"),
        )

    def against(self, reference: str, metric: str | None = None) -> pd.DataFrame:
        """Test the other methods against one that was chosen beforehand.

        Parameters
        ----------
        reference : str
            Name of a method.
        metric : str, default=None
            A name of :data:`METRICS`; None for `scoring`.

        Returns
        -------
        DataFrame
            One row for each other method, in the order of `estimators_`: ``difference``, the mean
            of its scores minus those of the reference; ``low`` and ``high``, its corrected 95 %
            interval; ``p_value`` of the corrected paired test, not adjusted: of many, use
            :func:`~focalsk.displays._statistics.holm`. NaN where either failed on a fold.

        Examples
        --------
        ``comparison.against("smote").loc["focal-alpha", "difference"]`` says by how much searched
        focal loss beats SMOTE.
        """
        scores = self._scores(self.scoring if metric is None else metric)
        if reference not in scores:
            known = ", ".join(map(repr, scores))
            raise ValueError(f"reference must be among {known}. Got {reference!r} instead.")
        gains = scores.drop(columns=reference).sub(scores[reference], axis=0)
        share = self._test_train_ratio()
        rows = {
            name: [
                values.mean(skipna=False),
                *corrected_interval(values, share),
                corrected_ttest(values, share),
            ]
            for name, values in gains.items()
        }
        columns = ["difference", "low", "high", "p_value"]
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        return frame.rename_axis("method")

    def table(self, metrics: Iterable[str] | None = None) -> str:
        """Plain text for a terminal: mean and deviation of some metrics, the best method first.

        Parameters
        ----------
        metrics : iterable of str, default=None
            Names of :data:`METRICS`; None for `scoring` and some others, of decisions and of
            probabilities.

        Returns
        -------
        str
        """
        from focalsk.comparison._report import format_table

        return format_table(self, metrics)

    def plot(self, kind: str = "ranking", ax: Any = None) -> Any:
        """Draw what was found with matplotlib.

        Parameters
        ----------
        kind : {'ranking', 'trade-off', 'precision-recall', 'calibration', 'cost'}, \
                default='ranking'
            'ranking': mean and corrected interval of `scoring` for each method. 'trade-off':
            balanced accuracy of the decisions against calibration error of the probabilities.
            The others draw a curve for the best method of each family: precision against recall;
            observed frequency against predicted probability; and, with two classes, the cost of
            errors for each ratio of the costs of a miss and a false alarm.
        ax : matplotlib Axes, default=None
            What to draw on; None for a new figure.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            If there is no such kind, or 'cost' is asked for with more than two classes.
        """
        from focalsk.comparison._displays import draw

        return draw(self, kind, ax)

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        title: str = "Methods for imbalanced data, compared",
        notes: Iterable[str] = (),
    ) -> None:
        """Write a report: one HTML file with pictures, that needs neither network nor scripts.

        Parameters
        ----------
        path : path-like
            The file; it is overwritten.
        title : str, default='Methods for imbalanced data, compared'
            Heading.
        notes : iterable of str, default=()
            Paragraphs about the data, say, that follow the heading.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        from focalsk.comparison._report import write_html

        write_html(self, path, title=title, notes=notes)

    def __repr__(self) -> str:
        first = self.summary().iloc[0]
        interval = f" [{first['low']:.3f}, {first['high']:.3f}]" if first.notna()["low"] else ""
        return (
            f"<Comparison of {len(self.estimators_)} methods over {self.n_folds_} folds; best by "
            f"{METRICS[self.scoring].label}: {self.best_!r}, {first['mean']:.3f}{interval}>"
        )

    def _repr_html_(self) -> str:
        table = self.summary().to_html(float_format="{:.3f}".format, na_rep="", border=0)
        return f"<p>{escape(repr(self))}</p>{table}"

    @property
    def n_folds_(self) -> int:
        """Number of folds of all repetitions."""
        folds = {(said.repeat, said.fold) for said in self.predictions_}
        return len(folds | set(zip(self.failures_["repeat"], self.failures_["fold"], strict=True)))

    @property
    def positive_class_(self) -> Any:
        """The class that curves are about: the second of two, the rarest of more."""
        if len(self.classes_) == 2:
            return self.classes_[1]
        classes, counts = np.unique(self.y_, return_counts=True)
        return classes[counts.argmin()]

    def _scores(self, metric: str) -> pd.DataFrame:
        """Scores of one metric: rows of (repeat, fold), a column for each method."""
        if metric not in METRICS:
            known = ", ".join(map(repr, METRICS))
            raise ValueError(f"metric must be among {known}. Got {metric!r} instead.")
        rows = self.results_[self.results_["metric"] == metric]
        if rows.empty:
            raise ValueError(f"{metric!r} is of tuned decisions, and the comparison tuned none.")
        table = rows.pivot(index=["repeat", "fold"], columns="method", values="value")
        return table.reindex(columns=list(self.estimators_))

    def _common_scores(self, metric: str) -> pd.DataFrame:
        """Scores on the folds that all methods finished, but for those that hardly finished any."""
        scores = self._scores(metric)
        able = scores.columns[scores.notna().sum() >= len(scores) / 2]
        whole = scores[able].notna().all(axis=1)
        if not len(able) or not whole.any():
            able = scores.columns[[scores.notna().sum().argmax()]]
            whole = scores[able[0]].notna()
        common = scores[whole]
        return common.where(scores.columns.isin(able)[None, :] & common.notna())

    @property
    def n_common_folds_(self) -> int:
        """Number of folds that means are over: those that no method failed on."""
        return len(self._common_scores(self.scoring))

    def _test_train_ratio(self) -> float:
        """How many samples there were to test on for one to train on."""
        n_test = [len(said.test) for said in self.predictions_]
        n_train = [
            len(self.y_) - len(said.test) if said.n_train is None else said.n_train
            for said in self.predictions_
        ]
        return float(np.sum(n_test) / np.sum(n_train))


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
