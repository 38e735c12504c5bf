"""Moved: see `focalsk.losses`."""

from focalsk.losses import focal_posterior as focal_posterior
from focalsk.losses import focal_scores as focal_scores
from focalsk.losses import sigmoid_focal_posterior as sigmoid_focal_posterior
from focalsk.losses import sigmoid_focal_scores as sigmoid_focal_scores
