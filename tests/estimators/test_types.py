"""The words that type checkers allow are those that `fit` takes."""

from typing import get_args, get_type_hints

import pytest

from focalsk import FocalEnsembleClassifier, FocalNetClassifier, PriorCorrectedClassifier
from focalsk.estimators import _types as types
from focalsk.estimators._class_weight import SCHEMES


def words(hint):
    """The literals in a type."""
    parts = get_args(hint)
    found = {part for part in parts if isinstance(part, str)}
    return found.union(*map(words, parts)) if parts else found


@pytest.mark.parametrize(
    "estimator", [FocalNetClassifier, FocalEnsembleClassifier, PriorCorrectedClassifier]
)
def test_words_are_those_of_the_constraints(estimator):
    hints = get_type_hints(estimator.__init__)
    compared = 0
    for name, constraints in estimator._parameter_constraints.items():
        allowed = set().union(*(getattr(c, "options", ()) for c in constraints))
        strings = {option for option in allowed if isinstance(option, str)}
        if words(hints[name]):
            assert words(hints[name]) == strings, name
            compared += 1
    assert compared >= 3


def test_schemes():
    assert get_args(types.Scheme) == SCHEMES
