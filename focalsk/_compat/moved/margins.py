"""Moved: see `focalsk.losses`."""

from focalsk.losses import sigmoid_focal as sigmoid_focal
from focalsk.losses import softmax_focal as softmax_focal
