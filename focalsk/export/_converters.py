"""What skl2onnx is told of focalsk's classifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from focalsk._compat._skl2onnx import label_classes, parse_estimator
from focalsk.estimators import (
    FocalEnsembleClassifier,
    FocalNetClassifier,
    PriorCorrectedClassifier,
)
from focalsk.export._classifiers import (
    answers_of_ensemble,
    answers_of_net,
    columns_read,
    decided,
)
from focalsk.export._graph import Graph, Value
from focalsk.export._libraries import library
from focalsk.search import FocalGridSearchCV, FocalRandomizedSearchCV

__all__ = ["register_converters"]

# Those of skl2onnx's own classifiers; and of the nets, scores in place of probabilities, which its
# CalibratedClassifierCV asks for.
_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
}
_NET_OPTIONS = {**_OPTIONS, "raw_scores": [True, False]}


def register_converters() -> None:
    """Tell skl2onnx how to convert focalsk's classifiers, alone or in pipelines.

    Afterwards :func:`skl2onnx.to_onnx` and :func:`skl2onnx.convert_sklearn` take
    `FocalNetClassifier`, `FocalEnsembleClassifier`, `PriorCorrectedClassifier`,
    `FocalGridSearchCV` and `FocalRandomizedSearchCV`, with the options of skl2onnx's own
    classifiers: ``zipmap``, ``nocl``, ``output_class_labels``, and ``raw_scores`` of the first two.
    :func:`focalsk.to_onnx` calls it; to call it again does no harm.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> from focalsk.export import register_converters
    >>> register_converters()
    """
    register = library("skl2onnx", "The conversion to ONNX").update_registered_converter
    rules: dict[Any, Callable[..., None]] = {
        FocalNetClassifier: _convert_net,
        FocalEnsembleClassifier: _convert_ensemble,
        PriorCorrectedClassifier: _convert_prior_corrected,
        FocalGridSearchCV: _convert_search,
        FocalRandomizedSearchCV: _convert_search,
    }
    for kind, convert in rules.items():
        own = kind in (FocalNetClassifier, FocalEnsembleClassifier)
        options = _NET_OPTIONS if own else _OPTIONS
        register(kind, f"Focalsk{kind.__name__}", _set_outputs, convert, options=options)


def _set_outputs(operator: Any) -> None:
    """Types and shapes of the labels and probabilities."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    estimator = operator.raw_operator
    n = operator.inputs[0].get_first_dimension()
    classes = _classes(operator.scope_inst, estimator)
    shape = [n, len(classes)] if _is_multilabel(estimator) else [n]
    kind = StringTensorType if classes.dtype.kind == "O" else Int64TensorType
    operator.outputs[0].set_type(kind(shape))
    operator.outputs[1].type.shape = [n, len(classes)]


def _is_multilabel(estimator: Any) -> bool:
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if isinstance(estimator, Pipeline):
        return _is_multilabel(estimator.steps[-1][1])
    return bool(getattr(getattr(estimator, "_coding", None), "multilabel", False))


def _classes(scope: Any, estimator: Any) -> NDArray[Any]:
    """The classes as ONNX knows them: int64, or objects that are strings."""
    classes = label_classes(scope, estimator)
    if classes.dtype.kind in "biuf":  # scikit-learn takes only whole numbers for classes
        return classes.astype(np.int64)
    values = classes.tolist()
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    if all(isinstance(value, (bool, int)) for value in values):
        return np.array(values, dtype=np.int64)
    raise ValueError(
        f"Classes must be strings or numbers to stand in an ONNX model. Got {values!r}: encode "
        "them first, by a LabelEncoder."
    )


# One estimator ------------------------------------------------------------------------------------


def _convert_net(scope: Any, operator: Any, container: Any) -> None:
    _convert_classifier(Graph(scope, container), operator, answers_of_net)


def _convert_ensemble(scope: Any, operator: Any, container: Any) -> None:
    _convert_classifier(Graph(scope, container), operator, answers_of_ensemble)


def _convert_classifier(graph: Graph, operator: Any, answers: Any) -> None:
    estimator = operator.raw_operator
    X, shape = _samples(graph, operator)
    scores, proba = answers(graph, estimator, X, shape)
    label = decided(scores, estimator._coding, _classes(graph.scope, estimator))
    if graph.container.get_options(estimator, {"raw_scores": False})["raw_scores"]:
        one = len(estimator.classes_) == 2 and not estimator._coding.multilabel
        proba = (-scores).expand(-1).op("Concat", scores.expand(-1), axis=-1) if one else scores
    _write(graph, operator, label, proba)


def _samples(graph: Graph, operator: Any) -> tuple[Value, tuple[int, ...]]:
    """Samples (B, ...) as one value, and the shape of one; columns that come one by one are joined.

    Only the columns that the estimator reads are among them.
    """
    estimator, inputs = operator.raw_operator, operator.inputs
    n_features = estimator.n_features_in_
    columns = columns_read(estimator)
    if len(inputs) > 1:
        if len(inputs) != n_features:
            raise ValueError(
                f"{type(estimator).__name__} was fitted on {n_features} columns. Got "
                f"{len(inputs)} inputs."
            )
        used = inputs if columns is None else [inputs[i] for i in columns]
        values = [_value(graph, variable).reshape(-1, 1) for variable in used]
        types = {value.dtype for value in values}
        if types != {np.dtype(np.float32)}:
            values = [value.astype(np.float64) for value in values]
        return values[0].op("Concat", *values[1:], axis=1), (len(values),)
    X = _value(graph, inputs[0])
    shape = tuple(inputs[0].type.shape[1:])
    if len(shape) <= 1:
        shape = (n_features,)
    elif not all(isinstance(size, int) for size in shape):
        raise ValueError(f"The shape of a sample must be known, got {shape}. Pass X.")
    return X if columns is None else X.take(np.array(columns), 1), shape


def _value(graph: Graph, variable: Any) -> Value:
    """An input of a graph, whose type is a number's."""
    from skl2onnx.common import data_types

    types = {
        data_types.FloatTensorType: np.float32,
        data_types.DoubleTensorType: np.float64,
        data_types.Int64TensorType: np.int64,
        data_types.Int32TensorType: np.int32,
        data_types.BooleanTensorType: np.bool_,
    }
    kind = next((dtype for name, dtype in types.items() if isinstance(variable.type, name)), None)
    if kind is None:
        raise ValueError(
            f"Inputs must be numbers. Got {variable.type!r} for {variable.raw_name!r}."
        )
    return Value(graph, variable.full_name, np.dtype(kind))


def _write(graph: Graph, operator: Any, label: Value, proba: Value) -> None:
    """Name the outputs; probabilities have the type that was announced."""
    label_out, proba_out = operator.outputs
    wanted = _value(graph, proba_out).dtype
    graph.output(label, label_out.full_name)
    graph.output(proba.astype(wanted), proba_out.full_name)


# Estimators around others -------------------------------------------------------------------------


def _inner(scope: Any, operator: Any, container: Any, estimator: Any) -> tuple[Any, Any]:
    """Labels and probabilities of an estimator for the inputs of another."""
    if isinstance(estimator, Pipeline):  # samplers have no part in predictions
        kept = [step for step in estimator.steps if not hasattr(step[1], "fit_resample")]
        estimator = Pipeline(kept)
    options = {"zipmap": False}
    if scope.get_options(operator.raw_operator, {"nocl": False})["nocl"]:
        options["nocl"] = True
    for part in (estimator, getattr(estimator, "steps", [(None, estimator)])[-1][1]):
        scope.add_options(id(part), options)
        container.add_options(id(part), options)
    label, proba = parse_estimator(scope, estimator, operator.inputs)
    return label, proba


def _convert_search(scope: Any, operator: Any, container: Any) -> None:
    best = operator.raw_operator.best_estimator_
    inner = _inner(scope, operator, container, best)
    for given, wanted in zip(inner, operator.outputs, strict=True):
        container.add_node("Identity", [given.full_name], [wanted.full_name])


def _convert_prior_corrected(scope: Any, operator: Any, container: Any) -> None:
    graph, estimator = Graph(scope, container), operator.raw_operator
    inner_label, inner_proba = _inner(scope, operator, container, estimator.estimator_)
    classes = _classes(scope, estimator)
    p = _value(graph, inner_proba)
    proba = _shifted(p.astype(np.float64), estimator)
    if estimator.decision == "posterior":
        index = proba.op("ArgMax", axis=-1, keepdims=0, dtype=np.int64)
        label = graph.constant(classes).take(index, 0)
    else:
        label = Value(graph, inner_label.full_name, classes.dtype)
    _write(graph, operator, label, proba)


def _shifted(p: Value, estimator: PriorCorrectedClassifier) -> Value:
    """As `shift_prior`; classes that the estimator has not seen have probability 0."""
    seen, classes = estimator.estimator_.classes_, estimator.classes_
    train, target = estimator.train_prior_, estimator.target_prior_
    ratio = np.divide(target, train, out=np.zeros_like(target), where=train > 0)
    places = np.searchsorted(classes, seen)
    spread = np.zeros((len(seen), len(classes)))
    spread[np.arange(len(seen)), places] = 1.0
    if np.ptp(ratio) == 0 and ratio[0] > 0:
        return p if len(seen) == len(classes) else p @ spread
    shifted = p @ (spread * ratio)
    total = shifted.sum(-1)
    return (shifted / total.at_least(1e-300)).where(total > 0.0, target)
