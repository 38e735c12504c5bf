"""Focal loss as a scikit-learn estimator, for imbalanced data."""

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
