"""Focal loss as a scikit-learn estimator, for imbalanced data."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from focalsk.estimators import (
        FocalEnsembleClassifier,
        FocalNetClassifier,
        PriorCorrectedClassifier,
        compute_alpha,
    )
    from focalsk.export import to_onnx
    from focalsk.losses import (
        FocalLoss,
        SigmoidFocalLoss,
        focal_loss,
        focal_posterior,
        sigmoid_focal_loss,
        sigmoid_focal_posterior,
    )
    from focalsk.nets import FocalNet
    from focalsk.persistence import load_model, save_model
    from focalsk.search import FocalGridSearchCV, FocalRandomizedSearchCV

__version__ = "0.2.0"

__all__ = [
    "FocalEnsembleClassifier",
    "FocalGridSearchCV",
    "FocalLoss",
    "FocalNet",
    "FocalNetClassifier",
    "FocalRandomizedSearchCV",
    "PriorCorrectedClassifier",
    "SigmoidFocalLoss",
    "compute_alpha",
    "focal_loss",
    "focal_posterior",
    "load_model",
    "save_model",
    "sigmoid_focal_loss",
    "sigmoid_focal_posterior",
    "to_onnx",
]

# Loaded when they are asked for: torch takes seconds, and `focalsk --help` shall not wait for it.
_ROOMS = {
    "losses": [
        "FocalLoss",
        "SigmoidFocalLoss",
        "focal_loss",
        "focal_posterior",
        "sigmoid_focal_loss",
        "sigmoid_focal_posterior",
    ],
    "nets": ["FocalNet"],
    "estimators": [
        "FocalEnsembleClassifier",
        "FocalNetClassifier",
        "PriorCorrectedClassifier",
        "compute_alpha",
    ],
    "persistence": ["load_model", "save_model"],
    "search": ["FocalGridSearchCV", "FocalRandomizedSearchCV"],
    "export": ["to_onnx"],
    "displays": [],
    "tables": [],
    "comparison": [],
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
_MOVED = ("class_weight", "classifier", "model_selection", "net", "posterior")  # attributes too

# Where modules stood in version 0.1: their names still import, from files of one line each.
__path__.append(str(Path(__file__).parent / "_compat" / "moved"))


def __getattr__(name: str) -> Any:
    if name in _ROOM_OF:
        value = getattr(import_module(f"focalsk.{_ROOM_OF[name]}"), name)
        globals()[name] = value
        return value
    if name in _ROOMS or name in _MOVED:
        return import_module(f"focalsk.{name}")
    raise AttributeError(f"module 'focalsk' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
