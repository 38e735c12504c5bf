"""Moved: see `focalsk.estimators`."""

from focalsk.estimators import FocalNetClassifier as FocalNetClassifier
