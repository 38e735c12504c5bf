"""Moved: see `focalsk.estimators`."""

from focalsk.estimators import compute_alpha as compute_alpha
