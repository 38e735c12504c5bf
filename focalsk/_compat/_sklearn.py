"""Private names of scikit-learn, each with what it is for and what would replace it.

scikit-learn's own extensions (imbalanced-learn, skrub) use the first three groups; the last two
are what a search needs that is GridSearchCV in all but the training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeVar

import sklearn

# Parameters are declared and checked as scikit-learn's are, with its wording of errors. There is
# no public way; without these names, `fit` would check its parameters by hand.
from sklearn.base import _fit_context

# A scorer's parts are private although `make_scorer` takes them: no public replacement.
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
from sklearn.metrics._scorer import _Scorer

# GridSearchCV and RandomizedSearchCV are public, what they share is not; it could be found as
# `GridSearchCV.__base__`. Of its methods the searches call `_get_scorers`,
# `_get_routed_params_for_fit`, `_check_refit_for_multimetric`, `_format_results` and
# `_select_best_index`.
from sklearn.model_selection._search import BaseSearchCV

# What `cross_validate` does for each fit and afterwards. It is public, but neither scores an
# estimator that is fitted already nor leaves the errors of fits to its caller.
from sklearn.model_selection._validation import _fit_and_score as fit_and_score
from sklearn.model_selection._validation import _insert_error_scores as insert_error_scores
from sklearn.model_selection._validation import _score as score
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as warn_or_raise_about_fit_failures,
)

# Rows of whatever indexes rows: arrays, frames, lists, sparse matrices, and both axes of a kernel
# matrix for `safe_split`. No public replacement.
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metaestimators import _safe_split as safe_split
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _check_y as check_targets
from sklearn.utils.validation import _num_samples as num_samples

# What nothing else tells of. Calibration by one temperature came with version 1.8, the Brier score
# of more than two classes with 1.7; up to 1.8 a scorer wants its `pos_label` among these as well.
_VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
HAS_TEMPERATURE = _VERSION >= (1, 8)
HAS_BRIER_OF_SEVERAL = _VERSION >= (1, 7)
POSITIVE_OF_SEVERAL = _VERSION < (1, 9)

__all__ = [
    "HAS_BRIER_OF_SEVERAL",
    "HAS_TEMPERATURE",
    "POSITIVE_OF_SEVERAL",
    "BaseScorer",
    "BaseSearchCV",
    "HasMethods",
    "Interval",
    "MultimetricScorer",
    "Options",
    "ParamNamesOnce",
    "PassthroughScorer",
    "ScorerParts",
    "StrOptions",
    "check_method_params",
    "check_sample_weight",
    "check_targets",
    "fit_and_score",
    "fit_context",
    "has_callbacks",
    "insert_error_scores",
    "named_scorers",
    "num_samples",
    "safe_indexing",
    "safe_split",
    "score",
    "scorer_parts",
    "validate_parameter_constraints",
    "warn_or_raise_about_fit_failures",
]


Method = TypeVar("Method", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """scikit-learn's decorator of `fit`; type checkers see the method's own types through it."""
    decorate: Callable[[Method], Method] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorate


class ParamNamesOnce:
    """Mixin: the names of a class's parameters are read from its signature once, not every time.

    A search asks for those of each candidate.
    """

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        names: list[str] = super()._get_param_names()  # type: ignore[misc]
        return names


class ScorerParts(NamedTuple):
    """What `make_scorer` was given."""

    score_func: Any
    sign: int
    kwargs: dict[str, Any]
    response_method: Any


def scorer_parts(scorer: Any) -> ScorerParts | None:
    """What a scorer of `make_scorer` was made of; None for any other scorer."""
    if type(scorer) is not _Scorer:
        return None
    names = ("_score_func", "_sign", "_kwargs", "_response_method")
    parts: list[Any] = [getattr(scorer, name, None) for name in names]
    return None if None in parts else ScorerParts(*parts)


def named_scorers(scorer: Any) -> dict[str, Any] | None:
    """The scorers of a search by several metrics, by name; None for one scorer."""
    return scorer._scorers if isinstance(scorer, MultimetricScorer) else None


def has_callbacks(estimator: Any) -> bool:
    """Whether scikit-learn's own callbacks are set on an estimator (from version 1.9 on)."""
    return bool(getattr(estimator, "_skl_callbacks", None))
