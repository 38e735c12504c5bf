"""FocalGridSearchCV and FocalRandomizedSearchCV: whole searches trained as one network."""

from __future__ import annotations

import os
import time
import warnings
from collections import defaultdict
from collections.abc import Iterable
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.utils import indexable

from focalsk._compat._sklearn import (
    BaseSearchCV,
    Interval,
    check_method_params,
    fit_context,
    has_callbacks,
    insert_error_scores,
    named_scorers,
    warn_or_raise_about_fit_failures,
)
from focalsk.estimators import FocalEnsembleClassifier, FocalNetClassifier, check_classes
from focalsk.search._folds import final_estimator, focal_classifier_of
from focalsk.search._run import Settings, evaluate
from focalsk.search._wrapped import Evaluated, fit_around, is_wrapped

__all__ = ["FocalGridSearchCV", "FocalRandomizedSearchCV"]

_OF_CLASS_1 = ("average_precision", "f1", "jaccard", "precision", "recall")


class _StackedSearch(BaseSearchCV):
    """What both searches share: `fit` evaluates all candidates as stacks of nets.

    It is scikit-learn's `fit` with another `evaluate_candidates`, and sets what that sets.
    """

    stacks_: list[dict[str, Any]] | None

    _own_constraints: dict = {
        "memory_budget": [None, Interval(Integral, 1, None, closed="left")],
        "checkpoint": [None, str, os.PathLike],
    }

    def _candidates(self) -> Iterable[dict[str, Any]]:
        raise NotImplementedError

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
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

        Raises
        ------
        ValueError
            If all fits fail, or if all candidates score NaN and the best is to be fitted again;
            ``cv_results_`` then tells what happened.
        """
        self._check_targets(X, y, params)
        alone = focal_classifier_of(self.estimator) is None and self.checkpoint is None
        if alone or has_callbacks(self):
            self.stacks_ = None
            return super().fit(X, y, **params)
        if is_wrapped(super().fit):
            evaluate, check = lambda: self._evaluate(X, y, params), self._check_any_score
            return fit_around(self, super().fit, evaluate, check, X, y, **params)
        scorers, refit_metric = self._get_scorers()
        candidates, _, out = self._evaluate(X, y, params)
        warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out, defaultdict(list))
        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        named = named_scorers(scorers)
        self.scorer_ = scorers if named is None else named
        self.cv_results_ = results
        if self.refit or not self.multimetric_:
            self._set_best(results, refit_metric)
        if self.refit:
            X, y = indexable(X, y)
            params = check_method_params(X, params=params)
            self._refit(X, y, self._get_routed_params_for_fit(params).estimator.fit)
        return self

    def _check_targets(self, X: Any, y: Any, params: dict[str, Any]) -> None:
        """Say once what is wrong with targets or weights of which all fits would fail."""
        last = final_estimator(self.estimator)
        if isinstance(last, (FocalNetClassifier, FocalEnsembleClassifier)):
            indexable(X, y)
            check_classes(last, y, params.get("sample_weight"))

    def _evaluate(self, X: Any, y: Any, params: dict[str, Any]) -> Evaluated:
        """Train and score all candidates on all splits."""
        scorers, _ = self._get_scorers()
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splits = self._make_splits(X, y, routed.splitter.split)
        candidates = list(self._candidates())
        if not candidates:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        settings = Settings(
            scorers=scorers,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            n_jobs=self.n_jobs,
            pre_dispatch=self.pre_dispatch,
            verbose=self.verbose,
            memory_budget=self.memory_budget,
            checkpoint=self.checkpoint,
        )
        out, self.stacks_ = evaluate(
            clone(self.estimator),
            X,
            y,
            candidates,
            splits,
            settings,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
        )
        return Evaluated(candidates, splits, out)

    def _make_splits(self, X: Any, y: Any, params: dict[str, Any]) -> list[tuple[Any, Any]]:
        self._checked_cv_orig = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **params)
        splits = list(self._checked_cv_orig.split(X, y, **params))
        if len(splits) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. Expected "
                f"{self.n_splits_} splits, got {len(splits)}"
            )
        if not splits:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        return splits

    def _set_best(self, results: dict[str, Any], refit_metric: str) -> None:
        """Choose the best candidate, if any has a score."""
        if not self._check_any_score(results, refit_metric):
            return
        self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
        if not callable(self.refit):
            # With a callable, there may be no one score that made it the best.
            self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _check_any_score(self, results: dict[str, Any], refit_metric: str) -> bool:
        """Whether any candidate has a score to be the best by; an error where one has to be."""
        if callable(self.refit) or not np.isnan(results[f"mean_test_{refit_metric}"]).all():
            return True
        message = (
            f"All {len(results['params'])} candidates scored NaN by scoring={self.scoring!r}, "
            "so none of them is the best. With error_score='raise', the first error is raised."
        )
        if refit_metric in _OF_CLASS_1 or self.scoring in _OF_CLASS_1:
            message += (
                " This score looks for a class 1. Where classes are words, code them as in "
                "y == 'yes', or pass make_scorer(..., pos_label='yes')."
            )
        if self.refit:
            raise ValueError(message)
        warnings.warn(message, UserWarning, stacklevel=5)
        return False

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
    stacked (a classifier with callbacks, a module with BatchNorm), or what would only get slower (a
    module of more than a million weights), is fitted in scikit-learn's own way; `stacks_` tells.

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
    checkpoint : path-like, default=None
        Folder where each stack's results are kept as it ends. If the search is killed, the same
        search finds them there and has the same `cv_results_`, bit for bit on a CPU but for the
        times; seeds must be integers. Files there are named by a hash of data, parameters, folds
        and versions; they stay until you delete them.

    Attributes
    ----------
    stacks_ : list of dict, or None
        What was trained how: the number of nets, "stacked" with the number of streams (nets of a
        stream see the same samples) or "alone" with the reason. None where the estimator does not
        end in a FocalNetClassifier.
    cv_results_, best_estimator_, best_params_, best_score_, best_index_, scorer_, n_splits_, \
    refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn. Where all candidates score NaN there is no best one: that is an error,
        or a warning with ``refit=False``.

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
        **_StackedSearch._own_constraints,
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
        checkpoint: str | os.PathLike[str] | None = None,
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
        self.checkpoint = checkpoint

    def _candidates(self) -> Iterable[dict[str, Any]]:
        return ParameterGrid(self.param_grid)


class FocalRandomizedSearchCV(_StackedSearch, RandomizedSearchCV):
    """Randomized search over parameters, trained as one network.

    What :class:`sklearn.model_selection.RandomizedSearchCV` does, with the same parameters, methods
    and results, but for its candidates as :class:`FocalGridSearchCV` trains them: see there for
    what is trained together and what alone.

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
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score, \
    memory_budget
        As in :class:`FocalGridSearchCV`.

    Attributes
    ----------
    stacks_, cv_results_, best_estimator_, best_params_, best_score_, best_index_, scorer_, \
    n_splits_, refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in :class:`FocalGridSearchCV`.

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
        **_StackedSearch._own_constraints,
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
        checkpoint: str | os.PathLike[str] | None = None,
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
        self.checkpoint = checkpoint

    def _candidates(self) -> Iterable[dict[str, Any]]:
        return ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
