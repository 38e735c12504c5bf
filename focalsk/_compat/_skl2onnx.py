"""Private names of skl2onnx, imported when they are asked for.

- `_parse._parse_sklearn`: how its own pipelines and meta-estimators convert what is inside; the
  public `convert_sklearn` makes models of their own only.
- `common.utils_classifier.get_label_classes`: the classes under the option ``nocl``.
"""

from __future__ import annotations

from typing import Any

__all__ = ["label_classes", "parse_estimator"]


def parse_estimator(scope: Any, estimator: Any, inputs: Any) -> Any:
    """Declare the conversion of an estimator in a scope; its output variables."""
    from skl2onnx._parse import _parse_sklearn

    return _parse_sklearn(scope, estimator, inputs)


def label_classes(scope: Any, estimator: Any) -> Any:
    """The classes of an estimator, or their places where ``nocl`` is set."""
    from skl2onnx.common.utils_classifier import get_label_classes

    return get_label_classes(scope, estimator)
