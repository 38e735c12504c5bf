"""Scores of all nets of a stream at once.

The metrics that people search by need one count of pairs (truth, prediction), or one sort of the
samples, which costs scikit-learn a Python call with many checks per net. Here each is done for K
nets together; the values are scikit-learn's to rounding. Whatever is out of the ordinary (another
scorer, a class that is absent, a division by zero, numbers that are none) goes to scikit-learn net
by net, so that its warnings and errors stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn import get_config

from focalsk._compat._sklearn import (
    BaseScorer,
    MultimetricScorer,
    PassthroughScorer,
    named_scorers,
    score,
    scorer_parts,
)
from focalsk.estimators import FittedStream
from focalsk.search._metrics import METRICS, Answers, Truth, Values, accuracy, read_truth

__all__ = ["needs_predictions_only", "score_one", "score_stream"]

# How many responses are worked on at a time: enough to make the cost per call vanish, few enough
# to stay in a processor's cache.
_BLOCK_VALUES = 2**18


def needs_predictions_only(scorers: Any) -> bool:
    """Whether scorers ask for predictions only, not what comes before the net in a pipeline."""
    named = named_scorers(scorers)
    if named is not None:
        return all(isinstance(scorer, BaseScorer) for scorer in named.values())
    return isinstance(scorers, BaseScorer | PassthroughScorer)


def score_one(
    estimator: Any, X: Any, y: Any, scorers: Any, params: dict[str, Any], error_score: Any
) -> Any:
    """Score, or scores by name, of a fitted estimator, by scikit-learn."""
    return score(estimator, X, y, scorers, params, error_score)


def score_stream(
    fitted: FittedStream,
    wanted: Sequence[int],
    X: Any,
    y: Any,
    scorers: Any,
    params: dict[str, Any],
    error_score: Any,
) -> list[Any]:
    """Scores of the wanted nets of a stream on validated samples.

    Parameters
    ----------
    fitted : FittedStream
        The trained nets.
    wanted : sequence of int
        Which of them to score.
    X, y : array-like
        Validated samples, and their targets as a user gave them.
    scorers : callable
        As scikit-learn's searches make it of `scoring`; see `needs_predictions_only`.
    params : dict
        What goes with scoring, as ``sample_weight``.
    error_score : "raise" or float
        What a scorer that fails counts as.

    Returns
    -------
    list of float, or of dict of str -> float
        One per wanted net, as scikit-learn's scoring returns it.
    """
    named = named_scorers(scorers)
    each = {"": scorers} if named is None else named
    # Of routed parameters, each of several scorers takes its own.
    routed = named is not None and params and get_config()["enable_metadata_routing"]
    truth = None if routed else read_truth(y, fitted.tasks[0].fold.coding, params)
    known: dict[str, dict[int, float]] = {name: {} for name in each}
    if truth is not None:
        rows = max(1, _BLOCK_VALUES // max(1, len(truth.codes) * len(truth.classes)))
        for start in range(0, len(wanted), rows):
            block = wanted[start : start + rows]
            answers = Answers(fitted, block, X)
            for name, scorer in each.items():
                found = batch_score(scorer, answers, truth)
                if found is not None:
                    pairs = zip(block, *found, strict=True)
                    known[name] |= {k: float(value) for k, value, sure in pairs if sure}
    scores = []
    for k in wanted:
        missing = {name: scorer for name, scorer in each.items() if k not in known[name]}
        values: dict[str, Any] = {name: known[name][k] for name in each if name not in missing}
        if missing:
            rest = scorers
            if named is not None and values:
                rest = MultimetricScorer(scorers=missing, raise_exc=error_score == "raise")
            value = score_one(fitted.classifier(k), X, y, rest, params, error_score)
            values |= {"": value} if named is None else value
        scores.append(values[""] if named is None else {name: values[name] for name in each})
    return scores


def batch_score(scorer: Any, answers: Answers, truth: Truth) -> Values | None:
    """Scores of K nets by one scorer; None if only scikit-learn knows how."""
    if isinstance(scorer, PassthroughScorer):  # the `score` of a classifier
        return accuracy(answers, truth, "predict")
    parts = scorer_parts(scorer)
    metric = None if parts is None else METRICS.get(parts.score_func)
    if parts is None or metric is None:
        return None
    if not set(parts.kwargs) <= set(getattr(metric, "__kwdefaults__", None) or ()):
        return None
    method = parts.response_method
    method = method if isinstance(method, str) else method[0]  # a classifier has all of them
    found = metric(answers, truth, method, **parts.kwargs)
    return None if found is None else (parts.sign * found[0], found[1])
