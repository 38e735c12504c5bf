"""FocalGridSearchCV and FocalRandomizedSearchCV: whole searches trained as one network."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import indexable
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_method_params

from focalsk.search._run import Search, last_step

__all__ = ["FocalGridSearchCV", "FocalRandomizedSearchCV"]


class _StackedSearch(BaseSearchCV):
    """What both searches share: `fit` evaluates all candidates as stacks of nets."""

    def _candidates(self) -> Iterable[dict[str, Any]]:
        raise NotImplementedError

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Run fit with all sets of parameters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Targets.
        **params : dict of str -> object
            Passed to the estimator's ``fit`` (``sample_weight``), the scorers and the splitter
            (``groups``), as scikit-learn's searches do.

        Returns
        -------
        self : object
        """
        if last_step(self.estimator) is None or getattr(self, "_skl_callbacks", None):
            self.stacks_ = None
            return super().fit(X, y, **params)
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        cv = check_cv(self.cv, y, classifier=True)
        self.n_splits_ = cv.get_n_splits(X, y, **routed.splitter.split)
        candidates = list(self._candidates())
        search = Search(
            clone(self.estimator),
            X,
            y,
            splits=list(cv.split(X, y, **routed.splitter.split)),
            scorers=scorers,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            settings=self,
        )
        out = search.run(candidates)
        self.stacks_ = search.stacks
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out, defaultdict(list))
        self._conclude(results, out[0]["test_scores"], refit_metric)
        if self.refit:
            self._refit(X, y, routed.estimator.fit)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        self.cv_results_ = results
        return self

    def _conclude(self, results: dict[str, Any], first_score: Any, refit_metric: str) -> None:
        self.multimetric_ = isinstance(first_score, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first_score)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, fit_params: dict[str, Any]) -> None:
        best = clone(self.best_params_, safe=False)
        self.best_estimator_ = clone(self.estimator).set_params(**best)
        start = time.time()
        self.best_estimator_.fit(X, y, **fit_params)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


class FocalGridSearchCV(_StackedSearch, GridSearchCV):
    """Exhaustive search over parameters, trained as one network.

    What :class:`sklearn.model_selection.GridSearchCV` does, with the same parameters,
    methods and results, for a :class:`FocalNetClassifier` or a scikit-learn or imbalanced-learn
    pipeline that ends in one. Candidates and folds that differ only in ``gamma``, ``alpha``,
    ``class_weight``, ``proba``, ``lr``, ``weight_decay``, ``random_state`` or ``dropout`` are
    trained as one network with a leading model axis; each comes out as it would alone, up to
    rounding. What comes before the classifier runs once per fold and setting. What cannot be
    stacked (a classifier with callbacks, a module with BatchNorm) is fitted in scikit-learn's own
    way; `stacks_` tells.

    Parameters
    ----------
    estimator : FocalNetClassifier or Pipeline that ends in one
        What is searched.
    param_grid : dict or list of dict
        Names of parameters with the values to try.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in scikit-learn. `n_jobs` spreads stacks over processes, or over a cluster with
        ``joblib.parallel_config(backend="dask")``. With `verbose`, a bar shows the epochs trained
        of all nets and the time left.
    memory_budget : int, default=None
        Bytes that stacks may take at a time; a larger one is cut into several, which changes the
        results by rounding at most. None is a quarter of the free memory.

    Attributes
    ----------
    stacks_ : list of dict, or None
        What was trained how: the number of nets, "stacked" with the number of streams (nets of a
        stream see the same samples) or "alone" with the reason. None where the estimator does not
        end in a FocalNetClassifier.
    cv_results_, best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, \
    refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    With ``random_state=None`` all candidates start from the same weights, drawn once for the
    search, so that they compete on equal terms. ``fit_time`` of a candidate is its share of the
    stack's.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalGridSearchCV, FocalNetClassifier
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> search = FocalGridSearchCV(
    ...     FocalNetClassifier(max_epochs=10, random_state=0),
    ...     {"gamma": [0, 1, 2], "alpha": [None, "sqrt", "balanced"]},
    ...     scoring="average_precision",
    ... ).fit(X, y)
    >>> sorted(search.best_params_)
    ['alpha', 'gamma']
    >>> search.stacks_
    [{'n_nets': 45, 'n_streams': 5, 'trained': 'stacked'}]
    """

    _parameter_constraints: dict = {
        **GridSearchCV._parameter_constraints,
        "memory_budget": [None, Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        memory_budget: int | None = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            param_grid=param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory_budget = memory_budget

    def _candidates(self) -> Iterable[dict[str, Any]]:
        return ParameterGrid(self.param_grid)


class FocalRandomizedSearchCV(_StackedSearch, RandomizedSearchCV):
    """Randomized search over parameters, trained as one network.

    What :class:`sklearn.model_selection.RandomizedSearchCV` does, with the same parameters,
    methods and results, for a :class:`FocalNetClassifier` or a scikit-learn or imbalanced-learn
    pipeline that ends in one. Candidates and folds that differ only in ``gamma``, ``alpha``,
    ``class_weight``, ``proba``, ``lr``, ``weight_decay``, ``random_state`` or ``dropout`` are
    trained as one network with a leading model axis; each comes out as it would alone, up to
    rounding. What comes before the classifier runs once per fold and setting. What cannot be
    stacked (a classifier with callbacks, a module with BatchNorm) is fitted in scikit-learn's own
    way; `stacks_` tells.

    Parameters
    ----------
    estimator : FocalNetClassifier or Pipeline that ends in one
        What is searched.
    param_distributions : dict or list of dict
        Names of parameters with distributions, or lists, to draw from.
    n_iter : int, default=10
        Number of candidates.
    random_state : int, RandomState instance or None, default=None
        What draws the candidates.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in scikit-learn. `n_jobs` spreads stacks over processes, or over a cluster with
        ``joblib.parallel_config(backend="dask")``. With `verbose`, a bar shows the epochs trained
        of all nets and the time left.
    memory_budget : int, default=None
        Bytes that stacks may take at a time; a larger one is cut into several, which changes the
        results by rounding at most. None is a quarter of the free memory.

    Attributes
    ----------
    stacks_ : list of dict, or None
        What was trained how: the number of nets, "stacked" with the number of streams (nets of a
        stream see the same samples) or "alone" with the reason. None where the estimator does not
        end in a FocalNetClassifier.
    cv_results_, best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, \
    refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    With ``random_state=None`` all candidates start from the same weights, drawn once for the
    search, so that they compete on equal terms. ``fit_time`` of a candidate is its share of the
    stack's.

    Examples
    --------
    >>> from scipy.stats import loguniform, uniform
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalNetClassifier, FocalRandomizedSearchCV
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> search = FocalRandomizedSearchCV(
    ...     FocalNetClassifier(max_epochs=10, random_state=0),
    ...     {"gamma": uniform(0, 5), "lr": loguniform(1e-3, 1e-1)},
    ...     n_iter=8,
    ...     random_state=0,
    ... ).fit(X, y)
    >>> len(search.cv_results_["params"])
    8
    """

    _parameter_constraints: dict = {
        **RandomizedSearchCV._parameter_constraints,
        "memory_budget": [None, Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        memory_budget: int | None = None,
    ) -> None:
        super().__init__(
            estimator=estimator,
            param_distributions=param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.memory_budget = memory_budget

    def _candidates(self) -> Iterable[dict[str, Any]]:
        return ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
