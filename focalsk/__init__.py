"""Focal loss as a scikit-learn estimator, for imbalanced data."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from focalsk.class_weight import compute_alpha
    from focalsk.classifier import FocalNetClassifier
    from focalsk.losses import FocalLoss, SigmoidFocalLoss, focal_loss, sigmoid_focal_loss
    from focalsk.model_selection import FocalGridSearchCV, FocalRandomizedSearchCV
    from focalsk.net import FocalNet
    from focalsk.posterior import focal_posterior, sigmoid_focal_posterior

__version__ = "0.1.0"

__all__ = [
    "FocalGridSearchCV",
    "FocalLoss",
    "FocalNet",
    "FocalNetClassifier",
    "FocalRandomizedSearchCV",
    "SigmoidFocalLoss",
    "compute_alpha",
    "focal_loss",
    "focal_posterior",
    "sigmoid_focal_loss",
    "sigmoid_focal_posterior",
]

# Loaded when they are asked for: torch takes seconds, and `focalsk --help` shall not wait for it.
_MODULES = {
    "class_weight": ["compute_alpha"],
    "classifier": ["FocalNetClassifier"],
    "losses": ["FocalLoss", "SigmoidFocalLoss", "focal_loss", "sigmoid_focal_loss"],
    "model_selection": ["FocalGridSearchCV", "FocalRandomizedSearchCV"],
    "net": ["FocalNet"],
    "posterior": ["focal_posterior", "sigmoid_focal_posterior"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"focalsk.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"focalsk.{name}")
    raise AttributeError(f"module 'focalsk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
