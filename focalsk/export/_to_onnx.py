"""From a fitted estimator to an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from focalsk.export._converters import register_converters
from focalsk.export._graph import MIN_OPSET, OPSET
from focalsk.export._libraries import library

if TYPE_CHECKING:
    import onnx

__all__ = ["to_onnx"]


def to_onnx(
    estimator: Any,
    X: Any = None,
    *,
    target_opset: int = OPSET,
    options: dict[str, Any] | None = None,
) -> onnx.ModelProto:
    """Write a fitted classifier as an ONNX model, which onnxruntime serves without Python.

    The network, the posterior behind focal loss (gamma, alpha, label smoothing), the average and
    the temperature of an ensemble, and the decision are all in the graph. Its outputs are
    ``label``, as `predict` answers when it is written, and ``probabilities``, as `predict_proba`
    does.

    Parameters
    ----------
    estimator : estimator
        A fitted `FocalNetClassifier`, `FocalEnsembleClassifier`, `PriorCorrectedClassifier`,
        `FocalGridSearchCV` or `FocalRandomizedSearchCV`, or a scikit-learn pipeline or other
        estimator that skl2onnx converts, with one of these in it.
    X : array-like or DataFrame of shape (n_samples, n_features) or (n_samples, n_features, ...), \
default=None
        Samples whose type and shape the model's input has; one is enough. A frame makes one input
        of each column, of shape (n_samples, 1). None is one matrix ``X`` of the type in which the
        networks compute: float32, or float64 if they were trained on that. Needed for a pipeline
        that starts with a ColumnTransformer by names, and for samples of more than one axis.
    target_opset : int, default=18
        The version of ONNX's operators, at least 13; at least 18 with a module of your own.
    options : dict, default=None
        Options of skl2onnx for the estimator; by default ``{"zipmap": False}``, so that
        probabilities are an array.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    ImportError
        If onnx, skl2onnx, or for a module of your own onnxscript, is not installed; the extra
        ``onnx`` of focalsk has them. A module of your own needs torch 2.5 as well.
    ValueError
        If something has no form in ONNX: categories, dates and texts that an ensemble encodes by
        itself, classes that are neither strings nor numbers, a module that
        :func:`torch.onnx.export` refuses.

    Notes
    -----
    Networks compute in the type they were trained in, what follows in float64. A float32 input is
    rounded before the model sees it. The checks of `predict` are no part of the model: it answers
    NaN for NaN unless the ensemble takes missing values.

    Examples
    --------
    >>> import onnxruntime
    >>> from sklearn.datasets import make_classification
    >>> from focalsk import FocalNetClassifier, to_onnx
    >>> X, y = make_classification(200, weights=[0.8], random_state=0)
    >>> clf = FocalNetClassifier(alpha="balanced", max_epochs=5, random_state=0).fit(X, y)
    >>> model = to_onnx(clf)
    >>> session = onnxruntime.InferenceSession(model.SerializeToString())
    >>> label, p = session.run(None, {"X": X})
    >>> bool((label == clf.predict(X)).all() and abs(p - clf.predict_proba(X)).max() < 1e-6)
    True
    """
    library("onnx", "focalsk.to_onnx")
    skl2onnx = library("skl2onnx", "focalsk.to_onnx")
    check_is_fitted(estimator)
    if target_opset < MIN_OPSET:
        raise ValueError(
            f"The 'target_opset' parameter of to_onnx must be at least {MIN_OPSET}. Got "
            f"{target_opset!r} instead."
        )
    register_converters()
    types = None if X is not None else [("X", _input_type(estimator))]
    chosen = {"zipmap": False, **(options or {})}
    return skl2onnx.to_onnx(
        estimator,
        X if X is None else _first(X),
        initial_types=types,
        target_opset=_opsets(target_opset),
        options={id(estimator): chosen},
    )


def _opsets(target: int) -> dict[str, int]:
    """The operators of classical learning are used by other steps of pipelines."""
    return {"": target, "ai.onnx.ml": 3}


def _first(X: Any) -> Any:
    """One row, of a type that skl2onnx knows."""
    if hasattr(X, "iloc"):
        return X.iloc[:1]
    if hasattr(X, "toarray"):
        return X[:1].toarray()
    return np.asarray(X)[:1]


def _input_type(estimator: Any) -> Any:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    n_features = getattr(estimator, "n_features_in_", None)
    kind = DoubleTensorType if _is_double(estimator) else FloatTensorType
    return kind([None, n_features])


def _is_double(estimator: Any) -> bool:
    """Whether an estimator has been fitted on float64."""
    for name in ("best_estimator_", "estimator_"):
        if hasattr(estimator, name):
            return _is_double(getattr(estimator, name))
    if hasattr(estimator, "steps"):
        return _is_double(estimator.steps[-1][1])
    net = getattr(estimator, "net_", None)
    return net is None or str(net.dtype) != "torch.float32"
